//! The connections of one identity to its relays, and publishing to them.

use std::time::Duration;

use job::Event;
use nostr_relay_pool::{RelayLimits, RelayOptions, RelayPool, RelayPoolOptions};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::urls::{Plain, UrlError};
use crate::{Filter, Inbox};

/// Longest wait for a relay's word on one event. Relays answer in milliseconds;
/// one that does not is treated as if it had said no.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(8);

/// How often a lost connection is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Messages buffered between the pool and our inbox. Two stand for one event;
/// the inbox drains them at once and works elsewhere.
const POOL_CHANNEL: usize = 16_384;

/// Connections to relays. Dropping the last clone closes them.
#[derive(Clone)]
pub struct Relays {
    pool: RelayPool,
    urls: Vec<String>,
}

/// Why there are no connections.
#[derive(Debug, thiserror::Error)]
pub enum RelaysError {
    /// No relay at all.
    #[error("no relay was named")]
    None,
    /// A relay that is not used.
    #[error("failed to use a relay")]
    Url(#[source] UrlError),
    /// The pool refused it.
    #[error("failed to add the relay {0}: {1}")]
    Pool(String, String),
}

/// Who took an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Relays that said yes.
    pub accepted: Vec<String>,
    /// Relays that said no, or nothing, and why.
    pub refused: Vec<(String, String)>,
}

/// Too few relays took an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} of {wanted} relays took it: {}", .published.accepted.len(), describe(.published))]
pub struct PublishError {
    /// Who did and who did not.
    pub published: Published,
    /// How many had to.
    pub wanted: usize,
}

fn describe(published: &Published) -> String {
    let refusals = published.refused.iter();
    let refusals: Vec<String> = refusals.map(|(url, why)| format!("{url}: {why}")).collect();
    refusals.join("; ")
}

impl Relays {
    /// Connects to `urls` in the background and keeps the connections up.
    ///
    /// # Errors
    /// When there is no URL, or one of them is not to be used.
    pub async fn connect(urls: &[String], plain: Plain) -> Result<Self, RelaysError> {
        if urls.is_empty() {
            return Err(RelaysError::None);
        }
        let opts = RelayPoolOptions::new()
            .max_relays(None)
            // Nobody asked us who we are; a relay that does gets no signature.
            .automatic_authentication(false)
            .notification_channel_size(POOL_CHANNEL);
        let pool = RelayPool::builder().opts(opts).build();
        let mut checked = Vec::new();
        for text in urls {
            let url = plain.relay(text).map_err(RelaysError::Url)?.to_string();
            if checked.contains(&url) {
                continue;
            }
            let opts = RelayOptions::new()
                .reconnect(true)
                .retry_interval(RETRY_INTERVAL)
                .adjust_retry_interval(false)
                // The pool would compare with a subscription that it notes only
                // after asking: an answer that is faster is dropped. We compare.
                .verify_subscriptions(false)
                .limits(limits());
            pool.add_relay(&url, opts)
                .await
                .map_err(|error| RelaysError::Pool(url.clone(), error.to_string()))?;
            checked.push(url);
        }
        pool.connect().await;
        Ok(Self {
            pool,
            urls: checked,
        })
    }

    /// Relays of this identity.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Publishes to every relay at once and returns when a quorum said yes; the
    /// others go on in the background.
    ///
    /// # Errors
    /// When no quorum said yes in time.
    pub async fn publish(&self, event: &Event) -> Result<Published, PublishError> {
        let wanted = self.urls.len().min(2);
        let deadline = Instant::now() + PUBLISH_TIMEOUT;
        let mut tasks = JoinSet::new();
        for url in &self.urls {
            let (pool, url, json) = (self.pool.clone(), url.clone(), dvm::event::to_json(event));
            tasks.spawn(async move {
                let sent = timeout_at(deadline, publish_to(&pool, &url, &json)).await;
                (url, sent.unwrap_or_else(|_| Err("no answer".to_owned())))
            });
        }
        let mut published = Published::default();
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((url, Ok(()))) => published.accepted.push(url),
                Ok((url, Err(why))) => published.refused.push((url, why)),
                Err(error) => published.refused.push((String::new(), error.to_string())),
            }
            if published.accepted.len() >= wanted {
                tasks.detach_all();
                return Ok(published);
            }
        }
        Err(PublishError { published, wanted })
    }

    /// Everything that matches, now and from now on, each once, verified.
    pub async fn inbox(&self, filter: Filter) -> Inbox {
        Inbox::open(self.pool.clone(), self.urls.clone(), filter).await
    }

    /// What the relays hold that matches, each event once, verified. Waits for
    /// the slowest relay, at most `wait`.
    pub async fn fetch(&self, filter: &Filter, wait: Duration) -> Vec<Event> {
        let mut tasks = JoinSet::new();
        let deadline = Instant::now() + wait;
        for url in &self.urls {
            let (pool, url, wanted) = (self.pool.clone(), url.clone(), filter.to_pool());
            tasks.spawn(timeout_at(deadline, async move {
                let relay = pool.relay(&url).await.ok()?;
                relay.wait_for_connection(wait).await;
                let policy = nostr_relay_pool::relay::ReqExitPolicy::ExitOnEOSE;
                relay.fetch_events(wanted, wait, policy).await.ok()
            }));
        }
        let mut found: Vec<Event> = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            let Ok(Ok(Some(events))) = joined else {
                continue;
            };
            for event in events {
                let Some(event) = verified(&event, filter) else {
                    continue;
                };
                if !found.iter().any(|seen| seen.id == event.id) {
                    found.push(event);
                }
            }
        }
        found
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.shutdown().await;
    }
}

async fn publish_to(pool: &RelayPool, url: &str, json: &str) -> Result<(), String> {
    use nostr::JsonUtil as _;
    let event = nostr::Event::from_json(json).map_err(|error| error.to_string())?;
    let relay = pool.relay(url).await.map_err(|error| error.to_string())?;
    // The pool refuses to send while it connects: wait, within our own deadline.
    relay.wait_for_connection(PUBLISH_TIMEOUT).await;
    match relay.send_event(&event).await {
        Ok(_) => Ok(()),
        // What a relay has already, it has.
        Err(error) if error.to_string().contains("duplicate:") => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// An event of the pool, checked by us: the pool passes altered copies of ids it
/// has seen, and events nobody asked for.
pub(crate) fn verified(event: &nostr::Event, filter: &Filter) -> Option<Event> {
    use nostr::JsonUtil as _;
    let event = dvm::parse_event(&event.as_json()).ok()?;
    filter.matches(&event).then_some(event)
}

/// Sizes a relay may make us read: one event of ours and the frame around it.
fn limits() -> RelayLimits {
    let mut limits = RelayLimits::default();
    limits.messages.max_size = Some(128 * 1024);
    limits.events.max_size = Some(96 * 1024);
    limits.events.max_num_tags = Some(256);
    limits
}
