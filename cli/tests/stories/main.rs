//! Stories of a customer: the built `cdvm` against a local relay, with a
//! provider and guests made in the test. The guests are SIMULATED: no hardware
//! is involved.

// Helpers unwrap as tests do; what fails is a failed test either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod blossom;
mod failures;
mod happy;
mod parties;
mod refusals;
mod steps;
mod world;
