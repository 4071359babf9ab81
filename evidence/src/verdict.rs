//! The two results of checking evidence. A [`Verified`] comes out of
//! [`crate::verify`] and nowhere else.

use crate::{Check, EndorsementKey, FirmwareVersion, Generation, RootClass, Tcb};

/// Evidence that passed every check.
#[derive(Clone, Debug)]
pub struct Verified {
    checks: Vec<Check>,
    claims: Claims,
}

/// What verified evidence says, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// Whose root signed for it; [`RootClass::Simulated`] protects nothing.
    pub class: RootClass,
    /// Generation of the chip.
    pub generation: Generation,
    /// Which kind of key signed the report.
    pub signed_by: EndorsementKey,
    /// The chip; zero when masked.
    pub chip_id: [u8; 64],
    /// TCB the signing key was derived from.
    pub reported_tcb: Tcb,
    /// TCB the platform cannot be rolled back below.
    pub committed_tcb: Tcb,
    /// Version of the running firmware.
    pub firmware: FirmwareVersion,
    /// Launch measurement.
    pub measurement: [u8; 48],
    /// Digest of the init data.
    pub host_data: [u8; 32],
    /// What the guest asked to be signed.
    pub report_data: [u8; 64],
    /// Version of the report's format.
    pub report_version: u32,
}

impl Verified {
    pub(crate) const fn new(checks: Vec<Check>, claims: Claims) -> Self {
        Self { checks, claims }
    }

    /// Every check, in order; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What the evidence says.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether a simulated root signed: then nothing is confidential.
    pub fn is_simulated(&self) -> bool {
        self.claims.class == RootClass::Simulated
    }
}

/// Evidence that did not pass, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .checks.last().map_or_else(|| format!("{reason:?}"), ToString::to_string))]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// Every check in order; the last one is the one that failed.
    pub checks: Vec<Check>,
}

/// Why evidence was refused; what was expected and seen stands in the last check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The report is not a report.
    Unreadable,
    /// A report format that is too old or unknown.
    ReportVersion,
    /// CPUID names a chip we do not know.
    Generation,
    /// No root for this generation is accepted.
    NoRoot,
    /// The root or the intermediate is not valid at this time.
    VendorTime,
    /// No certificate of the signing key was given.
    CertificateMissing,
    /// The signing key's certificate cannot be read.
    CertificateUnreadable,
    /// The signing key's certificate does not chain to an accepted root.
    CertificateChain,
    /// The signing key's certificate is not valid at this time.
    CertificateTime,
    /// The certificate is for another product.
    CertificateProduct,
    /// No revocation list was given.
    RevocationMissing,
    /// The revocation list is too old, or from the future.
    RevocationAge,
    /// The intermediate or signing key is revoked.
    Revoked,
    /// The report names another signature algorithm than ECDSA P-384 with SHA-384.
    SignatureAlgorithm,
    /// The report says it is unsigned, or signed by another kind of key than the certificate's.
    SigningKey,
    /// The signature does not fit.
    Signature,
    /// The certificate belongs to another chip.
    ChipId,
    /// The certificate was made for another TCB.
    CertificateTcb,
    /// No TCB floor is known for this generation.
    NoTcbFloor,
    /// The reported TCB is below the floor.
    ReportedTcb,
    /// The committed TCB is below the floor.
    CommittedTcb,
    /// The launch TCB is below the floor.
    LaunchTcb,
    /// The current TCB is below the floor.
    CurrentTcb,
    /// Asked from another privilege level.
    Vmpl,
    /// Debugging by the host is not as expected.
    Debug,
    /// Migration is not as expected.
    Migration,
    /// Another bit of the guest policy is not as expected.
    Policy,
    /// The guest accepts an older firmware ABI than expected.
    Abi,
    /// A bit of the platform info is not as expected.
    Platform,
    /// Another chip than expected.
    UnexpectedChip,
    /// Another launch measurement.
    Measurement,
    /// Another ID key.
    IdKey,
    /// Another author key.
    AuthorKey,
    /// Another report id.
    ReportId,
    /// Another migration agent.
    MigrationAgent,
    /// Other init data.
    HostData,
    /// Other report data.
    ReportData,
}
