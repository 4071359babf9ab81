//! Cancelling an order (NIP-09 kind 5 by the customer), wrapped or public.

use job::{Event, JobId, Order, PublicKey, Timestamp};

use crate::event::Unsigned;
use crate::tags::{all, tag};
use crate::{Keys, Rumor, kind, open, parse_event};

/// Longest event that is kept as a customer's word: a hundred orders fit into a public
/// one, fifty into a sealed one, and `cdvm` writes one.
pub const MAX_WORD: usize = 8 * 1024;

/// The signed event of a cancellation, kept as it was heard: the public kind 5, or the
/// gift wrap, whose seal is signed by its author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'w>(pub &'w str);

impl Word<'_> {
    /// What it cancels. Signatures are verified; what is too long, no event, or sealed to
    /// somebody else than `provider` cancels nothing.
    pub fn cancellations(self, provider: &Keys) -> Vec<Cancellation> {
        if self.0.len() > MAX_WORD {
            return Vec::new();
        }
        let Ok(event) = parse_event(self.0) else {
            return Vec::new();
        };
        match event.kind {
            kind::GIFT_WRAP => open(&event, provider)
                .map(|rumor| Cancellation::from_rumor(&rumor))
                .unwrap_or_default(),
            _ => Cancellation::from_event(&event),
        }
    }

    /// Whether it cancels `order`, by the order's customer.
    pub fn cancels(self, order: &Order, provider: &Keys) -> bool {
        let mut cancellations = self.cancellations(provider).into_iter();
        cancellations.any(|it| it.job == order.id() && it.by == order.customer())
    }
}

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
