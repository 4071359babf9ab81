//! What a TD may do and what may be done to it: ATTRIBUTES, 64 bits (Intel TDX
//! Module ABI Specification 348551-008US, table 3.23).

use core::fmt;

/// Attributes of a TD.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TdAttributes(u64);

/// An attribute with a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Attribute {
    /// The host may read and change the TD's memory and registers.
    Debug = 0,
    /// The module counts instructions to resist single-stepping.
    SingleStepDefense = 16,
    /// Reports carry a digest about service TDs.
    ServiceTdExtension = 17,
    /// The TD may use linear address space separation.
    Lass = 27,
    /// Accesses to pages the TD has not accepted end the TD instead of becoming an
    /// exception that the host can provoke.
    SeptVeDisable = 28,
    /// A migration TD may move the TD.
    Migratable = 29,
    /// The TD may use protection keys for supervisor pages.
    Pks = 30,
    /// The TD may use key locker; reserved in newer modules.
    KeyLocker = 31,
    /// The TD is the provisioning agent of TDX Connect.
    ProvisioningAgent = 62,
    /// The TD may use performance counters.
    Perfmon = 63,
}

/// Bits 4 to 6: the host may profile the TD. As debug, they make a TD untrusted.
const PROFILING: u64 = 0b0111_0000;

impl Attribute {
    const ALL: [Self; 10] = [
        Self::Debug,
        Self::SingleStepDefense,
        Self::ServiceTdExtension,
        Self::Lass,
        Self::SeptVeDisable,
        Self::Migratable,
        Self::Pks,
        Self::KeyLocker,
        Self::ProvisioningAgent,
        Self::Perfmon,
    ];

    const fn mask(self) -> u64 {
        1 << self as u32
    }
}

impl TdAttributes {
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn has(self, attribute: Attribute) -> bool {
        self.0 & attribute.mask() != 0
    }

    /// Whether the host may read and change the TD.
    pub const fn is_under_debug(self) -> bool {
        self.has(Attribute::Debug)
    }

    /// Whether the host may profile the TD.
    pub const fn is_profiled(self) -> bool {
        self.0 & PROFILING != 0
    }

    /// Bits this program knows no meaning of.
    pub(super) fn unknown(self) -> u64 {
        let named = Attribute::ALL.iter();
        named.fold(self.0 & !PROFILING, |rest, attribute| {
            rest & !attribute.mask()
        })
    }
}

impl fmt::Debug for TdAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TdAttributes(0x{:x})", self.0)
    }
}
