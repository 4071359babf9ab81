//! Everything the scenarios and the demo need besides the product: a relay and a
//! blob server for development, a provider installed by its chart, a customer
//! with the `cdvm` command, and a hostile provider.

// Test support: a failure is reported by stopping at once.
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

pub mod attacks;
pub mod bare;
pub mod bench;
pub mod blossom;
pub mod commons;
pub mod customer;
pub mod hostile;
pub mod owner;
pub mod phases;
pub mod provider;
pub mod relay;
pub mod tamper;
pub mod wait;
pub mod world;
