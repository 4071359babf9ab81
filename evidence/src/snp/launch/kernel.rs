//! What QEMU tells the firmware about a kernel it was given: three SHA-256
//! hashes in a table in a measured page (`-object sev-snp-guest,kernel-hashes=on`;
//! the form is QEMU's, `target/i386/sev.c`). The firmware boots nothing else.

use sha2::{Digest as _, Sha256};

use super::PAGE;
use super::firmware::HashesArea;
use super::guid::Guid;

/// Starts the table.
const TABLE: Guid = Guid::new(0x9438_d606, 0x4f22, 0x4cc9, 0xb479_a793_d411_fd21);
/// The command line's entry.
const COMMAND_LINE: Guid = Guid::new(0x97d0_2dd8, 0xbd20, 0x4c94, 0xaa78_e771_4d36_ab2a);
/// The initrd's entry.
const INITRD: Guid = Guid::new(0x44ba_f731, 0x3a2f, 0x4bd7, 0x9af1_41e2_9169_781d);
/// The kernel's entry.
const KERNEL: Guid = Guid::new(0x4de7_9437, 0xabd2, 0x427f, 0xb835_d5b1_72d2_045b);

/// GUID, length (2) and hash.
const ENTRY_LEN: u16 = 16 + 2 + 32;

/// GUID, length (2) and three entries.
const TABLE_LEN: u16 = 16 + 2 + 3 * ENTRY_LEN;

/// Bytes the table takes: 168, filled up to a multiple of 16.
pub const HASHES_LEN: u32 = 176;

/// How a guest gets its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The firmware looks for one: the measurement says nothing about it.
    FromDisk,
    /// QEMU gives it one (`-kernel`), and its hashes are measured.
    Direct(KernelHashes),
}

/// The hashes of what QEMU gives the firmware to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelHashes {
    kernel: [u8; 32],
    initrd: [u8; 32],
    command_line: [u8; 32],
}

impl KernelHashes {
    /// Hashes the files as they are; `initrd` is empty if there is none, which is
    /// the same. Every byte of the command line (`-append`) counts, spaces at its
    /// ends too; there is no NUL in it.
    pub fn new(kernel: &[u8], initrd: &[u8], command_line: &str) -> Self {
        Self {
            kernel: Sha256::digest(kernel).into(),
            initrd: Sha256::digest(initrd).into(),
            command_line: hash_line(command_line),
        }
    }

    /// The same files with another command line.
    #[must_use]
    pub fn with_command_line(self, command_line: &str) -> Self {
        let command_line = hash_line(command_line);
        Self {
            command_line,
            ..self
        }
    }

    /// SHA-256 of the kernel.
    pub const fn kernel(&self) -> &[u8; 32] {
        &self.kernel
    }

    /// SHA-256 of the initrd.
    pub const fn initrd(&self) -> &[u8; 32] {
        &self.initrd
    }

    /// The page with the table at its place; nothing if QEMU would not write it
    /// there, or it would not lie in one page.
    pub(super) fn page(&self, area: HashesArea) -> Option<[u8; PAGE]> {
        let HashesArea { base, len } = area;
        if base == 0 || len < HASHES_LEN {
            return None;
        }
        let at = usize::try_from(base).ok()? % PAGE;
        let mut page = [0; PAGE];
        let table = self.table();
        let place = page.get_mut(at..)?.get_mut(..table.len())?;
        place.copy_from_slice(&table);
        Some(page)
    }

    fn table(&self) -> Vec<u8> {
        let mut table = Vec::new();
        table.extend(TABLE.as_bytes());
        table.extend(TABLE_LEN.to_le_bytes());
        for (guid, hash) in [
            (COMMAND_LINE, &self.command_line),
            (INITRD, &self.initrd),
            (KERNEL, &self.kernel),
        ] {
            table.extend(guid.as_bytes());
            table.extend(ENTRY_LEN.to_le_bytes());
            table.extend(hash);
        }
        table.extend([0; 8]); // to 176
        table
    }
}

/// QEMU hashes the text with its NUL.
fn hash_line(command_line: &str) -> [u8; 32] {
    let mut line = Sha256::new();
    line.update(command_line);
    line.update([0]);
    line.finalize().into()
}
