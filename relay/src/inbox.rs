//! An inbox that never goes deaf: a relay that ends the subscription is asked
//! again, what was missed is asked for again, and copies are dropped.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use job::{Event, JobId};
use nostr::{RelayMessage, SubscriptionId};
use nostr_relay_pool::relay::options::SubscribeOptions;
use nostr_relay_pool::{RelayPool, RelayPoolNotification};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use crate::Filter;
use crate::relays::verified;

/// Wait before a closed subscription is opened again.
const RESUBSCRIBE_AFTER: Duration = Duration::from_secs(1);

/// Ids remembered to drop copies: more than any relay replays at once.
const REMEMBERED: usize = 65_536;

/// Events between the reading task and whoever works on them. When it is full
/// the relays wait, and the pool's own buffer takes the rest.
const QUEUE: usize = 4_096;

/// Events that match a filter, each once, verified.
pub struct Inbox {
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Inbox {
    pub(crate) async fn open(pool: RelayPool, urls: Vec<String>, filter: Filter) -> Self {
        let (send, events) = mpsc::channel(QUEUE);
        // Before the first subscription: what it brings must not be missed.
        let notifications = pool.notifications();
        let reader = Reader {
            pool,
            urls,
            filter,
            id: SubscriptionId::generate(),
            seen: Seen::default(),
        };
        reader.subscribe_all().await;
        let task = tokio::spawn(reader.run(notifications, send));
        Self { events, task }
    }

    /// The next event; `None` when the connections were closed.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    pool: RelayPool,
    urls: Vec<String>,
    filter: Filter,
    id: SubscriptionId,
    seen: Seen,
}

impl Reader {
    async fn run(
        mut self,
        mut notifications: broadcast::Receiver<RelayPoolNotification>,
        send: mpsc::Sender<Event>,
    ) {
        loop {
            match notifications.recv().await {
                // `Message` comes for every copy; `Event` would be silent about
                // ids the pool has seen in another subscription.
                Ok(RelayPoolNotification::Message { relay_url, message }) => match message {
                    RelayMessage::Event {
                        subscription_id,
                        event,
                    } if *subscription_id == self.id => {
                        let Some(event) = verified(&event, &self.filter) else {
                            tracing::debug!(%relay_url, "dropped an event that is not what it says");
                            continue;
                        };
                        if self.seen.is_new(event.id) && send.send(event).await.is_err() {
                            return;
                        }
                    }
                    RelayMessage::Closed {
                        subscription_id,
                        message,
                    } if *subscription_id == self.id => {
                        tracing::warn!(%relay_url, reason = %message, "the relay closed our subscription; asking again");
                        self.resubscribe_later(relay_url.to_string());
                    }
                    _ => {}
                },
                Ok(RelayPoolNotification::Event { .. }) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "missed messages of relays; asking again");
                    self.subscribe_all().await;
                }
                Ok(RelayPoolNotification::Shutdown) | Err(broadcast::error::RecvError::Closed) => {
                    return;
                }
            }
        }
    }

    async fn subscribe_all(&self) {
        for url in &self.urls {
            subscribe(&self.pool, url, &self.id, &self.filter).await;
        }
    }

    fn resubscribe_later(&self, url: String) {
        let (pool, id, filter) = (self.pool.clone(), self.id.clone(), self.filter.clone());
        tokio::spawn(async move {
            tokio::time::sleep(RESUBSCRIBE_AFTER).await;
            subscribe(&pool, &url, &id, &filter).await;
        });
    }
}

async fn subscribe(pool: &RelayPool, url: &str, id: &SubscriptionId, filter: &Filter) {
    let Ok(relay) = pool.relay(url).await else {
        return;
    };
    // A relay that is not connected yet is asked when it is: the pool remembers.
    let options = SubscribeOptions::default();
    if let Err(error) = relay
        .subscribe_with_id(id.clone(), filter.to_pool(), options)
        .await
    {
        tracing::debug!(url, %error, "the relay is asked when it is connected");
    }
}

/// The ids seen last.
#[derive(Default)]
struct Seen {
    ids: BTreeSet<JobId>,
    order: VecDeque<JobId>,
}

impl Seen {
    fn is_new(&mut self, id: JobId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
