//! Which processor signed: decides root, TCB layout and certificate format.

use core::fmt;

/// EPYC generations with SEV-SNP.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004 and 8004 (Genoa, Bergamo, Siena).
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Generation {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// From combined CPUID family and model, as a report since version 3 gives
    /// them (AMD 56860, table "ATTESTATION_REPORT", CPUID_FAM_ID, CPUID_MOD_ID).
    pub const fn from_cpuid(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }

    /// The name of processors that are known by name, and whose roots are not here
    /// (AMD 56860, revision 1.59): nothing about them can be verified.
    pub(super) const fn without_root(family: u8, model: u8) -> Option<&'static str> {
        match (family, model) {
            (0x1a, 0x50) => Some("Venice"),
            _ => None,
        }
    }

    /// Bytes of a chip's id that count: the rest of a report's field is zero
    /// (AMD 57230, table "VCEK Certificate Fields", HWID).
    pub const fn chip_id_len(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin => 8,
        }
    }

    /// The name as the vendor's certificates write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
