//! Telling people: queues in front of the relays, so that nobody who hears or
//! works waits for a slow one. Relays may be of a stranger's choice; so those who
//! are refused and those whose order is held do not share a queue.

use std::sync::Arc;
use std::time::Duration;

use dvm::{Rumor, kind};
use job::{Event, PublicKey, Timestamp};
use relay::{Book, Filter, Plain, TellError};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::clock::now;

/// Messages that wait in one queue: about 2 kB each.
const QUEUE: usize = 1_024;

/// Messages of one queue on their way at once. A dead relay holds one for 8 s.
const AT_ONCE: usize = 16;

/// Relays of a stranger's choice that an answer goes to, besides our own.
const MAX_ASKED: usize = 4;

/// Longest wait for a stranger's list of relays.
const LIST_WAIT: Duration = Duration::from_secs(3);

/// A message to somebody.
#[derive(Debug)]
pub(crate) struct Telling {
    /// Relays it goes to: a quorum of them counts.
    pub(crate) urls: Vec<String>,
    /// Where it goes too, if it can.
    pub(crate) also: Also,
    /// What is said.
    pub(crate) message: Message,
}

/// Other places where a stranger may listen.
#[derive(Debug)]
pub(crate) enum Also {
    /// None.
    Nowhere,
    /// These, as the message that is answered says.
    Named(Vec<String>),
    /// Where this key takes sealed messages (NIP-17, kind 10050).
    InboxOf(PublicKey),
}

/// What is said, and how.
#[derive(Debug)]
pub(crate) enum Message {
    /// Sealed to a reader.
    Sealed(Rumor, PublicKey),
    /// Published.
    Public(Event),
}

/// Who tells.
#[derive(Clone)]
pub(crate) struct Teller {
    held: mpsc::Sender<Telling>,
    refused: mpsc::Sender<Telling>,
}

impl Teller {
    /// Starts the tasks that tell.
    pub(crate) fn start(book: &Book, plain: Plain, tasks: &mut JoinSet<()>) -> Self {
        let mut start = || {
            let (send, receive) = mpsc::channel(QUEUE);
            let receive = Arc::new(Mutex::new(receive));
            for _ in 0..AT_ONCE {
                tasks.spawn(run(book.clone(), plain, receive.clone()));
            }
            send
        };
        Self {
            held: start(),
            refused: start(),
        }
    }

    /// Tells somebody whose order is, or was, held here.
    pub(crate) fn held(&self, telling: Telling) {
        queue(&self.held, telling);
    }

    /// Tells somebody whose order or message is not taken.
    pub(crate) fn refused(&self, telling: Telling) {
        queue(&self.refused, telling);
    }
}

fn queue(queue: &mpsc::Sender<Telling>, telling: Telling) {
    if queue.try_send(telling).is_err() {
        tracing::warn!("more has to be told than relays take: somebody is not told");
    }
}

async fn run(book: Book, plain: Plain, queue: Arc<Mutex<mpsc::Receiver<Telling>>>) {
    loop {
        let Some(telling) = queue.lock().await.recv().await else {
            return;
        };
        let Telling {
            urls,
            also,
            message,
        } = telling;
        if let Err(error) = tell(&book, &urls, &message).await {
            tracing::warn!(%error, "failed to tell somebody");
        }
        let mut more = match also {
            Also::Nowhere => Vec::new(),
            Also::Named(named) => named,
            Also::InboxOf(key) => inbox_of(&book, key).await,
        };
        more.retain(|url| plain.relay(url).is_ok() && !urls.contains(url));
        more.truncate(MAX_ASKED);
        if !more.is_empty()
            && let Err(error) = tell(&book, &more, &message).await
        {
            tracing::info!(%error, "a stranger's own relays did not take an answer");
        }
    }
}

async fn tell(book: &Book, urls: &[String], message: &Message) -> Result<(), TellError> {
    match message {
        Message::Sealed(rumor, reader) => book.tell(urls, rumor, *reader, now()).await,
        Message::Public(event) => book.publish(urls, event).await,
    }
}

/// The newest list of relays that `key` published on ours.
async fn inbox_of(book: &Book, key: PublicKey) -> Vec<String> {
    let filter = Filter {
        kinds: vec![kind::INBOX_RELAYS],
        authors: vec![key],
        ..Filter::default()
    };
    let lists = book.own().fetch(&filter, LIST_WAIT).await;
    let newest = lists
        .into_iter()
        .max_by_key(|list| Timestamp::from_secs(list.created_at));
    let tags = newest.map(|list| list.tags).unwrap_or_default();
    let urls = tags.into_iter().filter_map(|tag| match tag.as_slice() {
        [name, url, ..] if name == "relay" => Some(url.clone()),
        _ => None,
    });
    urls.collect()
}
