//! The launch digest: each page that is added hashes the digest so far together
//! with what the page is (AMD 56860, SEV-SNP firmware ABI: SNP_LAUNCH_UPDATE,
//! "Layout of the PAGE_INFO structure").

use sha2::{Digest as _, Sha384};

use super::PAGE;

/// Bytes of PAGE_INFO; it says its own length.
const PAGE_INFO_LEN: u16 = 0x70;

/// PAGE_TYPE, the values QEMU uses (56860, "Encodings for the PAGE_TYPE field").
#[derive(Clone, Copy, Debug)]
pub(super) enum PageType {
    /// Data.
    Normal = 1,
    /// Register state of a processor.
    Vmsa = 2,
    /// Zeros.
    Zero = 3,
    /// Written by the firmware of the chip; its contents are not measured.
    Secrets = 5,
    /// Checked by the firmware of the chip; its contents are not measured.
    Cpuid = 6,
}

/// Stands for contents that are not measured, zeros among them.
pub(super) const UNREAD: [u8; 48] = [0; 48];

/// What a page's contents count as.
pub(super) fn digest_of(page: &[u8; PAGE]) -> [u8; 48] {
    Sha384::digest(page).into()
}

/// GCTX.LD, zero at the start (56860, SNP_LAUNCH_START).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain([u8; 48]);

impl Default for Chain {
    fn default() -> Self {
        Self([0; 48])
    }
}

impl Chain {
    /// The digest of everything added.
    pub(super) const fn digest(&self) -> [u8; 48] {
        self.0
    }

    /// Adds whole pages of data from `address` on.
    pub(super) fn add_data(&mut self, address: u64, data: &[u8]) {
        let (pages, _rest) = data.as_chunks::<PAGE>();
        for (page, address) in pages.iter().zip((address..).step_by(PAGE)) {
            self.add(PageType::Normal, address, digest_of(page));
        }
    }

    /// Adds pages of zeros from `address` on.
    pub(super) fn add_zeros(&mut self, address: u64, pages: u32) {
        for (_, address) in (0..pages).zip((address..).step_by(PAGE)) {
            self.add(PageType::Zero, address, UNREAD);
        }
    }

    /// Adds a page by what its contents hash to.
    pub(super) fn add(&mut self, page_type: PageType, address: u64, contents: [u8; 48]) {
        let mut hash = Sha384::new();
        hash.update(self.0); // DIGEST_CUR
        hash.update(contents); // CONTENTS
        hash.update(PAGE_INFO_LEN.to_le_bytes()); // LENGTH
        hash.update([page_type as u8]); // PAGE_TYPE
        hash.update([0]); // IMI_PAGE: migration agents only
        hash.update([0; 3]); // VMPL3, VMPL2 and VMPL1 permissions: none
        hash.update([0]); // reserved
        hash.update(address.to_le_bytes()); // GPA
        self.0 = hash.finalize().into();
    }
}
