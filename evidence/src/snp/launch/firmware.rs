//! What an OVMF image says about itself: a table of GUIDs that ends 32 bytes
//! before the image does, and the SEV metadata that the table points to (edk2,
//! `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm` and `X64/OvmfSevMetadata.asm`).
//! Anything that QEMU or the hardware would refuse is an error here.

use core::fmt;

use super::PAGE;
use super::guid::Guid;

/// Longest image: QEMU maps no more below 4 GiB.
const MAX_LEN: usize = 16 * 1024 * 1024;

/// Where the image ends in the guest's memory.
const END: u64 = 1 << 32;

/// Most pages all sections may have together: 64 MiB. OVMF has 31; without a
/// bound a few bytes could ask for hours of hashing.
const MAX_SECTION_PAGES: u32 = 16_384;

/// The table ends so many bytes before the image: room for the reset vector.
const AFTER_TABLE: usize = 32;

/// Length and GUID, at the end of each entry.
const ENTRY_HEADER_LEN: usize = 18;

/// Ends the table.
const FOOTER: Guid = Guid::new(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d);
/// Where other processors start: an address.
const SEV_ES_RESET_BLOCK: Guid = Guid::new(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e);
/// Where the hashes of a kernel go: address and length.
const SEV_HASH_TABLE_RV: Guid = Guid::new(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454);
/// Where the metadata are: bytes before the end of the image.
const SEV_METADATA: Guid = Guid::new(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc);

/// Starts the metadata.
const METADATA_SIGNATURE: [u8; 4] = *b"ASEV";

/// The version of the metadata's form.
const METADATA_VERSION: u32 = 1;

/// Signature, length, version and number of sections.
const METADATA_HEADER_LEN: usize = 16;

/// Address, length and kind.
const SECTION_LEN: usize = 12;

/// An OVMF image, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware<'a> {
    image: &'a [u8],
    sections: Vec<Section>,
    reset_address: u32,
    hashes_area: Option<HashesArea>,
}

/// An area of memory that the monitor adds before the guest starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its address: whole pages.
    pub base: u32,
    /// Its length, at least one.
    pub pages: u32,
    /// What goes there.
    pub kind: SectionKind,
}

/// What goes into a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Zeros, accepted for the firmware's first steps.
    SecMemory,
    /// Keys of the guest, by the chip.
    Secrets,
    /// What CPUID says.
    Cpuid,
    /// Zeros, for calling an SVSM.
    SvsmCallingArea,
    /// Hashes of kernel, initrd and command line; zeros without a kernel.
    KernelHashes,
}

/// Where in the guest's memory the hashes of a kernel go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashesArea {
    /// Its address.
    pub base: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl fmt::Display for HashesArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, len } = self;
        write!(f, "{len} bytes at {base:#x}")
    }
}

/// Why bytes are no firmware that SEV-SNP can start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareError {
    /// Empty, too long, or no whole pages.
    #[error("it has {0} bytes, and must be whole pages of 4096 bytes, 16 MiB at most")]
    Length(usize),
    /// No footer where it should be.
    #[error("it is no OVMF image: there is no table of GUIDs at its end")]
    NoTable,
    /// An entry, or the table, reaches out of where it lies.
    #[error("its table of GUIDs is malformed: {0} bytes before its end do not fit")]
    Table(usize),
    /// Which of two counts depends on who reads.
    #[error("its table has the entry {0} twice")]
    Repeated(Guid),
    /// An entry SEV-SNP needs.
    #[error("its table has no {0}: it was not built for SEV-SNP")]
    Missing(&'static str),
    /// An entry that is too short for what it holds.
    #[error("the entry {0} of its table is too short")]
    ShortEntry(&'static str),
    /// Zero.
    #[error("it has no address where other processors start (SEV-ES reset block)")]
    ResetAddress,
    /// Metadata outside of the image.
    #[error("its SEV metadata, {0} bytes before the end, do not lie in it")]
    MetadataPlace(u32),
    /// Something else lies there.
    #[error("its SEV metadata do not start with ASEV")]
    MetadataSignature,
    /// A form we do not know.
    #[error("its SEV metadata have version {0}, and this program knows 1")]
    MetadataVersion(u32),
    /// A number of sections that does not fit the length.
    #[error("its SEV metadata say {sections} sections in {len} bytes")]
    MetadataLength {
        /// Bytes the metadata say they have.
        len: u32,
        /// Sections they say they have.
        sections: u32,
    },
    /// A kind we cannot measure.
    #[error("section {number} of its SEV metadata has the unknown type {kind:#x}")]
    SectionKind {
        /// Which, from 0.
        number: usize,
        /// What it says.
        kind: u32,
    },
    /// No pages below 4 GiB, or the wrong number of them.
    #[error(
        "section {number} of its SEV metadata has {len} bytes at {base:#x}: not whole pages, none, \
         more than its type has, or beyond 4 GiB"
    )]
    SectionRange {
        /// Which, from 0.
        number: usize,
        /// Its address.
        base: u32,
        /// Its length in bytes.
        len: u32,
    },
    /// More than any firmware needs.
    #[error("the sections of its SEV metadata have more than {MAX_SECTION_PAGES} pages")]
    SectionPages,
}

