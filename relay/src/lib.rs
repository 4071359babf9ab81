//! Talking to relays and blob servers. What passes here is sealed; nothing here
//! is trusted with more than delivering it.
//!
//! [`Relays`] holds the connections of one identity: [`Relays::publish`] returns
//! at a quorum, [`Relays::inbox`] never goes deaf, [`Relays::fetch`] asks once.
//! [`Book`] opens connections as orders name relays.
//! [`Blobs`] stores and fetches encrypted blobs. Every URL that somebody else
//! gave us passes [`Plain`] first.

mod blobs;
mod book;
mod filter;
mod inbox;
mod relays;
mod tls;
mod urls;

pub use blobs::{BlobStoreError, Blobs};
pub use book::{Book, TellError};
pub use filter::Filter;
pub use inbox::Inbox;
pub use relays::{PublishError, Published, Relays, RelaysError};
pub use tls::{client_config, install_crypto_provider};
pub use urls::{Plain, UrlError, lies_on};
