//! The TCB version: one byte per firmware component, in a layout per generation.

use core::fmt;

use crate::Generation;

/// Security version numbers of the firmware components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcb {
    /// Firmware of the management controller; 0 on chips without (before Turin).
    pub fmc: u8,
    /// Boot loader of the secure processor.
    pub bootloader: u8,
    /// Operating system of the secure processor.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Lowest microcode level of all cores.
    pub microcode: u8,
}

impl Tcb {
    /// From the eight bytes of a report (AMD 56860, table "TCB_VERSION"; Turin:
    /// its second structure). `None` when a reserved bit is set.
    pub const fn from_bytes(generation: Generation, bytes: [u8; 8]) -> Option<Self> {
        if u64::from_le_bytes(bytes) & Self::without_meaning(generation) != 0 {
            return None;
        }
        Some(Self::known(generation, bytes))
    }

    /// The components that are known, whatever stands beside them.
    pub(super) const fn known(generation: Generation, bytes: [u8; 8]) -> Self {
        match (generation, bytes) {
            (
                Generation::Milan | Generation::Genoa,
                [bootloader, tee, _, _, _, _, snp, microcode],
            ) => Self {
                fmc: 0,
                bootloader,
                tee,
                snp,
                microcode,
            },
            (Generation::Turin, [fmc, bootloader, tee, snp, _, _, _, microcode]) => Self {
                fmc,
                bootloader,
                tee,
                snp,
                microcode,
            },
        }
    }

    /// The bits between the components.
    pub(super) const fn without_meaning(generation: Generation) -> u64 {
        match generation {
            // Bits 47:16.
            Generation::Milan | Generation::Genoa => 0x0000_ffff_ffff_0000,
            // Bits 55:32.
            Generation::Turin => 0x00ff_ffff_0000_0000,
        }
    }

    /// The higher value of every component.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        Self {
            fmc: self.fmc.max(other.fmc),
            bootloader: self.bootloader.max(other.bootloader),
            tee: self.tee.max(other.tee),
            snp: self.snp.max(other.snp),
            microcode: self.microcode.max(other.microcode),
        }
    }

    /// Whether every component is at least that of `floor`.
    pub const fn is_at_least(self, floor: Self) -> bool {
        self.fmc >= floor.fmc
            && self.bootloader >= floor.bootloader
            && self.tee >= floor.tee
            && self.snp >= floor.snp
            && self.microcode >= floor.microcode
    }
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fmc != 0 {
            write!(f, "fmc {}, ", self.fmc)?;
        }
        write!(
            f,
            "bootloader {}, tee {}, snp {}, microcode {}",
            self.bootloader, self.tee, self.snp, self.microcode
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Tcb;
    use crate::Generation;

    #[test]
    fn each_generation_has_its_layout() {
        let milan = Tcb::from_bytes(Generation::Milan, [1, 2, 0, 0, 0, 0, 3, 4]).unwrap();
        assert_eq!(milan.to_string(), "bootloader 1, tee 2, snp 3, microcode 4");
        let genoa = Tcb::from_bytes(Generation::Genoa, [1, 2, 0, 0, 0, 0, 3, 4]);
        assert_eq!(genoa, Some(milan));
        let turin = Tcb::from_bytes(Generation::Turin, [9, 1, 2, 3, 0, 0, 0, 4]).unwrap();
        let text = "fmc 9, bootloader 1, tee 2, snp 3, microcode 4";
        assert_eq!(turin.to_string(), text);
        assert_eq!(Tcb { fmc: 0, ..turin }, milan);
    }

    #[test]
    fn every_byte_is_a_component_or_reserved() {
        for (generation, reserved) in [
            (Generation::Milan, 2..6),
            (Generation::Genoa, 2..6),
            (Generation::Turin, 4..7),
        ] {
            for bit in 0..64 {
                let bytes = (1_u64 << bit).to_le_bytes();
                let read = Tcb::from_bytes(generation, bytes);
                assert_eq!(read.is_none(), reserved.contains(&(bit / 8)), "{bit}");
            }
        }
    }

    #[test]
    fn the_highest_is_so_per_component() {
        let (a, b) = ([1, 9, 2, 8, 3], [9, 1, 8, 2, 7]);
        let tcb = |[fmc, bootloader, tee, snp, microcode]: [u8; 5]| Tcb {
            fmc,
            bootloader,
            tee,
            snp,
            microcode,
        };
        assert_eq!(tcb(a).highest(tcb(b)), tcb([9, 9, 8, 8, 7]));
    }
}
