//! A job as Nostr writes it.
//!
//! Events are signed and verified in [`event`], sealed to one reader and opened
//! in [`seal`]; every message of the protocol (`docs/protocol.md`, 6) is a type
//! with one function that writes it and one that reads it. Time is an argument;
//! randomness comes through the Nostr library only.

pub mod attestation;
pub mod blob;
pub mod cancel;
pub mod event;
pub mod feedback;
pub mod input;
pub mod keys;
pub mod offer;
pub mod order;
pub mod outcome;
pub mod payload;
pub mod seal;
mod tags;

pub use event::{Unsigned, parse_event, sign, verify};
pub use keys::Keys;
pub use seal::{OpenError, Rumor, WrapError, open, wrap};
pub use tags::MessageError;

/// Kinds of events and rumors this protocol uses.
pub mod kind {
    /// Direct message of the old sort (NIP-04); never opened, only answered.
    pub const OLD_CHAT: u16 = 4;
    /// Deletion: cancels an order (NIP-09).
    pub const DELETION: u16 = 5;
    /// Seal (NIP-59).
    pub const SEAL: u16 = 13;
    /// Chat message (NIP-17).
    pub const CHAT: u16 = 14;
    /// Gift wrap (NIP-59); the ephemeral 21059 is never used.
    pub const GIFT_WRAP: u16 = 1059;
    /// Where a key listens for sealed messages (NIP-17).
    pub const INBOX_RELAYS: u16 = 10050;
    /// Feedback on a job (NIP-90).
    pub const FEEDBACK: u16 = 7000;
    /// A signed order inside a gift wrap; ours.
    pub const PRIVATE_ORDER: u16 = 23792;
    /// Evidence of a guest; the number NECs use for TEE attestations.
    pub const ATTESTATION: u16 = 23793;
    /// Authorization of a blob upload (Blossom BUD-11).
    pub const BLOB_AUTH: u16 = 24242;
    /// Offer of a service (NIP-89).
    pub const OFFER: u16 = 31990;
}
