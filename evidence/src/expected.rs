//! What evidence must say. No field is optional and nothing has a default:
//! whoever accepts whatever there is writes the word `Any` or `NotChecked` and can
//! be found by searching for it. A minimum and a floor are numbers: 0 is the lowest.

use core::fmt;

use crate::check::Hex;
use crate::{Generation, Root, Tcb, UnknownBit};

/// Everything a report must say to be accepted. Bits are those of AMD 56860,
/// tables "Guest Policy" and "PLATFORM_INFO".
#[derive(Clone, Debug)]
pub struct Expected {
    /// Roots of trust, one per generation. Evidence under any other root is
    /// refused, and so is evidence of a generation with several.
    pub roots: Vec<Root>,
    /// What to do about revocation lists.
    pub revocation: Revocation,
    /// Lowest acceptable TCB per generation. A generation without one is refused;
    /// of several, each must be met.
    pub tcb_floors: Vec<TcbFloor>,
    /// Mitigations that must have been there at launch and must be there now, on each
    /// generation of chips.
    pub mitigations: PerGeneration<Mitigations>,
    /// Bits without a meaning here that a report may have set; an empty list accepts
    /// none.
    pub unknown_bits: Vec<UnknownBit>,
    /// Launch measurement (48 bytes): which guest release, kernel command line
    /// and number of vCPUs.
    pub measurement: Accept<[u8; 48]>,
    /// HOST_DATA (32 bytes): the digest of the init data.
    pub host_data: [u8; 32],
    /// REPORT_DATA (64 bytes): what the guest asked to be signed.
    pub report_data: [u8; 64],
    /// Privilege level the report was asked from; 0 is the most privileged.
    pub vmpl: u32,
    /// Guest policy bit 19: the host may read and change guest memory.
    pub debug: Flag,
    /// Guest policy bit 18: a migration agent may move the guest.
    pub migration: Flag,
    /// Guest policy bit 16: the guest may run beside another on one core.
    pub smt_allowed: Flag,
    /// Guest policy bit 20: the guest runs on one socket only.
    pub single_socket: Flag,
    /// Guest policy bit 21: memory behind CXL may hold guest pages.
    pub cxl_allowed: Flag,
    /// Guest policy bit 22: memory must be encrypted with AES-256 in XTS mode.
    pub aes_256_xts: Flag,
    /// Guest policy bit 23: the power meter (RAPL) must be off.
    pub rapl_off: Flag,
    /// Guest policy bit 24: the host must see no ciphertext.
    pub ciphertext_hiding: Flag,
    /// Guest policy bit 25: the host must not swap guest pages.
    pub page_swap_disabled: Flag,
    /// Guest policy bits 15:0: lowest firmware ABI (major, minor) the guest asked for.
    pub abi_minimum: (u8, u8),
    /// Platform info bit 0: simultaneous multithreading is on.
    pub platform_smt: Flag,
    /// Platform info bit 1: transparent memory encryption is on.
    pub platform_tsme: Flag,
    /// Platform info bit 2: memory has error correction.
    pub platform_ecc: Flag,
    /// Platform info bit 3: the power meter is off.
    pub platform_rapl_disabled: Flag,
    /// Platform info bit 4: the host sees no ciphertext.
    pub platform_ciphertext_hiding: Flag,
    /// Platform info bit 5: memory aliasing was ruled out since the last reset.
    pub platform_alias_check: Flag,
    /// Platform info bit 6: a device's writes through the IOMMU are safe from the host
    /// (IOMMU_WRITE_SAFE).
    pub platform_iommu_write_safe: Flag,
    /// Platform info bit 7: trusted I/O (SEV-TIO) is on.
    pub platform_tio: Flag,
    /// Lowest acceptable security version of the guest, from its ID block.
    pub guest_svn_minimum: u32,
    /// Family id of the guest's ID block, zero when there is none.
    pub family_id: Accept<[u8; 16]>,
    /// Image id of the guest's ID block, zero when there is none.
    pub image_id: Accept<[u8; 16]>,
    /// SHA-384 of the key that signed the guest's ID block, zero when none did.
    pub id_key_digest: Accept<[u8; 48]>,
    /// SHA-384 of the key that endorsed the ID key, zero when none did.
    pub author_key_digest: Accept<[u8; 48]>,
    /// The guest instance's report id.
    pub report_id: Accept<[u8; 32]>,
    /// The migration agent's report id; all ones when there is none.
    pub report_id_ma: Accept<[u8; 32]>,
    /// The chip; zero under VLEK when the provider masks it.
    pub chip_id: Accept<[u8; 64]>,
}

/// Acceptable values of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accept<T> {
    /// Exactly this value.
    Exactly(T),
    /// One of these; an empty list refuses everything.
    OneOf(Vec<T>),
    /// Whatever it is. A decision, made by name.
    Any,
}

