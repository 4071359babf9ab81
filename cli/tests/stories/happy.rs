//! Jobs that go well.

use dvm::feedback::Status;
use dvm::payload::Payload;
use job::Digest;
use relay::{Blobs, Plain};
use serde_json::Value;

use crate::blossom;
use crate::parties::{Guest, Provider};
use crate::world::{World, now};

const RUN: [&str; 6] = [
    "run",
    "analyse",
    "--input",
    "input.csv",
    "--output",
    "report.md",
];

#[tokio::test(flavor = "multi_thread")]
async fn data_go_to_the_verified_machine_and_its_result_comes_back() {
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.extend(["--param", "delimiter=;", "--secret-param", "token=hunter2"]);
    let cdvm = world.cdvm(&args);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    assert_eq!(
        order.params(),
        [("delimiter".to_owned(), vec![";".to_owned()])]
    );
    provider
        .says(
            &order,
            Status::Processing,
            "heard it; a machine is starting",
        )
        .await;

    let mut guest = Guest::honest(&world, &order).await;
    assert_eq!(world.addressed_to(guest.key()).await, 0);
    guest.hello().await;
    let start = guest.start().await;
    assert!(start.inputs == [Payload::inline("name;age\nada;36\n")]);
    assert_eq!(
        start.params,
        [("token".to_owned(), vec!["hunter2".to_owned()])]
    );
    // The commitment was on disk before the data left.
    let committed = std::fs::read_to_string(world.job_dir().join("committed")).unwrap();
    assert_eq!(committed.trim_end(), guest.key().to_string());

    guest.accepts(start.digest()).await;
    guest.progress(1, 1, 2).await;
    guest.progress(2, 2, 2).await;
    guest
        .delivers(Payload::inline("# report\n"), start.digest())
        .await;
    let received = guest.received().await;
    assert_eq!(received.output, Digest::of(b"# report\n"));
    provider
        .says(&order, Status::Success, "Succeeded/Received")
        .await;
    provider
        .says(&order, Status::Success, "destroyed: nothing is left")
        .await;

    let ended = cdvm.end().await;
    ended.assert(
        0,
        &[
            "says hello, with evidence",
            "✓ simulated · this key, this request, this challenge",
            "data       simulated · 16 bytes sealed to npub1",
            "2 of 2 columns",
            "result     simulated · 9 bytes, opened and saved to report.md; receipt in ",
            "machine    destroyed, says the provider: nothing is left",
        ],
    );
    assert!(
        ended.out.trim_end().ends_with(
            "simulated · no hardware vouched for this machine: NOTHING was confidential"
        )
    );
    for line in ended.out.lines().filter(|line| line.contains('✓')) {
        assert!(line.contains("simulated"), "{line}");
    }
    assert!(!ended.out.contains('\u{1b}') && !ended.out.contains("hunter2"));
    assert_eq!(
        std::fs::read(world.path("report.md")).unwrap(),
        b"# report\n"
    );
    assert_receipt(&world, start.digest(), received.output);
    assert_private(&world);
}

fn assert_receipt(world: &World, input: Digest, output: Digest) {
    let receipt = std::fs::read(world.job_dir().join("receipt.json")).unwrap();
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    assert_eq!(receipt["input"], input.to_string());
    assert_eq!(receipt["output"], output.to_string());
    assert_eq!(receipt["simulated"], true);
    assert!(receipt["checks"].as_array().unwrap().len() > 40);
}

