//! What is fetched is kept, verified again, and asked for once, in turns.

use evidence::Generation;

use super::{
    BETWEEN, Bench, Effort, From, Item, LIST, PACE, Source, by_chip, by_provider, key, run, trust,
    world,
};

#[tokio::test]
async fn what_is_missing_is_fetched_once_kept_and_verified_again() {
    let bench = Bench::new().await;
    let ended = bench.run().await;
    assert!(ended.accepted, "{:#?}", ended.told);
    let paths = [key(), LIST].map(|item| format!("/{}", item.path()));
    assert_eq!(bench.server.asked(), paths);
    let server = bench.from();
    assert_eq!(ended.used(), [(key(), server.clone()), (LIST, server)]);
    let pauses = bench.server.pauses();
    assert!(pauses[0] >= BETWEEN, "{pauses:?}");

    // From now on without the server, and without a network.
    let ended = bench.offline().await;
    assert!(ended.accepted);
    assert_eq!(ended.used(), [(key(), From::Disk), (LIST, From::Disk)]);
    assert!(bench.run().await.accepted);
    assert_eq!(bench.server.asked().len(), 2);
}

#[tokio::test]
async fn offline_nothing_is_asked_and_it_says_how_to_bring_it() {
    let bench = Bench::new().await;
    let ended = bench.offline().await;
    ended.refused("signing key", "--offline");
    for word in ["cdvm collateral export", "cdvm collateral import"] {
        assert!(ended.advice.contains(word), "{}", ended.advice);
    }
    assert!(bench.server.asked().is_empty() && !bench.dir.exists());
}

#[tokio::test]
async fn the_disk_is_believed_no_more_than_the_server() {
    let bench = Bench::new().await;
    assert!(bench.run().await.accepted);
    let files = bench.files();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let path = bench.dir.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[300] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let ended = bench.offline().await;
    ended.refused("signing key", "--offline");
    // What was damaged is fetched again.
    assert!(bench.run().await.accepted);
    assert_eq!(bench.server.asked().len(), 4);
    assert!(bench.offline().await.accepted);
}

#[tokio::test]
async fn two_runs_at_once_take_turns_and_ask_once() {
    let bench = Bench::new().await;
    let (one, two) = tokio::join!(bench.run(), bench.run());
    assert!(one.accepted && two.accepted);
    assert_eq!(bench.server.asked().len(), 2, "{:?}", bench.server.asked());
    // People see why it takes time.
    assert!(one.waited("one request in") || two.waited("one request in"));
}

#[tokio::test]
async fn for_other_machines_nothing_is_asked_or_said() {
    for evidence in [by_chip(), by_provider(&world().vlek)] {
        let bench = Bench::new().await;
        let run = async || {
            let reach = bench.reach();
            run(&bench.dir, reach, Effort::Disk, &trust(None), &evidence).await
        };
        let ended = run().await;
        assert!(!ended.accepted && ended.told.is_empty());
        assert!(bench.server.asked().is_empty());
        assert!(bench.run_of(&evidence).await.accepted);
        let ended = run().await;
        assert!(ended.accepted && ended.told.is_empty());
    }
}

#[tokio::test]
async fn other_machines_cannot_make_this_one_ask_without_end() {
    let bench = Bench::new().await;
    let source = Source::with_pace(Some(&bench.dir), bench.reach(), PACE);
    let item = |chip: u8| Item::Key {
        generation: Generation::Genoa,
        chip: vec![chip; 64],
        tcb: match key() {
            Item::Key { tcb, .. } => tcb,
            _ => panic!("not a key"),
        },
    };
    let may = |chip| source.may_ask(&item(chip));
    assert_eq!(
        [may(1), may(1), may(2), may(3), may(4), may(5)],
        [true, false, true, true, true, false]
    );
    assert!(source.may_ask(&LIST) && !source.may_ask(&LIST));
}
