//! A provider that has no room yet: the customer reads why, in a constant, and the job
//! starts after all or ends.

use dvm::feedback::Status;
use dvm::payload::Payload;

use crate::parties::{Guest, Provider};
use crate::world::World;

const WAITS: &str = "heard; waiting for room";
const STARTS: &str = "heard; a confidential machine is starting";

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_waits_for_room_and_then_starts() {
    let world = World::new().await;
    let run = world.cdvm(&[
        "run",
        "analyse",
        "--input",
        "input.csv",
        "--output",
        "report.md",
    ]);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    provider.says(&order, Status::Processing, WAITS).await;
    provider.says(&order, Status::Processing, STARTS).await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    guest
        .delivers(Payload::inline("done"), start.digest())
        .await;
    guest.received().await;
    provider.says(&order, Status::Success, "destroyed").await;
    let run = run.end().await;
    run.assert(
        0,
        &[
            "provider   heard; waiting for room",
            "provider   heard; a confidential machine is starting",
        ],
    );
    assert!(run.out.find("waiting for room") < run.out.find("is starting"));
    // Whoever looks later reads the same.
    let watch = world.cdvm(&["watch"]).end().await;
    watch.assert(0, &["waiting for room", "machine is starting"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_waits_for_room_and_gives_up() {
    let world = World::new().await;
    world.cdvm(&["request", "analyse"]).end().await;
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let watch = world.cdvm(&["watch"]);
    provider.says(&order, Status::Processing, WAITS).await;
    let text = "Failed/NeverStarted: waiting for room";
    provider.says(&order, Status::Error, text).await;
    let watch = watch.end().await;
    watch.assert(
        5,
        &[
            "provider   heard; waiting for room",
            "Failed: NeverStarted: waiting for room (says the provider). Your data was not sent.",
            "Next: order again; if it happens again, tell the provider",
        ],
    );
}

/// Why a machine had no evidence to show is a constant, and customers read which.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_evidence() {
    let world = World::new().await;
    world.cdvm(&["request", "analyse"]).end().await;
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let text = "Failed/NoEvidence: the agent ended with code 20: no guest API";
    provider.says(&order, Status::Error, text).await;
    world.cdvm(&["watch"]).end().await.assert(
        5,
        &[
            "Failed: NoEvidence: the agent ended with code 20: no guest API (says the provider).",
            "Next: tell the provider; another try will hardly help",
        ],
    );
}
