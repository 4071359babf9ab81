//! The single steps: each goes on where another ended.

use std::os::unix::fs::PermissionsExt as _;

use dvm::feedback::Status;
use dvm::payload::Payload;
use job::Digest;

use crate::happy::published_order;
use crate::parties::{Guest, Provider};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_single_steps() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &["request", "Next: go on with cdvm verify "]);
    let order = provider.order().await;
    let job = order.id().to_string();
    let job = job.get(..8).unwrap();
    world
        .cdvm(&["result", job, "--output", "x"])
        .end()
        .await
        .assert(2, &["no data were sent"]);

    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let verify = world.cdvm(&["verify", job]).end().await;
    verify.assert(
        0,
        &[
            "✓ simulated · REPORT_DATA: expected ",
            "Next: go on with cdvm send ",
        ],
    );
    assert_eq!(
        world.addressed_to(guest.key()).await,
        0,
        "verifying sends nothing"
    );

    let send = world.cdvm(&["send", "--input", "input.csv"]);
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    send.end().await.assert(
        0,
        &[
            "16 bytes sealed",
            "the machine has the data",
            "Next: go on with cdvm result ",
        ],
    );
    std::fs::write(world.path("other.csv"), "other").unwrap();
    let other = world.cdvm(&["send", "--input", "other.csv"]).end().await;
    other.assert(2, &["other data were sent for this job already"]);

    provider
        .says(&order, Status::Processing, "heard; a machine is starting")
        .await;
    guest.progress(7, 31, 31).await;
    guest
        .delivers(Payload::inline("done"), start.digest())
        .await;
    let watch = world.cdvm(&["watch"]).end().await;
    watch.assert(
        0,
        &[
            "a machine is starting",
            "31 of 31 columns",
            "Next: go on with cdvm result ",
        ],
    );
    world
        .cdvm(&["result", "--output", "x", "--no-wait"])
        .end()
        .await
        .assert(0, &["saved to x"]);
    assert_eq!(guest.received().await.output, Digest::of(b"done"));
    assert_eq!(std::fs::read(world.path("x")).unwrap(), b"done");
    // Afterwards it is verified as on its day.
    world
        .cdvm(&["verify", job])
        .end()
        .await
        .assert(0, &["verified as on 20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_kubectl_is_printed_and_kept_and_nothing_leaves() {
    let world = World::new().await;
    let ended = world
        .cdvm(&["request", "analyse", "--yaml", "--param", "delimiter=;"])
        .end()
        .await;
    assert_eq!(ended.code, 0, "{ended:#?}");
    let kept = std::fs::read_to_string(world.job_dir().join("order.json")).unwrap();
    let order = dvm::order::parse_order(&kept).unwrap();
    let head = format!(
        "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {}\nspec:\n  request: {{\"",
        order.object_name()
    );
    assert!(ended.out.starts_with(&head), "{}", ended.out);
    let json = ended
        .out
        .lines()
        .last()
        .unwrap()
        .trim()
        .strip_prefix("request: ")
        .unwrap();
    assert_eq!(dvm::order::parse_order(json).unwrap(), order);
    assert_eq!(world.addressed_to(world.provider.public_key()).await, 0);

    // After `kubectl apply` it goes on as any other.
    let guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    world
        .cdvm(&["verify", "--summary"])
        .end()
        .await
        .assert(0, &["✓ simulated · workload   "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_goes_the_way_the_order_went() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &[]);
    let order = provider.order().await;
    world
        .cdvm(&["cancel"])
        .end()
        .await
        .assert(0, &["cancelled"]);
    let cancelled = dvm::cancel::Cancellation::from_rumor(&provider.rumor().await);
    assert_eq!(
        (cancelled[0].by, cancelled[0].job),
        (order.customer(), order.id())
    );

    world
        .cdvm(&["request", "analyse", "--public"])
        .end()
        .await
        .assert(0, &[]);
    let order = published_order(&world).await;
    let job = order.id().to_string();
    world
        .cdvm(&["cancel", &job])
        .end()
        .await
        .assert(0, &["cancelled"]);
    let filter = relay::Filter {
        kinds: vec![5],
        authors: vec![order.customer()],
        ..relay::Filter::default()
    };
    let relays = world.relays().await;
    let found = relays
        .fetch(&filter, std::time::Duration::from_secs(5))
        .await;
    assert_eq!(
        dvm::cancel::Cancellation::from_event(&found[0])[0].job,
        order.id()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_are_listed_and_an_ambiguous_name_is_not_guessed() {
    let world = World::new().await;
    let other = dvm::Keys::generate();
    world.publish_offer(&other, "analyse").await;
    world.publish_offer(&other, "redact").await;
    let ended = world.cdvm(&["offers"]).end().await;
    ended.assert(
        0,
        &[
            "SERVICE",
            "analyse",
            "redact",
            "SEV-SNP",
            "sha256:91919191…",
        ],
    );
    assert_eq!(ended.out.lines().count(), 4);
    let ended = world.cdvm(&["offers", "analyse", "--json"]).end().await;
    let events = ended.events();
    assert_eq!(events.len(), 2);
    assert!(
        events
            .iter()
            .all(|event| event["event"] == "offer" && event["terms"].is_object())
    );

    let ended = world.cdvm(&["request", "analyse"]).end().await;
    let npub = dvm::keys::npub(other.public_key());
    ended.assert(2, &["2 providers offer this", &npub, "--provider"]);
    world
        .cdvm(&["request", "analyse", "--provider", &npub])
        .end()
        .await
        .assert(0, &[]);
    let id = world.offer.id.to_string();
    world.cdvm(&["request", &id]).end().await.assert(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_ones_own_signs_orders_and_never_shows() {
    let world = World::new().await;
    let made = world
        .cdvm_bare(&["key", "new", "--out", "my.nsec"])
        .end()
        .await;
    assert_eq!(made.code, 0, "{made:#?}");
    assert!(
        made.out.starts_with("npub1") && !made.out.contains("nsec1") && !made.err.contains("nsec1")
    );
    let shown = world.cdvm_bare(&["key", "show", "my.nsec"]).end().await;
    assert_eq!(shown.out, made.out);
    world
        .cdvm_bare(&["key", "show", "my.nsec", "--secret"])
        .end()
        .await
        .assert(0, &["nsec1"]);
    world
        .cdvm_bare(&["key", "new", "--out", "my.nsec"])
        .end()
        .await
        .assert(2, &["never overwritten"]);

    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse", "--key", "my.nsec"])
        .end()
        .await
        .assert(0, &[]);
    let order = provider.order().await;
    assert_eq!(dvm::keys::npub(order.customer()), made.out.trim());
    assert!(!world.job_dir().join("key.nsec").exists());
    world
        .cdvm(&["cancel"])
        .end()
        .await
        .assert(0, &["cancelled"]);

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.path("my.nsec"), open).unwrap();
    world
        .cdvm(&["cancel"])
        .end()
        .await
        .assert(2, &["can be read by others", "chmod 600"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_interrupts_is_told_how_to_go_on() {
    let world = World::new().await;
    let run = [
        "run",
        "analyse",
        "--input",
        "input.csv",
        "--output",
        "report.md",
    ];
    let cdvm = world.cdvm(&run);
    let mut provider = Provider::of(&world).await;
    provider.order().await;
    let pid = cdvm.0.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(kill.await.unwrap().success());
    cdvm.end().await.assert(
        130,
        &[
            "Interrupted: ",
            "Your data was not sent.",
            "cdvm verify ",
            "cdvm cancel ",
        ],
    );
}
