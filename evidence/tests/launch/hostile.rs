//! Images that do not start: each is refused by its reason, and nothing panics.

use evidence::launch::{
    Boot, Firmware, FirmwareError, GuestFeatures, Guid, HashesArea, KernelHashes, Launch,
    LaunchError,
};
use proptest::prelude::{ProptestConfig, any, prop, proptest};

use crate::image::{
    CPUID, HASH_TABLE, Image, KERNEL_HASHES, METADATA, METADATA_FROM_END, RESET_BLOCK, SEC_MEMORY,
    SECRETS, words,
};

fn error(image: &[u8]) -> FirmwareError {
    Firmware::parse(image).unwrap_err()
}

/// The image with its metadata changed at an offset.
fn metadata(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = Image::whole().bytes();
    let start = image.len() - usize::try_from(METADATA_FROM_END).unwrap() + at;
    image[start..start + bytes.len()].copy_from_slice(bytes);
    image
}

fn with_section(section: [u32; 3]) -> FirmwareError {
    let mut image = Image::whole();
    image.sections.push(section);
    error(&image.bytes())
}

#[test]
fn an_image_is_whole_pages_of_at_most_16_mib() {
    let image = Image::whole().bytes();
    for len in [0, 1, 4095, 4097, image.len() - 1] {
        assert_eq!(error(&image[..len]), FirmwareError::Length(len));
    }
    let too_long = vec![0; 16 * 1024 * 1024 + 4096];
    assert_eq!(error(&too_long), FirmwareError::Length(too_long.len()));
    let mut longest = Image::whole();
    longest.pages = 4096;
    assert!(Firmware::parse(&longest.bytes()).is_ok());
}

#[test]
fn a_table_without_a_footer_is_no_table() {
    assert_eq!(error(&[0; 4096]), FirmwareError::NoTable);
    let mut image = Image::whole().bytes();
    let end = image.len() - 32;
    image[end - 1] ^= 1;
    assert_eq!(error(&image), FirmwareError::NoTable);
}

#[test]
fn a_table_that_does_not_add_up_is_refused() {
    let whole = Image::whole().bytes();
    let footer = whole.len() - 32 - 18;
    let with_len = |at: usize, len: u16| {
        let mut image = whole.clone();
        image[at..at + 2].copy_from_slice(&len.to_le_bytes());
        error(&image)
    };
    // The whole: shorter than its header, longer than the image.
    assert_eq!(with_len(footer, 17), FirmwareError::Table(0));
    assert_eq!(with_len(footer, 0xffff), FirmwareError::Table(0));
    // The last entry: shorter than its header, longer than the table.
    assert_eq!(with_len(footer - 18, 17), FirmwareError::Table(0));
    assert_eq!(with_len(footer - 18, 0x400), FirmwareError::Table(0));
    // It leaves a rest that is no entry.
    assert!(matches!(
        with_len(footer, 18 + 22 + 5),
        FirmwareError::Table(22)
    ));
    // An empty table is one.
    let missing = FirmwareError::Missing("SEV metadata");
    assert_eq!(with_len(footer, 18), missing);
}