impl<'a> Firmware<'a> {
    /// Reads an image as QEMU is given it (`-bios`).
    ///
    /// # Errors
    /// When it is not an OVMF image that SEV-SNP can start.
    pub fn parse(image: &'a [u8]) -> Result<Self, FirmwareError> {
        if image.is_empty() || image.len() > MAX_LEN || !image.len().is_multiple_of(PAGE) {
            return Err(FirmwareError::Length(image.len()));
        }
        let table = Table::parse(image)?;
        let name = "SEV metadata";
        let from_end = table.get(SEV_METADATA, 0, name)?;
        let from_end = from_end.ok_or(FirmwareError::Missing(name))?;
        let name = "SEV-ES reset block";
        let reset_address = table.get(SEV_ES_RESET_BLOCK, 0, name)?;
        let reset_address = reset_address.ok_or(FirmwareError::Missing(name))?;
        if reset_address == 0 {
            return Err(FirmwareError::ResetAddress);
        }
        // Firmware without direct boot has the entry too, with zeros.
        let name = "SEV hash table";
        let base = table.get(SEV_HASH_TABLE_RV, 0, name)?;
        let len = table.get(SEV_HASH_TABLE_RV, 4, name)?;
        Ok(Self {
            image,
            sections: sections(image, from_end)?,
            reset_address,
            hashes_area: base.zip(len).map(|(base, len)| HashesArea { base, len }),
        })
    }

    /// The bytes.
    pub const fn image(&self) -> &'a [u8] {
        self.image
    }

    /// Its address: it ends at 4 GiB.
    pub const fn base(&self) -> u64 {
        END - self.image.len() as u64
    }

    /// The areas to add, in their order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Where processors start that do not boot; never 0.
    pub const fn reset_address(&self) -> u32 {
        self.reset_address
    }

    /// Where the hashes of a kernel go, if it says so.
    pub const fn hashes_area(&self) -> Option<HashesArea> {
        self.hashes_area
    }
}

/// The entries of the table, each GUID once.
struct Table<'a>(Vec<(Guid, &'a [u8])>);

impl<'a> Table<'a> {
    /// Read from the end, as it was made to be: each entry ends with its length,
    /// these 18 bytes included, and its GUID; the last one is the whole table.
    fn parse(image: &'a [u8]) -> Result<Self, FirmwareError> {
        let image = image.get(..image.len().saturating_sub(AFTER_TABLE));
        let whole = image.and_then(split_entry);
        let (before, guid, len) = whole.ok_or(FirmwareError::NoTable)?;
        if guid != FOOTER {
            return Err(FirmwareError::NoTable);
        }
        let (_, mut rest) = split_end(before, len).ok_or(FirmwareError::Table(0))?;
        let all = rest.len();
        let mut entries: Vec<(Guid, &[u8])> = Vec::new();
        while !rest.is_empty() {
            let entry = split_entry(rest).and_then(|(before, guid, len)| {
                let (before, data) = split_end(before, len)?;
                Some((before, guid, data))
            });
            let malformed = FirmwareError::Table(all.saturating_sub(rest.len()));
            let (before, guid, data) = entry.ok_or(malformed)?;
            if entries.iter().any(|(seen, _)| *seen == guid) {
                return Err(FirmwareError::Repeated(guid));
            }
            entries.push((guid, data));
            rest = before;
        }
        Ok(Self(entries))
    }

