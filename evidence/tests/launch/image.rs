//! OVMF images for tests: the smallest that still start, and every way to break them.

/// Types of sections (edk2, `OvmfSevMetadata.asm`).
pub(crate) const SEC_MEMORY: u32 = 1;
pub(crate) const SECRETS: u32 = 2;
pub(crate) const CPUID: u32 = 3;
pub(crate) const SVSM: u32 = 4;
pub(crate) const KERNEL_HASHES: u32 = 0x10;

/// GUIDs as stored.
pub(crate) const FOOTER: [u8; 16] =
    *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";
pub(crate) const RESET_BLOCK: [u8; 16] =
    *b"\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e";
pub(crate) const HASH_TABLE: [u8; 16] =
    *b"\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b\x1d\xa6\xef\xa8\xd4\x54";
pub(crate) const METADATA: [u8; 16] =
    *b"\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc";

/// How far before the end the metadata start, unless the table says otherwise.
pub(crate) const METADATA_FROM_END: u32 = 0x600;

/// What an image is made of.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Its length.
    pub(crate) pages: usize,
    /// What its code is made of.
    pub(crate) seed: u32,
    /// Entries of the table, the last one nearest to the end.
    pub(crate) entries: Vec<([u8; 16], Vec<u8>)>,
    /// Address, length and type.
    pub(crate) sections: Vec<[u32; 3]>,
}

impl Image {
    /// With every entry and every type of section.
    pub(crate) fn whole() -> Self {
        Self {
            pages: 3,
            seed: 1,
            entries: vec![
                (METADATA, METADATA_FROM_END.to_le_bytes().to_vec()),
                (HASH_TABLE, words(&[0x81_0c00, 0x400])),
                (*b"not known to us.", b"anything".to_vec()),
                (RESET_BLOCK, words(&[0x80_b004])),
            ],
            sections: vec![
                [0x80_0000, 0x9000, SEC_MEMORY],
                [0x80_a000, 0x3000, SEC_MEMORY],
                [0x80_d000, 0x1000, SECRETS],
                [0x80_e000, 0x1000, CPUID],
                [0x80_f000, 0x1000, SVSM],
                [0x81_0000, 0x1000, KERNEL_HASHES],
                [0x81_1000, 0xf000, SEC_MEMORY],
            ],
        }
    }

    /// What an entry holds.
    pub(crate) fn entry(&mut self, guid: [u8; 16]) -> &mut Vec<u8> {
        let mut entries = self.entries.iter_mut();
        &mut entries.find(|(entry, _)| *entry == guid).unwrap().1
    }

    /// Without an entry.
    pub(crate) fn without(mut self, guid: [u8; 16]) -> Self {
        self.entries.retain(|(entry, _)| *entry != guid);
        self
    }

    /// Without the sections of a type.
    pub(crate) fn without_sections(mut self, kind: u32) -> Self {
        self.sections.retain(|[_, _, of]| *of != kind);
        self
    }

    /// The image.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut state = self.seed;
        let mut noise = || {
            // xorshift32: code that is no page of zeros.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        };
        let mut image: Vec<u8> = (0..self.pages * 4096).map(|_| noise()).collect();
        let len = image.len();

        let mut table = Vec::new();
        for (guid, data) in &self.entries {
            table.extend(data);
            table.extend(u16::try_from(data.len() + 18).unwrap().to_le_bytes());
            table.extend(guid);
        }
        table.extend(u16::try_from(table.len() + 18).unwrap().to_le_bytes());
        table.extend(FOOTER);
        image[len - 32 - table.len()..len - 32].copy_from_slice(&table);

        let count = u32::try_from(self.sections.len()).unwrap();
        let mut metadata = b"ASEV".to_vec();
        metadata.extend(words(&[16 + 12 * count, 1, count]));
        for section in &self.sections {
            metadata.extend(words(section));
        }
        let start = len - usize::try_from(METADATA_FROM_END).unwrap();
        image[start..start + metadata.len()].copy_from_slice(&metadata);
        image
    }
}

/// Numbers as firmware stores them.
pub(crate) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}