impl<T: PartialEq> Accept<T> {
    /// Whether `seen` is acceptable.
    pub fn accepts(&self, seen: &T) -> bool {
        match self {
            Self::Exactly(value) => value == seen,
            Self::OneOf(values) => values.contains(seen),
            Self::Any => true,
        }
    }
}

impl<const N: usize> fmt::Display for Accept<[u8; N]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => Hex(value).fmt(f),
            Self::OneOf(values) if values.is_empty() => f.write_str("nothing is accepted"),
            Self::OneOf(values) => {
                let all: Vec<String> = values.iter().map(|value| Hex(value).to_string()).collect();
                f.write_str(&all.join(" or "))
            }
            Self::Any => f.write_str("any"),
        }
    }
}

/// Acceptable values of one bit, written `on`, `off` and `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    /// The bit must be set.
    On,
    /// The bit must be clear.
    Off,
    /// Either. A decision, made by name.
    Any,
}

impl Flag {
    /// Whether `seen` is acceptable.
    pub const fn accepts(self, seen: bool) -> bool {
        match self {
            Self::On => seen,
            Self::Off => !seen,
            Self::Any => true,
        }
    }

    /// As checks show it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What to do about revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The vendor's list must be there, signed by the root, in force, and of an age
    /// that is accepted.
    Checked(ListAge),
    /// Revoked keys are accepted. A decision, made by name.
    NotChecked,
}

/// How old a revocation list may be that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAge {
    /// As old as the vendor says itself: until the list's `nextUpdate` (RFC 5280,
    /// 5.1.2.5). A list that names none is refused.
    UntilReplaced,
    /// The same, and made at most this long ago. The vendor may have no list that
    /// is so new.
    AtMost {
        /// Seconds since the list's `thisUpdate`.
        secs: u64,
    },
}

/// Which mitigations are demanded. The vendor gives each bit of the vectors its
/// meaning in its security bulletins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mitigations {
    /// Every bit set here must be set in the launch and the current vector. A
    /// report before version 5 has no vectors and is refused, even for 0.
    Required(u64),
    /// Whatever they are. A decision, made by name.
    Any,
}

impl fmt::Display for Mitigations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required(bits) => write!(f, "all of 0x{bits:x} at launch and now"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// One value for each generation of chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerGeneration<T> {
    /// For EPYC 7003.
    pub milan: T,
    /// For EPYC 9004 and 8004.
    pub genoa: T,
    /// For EPYC 9005.
    pub turin: T,
}

impl<T> PerGeneration<T> {
    /// The same for all of them.
    pub fn all(value: T) -> Self
    where
        T: Clone,
    {
        Self {
            milan: value.clone(),
            genoa: value.clone(),
            turin: value,
        }
    }

    /// That of one.
    pub const fn of(&self, generation: Generation) -> &T {
        match generation {
            Generation::Milan => &self.milan,
            Generation::Genoa => &self.genoa,
            Generation::Turin => &self.turin,
        }
    }

    /// The same, to be changed.
    pub const fn of_mut(&mut self, generation: Generation) -> &mut T {
        match generation {
            Generation::Milan => &mut self.milan,
            Generation::Genoa => &mut self.genoa,
            Generation::Turin => &mut self.turin,
        }
    }
}

/// The lowest TCB accepted on one generation of chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcbFloor {
    /// Which chips.
    pub generation: Generation,
    /// The lowest acceptable value of every component.
    pub lowest: Tcb,
}

#[cfg(test)]
mod tests {
    use super::{Accept, Flag, Mitigations, PerGeneration};
    use crate::Generation;

    #[test]
    fn each_generation_has_its_own_value() {
        let mut of = PerGeneration::all(0);
        for (value, generation) in (1..).zip(Generation::ALL) {
            *of.of_mut(generation) = value;
        }
        let expected = PerGeneration {
            milan: 1,
            genoa: 2,
            turin: 3,
        };
        assert_eq!(of, expected);
        assert_eq!(Generation::ALL.map(|one| *of.of(one)), [1, 2, 3]);
    }

    #[test]
    fn what_is_expected_reads_as_people_say_it() {
        let (a, b) = ([0xaa; 2], [0x0b; 2]);
        assert_eq!(Accept::Exactly(a).to_string(), "aaaa");
        assert_eq!(Accept::OneOf(vec![a, b]).to_string(), "aaaa or 0b0b");
        let nothing = Accept::<[u8; 2]>::OneOf(Vec::new());
        assert_eq!(nothing.to_string(), "nothing is accepted");
        assert_eq!(Accept::<[u8; 2]>::Any.to_string(), "any");
        let flags = [Flag::On, Flag::Off, Flag::Any].map(|flag| flag.to_string());
        assert_eq!(flags, ["on", "off", "any"]);
        let required = Mitigations::Required(0x1f).to_string();
        assert_eq!(required, "all of 0x1f at launch and now");
        assert_eq!(Mitigations::Any.to_string(), "any");
    }
}
