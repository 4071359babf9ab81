//! What becomes of what was heard. Hearing only notes it down, at once; `work.rs`
//! does the rest. Nothing is created for an order that cannot be run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dvm::cancel::Cancellation;
use dvm::feedback::{Feedback, Status};
use dvm::order::PrivateOrderError;
use dvm::{Keys, Rumor, Unsigned, kind, sign};
use job::{
    Ending, Event, JobId, Order, OrderError, PublicKey, Rejected, Secrets, Timestamp, admit,
};
use relay::Plain;
use tokio::sync::Notify;

use crate::clock::now;
use crate::cluster::{Cluster, ClusterError};
use crate::limits::Limits;
use crate::strangers::{self, Asked};
use crate::tell::{Also, Message, Teller, Telling};
use crate::waiting::{Heard, Noted, Placed, Waiting};

/// Refusals are told while the customer may still listen.
const TELL_SECS: u64 = 600;

/// Told once, when the cluster does not take an order now.
pub(crate) const WAITS: &str = "waiting for room: the provider's cluster takes no new job now; \
    it is tried again until the order expires. `cdvm cancel` takes it back";

/// Told once, when something else has the name that the order's object must have.
const IN_THE_WAY: &str = "waiting: something in the provider's cluster is in the way of your order, \
    and only the provider can remove it; it is tried again until the order expires. `cdvm cancel` \
    takes it back";

/// Told when there is no place to hold an order.
const FULL: &str = "waiting for room: the provider holds as many orders as it can; relays keep \
    yours, and it is taken when there is room, until it expires. `cdvm cancel` takes it back";

/// Told when an order ends before it had an object.
const CANCELLED: &str = "cancelled before anything of it was started";

/// Told when an order expired before it had an object.
const EXPIRED: &str =
    "the provider's cluster had no room for it until it expired: order again, or from another one";

/// Everything that was heard and is not done, and how to speak about it.
pub(crate) struct Orders {
    keys: Keys,
    own: Vec<String>,
    plain: Plain,
    /// Kubernetes.
    pub(crate) cluster: Cluster,
    teller: Teller,
    limits: Mutex<Limits>,
    waiting: Mutex<Waiting>,
    /// There may be something to do.
    pub(crate) work: Notify,
    /// Relays are to be asked for everything once more.
    pub(crate) again: Notify,
}

impl Orders {
    pub(crate) fn new(
        keys: Keys,
        own: &[String],
        plain: Plain,
        cluster: Cluster,
        teller: Teller,
    ) -> Self {
        Self {
            keys,
            own: own.to_vec(),
            plain,
            cluster,
            teller,
            limits: Mutex::default(),
            waiting: Mutex::default(),
            work: Notify::new(),
            again: Notify::new(),
        }
    }

    /// Request kinds of the services.
    pub(crate) fn kinds(&self) -> BTreeSet<u16> {
        let services = self.cluster.services(self.provider());
        services.iter().map(|service| service.offer.kind).collect()
    }

    /// The orders that wait. Never held over an `await`.
    pub(crate) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an order, or refuses it.
    pub(crate) fn place(&self, order: Order, heard: Heard) {
        let placed = Placed { order, heard };
        if let Err(rejected) = self.check(&placed.order) {
            tracing::info!(job = %placed.order.id(), ending = %rejected.ending, "refused an order");
            self.refuse(&placed, &rejected);
            return;
        }
        let noted = self.waiting().hear(placed, now());
        match noted {
            Noted::Queued => self.work.notify_one(),
            Noted::Waits => {}
            Noted::Cancelled(placed) => {
                tracing::info!(job = %placed.order.id(), "an order that is cancelled was heard");
                self.refuse(&placed, &rejected(Ending::ByCustomer, CANCELLED));
            }
            Noted::Full(placed) => {
                tracing::warn!(job = %placed.order.id(), "no place for an order: relays keep it");
                self.teller
                    .refused(self.about(&placed, Status::Processing, FULL));
            }
        }
    }

    fn check(&self, order: &Order) -> Result<(), Rejected> {
        for url in order.relays() {
            self.plain.relay(url).map_err(|error| Rejected {
                ending: Ending::BadOrder,
                message: format!("the order's relay cannot be used: {error}"),
            })?;
        }
        let services = self.cluster.services(self.provider());
        // Whether there is a key broker, the operator knows.
        let secrets = Secrets::AskedElsewhere;
        admit(order, self.provider(), &services, secrets, now()).map(drop)
    }

    /// Ends an order that waits, and remembers that it is not to be started. Counts
    /// only when it is by the order's customer. `words` is the signed event, when it is
    /// short enough to be kept with the object.
    pub(crate) fn cancel(&self, cancellation: Cancellation, words: Option<&Arc<str>>) {
        let ended = {
            let mut waiting = self.waiting();
            let ended = waiting.cancel(cancellation, now());
            if let Some(words) = words {
                let key = (cancellation.job, cancellation.by);
                waiting.cancelled.keep(&key, words, now());
            }
            ended
        };
        if let Some(placed) = ended {
            tracing::info!(job = %placed.order.id(), "cancelled while it waited");
            self.end(&placed, Ending::ByCustomer, CANCELLED);
        }
        self.work.notify_one();
    }

    /// Tells the customer of an order that was held that it is over.
    pub(crate) fn end(&self, placed: &Placed, ending: Ending, message: &str) {
        let text = format!("{}/{ending}: {message}", ending.phase());
        self.teller.held(self.about(placed, Status::Error, &text));
    }

