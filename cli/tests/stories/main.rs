//! Stories of a customer: the built `cdvm` against a local relay, with a
//! provider and guests made in the test. The guests are SIMULATED: no hardware
//! is involved. Quotes of TDX (`tdx.rs`) are real ones.

// Helpers unwrap as tests do; what fails is a failed test either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod blossom;
mod collateral;
mod config;
mod explain;
mod failures;
mod given;
mod happy;
mod jobs;
#[path = "../../../collateral/tests/stand_in/key_server.rs"]
mod key_server;
mod newer;
#[cfg(not(feature = "tdx"))]
mod no_tdx;
mod owner;
mod parties;
mod refusals;
mod steps;
#[cfg(feature = "tdx")]
mod tdx;
mod verify;
mod waiting;
mod world;
