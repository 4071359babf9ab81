//! Stories of a customer: the built `cdvm` against a local relay, with a
//! provider and guests made in the test. The guests are SIMULATED: no hardware
//! is involved.

// Helpers unwrap as tests do; what fails is a failed test either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod blossom;
mod collateral;
mod failures;
mod happy;
#[expect(
    dead_code,
    reason = "most outages are used by the tests beside the code"
)]
mod key_server;
mod parties;
mod refusals;
mod steps;
mod verify;
mod world;
