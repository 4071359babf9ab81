//! A key broker's question: which job does this guest run? Nobody tells the broker of
//! orders; everything it believes is in the guest's own init data and evidence.

use evidence::{Check, Evidence, RootClass, Timestamp, Verified};

use crate::accept::require_deployment;
use crate::checks::{Ledger, OTHER_JOB, POLICY, Refusal};
use crate::{Event, Manifest, Size, Trust, init_data, manifest_of};

/// A guest whose evidence shows which job it runs.
#[derive(Clone, Debug)]
pub struct Recognized {
    manifest: Manifest,
    verified: Verified,
    checks: Vec<Check>,
}

impl Recognized {
    /// The job as the guest enforces it.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the hardware said.
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Every check, in order; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether it is a simulated machine: then nothing is confidential.
    pub fn is_simulated(&self) -> bool {
        self.verified.claims().class == RootClass::Simulated
    }
}

/// Finds out which job the guest with this `evidence` runs, when it says it was started
/// with `toml` and asked for `report_data` to be signed. `verify` says whether an
/// order's id and signature fit (NIP-01).
///
/// # Errors
/// A [`Refusal`] that names the first check that failed: the same ones, by the same
/// trust file, as a customer's.
pub fn recognize(
    evidence: &Evidence,
    toml: &str,
    report_data: [u8; 64],
    trust: &Trust,
    verify: impl FnOnce(&Event) -> bool,
    now: Timestamp,
) -> Result<Recognized, Refusal> {
    let mut ledger = Ledger::default();
    let wanted = "the manifest of a job, its order signed by the customer";
    let manifest = match manifest_of(toml, verify) {
        Ok(manifest) => manifest,
        Err(error) => return Err(ledger.refuse("manifest", wanted, error, OTHER_JOB)),
    };
    ledger.pass("manifest", wanted, format!("SHA-256 {}", manifest.digest()));
    require_deployment(&mut ledger, &manifest, manifest.order(), trust, now)?;

    // The whole text is compared: nothing stands before, between or behind what this
    // program writes itself.
    let wanted = "those of this manifest, byte for byte";
    let host_data = match init_data(&manifest) {
        Ok(own) if own.as_str() == toml => own.digest(),
        Ok(_) => return Err(ledger.refuse("init data", wanted, "another text", POLICY)),
        Err(error) => return Err(ledger.refuse("init data", wanted, error, POLICY)),
    };
    ledger.pass("init data", wanted, "the same");
    let size = Size::Exactly(manifest.terms().resources.vcpus);
    let expected = trust.expected_of_machine(size, host_data, report_data, now);
    let (verified, checks) = ledger.verify(evidence, &expected, trust, size, now)?;
    Ok(Recognized {
        manifest,
        verified,
        checks,
    })
}

#[cfg(test)]
mod tests;
