//! What SEV-SNP hardware will report as MEASUREMENT of a guest, computed from
//! what QEMU starts it with: firmware, kernel and command line, and the first
//! state of every virtual processor. Memory size is no part of it.
//!
//! The launch digest is a chain of SHA-384 over pages (`chain`). QEMU and KVM
//! add them in this order: the `firmware` image; the areas its metadata name,
//! among them the page with the `kernel`'s hashes; and one page of register
//! state (`vmsa`) per `vcpu`. That order and the rules for firmware are those of
//! QEMU's `target/i386/sev.c`; known answers hold the values in place
//! (`tests/launch/known.rs`). Other monitors give other digests.

mod chain;
mod firmware;
mod guid;
mod kernel;
mod vcpu;
mod vmsa;

use core::num::NonZeroU16;

pub use firmware::{Firmware, FirmwareError, HashesArea, Section, SectionKind};
pub use guid::Guid;
pub use kernel::{Boot, HASHES_LEN, KernelHashes};
pub use vcpu::{GuestFeatures, VcpuType, VcpuTypeError};

use chain::{Chain, PageType, UNREAD};

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// The start of one kind of guest: everything but how many processors it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Up to and without the processors.
    memory: Chain,
    /// What the page of the processor that boots hashes to.
    first: [u8; 48],
    /// The same of each other one.
    other: [u8; 48],
}

/// Why a guest cannot be started like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// A kernel for a firmware without a page for its hashes.
    #[error(
        "the firmware has no area for a kernel's hashes (SNP_KERNEL_HASHES): it does not check what it boots; \
         use one built for direct boot, such as OVMF's AmdSev"
    )]
    NoKernelHashes,
    /// The area for the hashes is not one page.
    #[error("the firmware's area for a kernel's hashes has {0} pages, and must have one")]
    KernelHashesPages(u32),
    /// No hash table entry.
    #[error("the firmware does not say where a kernel's hashes go (SEV_HASH_TABLE_RV)")]
    NoHashesTable,
    /// A hash table that QEMU refuses, or that leaves its page.
    #[error("the firmware's place for a kernel's hashes is no {HASHES_LEN} bytes in one page: {0}")]
    HashesTable(HashesArea),
}

impl Launch {
    /// Adds up a guest's memory.
    ///
    /// # Errors
    /// When the firmware cannot boot a kernel directly and there is one.
    pub fn new(
        firmware: &Firmware<'_>,
        boot: &Boot,
        vcpu: VcpuType,
        features: GuestFeatures,
    ) -> Result<Self, LaunchError> {
        let mut memory = Chain::default();
        memory.add_data(firmware.base(), firmware.image());
        let mut hashes_added = false;
        for section in firmware.sections() {
            let base = section.base.into();
            match (section.kind, boot) {
                (SectionKind::SecMemory | SectionKind::SvsmCallingArea, _)
                | (SectionKind::KernelHashes, Boot::FromDisk) => {
                    memory.add_zeros(base, section.pages);
                }
                (SectionKind::Secrets, _) => memory.add(PageType::Secrets, base, UNREAD),
                (SectionKind::Cpuid, _) => memory.add(PageType::Cpuid, base, UNREAD),
                (SectionKind::KernelHashes, Boot::Direct(hashes)) => {
                    if section.pages != 1 {
                        return Err(LaunchError::KernelHashesPages(section.pages));
                    }
                    let area = firmware.hashes_area().ok_or(LaunchError::NoHashesTable)?;
                    let page = hashes.page(area).ok_or(LaunchError::HashesTable(area))?;
                    memory.add(PageType::Normal, base, chain::digest_of(&page));
                    hashes_added = true;
                }
            }
        }
        match boot {
            Boot::Direct(_) if !hashes_added => return Err(LaunchError::NoKernelHashes),
            Boot::Direct(_) | Boot::FromDisk => {}
        }
        Ok(Self {
            memory,
            first: chain::digest_of(&vmsa::page(vmsa::RESET_VECTOR, vcpu, features)),
            other: chain::digest_of(&vmsa::page(firmware.reset_address(), vcpu, features)),
        })
    }

    /// MEASUREMENT of a guest that starts with `vcpus` processors (QEMU's `-smp`).
    pub fn measurement(&self, vcpus: NonZeroU16) -> [u8; 48] {
        let mut chain = self.memory.clone();
        chain.add(PageType::Vmsa, vmsa::ADDRESS, self.first);
        for _ in 1..vcpus.get() {
            chain.add(PageType::Vmsa, vmsa::ADDRESS, self.other);
        }
        chain.digest()
    }
}
