//! The key broker: releases an owner's secrets to attested guests alone, counted and
//! logged. It speaks what Trustee speaks (RCAR 0.4.0), judges by what `cdvm` judges by,
//! and knows no Kubernetes.

pub mod admin;
pub mod broker;
mod gate;
pub mod grant;
pub mod grants;
pub mod guest;
pub mod jwe;
pub mod ledger;
pub mod log;
mod metrics;
pub mod rcar;
pub mod resource;
pub mod server;
pub mod session;
pub mod store;
mod token;
pub mod vault;

#[cfg(test)]
mod examples;