#[test]
fn an_entry_that_stands_twice_is_refused() {
    let mut image = Image::whole();
    image.entries.push((RESET_BLOCK, words(&[1])));
    let twice = FirmwareError::Repeated(Guid::from_bytes(RESET_BLOCK));
    assert_eq!(error(&image.bytes()), twice);
    assert!(
        twice
            .to_string()
            .contains("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
    );
}

#[test]
fn what_sev_snp_needs_has_to_be_there() {
    for (guid, name) in [
        (METADATA, "SEV metadata"),
        (RESET_BLOCK, "SEV-ES reset block"),
    ] {
        let image = Image::whole().without(guid).bytes();
        assert_eq!(error(&image), FirmwareError::Missing(name));
        let mut image = Image::whole();
        image.entry(guid).pop();
        assert_eq!(error(&image.bytes()), FirmwareError::ShortEntry(name));
    }
    let mut image = Image::whole();
    image.entry(HASH_TABLE).pop();
    let short = FirmwareError::ShortEntry("SEV hash table");
    assert_eq!(error(&image.bytes()), short);
    let mut image = Image::whole();
    *image.entry(RESET_BLOCK) = words(&[0]);
    assert_eq!(error(&image.bytes()), FirmwareError::ResetAddress);
}

#[test]
fn metadata_lie_in_the_image() {
    let len = u32::try_from(Image::whole().bytes().len()).unwrap();
    for place in [len + 1, u32::MAX, 0x8000_0000, 0, 3, 15] {
        let mut image = Image::whole();
        *image.entry(METADATA) = words(&[place]);
        // So close to the end there is something else, or too little.
        let expected = match place {
            15 => FirmwareError::MetadataSignature,
            place => FirmwareError::MetadataPlace(place),
        };
        assert_eq!(error(&image.bytes()), expected);
    }
}

#[test]
fn metadata_are_of_a_form_we_know() {
    assert_eq!(
        error(&metadata(0, b"ASEW")),
        FirmwareError::MetadataSignature
    );
    for version in [0, 2, u32::MAX] {
        let image = metadata(8, &words(&[version]));
        assert_eq!(error(&image), FirmwareError::MetadataVersion(version));
    }
    for (len, sections) in [(99, 7), (100, 8), (15, 0), (u32::MAX, 7), (100, u32::MAX)] {
        let mut image = metadata(4, &words(&[len]));
        let start = image.len() - usize::try_from(METADATA_FROM_END).unwrap();
        image[start + 12..start + 16].copy_from_slice(&words(&[sections]));
        let expected = FirmwareError::MetadataLength { len, sections };
        assert_eq!(error(&image), expected);
    }
}

#[test]
fn a_section_of_an_unknown_type_is_refused() {
    // The last one is type 1 for who reads one byte.
    for kind in [0, 5, 0x11, u32::MAX, 0x101] {
        let expected = FirmwareError::SectionKind { number: 7, kind };
        assert_eq!(with_section([0x90_0000, 0x1000, kind]), expected);
    }
}

#[test]
fn a_section_is_pages_that_exist() {
    for [base, len, kind] in [
        [0x90_0001, 0x1000, SEC_MEMORY],
        [0x90_0000, 0x1001, SEC_MEMORY],
        [0x90_0000, 0, SEC_MEMORY],
        [0xffff_f000, 0x2000, SEC_MEMORY],
        [0x90_0000, 0x2000, SECRETS],
        [0x90_0000, 0x2000, CPUID],
    ] {
        let expected = FirmwareError::SectionRange {
            number: 7,
            base,
            len,
        };
        assert_eq!(with_section([base, len, kind]), expected);
    }
    let mut image = Image::whole();
    image.sections.push([0xffff_f000, 0x1000, SEC_MEMORY]);
    assert!(Firmware::parse(&image.bytes()).is_ok());
}

#[test]
fn nobody_is_kept_hashing_for_hours() {
    let section = [0, 0xffff_f000, SEC_MEMORY];
    assert_eq!(with_section(section), FirmwareError::SectionPages);
    let mut image = Image::whole();
    image.sections = vec![[0, 0x0200_0000, SEC_MEMORY]; 2];
    assert!(Firmware::parse(&image.bytes()).is_ok(), "64 MiB");
    image.sections.push([0, 0x1000, SEC_MEMORY]);
    assert_eq!(error(&image.bytes()), FirmwareError::SectionPages);
}

#[test]
fn a_kernel_needs_one_page_for_its_hashes_and_a_place_in_it() {
    let started = |image: &Image| {
        let image = image.bytes();
        let firmware = Firmware::parse(&image).unwrap();
        let vcpu = "EPYC-v4".parse().unwrap();
        // Without a kernel all of these start.
        let launch = |boot| Launch::new(&firmware, &boot, vcpu, GuestFeatures::SNP);
        launch(Boot::FromDisk).unwrap();
        launch(Boot::Direct(KernelHashes::new(b"kernel", b"", "")))
    };
    let refused = |image: &Image| started(image).unwrap_err();
    let image = Image::whole().without_sections(KERNEL_HASHES);
    assert_eq!(refused(&image), LaunchError::NoKernelHashes);
    let image = Image::whole().without(HASH_TABLE);
    assert_eq!(refused(&image), LaunchError::NoHashesTable);
    let mut image = Image::whole();
    image.sections[5][1] = 0x2000;
    assert_eq!(refused(&image), LaunchError::KernelHashesPages(2));
    let mut image = Image::whole();
    *image.entry(HASH_TABLE) = words(&[0x81_0f50, 176]);
    assert!(
        started(&image).is_ok(),
        "as long as needed, at the end of the page"
    );
    // Nowhere, too short, and over the end of the page.
    for [base, len] in [[0, 0x400], [0x81_0c00, 175], [0x81_0f51, 0x400]] {
        let mut image = Image::whole();
        *image.entry(HASH_TABLE) = words(&[base, len]);
        let area = HashesArea { base, len };
        let refused = refused(&image);
        assert_eq!(refused, LaunchError::HashesTable(area));
        let place = format!("{len} bytes at {base:#x}");
        assert!(refused.to_string().ends_with(&place), "{refused}");
    }
}

/// Parsing, and all that follows.
fn survive(image: &[u8]) {
    if let Ok(firmware) = Firmware::parse(image) {
        let boot = Boot::Direct(KernelHashes::new(b"kernel", b"", ""));
        let vcpu = "EPYC-v4".parse().unwrap();
        let _ = Launch::new(&firmware, &boot, vcpu, GuestFeatures::SNP);
    }
}

#[test]
fn no_changed_bit_of_table_or_metadata_panics() {
    let mut image = Image::whole();
    image.pages = 1;
    let whole = image.bytes();
    let (table, metadata) = (whole.len() - 200..whole.len(), whole.len() - 0x600);
    for at in table.chain(metadata..metadata + 100) {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            survive(&changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(pages in prop::collection::vec(any::<u8>(), 0..9000)) {
        survive(&pages);
        let whole = pages.len() / 4096 * 4096;
        survive(&pages[..whole]);
    }

    #[test]
    fn no_changed_image_panics(
        changes in prop::collection::vec((0_usize..0x800, any::<u8>()), 0..8),
        words in prop::collection::vec((0_usize..0x200, any::<u32>()), 0..3),
    ) {
        let mut image = Image::whole().bytes();
        let len = image.len();
        for (from_end, byte) in changes {
            image[len - 1 - from_end] = byte;
        }
        for (word, value) in words {
            let at = len - 4 - 4 * word;
            image[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        survive(&image);
    }

    #[test]
    fn no_made_up_table_panics(
        entries in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
        sections in prop::collection::vec((any::<u16>(), 0_u32..40, 0_u32..0x12), 0..20),
    ) {
        let mut image = Image::whole();
        image.entries.extend(entries);
        image.sections = sections
            .into_iter()
            .map(|(base, pages, kind)| [u32::from(base) << 12, pages << 12, kind])
            .collect();
        survive(&image.bytes());
    }
}
