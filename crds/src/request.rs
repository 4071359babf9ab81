//! The customer's signed order inside a `ConfidentialJob`: a Nostr event, field
//! for field.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The customer's signed order: a Nostr event of kind 5000 to 5999 with exactly
/// these seven fields. `cdvm request --yaml` writes it; nobody can write it by
/// hand, because it is signed. It carries no data: data are sent later, sealed to
/// the confidential machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.tags.all(t, size(t) > 0 && t[0] != 'i')").message(
    "the order has an `i` tag: data are sent later, sealed to the machine, never in the order"
))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// J, the order's event id: SHA-256 of the event, 64 lower-case hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"), length(max = 64))]
    pub id: String,
    /// The customer's public key, 64 lower-case hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"), length(max = 64))]
    pub pubkey: String,
    /// When the customer signed it, Unix seconds.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub created_at: i64,
    /// Request kind (NIP-90).
    #[schemars(range(min = 5000, max = 5999))]
    pub kind: i64,
    /// Tags: `p` (the provider), `challenge`, `relays`, `expiration` and `offer` (or
    /// `workload`), each once; and `param`.
    #[schemars(length(max = 80))]
    pub tags: Vec<Tag>,
    /// Empty: an order carries no data.
    #[schemars(length(max = 0))]
    pub content: String,
    /// Schnorr signature by the customer, 128 lower-case hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{128}$"), length(max = 128))]
    pub sig: String,
}

/// One tag: a name and its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tag(#[schemars(length(min = 1, max = 80), inner(length(max = 6144)))] pub Vec<String>);

impl From<&job::Event> for Request {
    fn from(event: &job::Event) -> Self {
        Self {
            id: event.id.to_string(),
            pubkey: event.pubkey.to_string(),
            // Both were checked to be small when the event was read.
            created_at: i64::try_from(event.created_at).unwrap_or(i64::MAX),
            kind: event.kind.into(),
            tags: event.tags.iter().cloned().map(Tag).collect(),
            content: event.content.clone(),
            sig: event.sig.clone(),
        }
    }
}

impl Request {
    /// As an event; `None` when a field is not what the schema says.
    pub fn to_event(&self) -> Option<job::Event> {
        Some(job::Event {
            id: self.id.parse().ok()?,
            pubkey: self.pubkey.parse().ok()?,
            created_at: self.created_at.try_into().ok()?,
            kind: self.kind.try_into().ok()?,
            tags: self.tags.iter().map(|tag| tag.0.clone()).collect(),
            content: self.content.clone(),
            sig: self.sig.clone(),
        })
    }
}
