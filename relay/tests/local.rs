//! Against a real relay on loopback: what is sealed arrives, once, for its
//! reader; a quorum is enough; what was missed is asked for again.

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use dvm::{Keys, Rumor, Unsigned, open, wrap};
use job::Timestamp;
use nostr_relay_builder::{LocalRelay, RelayBuilder};
use relay::{Filter, Inbox, Plain, Relays};
use tokio::time::timeout;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

async fn start() -> (LocalRelay, String) {
    relay::install_crypto_provider();
    let relay = LocalRelay::new(RelayBuilder::default());
    relay.run().await.unwrap();
    let url = relay.url().await.to_string();
    (relay, url)
}

async fn connect(urls: &[String]) -> Relays {
    Relays::connect(urls, Plain::Allowed).await.unwrap()
}

fn sealed(author: &Keys, reader: &Keys, text: &str) -> job::Event {
    let message = Unsigned {
        kind: 7000,
        created_at: NOW,
        tags: vec![vec!["e".to_owned(), "00".repeat(32)]],
        content: text.to_owned(),
    };
    let rumor = Rumor::new(author.public_key(), message);
    wrap(&rumor, author, reader.public_key(), NOW).unwrap()
}

async fn next(inbox: &mut Inbox) -> job::Event {
    let event = timeout(Duration::from_secs(10), inbox.next()).await;
    event.expect("an event within 10 s").expect("an open inbox")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_message_arrives_at_its_reader_once() {
    let (_first, a) = start().await;
    let (_second, b) = start().await;
    let (author, reader) = (Keys::generate(), Keys::generate());
    let sender = connect(&[a.clone(), b.clone()]).await;
    let before = sealed(&author, &reader, "before");
    sender.publish(&before).await.unwrap();

    let receiver = connect(&[a, b]).await;
    let mut inbox = receiver.inbox(Filter::sealed_to(reader.public_key())).await;
    let rumor = open(&next(&mut inbox).await, &reader).unwrap();
    assert_eq!(rumor.content, "before");
    assert_eq!(rumor.pubkey, author.public_key());

    let after = sealed(&author, &reader, "after");
    let published = sender.publish(&after).await.unwrap();
    assert_eq!(published.accepted.len(), 2);
    assert_eq!(next(&mut inbox).await, after);
    let third = timeout(Duration::from_millis(300), inbox.next()).await;
    assert!(
        third.is_err(),
        "each event once, however many relays hold it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_relay_does_not_hold_up_the_others() {
    let (_first, a) = start().await;
    let (_second, b) = start().await;
    // A port nobody listens on.
    let dead = "ws://127.0.0.1:9".to_owned();
    let sender = connect(&[dead.clone(), a.clone(), b]).await;
    let (author, reader) = (Keys::generate(), Keys::generate());
    let began = std::time::Instant::now();
    let published = sender
        .publish(&sealed(&author, &reader, "x"))
        .await
        .unwrap();
    assert_eq!(published.accepted.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(5));

    let alone = connect(&[dead.clone(), a]).await;
    let refused = alone
        .publish(&sealed(&author, &reader, "y"))
        .await
        .unwrap_err();
    assert_eq!((refused.wanted, refused.published.accepted.len()), (2, 1));
    assert_eq!(refused.published.refused[0].0.trim_end_matches('/'), dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_is_fetched() {
    let (_relay, url) = start().await;
    let relays = connect(&[url]).await;
    let (author, reader) = (Keys::generate(), Keys::generate());
    let event = sealed(&author, &reader, "x");
    relays.publish(&event).await.unwrap();
    relays
        .publish(&event)
        .await
        .expect("what a relay has already, it has");
    let wait = Duration::from_secs(5);
    let found = relays
        .fetch(&Filter::sealed_to(reader.public_key()), wait)
        .await;
    assert_eq!(found, [event]);
    let none = relays
        .fetch(&Filter::sealed_to(author.public_key()), wait)
        .await;
    assert!(none.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_hears_again_after_its_relay_was_away() {
    let (relay, url) = start().await;
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let reader = Keys::generate();
    let receiver = connect(std::slice::from_ref(&url)).await;
    let mut inbox = receiver.inbox(Filter::sealed_to(reader.public_key())).await;
    // Those of its tasks that are not waiting right now do not hear of it.
    for _ in 0..25 {
        relay.shutdown();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let again = LocalRelay::new(RelayBuilder::default().port(port));
    again.run().await.unwrap();
    let sender = connect(&[url]).await;
    let event = sealed(&Keys::generate(), &reader, "x");
    sender.publish(&event).await.unwrap();
    assert_eq!(next(&mut inbox).await, event);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_hears_what_is_stored_however_fast_the_answer_is() {
    let (_relay, url) = start().await;
    let reader = Keys::generate();
    let sender = connect(std::slice::from_ref(&url)).await;
    let event = sealed(&Keys::generate(), &reader, "x");
    sender.publish(&event).await.unwrap();
    // One in a hundred was lost, on a busy machine.
    for _ in 0..50 {
        let receiver = connect(std::slice::from_ref(&url)).await;
        let mut inbox = receiver.inbox(Filter::sealed_to(reader.public_key())).await;
        assert_eq!(next(&mut inbox).await, event);
        receiver.close().await;
    }
}