    /// As [`Orders::end`], for an order that was cancelled.
    pub(crate) fn end_cancelled(&self, placed: &Placed) {
        self.end(placed, Ending::ByCustomer, CANCELLED);
    }

    /// As [`Orders::end`], for an order that expired.
    pub(crate) fn end_expired(&self, placed: &Placed) {
        self.end(placed, Ending::Expired, EXPIRED);
    }

    /// Tells the customer of an order that is held that it waits, and roughly why.
    pub(crate) fn say_it_waits(&self, placed: &Placed, why: &ClusterError) {
        let text = match why {
            ClusterError::Squatted(_) => IN_THE_WAY,
            ClusterError::Api(..) | ClusterError::Silent(_) | ClusterError::NotReady => WAITS,
        };
        self.teller
            .held(self.about(placed, Status::Processing, text));
    }

    /// Tells a customer why there will be no job.
    fn refuse(&self, placed: &Placed, rejected: &Rejected) {
        if now().since(placed.order.created_at()) >= TELL_SECS {
            return;
        }
        let Rejected { ending, message } = rejected;
        let text = format!("{}/{ending}: {message}", ending.phase());
        self.teller
            .refused(self.about(placed, Status::Error, &text));
    }

    /// What is said about an order, the way it came. Dated by the order, so that a
    /// second telling is the same message.
    fn about(&self, placed: &Placed, status: Status, text: &str) -> Telling {
        let Placed { order, heard } = placed;
        let feedback = Feedback::new(status, text);
        let message = feedback.to_unsigned(order.id(), order.customer(), order.created_at());
        // Its own relays may be the reason; ours heard it and are used then.
        let mut relays = order.relays().iter();
        let usable = relays.all(|url| self.plain.relay(url).is_ok());
        Telling {
            urls: if usable {
                order.relays().to_vec()
            } else {
                self.own.clone()
            },
            also: Also::Nowhere,
            message: match heard {
                Heard::Privately => self.sealed(message, order.customer()),
                Heard::Publicly => Message::Public(sign(&self.keys, message)),
            },
        }
    }

    /// A sealed order that cannot even be read: its sender is told.
    pub(crate) fn refuse_unreadable(&self, rumor: &Rumor, error: &PrivateOrderError) {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            text = format!("{text}: {source}");
        }
        tracing::info!(%text, "refused an order");
        let job = rumor.tags.iter().find_map(|tag| match tag.as_slice() {
            [name, id] if name == "e" => id.parse().ok(),
            _ => None,
        });
        let written = Timestamp::from_secs(rumor.created_at);
        if let Some(job) = job
            && self.may_answer(rumor.pubkey, rumor.id, written)
        {
            let text = format!("Rejected/BadOrder: {text}");
            let message = strangers::error(text, job, rumor.pubkey, written);
            self.answer(self.sealed(message, rumor.pubkey), Also::Nowhere);
        }
    }

    /// A published request that is no order: its author is told what to do.
    pub(crate) fn answer_request(&self, event: &Event, error: &OrderError) {
        let asked = strangers::asked(&event.tags);
        tracing::info!(?asked, %error, "a public request that is no order");
        let text = match asked {
            Some(asked) => self.advice(asked, Some(event.kind)),
            None => strangers::fault(error),
        };
        self.answer_publicly(event, text);
    }

    /// A direct message of the old kind (NIP-04): it is not opened.
    pub(crate) fn answer_old_message(&self, event: &Event) {
        self.answer_publicly(event, self.advice(Asked::Personally, None));
    }

    fn answer_publicly(&self, event: &Event, text: String) {
        let written = Timestamp::from_secs(event.created_at);
        if self.may_answer(event.pubkey, event.id, written) {
            let message = strangers::error(text, event.id, event.pubkey, written);
            let also = Also::Named(strangers::wanted_relays(&event.tags));
            self.answer(Message::Public(sign(&self.keys, message)), also);
        }
    }

    /// A direct message, or a request that was sealed to the provider.
    pub(crate) fn answer_sealed(&self, rumor: &Rumor) {
        let written = Timestamp::from_secs(rumor.created_at);
        if !self.may_answer(rumor.pubkey, rumor.id, written) {
            return;
        }
        let message = if rumor.kind == kind::CHAT {
            strangers::reply(self.advice(Asked::Personally, None), rumor)
        } else {
            let text = self.advice(Asked::Encrypted, Some(rumor.kind));
            strangers::error(text, rumor.id, rumor.pubkey, written)
        };
        let also = Also::InboxOf(rumor.pubkey);
        self.answer(self.sealed(message, rumor.pubkey), also);
    }

    fn advice(&self, asked: Asked, request_kind: Option<u16>) -> String {
        let services = self.cluster.services(self.provider());
        strangers::advice(asked, request_kind, &services)
    }

    fn may_answer(&self, author: PublicKey, message: JobId, written: Timestamp) -> bool {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody answers himself.
        author != self.provider() && limits.allow(author, message, written, now())
    }

    fn answer(&self, message: Message, also: Also) {
        let urls = self.own.clone();
        self.teller.refused(Telling {
            urls,
            also,
            message,
        });
    }

    fn sealed(&self, message: Unsigned, reader: PublicKey) -> Message {
        Message::Sealed(Rumor::new(self.provider(), message), reader)
    }

    fn provider(&self) -> PublicKey {
        self.keys.public_key()
    }
}

fn rejected(ending: Ending, message: &str) -> Rejected {
    Rejected {
        ending,
        message: message.to_owned(),
    }
}
