//! Scenarios against a real Kubernetes with the simulated guest, one module each.
//! They run inside a world that is up (`make test`); without one they fail.

// A failure of a scenario is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod bad_input;
mod bridge;
mod crash;
mod endings;
mod guest;
mod happy;
mod hostile;
mod once;
mod removal;
mod secrecy;
mod secrets;
mod tampered_pod;
mod waiting;