    /// The number at `at` in the entry of `guid`, if there is one.
    fn get(&self, guid: Guid, at: usize, name: &'static str) -> Result<Option<u32>, FirmwareError> {
        let Some((_, data)) = self.0.iter().find(|(seen, _)| *seen == guid) else {
            return Ok(None);
        };
        let number = u32_at(data, at).ok_or(FirmwareError::ShortEntry(name))?;
        Ok(Some(number))
    }
}

/// What stands before the header at the end of `bytes`, and the header.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], Guid, u16)> {
    let (bytes, guid) = bytes.split_last_chunk()?;
    let (bytes, len) = bytes.split_last_chunk()?;
    Some((bytes, Guid::from_bytes(*guid), u16::from_le_bytes(*len)))
}

/// Splits off the end of `bytes` what an entry with this length has before its header.
fn split_end(bytes: &[u8], len: u16) -> Option<(&[u8], &[u8])> {
    let len = usize::from(len).checked_sub(ENTRY_HEADER_LEN)?;
    bytes.split_at_checked(bytes.len().checked_sub(len)?)
}

fn sections(image: &[u8], from_end: u32) -> Result<Vec<Section>, FirmwareError> {
    let place = || FirmwareError::MetadataPlace(from_end);
    let start = usize::try_from(from_end).ok();
    let start = start.and_then(|back| image.len().checked_sub(back));
    let bytes = start.and_then(|start| image.get(start..));
    let bytes = bytes.ok_or_else(place)?;
    let signature = bytes.first_chunk().ok_or_else(place)?;
    if *signature != METADATA_SIGNATURE {
        return Err(FirmwareError::MetadataSignature);
    }
    let number = |at| u32_at(bytes, at).ok_or_else(place);
    let (len, version, count) = (number(4)?, number(8)?, number(12)?);
    if version != METADATA_VERSION {
        return Err(FirmwareError::MetadataVersion(version));
    }
    let length = FirmwareError::MetadataLength {
        len,
        sections: count,
    };
    // The length counts header and sections; whatever else it counts is unread.
    let all = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
    let list = all.and_then(|all| all.get(METADATA_HEADER_LEN..));
    let list = list.ok_or_else(|| length.clone())?;
    let needed = usize::try_from(count).ok();
    let needed = needed.and_then(|count| count.checked_mul(SECTION_LEN));
    let list = needed.and_then(|needed| list.get(..needed)).ok_or(length)?;

    let mut found = Vec::new();
    let mut pages = 0_u32;
    for (number, bytes) in list.as_chunks::<SECTION_LEN>().0.iter().enumerate() {
        let section = section(number, bytes)?;
        pages = pages.saturating_add(section.pages);
        if pages > MAX_SECTION_PAGES {
            return Err(FirmwareError::SectionPages);
        }
        found.push(section);
    }
    Ok(found)
}

fn section(number: usize, bytes: &[u8; SECTION_LEN]) -> Result<Section, FirmwareError> {
    let [b0, b1, b2, b3, l0, l1, l2, l3, k0, k1, k2, k3] = *bytes;
    let base = u32::from_le_bytes([b0, b1, b2, b3]);
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    let kind = match u32::from_le_bytes([k0, k1, k2, k3]) {
        1 => SectionKind::SecMemory,
        2 => SectionKind::Secrets,
        3 => SectionKind::Cpuid,
        4 => SectionKind::SvsmCallingArea,
        0x10 => SectionKind::KernelHashes,
        kind => return Err(FirmwareError::SectionKind { number, kind }),
    };
    let pages = len / 4096;
    let whole = base.is_multiple_of(4096) && len.is_multiple_of(4096) && len != 0;
    let below = u64::from(base) + u64::from(len) <= END;
    let fits = match kind {
        // The chip takes one page of each.
        SectionKind::Secrets | SectionKind::Cpuid => pages == 1,
        SectionKind::SecMemory | SectionKind::SvsmCallingArea | SectionKind::KernelHashes => true,
    };
    if !(whole && below && fits) {
        return Err(FirmwareError::SectionRange { number, base, len });
    }
    Ok(Section { base, pages, kind })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
