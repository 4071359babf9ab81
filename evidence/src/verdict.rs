//! The two results of checking evidence. A [`Verified`] comes out of
//! [`crate::verify`] and nowhere else.

use crate::{
    Check, EndorsementKey, ExtendedTcbs, FirmwareVersion, Generation, MitigationVectors, Reason,
    RootClass, Tcb,
};

/// Evidence that passed every check.
///
/// # Guarantees
/// Nobody outside can make one:
/// ```compile_fail,E0451
/// # fn forge(claims: evidence::Claims) {
/// let forged = evidence::Verified { checks: Vec::new(), claims };
/// # }
/// ```
/// ```compile_fail,E0624
/// # fn forge(claims: evidence::Claims) {
/// let forged = evidence::Verified::new(Vec::new(), claims);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<C = Claims> {
    checks: Vec<Check>,
    claims: C,
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
    /// TCB the guest was started under.
    pub launch_tcb: Tcb,
    /// TCB that runs.
    pub current_tcb: Tcb,
    /// The extended TCBs; a report before version 6 has none.
    pub extended_tcbs: Option<ExtendedTcbs>,
    /// Mitigations at launch and now; a report before version 5 says none.
    pub mitigations: Option<MitigationVectors>,
    /// Version of the running firmware.
    pub firmware: FirmwareVersion,
    /// Privilege level the report was asked from.
    pub vmpl: u32,
    /// The guest policy, all 64 bits.
    pub policy: u64,
    /// The platform info, all 64 bits.
    pub platform_info: u64,
    /// The guest's own security version, from its ID block.
    pub guest_svn: u32,
    /// Family id of the guest's ID block, zero when there is none.
    pub family_id: [u8; 16],
    /// Image id of the guest's ID block, zero when there is none.
    pub image_id: [u8; 16],
    /// SHA-384 of the key that signed the guest's ID block, zero when none did.
    pub id_key_digest: [u8; 48],
    /// SHA-384 of the key that endorsed the ID key, zero when none did.
    pub author_key_digest: [u8; 48],
    /// The guest instance's report id.
    pub report_id: [u8; 32],
    /// The migration agent's report id; all ones when there is none.
    pub report_id_ma: [u8; 32],
    /// Launch measurement.
    pub measurement: [u8; 48],
    /// Digest of the init data.
    pub host_data: [u8; 32],
    /// What the guest asked to be signed.
    pub report_data: [u8; 64],
    /// Version of the report's format.
    pub report_version: u32,
}

impl<C> Verified<C> {
    pub(crate) const fn new(checks: Vec<Check>, claims: C) -> Self {
        Self { checks, claims }
    }

    /// Every check, in order; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What the evidence says.
    pub const fn claims(&self) -> &C {
        &self.claims
    }
}

impl Verified {
    /// Whether a simulated root signed: then nothing is confidential.
    pub fn is_simulated(&self) -> bool {
        self.claims.class == RootClass::Simulated
    }
}

/// Evidence that did not pass, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .checks.last().map_or_else(|| format!("{reason:?}"), ToString::to_string))]
pub struct Rejection<R: core::fmt::Debug = Reason> {
    /// Why.
    pub reason: R,
    /// Every check in order; the last one is the one that failed.
    pub checks: Vec<Check>,
}

#[cfg(test)]
mod tests {
    use super::{Claims, Verified};
    use crate::{EndorsementKey, FirmwareVersion, Generation, Reason, Rejection, RootClass, Tcb};

    #[test]
    fn only_what_a_simulated_root_signed_is_simulated() {
        let tcb = Tcb {
            fmc: 0,
            bootloader: 0,
            tee: 0,
            snp: 0,
            microcode: 0,
        };
        let verified = |class| {
            let claims = Claims {
                class,
                generation: Generation::Milan,
                signed_by: EndorsementKey::Vcek,
                chip_id: [0; 64],
                reported_tcb: tcb,
                committed_tcb: tcb,
                launch_tcb: tcb,
                current_tcb: tcb,
                extended_tcbs: None,
                mitigations: None,
                firmware: FirmwareVersion {
                    major: 1,
                    minor: 55,
                    build: 29,
                },
                vmpl: 0,
                policy: 0,
                platform_info: 0,
                guest_svn: 0,
                family_id: [0; 16],
                image_id: [0; 16],
                id_key_digest: [0; 48],
                author_key_digest: [0; 48],
                report_id: [0; 32],
                report_id_ma: [0xff; 32],
                measurement: [0; 48],
                host_data: [0; 32],
                report_data: [0; 64],
                report_version: 3,
            };
            Verified::new(Vec::new(), claims)
        };
        assert!(verified(RootClass::Simulated).is_simulated());
        assert!(!verified(RootClass::Vendor).is_simulated());
    }

    #[test]
    fn a_rejection_without_checks_still_says_why() {
        let rejection = Rejection {
            reason: Reason::Debug,
            checks: Vec::new(),
        };
        assert_eq!(rejection.to_string(), "Debug");
    }
}
