//! What becomes of an order that was heard: an object, or a refusal that says
//! what to do. Nothing is created for an order that cannot be run.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dvm::cancel::Cancellation;
use dvm::feedback::{Feedback, Status};
use dvm::order::PrivateOrderError;
use dvm::{Rumor, sign};
use job::{JobId, Order, PublicKey, Rejected, Timestamp, admit};
use relay::{Book, Plain};

use crate::cluster::Cluster;

/// Refusals are told while the customer may still listen.
const TELL_SECS: u64 = 600;

/// Longest wait between two tries to write an order down.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Cancellations remembered before their order is heard.
const MAX_REMEMBERED: usize = 10_000;

/// How an order was heard: the answer goes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Sealed to the provider.
    Privately,
    /// Published.
    Publicly,
}

/// Places orders.
pub(crate) struct Orders {
    book: Book,
    cluster: Cluster,
    plain: Plain,
    cancelled: Mutex<BTreeSet<(JobId, PublicKey)>>,
}

impl Orders {
    pub(crate) fn new(book: Book, cluster: Cluster, plain: Plain) -> Self {
        Self {
            book,
            cluster,
            plain,
            cancelled: Mutex::default(),
        }
    }

    /// Request kinds of the services.
    pub(crate) fn kinds(&self) -> BTreeSet<u16> {
        let services = self.cluster.services(self.provider());
        services.iter().map(|service| service.offer.kind).collect()
    }

    /// Writes an order down, once; tries until Kubernetes takes it or it expires.
    pub(crate) async fn place(&self, order: Order, heard: Heard) {
        if let Err(rejected) = self.check(&order) {
            tracing::info!(job = %order.id(), ending = %rejected.ending, "refused an order");
            self.tell(&order, heard, &rejected).await;
            return;
        }
        let mut wait = Duration::from_secs(1);
        while now() < order.expiration() {
            match self.cluster.create(&order, heard).await {
                Ok(created) => {
                    let text = if created { "created" } else { "exists" };
                    tracing::info!(job = %order.id(), object = order.object_name(), "{text}");
                    return;
                }
                Err(error) => {
                    tracing::warn!(job = %order.id(), %error, ?wait, "failed to create the job");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_BACKOFF);
                }
            }
        }
    }

    fn check(&self, order: &Order) -> Result<(), Rejected> {
        let key = (order.id(), order.customer());
        if self.remembered().contains(&key) {
            return Err(Rejected {
                ending: job::Ending::ByCustomer,
                message: "the order was cancelled before it was heard".to_owned(),
            });
        }
        for url in order.relays() {
            self.plain.relay(url).map_err(|error| Rejected {
                ending: job::Ending::BadOrder,
                message: format!("the order's relay cannot be used: {error}"),
            })?;
        }
        let services = self.cluster.services(self.provider());
        admit(order, self.provider(), &services, now()).map(drop)
    }

    /// Stops a job, or remembers that it is not to be started. Counts only when it
    /// is by the order's customer.
    pub(crate) async fn cancel(&self, cancellation: Cancellation) {
        let Cancellation { by, job } = cancellation;
        self.remember(job, by);
        match self.cluster.cancel(job, by).await {
            Ok(true) => tracing::info!(%job, "cancelled by its customer"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%job, %error, "failed to cancel"),
        }
    }

    /// An order that cannot even be read: its sender is told.
    pub(crate) async fn refuse_unreadable(&self, rumor: &Rumor, error: &PrivateOrderError) {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            text = format!("{text}: {source}");
        }
        tracing::info!(%text, "refused an order");
        let job = rumor.tags.iter().find_map(|tag| match tag.as_slice() {
            [name, id] if name == "e" => id.parse().ok(),
            _ => None,
        });
        let at = Timestamp::from_secs(rumor.created_at);
        if let Some(job) = job
            && now().since(at) < TELL_SECS
        {
            let feedback = Feedback::new(Status::Error, format!("Rejected/BadOrder: {text}"));
            let message = feedback.to_unsigned(job, rumor.pubkey, at);
            let rumor_back = Rumor::new(self.provider(), message);
            let urls = self.book.own().urls();
            report(self.book.tell(urls, &rumor_back, rumor.pubkey, now()).await);
        }
    }

    /// Tells a customer why there will be no job. Dated by the order, so that a
    /// second telling is the same message.
    async fn tell(&self, order: &Order, heard: Heard, rejected: &Rejected) {
        if now().since(order.created_at()) >= TELL_SECS {
            return;
        }
        let Rejected { ending, message } = rejected;
        let text = format!("{}/{ending}: {message}", ending.phase());
        let feedback = Feedback::new(Status::Error, text);
        let message = feedback.to_unsigned(order.id(), order.customer(), order.created_at());
        // Its own relays may be the reason; ours heard it and are used then.
        let usable = order
            .relays()
            .iter()
            .all(|url| self.plain.relay(url).is_ok());
        let urls = if usable {
            order.relays()
        } else {
            self.book.own().urls()
        };
        report(match heard {
            Heard::Publicly => {
                self.book
                    .publish(urls, &sign(self.book.keys(), message))
                    .await
            }
            Heard::Privately => {
                let rumor = Rumor::new(self.provider(), message);
                self.book.tell(urls, &rumor, order.customer(), now()).await
            }
        });
    }

    fn provider(&self) -> PublicKey {
        self.book.keys().public_key()
    }

    fn remember(&self, job: JobId, by: PublicKey) {
        let mut remembered = self.remembered();
        if remembered.len() < MAX_REMEMBERED {
            remembered.insert((job, by));
        }
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, BTreeSet<(JobId, PublicKey)>> {
        self.cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(told: Result<(), relay::TellError>) {
    if let Err(error) = told {
        tracing::warn!(%error, "failed to tell a customer about a refusal");
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}