/// Nobody else reads what is kept.
fn assert_private(world: &World) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let dir = world.job_dir();
    assert_eq!(mode(&dir), 0o700);
    let files = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.chain([world.path("report.md")]) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_a_message_travels_as_blobs() {
    let (url, store) = blossom::serve().await;
    let world = World::with_blob_servers(&[url]).await;
    let input: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    std::fs::write(world.path("large.bin"), &input).unwrap();
    let cdvm = world.cdvm(&[
        "run",
        "analyse",
        "--input",
        "input.csv",
        "--input",
        "large.bin",
        "--output",
        "-",
    ]);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    let mut guest = Guest::honest(&world, &order).await;
    assert!(
        store.lock().unwrap().is_empty(),
        "nothing left before the machine was verified"
    );
    guest.hello().await;
    let start = guest.start().await;
    let [Payload::Inline(_), Payload::Blob(blob)] = start.inputs.as_slice() else {
        panic!("the small input inline, the large one as a blob");
    };
    let blobs = Blobs::new(Plain::Allowed).unwrap();
    let fetched = blobs.fetch(blob, 1_000_000).await.unwrap();
    assert_eq!(*fetched, input);

    guest.accepts(start.digest()).await;
    let servers = &world.terms.blob_servers;
    let result = blobs.store(&input, servers, now()).await.unwrap();
    guest.delivers(Payload::Blob(result), start.digest()).await;
    // A pipe is shorter than the result: somebody must read it meanwhile.
    let output = tokio::spawn(cdvm.0.wait_with_output());
    guest.received().await;
    provider.says(&order, Status::Success, "destroyed").await;
    let output = output.await.unwrap().unwrap();
    assert!(output.status.success());
    // Nothing but the result on stdout.
    assert!(output.stdout == input);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("1 blob of it") && told.contains("saved to stdout"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_one_object_per_line() {
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.extend(["--json", "--no-wait"]);
    let cdvm = world.cdvm(&args);
    let mut provider = Provider::of(&world).await;
    let order = provider.order().await;
    provider.says(&order, Status::Processing, "starting").await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    guest
        .delivers(Payload::inline(vec![0xff, 0]), start.digest())
        .await;
    let ended = cdvm.end().await;
    assert_eq!(ended.code, 0, "{ended:#?}");
    let events = ended.events();
    assert!(events.iter().all(|event| event["at"].is_u64()));
    let names = events.iter().map(|event| event["event"].as_str().unwrap());
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "request",
            "provider",
            "machine",
            "check",
            "accepted",
            "sent",
            "input-accepted",
            "done",
            "result",
            "simulated",
        ]
    );
    for event in events.iter().filter(|event| event["event"] == "check") {
        assert_eq!(
            (&event["simulated"], &event["passed"]),
            (&true.into(), &true.into())
        );
    }
    assert!(
        ended.err.contains("says hello, with evidence"),
        "people read stderr"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_order_is_published_answered_in_public_and_not_ended_by_strangers() {
    let world = World::new().await;
    let mut args = RUN.to_vec();
    args.extend(["--public", "--no-wait"]);
    let cdvm = world.cdvm(&args);
    let provider = Provider::of(&world).await;
    let order = published_order(&world).await;
    provider
        .publishes(&order, Status::Processing, "heard it in public")
        .await;
    let mut stranger = Guest::honest(&world, &order).await;
    stranger.attestation.report[700] ^= 1;
    stranger.hello().await;
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    guest
        .delivers(Payload::inline("done"), start.digest())
        .await;
    let ended = cdvm.end().await;
    ended.assert(
        0,
        &[
            "published on 1 relay",
            "provider   heard it in public",
            "saved to report.md",
        ],
    );
    assert_eq!(world.addressed_to(stranger.key()).await, 0);
}

pub(crate) async fn published_order(world: &World) -> job::Order {
    let relays = world.relays().await;
    let filter = relay::Filter {
        kinds: vec![5999],
        recipients: vec![world.provider.public_key()],
        ..relay::Filter::default()
    };
    let mut inbox = relays.inbox(filter.clone()).await;
    let event = tokio::time::timeout(std::time::Duration::from_secs(5), inbox.next()).await;
    if event.is_err() {
        let f = relays
            .fetch(&filter, std::time::Duration::from_secs(3))
            .await;
        eprintln!("same relays fetch {}", f.len());
        let r2 = world.relays().await;
        let f = r2.fetch(&filter, std::time::Duration::from_secs(3)).await;
        eprintln!("fresh relays fetch {}", f.len());
        let all = relay::Filter {
            kinds: vec![5999],
            ..relay::Filter::default()
        };
        let f = r2.fetch(&all, std::time::Duration::from_secs(3)).await;
        eprintln!("all 5999 {}", f.len());
        let any = relay::Filter {
            ..relay::Filter::default()
        };
        let f = r2.fetch(&any, std::time::Duration::from_secs(3)).await;
        eprintln!("any {:?}", f.iter().map(|e| e.kind).collect::<Vec<_>>());
    }
    dvm::order::order_from_event(event.unwrap().unwrap()).unwrap()
}
