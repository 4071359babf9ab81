//! The life of a job, as pure functions.
//!
//! Who ordered what under which terms is a [`Manifest`]; what the guest enforces
//! is a function of it ([`init_data`], [`report_data`]); whether a machine is
//! the one that was ordered is [`accept`]; what to do next is [`plan`]. Nothing
//! here reads a clock, a network, an environment or randomness.

mod accept;
mod action;
mod admit;
mod attestation;
mod binding;
pub mod canonical;
mod checks;
mod ending;
mod ids;
mod image;
mod manifest;
mod observed;
mod offer;
mod order;
mod plan;
mod recognize;
mod record;
mod terms;
mod told;
mod trust;
mod wait;

#[cfg(test)]
mod examples;

pub use accept::{Accepted, accept};
pub use action::{Action, JobSecrets, Plan, Reason, Weight};
pub use admit::{Rejected, Secrets, Service, admit};
pub use attestation::{Attestation, AttestationError};
pub use binding::{
    InitData, InitDataError, ReportData, decode_annotation, encode_annotation, init_data,
    manifest_of, policy_digest, policy_text, report_data,
};
pub use checks::{Explanation, NEWER_FIRMWARE, Refusal, UNKNOWN_PROCESSOR};
pub use ending::{AgentExit, Ending, EndingError, NoEvidence, Phase};
pub use evidence::{Check, Timestamp};
pub use ids::{Challenge, Digest, HexError, JobId, OfferId, PublicKey};
pub use image::{ImageRef, ImageRefError};
pub use manifest::{Attempt, AttemptError, Deployment, MAX_MANIFEST, Manifest, ManifestError};
pub use observed::{Answer, Observed, Pod, PodState, Removal, Tried, Verdict};
pub use offer::{Offer, OfferContent};
pub use order::{Event, MAX_ORDER, Order, OrderError, Subject};
pub use plan::plan;
pub use recognize::{Recognized, recognize};
pub use record::{
    Admission, Admitted, Announcement, AttemptRecord, Attested, By, Ended, Job, Object, Record,
    Waiting, Wish,
};
pub use terms::{
    EnvVar, Input, Kbs, Network, Output, OutputFrom, Param, Resources, Secret, Terms, TermsError,
    TermsForm, Workload,
};
pub use told::OUT_OF_MEMORY;
pub use trust::{Simulated, Size, TdxGuest, TdxRules, TdxStatus, Trust, TrustError};
pub use wait::{Wait, WaitError, WaitingFor};
