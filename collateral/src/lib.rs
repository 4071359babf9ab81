//! What evidence did not bring: the certificate of the chip's key, the chain above
//! a provider's key, and the vendor's revocation list. It comes from the disk, and
//! else from the vendor's key server ([`fetch`]); it is verified wherever it comes
//! from ([`item`]), and decides nothing: the judgement is made again with it, by
//! the same function ([`supply`]).
//!
//! Nothing is fetched under a simulated root, and nothing before all that needs
//! no collateral was verified: what somebody else sent makes no requests. Who asks
//! is told what happens ([`told`]), and tells it on as it likes.

mod answer;
pub mod bundle;
pub mod fetch;
pub mod files;
pub mod gather;
#[cfg(feature = "tdx")]
pub mod intel;
pub mod item;
#[cfg(feature = "tdx")]
pub mod quote;
mod retry_after;
pub mod server;
pub mod source;
mod store;
pub mod subject;
pub mod supply;
mod throttle;
pub mod told;

#[cfg(test)]
mod tests;
