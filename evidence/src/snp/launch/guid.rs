//! GUIDs as firmware stores them: the first three groups little-endian (UEFI
//! specification, appendix A).

use core::fmt;

/// A GUID, as its 16 stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guid([u8; 16]);

impl Guid {
    /// As stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From its groups as they are written; the last two are one number.
    pub(super) const fn new(first: u32, second: u16, third: u16, last: u64) -> Self {
        let first = first.swap_bytes() as u128;
        let second = second.swap_bytes() as u128;
        let third = third.swap_bytes() as u128;
        let stored = first << 96 | second << 80 | third << 64 | last as u128;
        Self(stored.to_be_bytes())
    }

    /// As stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        // Three groups little-endian, two as they are.
        for (len, little, before) in [
            (4, true, ""),
            (2, true, "-"),
            (2, true, "-"),
            (2, false, "-"),
            (6, false, "-"),
        ] {
            let mut group: Vec<u8> = bytes.by_ref().take(len).copied().collect();
            if little {
                group.reverse();
            }
            write!(f, "{before}{}", hex::encode(group))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Guid;

    #[test]
    fn a_guid_is_stored_and_written_in_its_two_ways() {
        let guid = Guid::new(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d);
        assert_eq!(guid.to_string(), "96b582de-1fb2-45f7-baea-a366c55a082d");
        let stored = "de82b596b21ff745baeaa366c55a082d";
        assert_eq!(hex::encode(guid.as_bytes()), stored);
        assert_eq!(Guid::from_bytes(*guid.as_bytes()), guid);
    }
}
