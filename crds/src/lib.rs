//! A job as Kubernetes writes it. Form, no logic: what a field means is decided
//! in `job`; here it gets a description, bounds and rules the API server checks.
//!
//! The YAML in `charts/confidential-dvm/crds` is written by a test of this crate,
//! which fails when it had to.

// The derive of the schema repeats each struct inside a function.
#![allow(unreachable_pub)]

mod catalogue;
mod confidential_job;
mod confidential_service;
mod request;
mod terms;

pub use confidential_job::{
    AttemptStatus, ConfidentialJob, ConfidentialJobSpec, ConfidentialJobStatus, HEARD_ANNOTATION,
    HEARD_PUBLIC, WaitingStatus,
};
pub use confidential_service::{
    ConfidentialService, ConfidentialServiceSpec, ConfidentialServiceStatus, JobSecret, Offered,
    SecretKeyRef,
};
pub use request::{Request, Tag};
pub use terms::{
    EnvVar, Input, Kbs, Network, Output, OutputFrom, Param, Resources, Secret, Terms, Workload,
};

/// API group of both kinds.
pub const GROUP: &str = "cdvm.dev";
