//! What a trust file demands of platforms with SEV-SNP beyond what every job
//! needs: each bit by name, so that a demand is never half of one.

use evidence::Flag;
use serde::Deserialize;

/// Table `[snp]`. The bits are those of AMD 56860, table "PLATFORM_INFO".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnpRules {
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
    /// Bit 7: trusted I/O.
    pub(super) tio: Flag,
}

impl SnpRules {
    /// A file without the table demands nothing more.
    pub(super) const ANY: Self = Self {
        smt: Flag::Any,
        tsme: Flag::Any,
        ecc: Flag::Any,
        rapl_disabled: Flag::Any,
        ciphertext_hiding: Flag::Any,
        alias_check: Flag::Any,
        tio: Flag::Any,
    };
}
