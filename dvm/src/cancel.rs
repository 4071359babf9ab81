//! Cancelling an order (NIP-09 kind 5 by the customer), wrapped or public.

use job::{Event, JobId, Order, PublicKey, Timestamp};

use crate::event::Unsigned;
use crate::tags::{all, tag};
use crate::{Rumor, kind};

/// Who cancels what. It counts only when `by` is the order's customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Author of the message.
    pub by: PublicKey,
    /// J.
    pub job: JobId,
    /// When its author says it was written.
    pub at: Timestamp,
}

impl Cancellation {
    /// The message by C.
    pub fn to_rumor(order: &Order, now: Timestamp) -> Rumor {
        let message = Unsigned {
            kind: kind::DELETION,
            created_at: now,
            tags: vec![
                tag(["e", &order.id().to_string()]),
                // So that a provider can ask relays for public ones.
                tag(["p", &order.provider().to_string()]),
                tag(["k", &order.kind().to_string()]),
            ],
            content: String::new(),
        };
        Rumor::new(order.customer(), message)
    }

    /// What a sealed deletion cancels.
    pub fn from_rumor(rumor: &Rumor) -> Vec<Self> {
        of(rumor.kind, rumor.pubkey, rumor.created_at, &rumor.tags)
    }

    /// What a public deletion cancels. Its signature must have been verified.
    pub fn from_event(event: &Event) -> Vec<Self> {
        of(event.kind, event.pubkey, event.created_at, &event.tags)
    }
}

fn of(kind: u16, by: PublicKey, at: u64, tags: &[Vec<String>]) -> Vec<Cancellation> {
    if kind != kind::DELETION {
        return Vec::new();
    }
    let at = Timestamp::from_secs(at);
    all(tags, "e")
        .filter_map(|values| values.first()?.parse().ok())
        .map(|job| Cancellation { by, job, at })
        .collect()
}
