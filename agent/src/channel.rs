//! The sealed channel: whatever leaves the guest passes here, to one of two
//! readers; whatever is believed came from the customer's key alone.

use std::collections::BTreeSet;
use std::time::Duration;

use dvm::feedback::{Feedback, GuestNote, Status};
use dvm::{Keys, Rumor, open, wrap};
use job::{Attestation, JobId, Order, PublicKey};
use relay::{Filter, Inbox, Plain, Relays};

use crate::clock;

/// Wait between two tries to publish what no quorum took.
const RETRY: Duration = Duration::from_secs(2);

/// Messages of the customer that are remembered, to drop copies. A customer sends
/// a handful; one that sends more may be heard twice, and nothing acts on that.
const MAX_SEEN: usize = 1024;

/// The channel of one guest.
pub(crate) struct Channel {
    keys: Keys,
    order: Order,
    relays: Relays,
    inbox: Inbox,
    seen: BTreeSet<JobId>,
}

impl Channel {
    /// Connects to the relays of the order. Bridge and operator have refused
    /// those that are not to be used.
    pub(crate) async fn connect(keys: Keys, order: Order) -> Option<Self> {
        let relays = Relays::connect(order.relays(), Plain::Allowed).await.ok()?;
        let inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
        Some(Self {
            keys,
            order,
            relays,
            inbox,
            seen: BTreeSet::new(),
        })
    }

    /// The order this guest was made for.
    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    /// A.
    pub(crate) fn key(&self) -> PublicKey {
        self.keys.public_key()
    }

    /// Shows the evidence to customer and provider, until a quorum has it.
    pub(crate) async fn attest(&self, attestation: &Attestation) {
        let rumor = dvm::attestation::to_rumor(attestation, clock::now());
        tokio::join!(
            self.insist(&rumor, self.order.customer()),
            self.insist(&rumor, self.order.provider()),
        );
    }

    async fn insist(&self, rumor: &Rumor, reader: PublicKey) {
        while !self.send(rumor, reader).await {
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Sends to the customer; whether a quorum of relays took it.
    pub(crate) async fn to_customer(&self, rumor: &Rumor) -> bool {
        self.send(rumor, self.order.customer()).await
    }

    /// Tells the customer something.
    pub(crate) async fn tell(&self, feedback: &Feedback) {
        let (job, customer) = (self.order.id(), self.order.customer());
        let message = feedback.to_unsigned(job, customer, clock::now());
        self.to_customer(&Rumor::new(self.key(), message)).await;
    }

    /// Tells the customer why it is over.
    pub(crate) async fn tell_error(&self, text: &str) {
        self.tell(&Feedback::new(Status::Error, text)).await;
    }

    /// Tells the provider one of the constants it may know.
    pub(crate) async fn note(&self, note: GuestNote) {
        let provider = self.order.provider();
        let rumor = note.to_rumor(self.key(), self.order.id(), provider, clock::now());
        self.send(&rumor, provider).await;
    }

    async fn send(&self, rumor: &Rumor, reader: PublicKey) -> bool {
        // What is too long was made a blob before; what cannot be sealed to a key
        // that is none reaches nobody.
        let Ok(event) = wrap(rumor, &self.keys, reader, clock::now()) else {
            return false;
        };
        self.relays.publish(&event).await.is_ok()
    }

    /// The next message by the customer, each once. Waits for ever when there is
    /// none: every caller has a deadline of its own.
    pub(crate) async fn next_from_customer(&mut self) -> Rumor {
        loop {
            let Some(event) = self.inbox.next().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let Ok(rumor) = open(&event, &self.keys) else {
                continue;
            };
            if rumor.pubkey != self.order.customer() {
                continue;
            }
            if self.seen.len() >= MAX_SEEN {
                self.seen.clear();
            }
            if self.seen.insert(rumor.id) {
                return rumor;
            }
        }
    }
}
