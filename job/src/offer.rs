//! The offer: what a provider publishes about one service, and a customer keeps.

use serde::{Deserialize, Serialize};

use crate::{OfferId, PublicKey, Terms};

/// An offer whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Event id of the 31990.
    pub id: OfferId,
    /// O.
    pub provider: PublicKey,
    /// Name of the service (the event's `d` tag).
    pub service: String,
    /// Request kind (the event's `k` tag).
    pub kind: u16,
    /// The event's content.
    pub content: OfferContent,
}

/// Content of the offer event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferContent {
    /// Name for people.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The terms of a job.
    pub cdvm: Terms,
}
