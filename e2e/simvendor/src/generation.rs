//! Which processor is simulated, and what differs between them.

/// Which processor is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Generation {
    /// Name in certificates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// Common name of the intermediate for chips.
    pub(crate) fn ask_name(self) -> String {
        format!("SEV-{}", self.name())
    }

    /// Common name of the intermediate for providers.
    pub(crate) fn asvk_name(self) -> String {
        format!("SEV-VLEK-{}", self.name())
    }

    /// CPUID family, model and stepping of one such processor.
    pub const fn cpuid(self) -> [u8; 3] {
        match self {
            Self::Milan => [0x19, 0x01, 0x01],
            Self::Genoa => [0x19, 0x11, 0x01],
            Self::Turin => [0x1a, 0x02, 0x01],
        }
    }

    /// PLATFORM_INFO of such a machine as it is sold: SMT on, and on every Turin
    /// IOMMU_WRITE_SAFE (bit 6).
    pub const fn platform_info(self) -> u64 {
        match self {
            Self::Milan | Self::Genoa => 1,
            Self::Turin => 1 << 6 | 1,
        }
    }

    /// The eight bytes of a TCB in a report.
    pub const fn tcb_bytes(self, tcb: [u8; 5]) -> [u8; 8] {
        let [fmc, bootloader, tee, snp, microcode] = tcb;
        match self {
            Self::Milan | Self::Genoa => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
            Self::Turin => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
        }
    }
}
