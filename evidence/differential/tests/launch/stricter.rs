//! Where the two differ: what ours refuses because QEMU or the hardware would
//! not start it, and one thing `sev` reads otherwise than QEMU.

use evidence::launch::{FirmwareError, Guid, HashesArea, LaunchError};
use sev::measurement::vcpu_types::CpuType;

use crate::agreement::{AMD_SEV, Direct, Guest, Refusal, ours};
use crate::image::{
    CPUID, HASH_TABLE, Image, KERNEL_HASHES, METADATA, RESET_BLOCK, SEC_MEMORY, SECRETS, words,
};
use crate::theirs::theirs;

fn guest<'a>(image: &'a [u8], append: &'a str) -> Guest<'a> {
    let kernel = Direct {
        kernel: b"a kernel",
        initrd: None,
        append: Some(append),
    };
    Guest {
        image,
        kernel: Some(kernel),
        vcpu: CpuType::EpycV4,
        features: 1,
        vcpus: 2,
    }
}

/// Images `sev` measures, and why ours does not.
fn images() -> Vec<(&'static str, Image, Refusal)> {
    let range = |base, len| {
        let number = 7;
        Refusal::Firmware(FirmwareError::SectionRange { number, base, len })
    };
    let section = |section| {
        let mut image = Image::whole();
        image.sections.push(section);
        image
    };
    let with = |change: fn(&mut Image)| {
        let mut image = Image::whole();
        change(&mut image);
        image
    };
    vec![
        (
            "the chip takes one page of secrets; sev counts the first",
            section([0x90_0000, 0x2000, SECRETS]),
            range(0x90_0000, 0x2000),
        ),
        (
            "the chip takes one page for CPUID; sev counts the first",
            section([0x90_0000, 0x2000, CPUID]),
            range(0x90_0000, 0x2000),
        ),
        (
            "pages start at pages",
            section([0x90_0010, 0x1000, SEC_MEMORY]),
            range(0x90_0010, 0x1000),
        ),
        (
            "KVM refuses an area without a page",
            section([0x90_0000, 0, SEC_MEMORY]),
            range(0x90_0000, 0),
        ),
        (
            "an address has 32 bits here",
            section([0xffff_f000, 0x2000, SEC_MEMORY]),
            range(0xffff_f000, 0x2000),
        ),
        (
            "a type has four bytes; sev reads one",
            section([0x90_0000, 0x1000, 0x101]),
            Refusal::Firmware(FirmwareError::SectionKind {
                number: 7,
                kind: 0x101,
            }),
        ),
        (
            "no firmware needs so much, and hashing it takes its time",
            section([0x1000_0000, 0x0400_0000, SEC_MEMORY]),
            Refusal::Firmware(FirmwareError::SectionPages),
        ),
        (
            "of two entries QEMU takes the last, sev the first",
            with(|image| image.entries.push((RESET_BLOCK, words(&[0x80_c004])))),
            Refusal::Firmware(FirmwareError::Repeated(Guid::from_bytes(RESET_BLOCK))),
        ),
        (
            "QEMU refuses a reset address of zero; sev leaves the processors out",
            with(|image| *image.entry(RESET_BLOCK) = words(&[0])),
            Refusal::Firmware(FirmwareError::ResetAddress),
        ),
        (
            "QEMU reads a length behind the hash table's address; sev does not",
            with(|image| *image.entry(HASH_TABLE) = words(&[0x81_0c00])),
            Refusal::Firmware(FirmwareError::ShortEntry("SEV hash table")),
        ),
        (
            "QEMU refuses a hash table at 0",
            with(|image| *image.entry(HASH_TABLE) = words(&[0, 0x400])),
            Refusal::Launch(LaunchError::HashesTable(HashesArea {
                base: 0,
                len: 0x400,
            })),
        ),
        (
            "QEMU refuses a hash table without room for the hashes",
            with(|image| *image.entry(HASH_TABLE) = words(&[0x81_0c00, 175])),
            Refusal::Launch(LaunchError::HashesTable(HashesArea {
                base: 0x81_0c00,
                len: 175,
            })),
        ),
    ]
}

#[test]
fn what_only_sev_measures_does_not_start() {
    for (why, image, refusal) in images() {
        let image = image.bytes();
        let guest = guest(&image, "");
        assert_eq!(ours(&guest), Err(refusal), "{why}");
        assert!(theirs(&guest).is_some(), "{why}");
    }
}

#[test]
fn a_table_with_a_rest_is_refused() {
    // An entry that is longer than the table ends sev's reading without a word.
    let mut image = Image::whole();
    image.entries.insert(0, (*b"not known either", words(&[0])));
    let mut image = image.bytes();
    let before_it = 22 + 26 + 26 + 22;
    let header = image.len() - 32 - 18 - before_it - 18;
    image[header..header + 2].copy_from_slice(&200_u16.to_le_bytes());
    let guest = guest(&image, "");
    let refusal = Refusal::Firmware(FirmwareError::Table(before_it));
    assert_eq!(ours(&guest), Err(refusal));
    assert!(theirs(&guest).is_some());
}

#[test]
fn neither_measures_what_lacks_an_entry() {
    for guid in [METADATA, RESET_BLOCK, HASH_TABLE] {
        let image = Image::whole().without(guid).bytes();
        let guest = guest(&image, "");
        assert!(ours(&guest).is_err());
        assert_eq!(theirs(&guest), None);
    }
}

/// QEMU hashes `-append` as it is, NUL included (`target/i386/sev.c`,
/// `sev_add_kernel_loader_hashes`); `sev` trims it first.
#[test]
fn spaces_around_the_command_line_count() {
    let trimmed = ours(&guest(AMD_SEV, "quiet")).unwrap();
    assert_eq!(theirs(&guest(AMD_SEV, "quiet")), Some(trimmed.clone()));
    for line in ["quiet ", " quiet", "quiet\n"] {
        assert_eq!(theirs(&guest(AMD_SEV, line)), Some(trimmed.clone()));
        assert_ne!(ours(&guest(AMD_SEV, line)).unwrap(), trimmed);
    }
}

#[test]
fn hashes_that_are_not_one_page_end_sev_and_are_refused_by_ours() {
    let mut image = Image::whole();
    image.sections.push([0x90_0000, 0x2000, KERNEL_HASHES]);
    let image = image.bytes();
    let refusal = Refusal::Launch(LaunchError::KernelHashesPages(2));
    assert_eq!(ours(&guest(&image, "")), Err(refusal));
    assert_eq!(theirs(&guest(&image, "")), None);
}
