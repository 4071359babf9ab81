//! What a trust file demands of platforms with SEV-SNP beyond what every job
//! needs: each bit by name, so that a demand is never half of one. And what it
//! accepts that this program does not know.

use evidence::{Flag, Mitigations, PerGeneration, UnknownBit};
use serde::Deserialize;

use super::{TrustError, mitigations};

/// Table `[snp]`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SnpRules {
    pub(super) platform: PlatformForm,
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
    /// Unknown fields are refused by this one, to which all others go.
    #[serde(flatten)]
    platform: toml::Table,
}

/// The bits of AMD 56860, table "PLATFORM_INFO".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformForm {
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
    /// Bit 6: writes through the IOMMU are safe from the host.
    pub(super) iommu_write_safe: Flag,
    /// Bit 7: trusted I/O.
    pub(super) tio: Flag,
}
