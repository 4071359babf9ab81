//! Machines that are refused: exit code 3, and not one event to them.

use job::{Order, Terms};

use crate::parties::{Guest, Provider, attest};
use crate::world::{Ended, SIMULATED, World, simulated_root, trust};

const RUN: [&str; 6] = [
    "run",
    "analyse",
    "--input",
    "input.csv",
    "--output",
    "report.md",
];

fn with(terms: &Terms, change: impl FnOnce(&mut serde_json::Value)) -> Terms {
    let mut value = serde_json::to_value(terms).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

/// Runs a job whose guest is what `make` makes of it.
async fn refused(
    world: &World,
    cdvm: crate::world::Cdvm,
    lie: impl AsyncFnOnce(&World, &Order) -> Guest,
) -> Ended {
    let mut provider = Provider::of(world).await;
    let order = provider.order().await;
    let guest = lie(world, &order).await;
    guest.hello().await;
    let ended = cdvm.end().await;
    ended.assert(
        3,
        &[
            "✗",
            "expected ",
            "seen     ",
            "Refused: ",
            "Your data was not sent.",
            "Next: ",
        ],
    );
    assert_eq!(
        world.addressed_to(guest.key()).await,
        0,
        "nothing was sent to the machine"
    );
    let dir = world.job_dir();
    assert!(dir.join("attestation.json").exists() && ended.err.contains("attestation.json"));
    assert!(!dir.join("committed").exists() && !dir.join("started").exists());
    assert!(!world.path("report.md").exists());
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_workload() {
    let world = World::new().await;
    let ended = refused(&world, world.cdvm(&RUN), async |world, order| {
        let terms = with(&world.terms, |terms| {
            let image = format!("registry.example/analyse@sha256:{}", "e5".repeat(32));
            terms["workload"]["image"] = image.into();
        });
        Guest::started_with(world, order, terms).await
    });
    let ended = ended.await;
    ended.assert(
        3,
        &[
            "✗ simulated · workload image",
            "(offer \"analyse\", signed by the provider on ",
        ],
    );
    // Again from what is kept, without any relay; and with the same answer.
    let dir = world.job_dir();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let [attestation, order, offer] = ["attestation.json", "order.json", "offer.json"].map(file);
    let files = [
        "verify",
        "--attestation",
        &attestation,
        "--order",
        &order,
        "--offer",
        &offer,
    ];
    world
        .cdvm(&files)
        .end()
        .await
        .assert(3, &["✗ simulated · workload image"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_other_terms() {
    let world = World::new().await;
    let ended = refused(&world, world.cdvm(&RUN), async |world, order| {
        let terms = with(&world.terms, |terms| terms["timeoutSeconds"] = 61.into());
        Guest::started_with(world, order, terms).await
    });
    ended
        .await
        .assert(3, &["✗ simulated · terms", "another timeoutSeconds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_for_another_key() {
    let world = World::new().await;
    let ended = refused(&world, world.cdvm(&RUN), async |world, order| {
        let honest = Guest::honest(world, order).await;
        let mut thief = Guest::honest(world, order).await;
        let author = thief.key();
        thief.attestation = honest.attestation;
        thief.attestation.author = author;
        thief
    });
    ended.await.assert(3, &["✗ simulated · REPORT_DATA"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_changed_and_every_check_that_passed_before() {
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.push("--verbose");
    let ended = refused(&world, world.cdvm(&args), async |world, order| {
        let mut guest = Guest::honest(world, order).await;
        guest.attestation.report[0x90] ^= 1;
        guest
    });
    let ended = ended.await;
    ended.assert(
        3,
        &[
            "✗ simulated · signature",
            "it does not fit",
            "✓ simulated · recipient: expected ",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_machine_without_the_flag() {
    let world = World::new().await;
    std::fs::write(world.path("vendor.toml"), trust("")).unwrap();
    let mut args = RUN.to_vec();
    args.extend(["--trust", "vendor.toml"]);
    let honest = async |world: &World, order: &Order| Guest::honest(world, order).await;
    let ended = refused(&world, world.cdvm_bare(&args), honest).await;
    ended.assert(
        3,
        &[
            "✗ signing key ",
            "no root you trust vouches for this machine",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_what_ships_nothing_is_accepted() {
    let world = World::new().await;
    let honest = async |world: &World, order: &Order| Guest::honest(world, order).await;
    let ended = refused(&world, world.cdvm_bare(&RUN), honest).await;
    ended.assert(3, &["✗ agent", "add the agent's image to your trust file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_file_with_a_simulated_root_is_refused_as_a_whole_before_anything_is_ordered() {
    let world = World::new().await;
    std::fs::write(world.path("both.toml"), trust(&simulated_root())).unwrap();
    let mut args = RUN.to_vec();
    args.extend(["--trust", "both.toml"]);
    let ended = world.cdvm_bare(&args).end().await;
    ended.assert(2, &["SIMULATED root", SIMULATED]);
    assert_eq!(world.addressed_to(world.provider.public_key()).await, 0);
    assert!(!world.path(".local/share/cdvm").exists());
    // The same in one's own trust.toml, which is read without being named.
    std::fs::create_dir_all(world.path(".config/cdvm")).unwrap();
    std::fs::rename(
        world.path("both.toml"),
        world.path(".config/cdvm/trust.toml"),
    )
    .unwrap();
    world
        .cdvm_bare(&RUN)
        .end()
        .await
        .assert(2, &["SIMULATED root"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_machine_gets_nothing() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &["request", "Next: "]);
    let order = provider.order().await;
    // The first machine was verified in an earlier run, and its evidence lost.
    let first = dvm::Keys::generate().public_key();
    std::fs::write(world.job_dir().join("committed"), format!("{first}\n")).unwrap();
    let second = Guest::honest(&world, &order).await;
    second.hello().await;
    for args in [&["verify"][..], &["send", "--input", "input.csv"]] {
        let ended = world.cdvm(args).end().await;
        ended.assert(
            3,
            &[
                "says hello too, and is refused",
                "another machine answers for this order",
            ],
        );
    }
    assert_eq!(world.addressed_to(second.key()).await, 0);
    let committed = std::fs::read_to_string(world.job_dir().join("committed")).unwrap();
    assert_eq!(committed.trim_end(), first.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_machine_during_a_run_is_shown_and_gets_nothing() {
    use dvm::payload::Payload;
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.push("--no-wait");
    let cdvm = world.cdvm(&args);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut first = Guest::honest(&world, &order).await;
    first.hello().await;
    let start = first.start().await;
    let second = Guest::honest(&world, &order).await;
    second.hello().await;
    first.accepts(start.digest()).await;
    // Its result is nobody's: it was never given anything.
    second
        .delivers(Payload::inline("forged"), start.digest())
        .await;
    first
        .delivers(Payload::inline("honest"), start.digest())
        .await;
    let ended = cdvm.end().await;
    ended.assert(0, &["says hello too, and is refused", "saved to report.md"]);
    assert_eq!(world.addressed_to(second.key()).await, 0);
    assert_eq!(std::fs::read(world.path("report.md")).unwrap(), b"honest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_commitment_sends_nothing() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &[]);
    let order = provider.order().await;
    std::fs::write(world.job_dir().join("committed"), "").unwrap();
    let guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let ended = world.cdvm(&["send", "--input", "input.csv"]).end().await;
    ended.assert(1, &["committed"]);
    assert_eq!(world.addressed_to(guest.key()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_trust_file_was_corrected_the_same_evidence_is_verified_again() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &[]);
    let order = provider.order().await;
    let guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    world
        .cdvm_bare(&["verify"])
        .end()
        .await
        .assert(3, &["✗ agent"]);
    world
        .cdvm(&["verify"])
        .end()
        .await
        .assert(0, &["✓ simulated · agent", "Next: go on with cdvm send"]);
    let committed = std::fs::read_to_string(world.job_dir().join("committed")).unwrap();
    assert_eq!(
        committed.trim_end(),
        attest(guest.key(), &order, world.terms.clone())
            .author
            .to_string()
    );
}
