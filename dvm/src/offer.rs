//! Offers (kind 31990, NIP-89): one event per service, whose id orders name.

use job::{Event, Offer, OfferContent, OfferId, Timestamp};

use crate::event::{self, Unsigned};
use crate::tags::{MessageError, parsed, tag, text};
use crate::{Keys, kind, sign};

/// Longest offer content: terms must fit a manifest.
const MAX_CONTENT: usize = 16 * 1024;

/// Signs the offer of a service. The same service at the same recorded time gives
/// the same event id.
pub fn sign_offer(
    provider: &Keys,
    service: &str,
    request_kind: u16,
    content: &OfferContent,
    recorded: Timestamp,
) -> Event {
    let unsigned = Unsigned {
        kind: kind::OFFER,
        created_at: recorded,
        tags: vec![tag(["d", service]), tag(["k", &request_kind.to_string()])],
        // Texts and whole numbers always are JSON.
        content: serde_json::to_string(content).unwrap_or_default(),
    };
    sign(provider, unsigned)
}

/// Reads an offer. Its signature must have been verified
/// ([`event::parse_event`]).
///
/// # Errors
/// When it is none of ours.
pub fn parse_offer(event: &Event) -> Result<Offer, MessageError> {
    if event.kind != kind::OFFER {
        return Err(MessageError::Kind(event.kind));
    }
    if event.content.len() > MAX_CONTENT {
        return Err(MessageError::Content);
    }
    Ok(Offer {
        id: OfferId::from_bytes(*event.id.as_bytes()),
        provider: event.pubkey,
        service: text(&event.tags, "d")?.to_owned(),
        kind: parsed(&event.tags, "k")?,
        content: serde_json::from_str(&event.content).map_err(|_| MessageError::Content)?,
    })
}

/// Reads and verifies the offer a file or a relay holds.
///
/// # Errors
/// When it was not signed so, or is none of ours.
pub fn parse_offer_json(json: &str) -> Result<Offer, OfferError> {
    let event = event::parse_event(json).map_err(OfferError::Event)?;
    parse_offer(&event).map_err(OfferError::Offer)
}

/// Why a text is not an offer.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// Not a signed event.
    #[error("failed to verify the offer")]
    Event(#[source] event::EventError),
    /// Not an offer of a confidential service.
    #[error("not the offer of a confidential service")]
    Offer(#[source] MessageError),
}
