//! KEY_INFO: which key signed a report, as the report itself says (AMD 56860,
//! table "ATTESTATION_REPORT", offset 48h).

use core::fmt;

use super::certificate::EndorsementKey;

/// Bit 0 says that an author key was used, bit 1 that the chip key is masked,
/// bits 4:2 which key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo(pub(super) u32);

/// The key in KEY_INFO bits 4:2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// 0: the chip's own key.
    Vcek,
    /// 1: the provider's key.
    Vlek,
    /// 7: nobody.
    Nobody,
    /// 2 to 6: a key this program does not know.
    Unknown(u8),
}

impl KeyInfo {
    /// All 32 bits.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the chip key is masked: the firmware then writes zeroes in place
    /// of a signature (AMD 56860, SNP_CONFIG, MASK_CHIP_KEY).
    pub const fn is_masked(self) -> bool {
        self.0 >> 1 & 1 == 1
    }

    /// The key that signed.
    pub const fn signer(self) -> Signer {
        match (self.0 >> 2 & 0b111).to_le_bytes() {
            [0, ..] => Signer::Vcek,
            [1, ..] => Signer::Vlek,
            [7, ..] => Signer::Nobody,
            [other, ..] => Signer::Unknown(other),
        }
    }

    /// Whether the report says that it has no signature.
    pub const fn is_unsigned(self) -> bool {
        self.is_masked() || matches!(self.signer(), Signer::Nobody)
    }
}

impl Signer {
    /// Whether a certificate for `key` is one for this signer.
    pub const fn is(self, key: EndorsementKey) -> bool {
        matches!(
            (self, key),
            (Self::Vcek, EndorsementKey::Vcek) | (Self::Vlek, EndorsementKey::Vlek)
        )
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vcek => f.write_str("VCEK"),
            Self::Vlek => f.write_str("VLEK"),
            Self::Nobody => f.write_str("none"),
            Self::Unknown(key) => write!(f, "unknown key {key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyInfo, Signer};

    #[test]
    fn the_signer_is_bits_2_to_4() {
        for (bits, signer, name) in [
            (0b0_0000, Signer::Vcek, "VCEK"),
            (0b0_0001, Signer::Vcek, "VCEK"),
            (0b0_0100, Signer::Vlek, "VLEK"),
            (0b0_1000, Signer::Unknown(2), "unknown key 2"),
            (0b1_1000, Signer::Unknown(6), "unknown key 6"),
            (0b1_1100, Signer::Nobody, "none"),
        ] {
            assert_eq!(KeyInfo(bits).signer(), signer);
            assert_eq!(signer.to_string(), name);
        }
    }

    #[test]
    fn a_masked_key_or_none_signed_nothing() {
        for (bits, masked, unsigned) in [
            (0b0_0000, false, false),
            (0b0_0010, true, true),
            (0b0_0110, true, true),
            (0b1_1100, false, true),
            (0b0_1000, false, false),
        ] {
            assert_eq!(KeyInfo(bits).is_masked(), masked);
            assert_eq!(KeyInfo(bits).is_unsigned(), unsigned);
        }
    }
}
