//! Makes the cluster match the plan.
//!
//! [`reconcile`] is the whole story of one round: observe, validate, plan,
//! execute. What to do is decided by `job::plan`, a pure function; everything
//! here that touches the world is thin and has one port: [`execute`]'s `cluster`,
//! `broker` and `announce`. [`pod`] turns a manifest into the pod, purely.

pub mod execute;
pub mod inbox;
pub mod observe;
pub mod pod;
pub mod pod_state;
pub mod reconcile;
pub mod relays;
pub mod services;
pub mod settings;
pub mod status;
pub mod validate;

mod context;

pub use context::Context;
