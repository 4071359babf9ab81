//! Jobs that do not go well: each class has its exit code and says what to do.

use dvm::feedback::{Feedback, Status};
use dvm::payload::Payload;
use job::Digest;

use crate::parties::{Guest, Provider};
use crate::world::World;

const RUN: [&str; 6] = [
    "run",
    "analyse",
    "--input",
    "input.csv",
    "--output",
    "report.md",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_order_the_provider_rejects() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    provider
        .says(
            &order,
            Status::Error,
            "Rejected/OfferChanged: the offer is now 0f0f",
        )
        .await;
    let ended = cdvm.end().await;
    ended.assert(4, &[
        "Rejected: OfferChanged: the offer is now 0f0f (says the provider). Your data was not sent.",
        "Next: read what is offered now (cdvm offers), and order again",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_fails() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    let text = "the workload ended with code 3; the end of its stderr:\n\u{1b}[2Jno column \"age\"";
    guest.feedback(&Feedback::new(Status::Error, text)).await;
    let ended = cdvm.end().await;
    ended.assert(
        5,
        &[
            "Failed: the workload ended with code 3; the end of its stderr:",
            "  | \u{fffd}[2Jno column \"age\"",
            "The machine ended the job without a result.",
        ],
    );
    assert!(!ended.says("\u{1b}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_lost() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    provider
        .says(&order, Status::Error, "Failed/PodLost: evicted")
        .await;
    let ended = cdvm.end().await;
    ended.assert(
        5,
        &[
            "Failed: PodLost: evicted (says the provider).",
            "Next: order again",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_for_other_data() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    guest
        .delivers(
            Payload::inline("of somebody else"),
            Digest::of(b"other data"),
        )
        .await;
    let ended = cdvm.end().await;
    ended.assert(
        5,
        &["Failed: the result is not for the data that were sent."],
    );
    assert!(!world.path("report.md").exists());
    // The start alone: no receipt for a result that was not believed.
    assert_eq!(world.addressed_to(guest.key()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_works_on_other_data() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    guest.start().await;
    guest.accepts(Digest::of(b"other data")).await;
    cdvm.end()
        .await
        .assert(5, &["Failed: the machine works on other data than these."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_larger_than_the_offer_says() {
    let world = World::new().await;
    let cdvm = world.cdvm(&RUN);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    let (mut blob, _) = dvm::blob::encrypt(b"small").unwrap();
    blob.urls = vec!["http://127.0.0.1:9/x".to_owned()];
    blob.length = 1_000_001;
    guest.delivers(Payload::Blob(blob), start.digest()).await;
    cdvm.end()
        .await
        .assert(5, &["1000001 bytes", "at most 1000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_time() {
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.extend(["--timeout", "16"]);
    let ended = world.cdvm(&args).end().await;
    ended.assert(
        6,
        &[
            "provider   no answer yet from npub1",
            "Gave up: the provider said nothing in time.",
            "Next: go on with cdvm verify ",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_before_anything_leaves() {
    let world = World::new().await;
    std::fs::write(world.path("huge.bin"), vec![0; 1_000_001]).unwrap();
    std::fs::write(world.path("large.bin"), vec![0; 100_000]).unwrap();
    let run = |input: &'static str, more: &[&'static str]| {
        let mut args = vec!["run", "analyse", "--output", "report.md", "--input", input];
        args.extend(more);
        world.cdvm(&args)
    };
    for (cdvm, word) in [
        (run("huge.bin", &[]), "this service takes 1000000"),
        (run("large.bin", &[]), "names no blob server"),
        (
            run("input.csv", &["--param", "speed=9"]),
            "takes no parameter \"speed\"",
        ),
        (
            run("input.csv", &["--secret-param", "delimiter=|"]),
            "this value of the parameter",
        ),
        (
            run("input.csv", &["--output", "nowhere/x"]),
            "no file can be written",
        ),
        (
            run("input.csv", &["--provider", "npub1x"]),
            "not a public key",
        ),
    ] {
        let ended = cdvm.end().await;
        ended.assert(2, &[]);
        assert!(
            ended.says(word) || ended.err.contains("cannot be used multiple"),
            "{word}: {ended:#?}"
        );
    }
    assert_eq!(world.addressed_to(world.provider.public_key()).await, 0);
    run("missing.csv", &[]).end().await.assert(
        2,
        &[
            "Not done: --input: missing.csv is not there. Nothing was ordered or sent.",
            "Next: correct the name",
        ],
    );
    world
        .cdvm(&["run", "nothing", "--output", "x"])
        .end()
        .await
        .assert(1, &["no offer named \"nothing\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_and_private_relays_are_refused_without_the_flag() {
    let world = World::new().await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command
        .args(["offers", "--relay", &world.url])
        .env_clear()
        .env("HOME", &world.dir);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("--allow-plain-relays"), "{text}");
    // With it, and relays by the environment.
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command.args(["offers", "--allow-plain-relays"]).env_clear();
    command.env("CDVM_RELAYS", format!("{0},{0}", world.url));
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
}
