//! Does this evidence prove what we expect?
//!
//! [`verify`] takes the bytes a TEE signed ([`Evidence`]), what they must say
//! ([`Expected`]) and the time, and gives [`Verified`] claims or a
//! [`Rejection`]; both carry every [`Check`] in order. Nothing here reads a
//! clock, a network, an environment or randomness, and nothing is optional:
//! "any" is a named value, and what is absent is refused.

#![warn(missing_docs)]

mod bytes;
mod check;
mod expected;
mod ledger;
mod list;
mod reason;
mod roots;
mod signature;
mod snp;
#[cfg(feature = "tdx")]
pub mod tdx;
mod timestamp;
mod verdict;

pub use check::Check;
pub use expected::{
    Accept, Expected, Flag, ListAge, Mitigations, PerGeneration, Revocation, TcbFloor,
};
pub use reason::Reason;
pub use roots::{Authority, Root, RootClass, RootError, built_in_roots};
pub use snp::certificate::{Certificate, CertificateError, EndorsementKey};
pub use snp::generation::Generation;
pub use snp::json::{JsonError, from_guest_components};
pub use snp::key_info::{KeyInfo, Signer};
#[cfg(feature = "launch")]
pub use snp::launch;
pub use snp::newer::{UnknownBit, UnknownBitError};
pub use snp::report::{
    ExtendedTcbs, FirmwareVersion, MitigationVectors, REPORT_LEN, Report, ReportError,
};
pub use snp::revocation::{RevocationError, RevocationList};
pub use snp::table::{Enclosed, TableError, from_extended_report, signing_certificate};
pub use snp::tcb::Tcb;
pub use snp::{Evidence, verify};
pub use timestamp::Timestamp;
pub use verdict::{Claims, Rejection, Verified};

/// The example in the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
