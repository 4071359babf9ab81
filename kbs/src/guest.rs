//! A guest as the broker knows it: what its evidence proves, and nothing it merely
//! says.

use aws_lc_rs::digest::{SHA256, digest};
use evidence::from_guest_components;
use job::{Check, Digest, JobId, Manifest, PublicKey, Refusal, Timestamp, Trust, recognize};

use crate::jwe::{JweError, require_sealable};
use crate::rcar::{Attestation, TeeKey, report_data};

/// An attested guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The job it runs.
    pub manifest: Manifest,
    /// SHA-256 of the init data it was started with.
    pub host_data: Digest,
    /// Whom its secrets are sealed to.
    pub key: TeeKey,
    /// This one virtual machine, among all that were started with the same init data:
    /// SHA-256 of chip and REPORT_ID, which the firmware gives each guest anew (AMD
    /// 56860, ATTESTATION_REPORT at 140h), hex.
    pub instance: String,
    /// The chip, or zeros when it is masked, hex.
    pub chip: String,
    /// Its launch measurement, hex.
    pub measurement: String,
    /// Whether a simulated root signed: then nothing is confidential.
    pub simulated: bool,
}

impl Guest {
    /// J.
    pub const fn order(&self) -> JobId {
        self.manifest.order().id()
    }

    /// C.
    pub const fn customer(&self) -> PublicKey {
        self.manifest.order().customer()
    }
}

/// Why a guest is not attested.
#[derive(Debug, thiserror::Error)]
pub enum NotAttested {
    /// Hardware this broker verifies nothing of.
    #[error("the guest has the hardware {0:?}, and this broker verifies snp")]
    Tee(String),
    /// No init data came, or of another form.
    #[error("the guest sent no init data in TOML: nobody knows which job it runs")]
    NoInitData,
    /// An answer to another challenge.
    #[error("the evidence answers another challenge than this session's")]
    Nonce,
    /// A key nothing can be sealed to.
    #[error("nothing can be sealed to the guest's key")]
    Key(#[source] JweError),
    /// Evidence of further devices.
    #[error("the guest sent evidence of further devices, and no job has any in this version")]
    MoreDevices,
    /// Not evidence of the guest's hardware.
    #[error("the evidence is not in the guest components' form")]
    Form,
    /// A check that failed.
    #[error("{0}")]
    Refused(Refusal),
}

impl NotAttested {
    /// The check that failed, with what was expected and seen.
    pub fn check(&self) -> Check {
        match self {
            Self::Refused(refusal) => refusal
                .checks
                .last()
                .cloned()
                .unwrap_or_else(|| Check::new("evidence", "acceptable", refusal.meaning)),
            Self::Tee(tee) => Check::new("hardware", "snp", tee.clone()),
            Self::NoInitData => Check::new("init data", "TOML", "none"),
            Self::Nonce => Check::new("nonce", "this session's", "another"),
            Self::Key(error) => {
                Check::new("key", "P-256, P-521 or RSA for sealing", error.to_string())
            }
            Self::MoreDevices => Check::new("devices", "the processor alone", "more"),
            Self::Form => Check::new("evidence", "the guest components' form", "another"),
        }
    }
}

/// Verifies a guest's answer to the challenge `nonce`, cheap checks first.
///
/// # Errors
/// The first thing that does not hold.
pub fn attest(
    tee: &str,
    nonce: &str,
    attestation: &Attestation<'_>,
    trust: &Trust,
    now: Timestamp,
) -> Result<Guest, NotAttested> {
    if tee != "snp" {
        return Err(NotAttested::Tee(tee.chars().take(32).collect()));
    }
    let runtime = &attestation.runtime_data;
    if runtime.nonce != nonce {
        return Err(NotAttested::Nonce);
    }
    let init_data = attestation.init_data.as_ref();
    let toml = init_data.filter(|data| data.format == "toml");
    let toml = &toml.ok_or(NotAttested::NoInitData)?.body;
    require_sealable(&runtime.tee_pubkey).map_err(NotAttested::Key)?;
    let sent = &attestation.tee_evidence;
    let more = &*sent.additional_evidence;
    if !more.is_empty() {
        return Err(NotAttested::MoreDevices);
    }
    let report = from_guest_components(sent.primary_evidence.get().as_bytes());
    let report = report.map_err(|_| NotAttested::Form)?;
    let bound = report_data(nonce, &runtime.tee_pubkey, more).map_err(|_| NotAttested::Form)?;
    let found =
        recognize(&report, toml, bound, trust, dvm::verify, now).map_err(NotAttested::Refused)?;
    let claims = found.verified().claims();
    let one = [claims.chip_id.as_slice(), &claims.report_id].concat();
    Ok(Guest {
        host_data: Digest::from_bytes(claims.host_data),
        key: runtime.tee_pubkey.clone(),
        instance: hex::encode(digest(&SHA256, &one)),
        chip: hex::encode(claims.chip_id),
        measurement: hex::encode(claims.measurement),
        simulated: found.is_simulated(),
        manifest: found.manifest().clone(),
    })
}

#[cfg(test)]
impl Guest {
    /// One that was never attested, for tests of what comes after.
    pub(crate) fn example(instance: &str) -> Self {
        crate::examples::guest(&crate::examples::manifest(1), instance)
    }
}
