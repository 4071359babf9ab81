//! What a trust file demands of platforms with SEV-SNP beyond what every job
//! needs: each bit by name, so that a demand is never half of one. And what it
//! accepts that this program does not know.

use evidence::{Flag, Mitigations, PerGeneration, UnknownBit};
use serde::Deserialize;

use super::{TrustError, mitigations};

/// Table `[snp]`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SnpRules {
    pub(super) platform: Platform,
    /// Bits without a meaning that are accepted.
    pub(super) unknown_bits: Vec<UnknownBit>,
    /// What the mitigation vectors must have.
    pub(super) mitigations: PerGeneration<Mitigations>,
}

/// Table `[snp]` as it is written.
#[derive(Deserialize)]
pub(super) struct SnpForm {
    /// Left out: none is accepted.
    #[serde(default)]
    unknown_bits: Vec<String>,
    /// Left out: none is demanded.
    #[serde(default)]
    mitigations: Vec<String>,
    /// The bits of PLATFORM_INFO, all or none: an unknown field is among them, and
    /// refused with them.
    #[serde(flatten)]
    platform: toml::Table,
}

/// What each bit of AMD 56860, table "PLATFORM_INFO", must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Platform {
    /// Bit 0: simultaneous multithreading.
    pub(super) smt: Flag,
    /// Bit 1: all of memory is encrypted, whoever uses it.
    pub(super) tsme: Flag,
    /// Bit 2: memory has error correction.
    pub(super) ecc: Flag,
    /// Bit 3: the power meter is off.
    pub(super) rapl_disabled: Flag,
    /// Bit 4: the host sees no ciphertext.
    pub(super) ciphertext_hiding: Flag,
    /// Bit 5: memory that aliases was ruled out since the last reset.
    pub(super) alias_check: Flag,
    /// Bit 6: writes through the IOMMU are safe from the host. Files from before it had
    /// a name leave it out, and demand nothing of it.
    #[serde(default = "any")]
    pub(super) iommu_write_safe: Flag,
    /// Bit 7: trusted I/O.
    pub(super) tio: Flag,
}

const fn any() -> Flag {
    Flag::Any
}

impl SnpRules {
    /// A file without the table demands nothing more, and accepts nothing unknown.
    pub(super) const ANY: Self = Self {
        platform: Platform::ANY,
        unknown_bits: Vec::new(),
        mitigations: PerGeneration {
            milan: Mitigations::Any,
            genoa: Mitigations::Any,
            turin: Mitigations::Any,
        },
    };
}

impl Platform {
    const ANY: Self = Self {
        smt: Flag::Any,
        tsme: Flag::Any,
        ecc: Flag::Any,
        rapl_disabled: Flag::Any,
        ciphertext_hiding: Flag::Any,
        alias_check: Flag::Any,
        iommu_write_safe: Flag::Any,
        tio: Flag::Any,
    };
}

/// Reads the table.
///
/// # Errors
/// When a field is unknown or missing, or an entry of a list names nothing.
pub(super) fn rules(form: SnpForm) -> Result<SnpRules, TrustError> {
    let SnpForm {
        unknown_bits,
        mitigations,
        platform,
    } = form;
    let platform = if platform.is_empty() {
        Platform::ANY
    } else {
        let read = Platform::deserialize(platform);
        read.map_err(|error| TrustError::Form(format!("[snp]: {error}")))?
    };
    let unknown_bits = unknown_bits.iter().map(|text| text.parse());
    Ok(SnpRules {
        platform,
        unknown_bits: unknown_bits.collect::<Result<_, _>>()?,
        mitigations: mitigations::demanded(&mitigations)
            .map_err(|(entry, why)| TrustError::Mitigation(entry, why))?,
    })
}
