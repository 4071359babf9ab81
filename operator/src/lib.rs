//! Makes the cluster match the plan.
//!
//! `reconcile` is the whole story of one round: observe, validate, plan, execute.
//! What to do is decided by `job::plan`, a pure function; everything here that
//! touches the world is thin and has one port: `execute`'s `cluster`, `broker`
//! and `announce`. [`pod`] turns a manifest into the pod, purely.

pub mod pod;
pub mod settings;

mod clock;
mod context;
mod drain;
mod execute;
mod farewell;
mod fetches;
mod inbox;
mod leave;
mod left;
mod observe;
mod pod_state;
mod reconcile;
mod refusal;
mod services;
mod status;
mod validate;

pub use drain::drain;
pub use reconcile::run;
