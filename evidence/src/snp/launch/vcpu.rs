//! What is measured of a virtual processor's kind: its signature, and the guest
//! features KVM turns on.

use core::str::FromStr;

/// QEMU's models with SEV-SNP, each with the highest `-vN` and what its
/// signature says (QEMU, `target/i386/cpu.c`). Versions differ in features only.
const MODELS: [(&str, u8, (u16, u8, u8)); 6] = [
    ("EPYC", 5, (23, 1, 2)),
    ("EPYC-IBPB", 0, (23, 1, 2)),
    ("EPYC-Rome", 5, (23, 49, 0)),
    ("EPYC-Milan", 3, (25, 1, 1)),
    ("EPYC-Genoa", 2, (25, 17, 0)),
    ("EPYC-Turin", 2, (26, 0, 0)),
];

/// The lowest family that has SEV at all: Zen.
const LOWEST_FAMILY: u16 = 0x17;

/// The highest family there can be: 15 and eight more bits.
const HIGHEST_FAMILY: u16 = 15 + 255;

/// Kind of a virtual processor (QEMU's `-cpu`), by CPUID Fn0000_0001_EAX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcpuType {
    signature: u32,
}

/// Why a text names no kind of processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VcpuTypeError {
    /// No name, and no three numbers.
    #[error(
        "{0:?} is no processor of QEMU's with SEV-SNP: EPYC, EPYC-IBPB, EPYC-Rome, EPYC-Milan, \
         EPYC-Genoa or EPYC-Turin, with -v1, -v2, … behind it or not; or FAMILY/MODEL/STEPPING"
    )]
    Name(String),
    /// Numbers no such processor has.
    #[error(
        "there is no processor with SEV-SNP of family {0}, model {1}, stepping {2}: families are \
         {LOWEST_FAMILY} to {HIGHEST_FAMILY}, models up to 255, steppings up to 15"
    )]
    Numbers(u16, u16, u16),
}

impl VcpuType {
    /// From family, model and stepping as `/proc/cpuinfo` has them.
    ///
    /// # Errors
    /// When no processor with SEV-SNP can have them.
    pub fn new(family: u16, model: u16, stepping: u16) -> Result<Self, VcpuTypeError> {
        let numbers = VcpuTypeError::Numbers(family, model, stepping);
        let known = (LOWEST_FAMILY..=HIGHEST_FAMILY).contains(&family);
        let Ok(model) = u8::try_from(model) else {
            return Err(numbers);
        };
        if !known || stepping > 15 {
            return Err(numbers);
        }
        // AMD 25481, CPUID Fn0000_0001_EAX: family above 15 is extended by a
        // byte at bit 20, the model's upper half stands at bit 16.
        let (family, model) = (u32::from(family), u32::from(model));
        let family = (family - 15) << 20 | 15 << 8;
        let model = (model >> 4) << 16 | (model & 15) << 4;
        Ok(Self {
            signature: family | model | u32::from(stepping),
        })
    }

    /// CPUID Fn0000_0001_EAX.
    pub const fn signature(self) -> u32 {
        self.signature
    }
}

impl FromStr for VcpuType {
    type Err = VcpuTypeError;

    /// `EPYC-v4` as QEMU has it, or `25/17/0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || VcpuTypeError::Name(text.to_owned());
        let mut numbers = text.split('/').map(str::parse);
        if let (Some(Ok(family)), Some(Ok(model)), Some(Ok(stepping)), None) = (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) {
            return Self::new(family, model, stepping);
        }
        let (family, model, stepping) = MODELS
            .iter()
            .find(|(name, versions, _)| {
                let version = text.strip_prefix(name);
                version.is_some_and(|version| {
                    version.is_empty() || (1..=*versions).any(|n| version == format!("-v{n}"))
                })
            })
            .map(|(_, _, numbers)| *numbers)
            .ok_or_else(unknown)?;
        Self::new(family, model.into(), stepping.into())
    }
}

/// SEV_FEATURES of every processor (AMD APM volume 2, table B-4, offset 3B0h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestFeatures(u64);

impl GuestFeatures {
    /// SEV-SNP and nothing else: what KVM sets unless QEMU asks for more.
    pub const SNP: Self = Self(1);

    /// From its bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{VcpuType, VcpuTypeError};

    fn signature(text: &str) -> Result<u32, VcpuTypeError> {
        text.parse().map(VcpuType::signature)
    }

    #[test]
    fn names_and_numbers_mean_the_same() {
        for (name, numbers, expected) in [
            ("EPYC-v4", "23/1/2", 0x0080_0f12),
            ("EPYC-IBPB", "23/1/2", 0x0080_0f12),
            ("EPYC-Rome-v1", "23/49/0", 0x0083_0f10),
            ("EPYC-Milan", "25/1/1", 0x00a0_0f11),
            ("EPYC-Genoa-v2", "25/17/0", 0x00a1_0f10),
            ("EPYC-Turin", "26/0/0", 0x00b0_0f00),
        ] {
            assert_eq!(signature(name), Ok(expected), "{name}");
            assert_eq!(signature(numbers), Ok(expected), "{numbers}");
        }
    }

    #[test]
    fn what_qemu_does_not_have_is_no_type() {
        for name in [
            "",
            "epyc-v4",
            "EPYC-v6",
            "EPYC-v0",
            "EPYC-v04",
            "EPYC-IBPB-v1",
            "EPYC-v4 ",
            "host",
            "25/17",
            "25/17/0/0",
            "25/x/0",
            "-1/1/1",
        ] {
            let error = VcpuTypeError::Name(name.to_owned());
            assert_eq!(signature(name), Err(error), "{name}");
        }
        for numbers in ["22/1/1", "271/1/1", "25/256/1", "25/1/16"] {
            let error = signature(numbers).unwrap_err();
            assert!(matches!(error, VcpuTypeError::Numbers(..)), "{numbers}");
        }
    }
}
