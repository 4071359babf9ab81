//! Answers others computed: `tests/measurement.rs` of the `sev` crate 8.0.0,
//! for the ends of two real images (`tests/vectors/ORIGIN.md`). Kernel and
//! initrd are empty there.

use core::num::NonZeroU16;

use evidence::launch::{Boot, Firmware, GuestFeatures, KernelHashes, Launch, LaunchError};

const AMD_SEV: &[u8] = include_bytes!("../vectors/ovmf-amdsev-end.bin");
const X64: &[u8] = include_bytes!("../vectors/ovmf-x64-end.bin");

fn measure(image: &[u8], boot: &Boot, vcpus: u16, features: u64) -> Result<String, LaunchError> {
    let firmware = Firmware::parse(image).unwrap();
    let vcpu = "EPYC-v4".parse().unwrap();
    let features = GuestFeatures::from_bits(features);
    let launch = Launch::new(&firmware, boot, vcpu, features)?;
    let vcpus = NonZeroU16::new(vcpus).unwrap();
    Ok(hex::encode(launch.measurement(vcpus)))
}

fn direct(append: &str) -> Boot {
    Boot::Direct(KernelHashes::new(b"", b"", append))
}

#[test]
fn what_others_computed_for_real_firmware() {
    let line = "console=ttyS0 loglevel=7";
    for (image, boot, vcpus, features, expected) in [
        (
            AMD_SEV,
            direct(line),
            1,
            0x1,
            "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046c042e706363b4b08fa",
        ),
        (
            AMD_SEV,
            direct(line),
            1,
            0x21,
            "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977",
        ),
        (
            AMD_SEV,
            Boot::FromDisk,
            1,
            0x1,
            "19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d",
        ),
        (
            AMD_SEV,
            Boot::FromDisk,
            1,
            0x21,
            "e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b",
        ),
        (
            AMD_SEV,
            direct(""),
            4,
            0x1,
            "5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c4933de877c36e23046ad5",
        ),
        (
            AMD_SEV,
            direct(""),
            4,
            0x21,
            "4953b1fb416fa874980e8442b3706d345926d5f38879134e00813c5d7abcbe78eafe7b422907be0b4698e2414a631942",
        ),
        (
            X64,
            Boot::FromDisk,
            1,
            0x1,
            "da0296de8193586a5512078dcd719eccecbd87e2b825ad4148c44f665dc87df21e5b49e21523a9ad993afdb6a30b4005",
        ),
        (
            X64,
            Boot::FromDisk,
            1,
            0x21,
            "28797ae0afaba4005a81e629acebfb59e6687949d6be44007cd5506823b0dd66f146aaae26ff291eed7b493d8a64c385",
        ),
    ] {
        let measured = measure(image, &boot, vcpus, features);
        assert_eq!(
            measured.as_deref(),
            Ok(expected),
            "{boot:?} {vcpus} {features:#x}"
        );
    }
}

#[test]
fn a_kernel_needs_firmware_that_checks_it() {
    let refused = measure(X64, &direct(""), 1, 1);
    assert_eq!(refused, Err(LaunchError::NoKernelHashes));
}

#[test]
fn the_same_files_with_another_line_are_those_with_that_line_from_the_start() {
    let other = |line| KernelHashes::new(b"kernel", b"initrd", "a").with_command_line(line);
    for line in ["", "a", "a ", "b"] {
        let whole = KernelHashes::new(b"kernel", b"initrd", line);
        assert_eq!(other(line), whole, "{line:?}");
    }
    assert_ne!(other("b"), other("a"));
}
