//! The program as guests, owners and administrators meet it: started, spoken to over
//! HTTP, killed, and asked what it remembers. Every machine here is SIMULATED.

// Helpers unwrap as tests do; what fails is a failed test either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod administrator;
mod broker;
mod crash;
mod guest;
mod hostile;
mod owner;
mod release;
