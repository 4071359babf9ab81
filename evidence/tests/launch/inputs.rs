//! What is measured, and what is not.

use core::num::NonZeroU16;
use std::collections::BTreeSet;

use evidence::launch::{Boot, Firmware, GuestFeatures, KernelHashes, Launch, VcpuType};

use crate::image::Image;

struct Inputs {
    image: Image,
    kernel: &'static str,
    initrd: &'static str,
    line: &'static str,
    vcpu: &'static str,
    features: u64,
    vcpus: u16,
}

impl Inputs {
    fn usual() -> Self {
        Self {
            image: Image::whole(),
            kernel: "kernel",
            initrd: "initrd",
            line: "quiet",
            vcpu: "EPYC-v4",
            features: 1,
            vcpus: 2,
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> [u8; 48] {
        let mut inputs = Self::usual();
        change(&mut inputs);
        let Self {
            image,
            kernel,
            initrd,
            line,
            vcpu,
            features,
            vcpus,
        } = inputs;
        let image = image.bytes();
        let firmware = Firmware::parse(&image).unwrap();
        let hashes = KernelHashes::new(kernel.as_bytes(), initrd.as_bytes(), line);
        let vcpu: VcpuType = vcpu.parse().unwrap();
        let features = GuestFeatures::from_bits(features);
        let launch = Launch::new(&firmware, &Boot::Direct(hashes), vcpu, features).unwrap();
        launch.measurement(NonZeroU16::new(vcpus).unwrap())
    }
}

#[test]
fn every_input_changes_the_measurement() {
    type Change = fn(&mut Inputs);
    let changes: [Change; 15] = [
        |_| {},
        |inputs| inputs.image.seed = 2,
        |inputs| inputs.image.pages = 4,
        |inputs| inputs.image.sections.swap(0, 1),
        |inputs| inputs.image.sections[6][1] += 0x1000,
        |inputs| inputs.image.entry(crate::image::HASH_TABLE)[0] = 8,
        |inputs| inputs.image.entry(crate::image::RESET_BLOCK)[0] = 8,
        |inputs| inputs.kernel = "Kernel",
        |inputs| inputs.initrd = "",
        |inputs| inputs.line = "quiet ",
        |inputs| inputs.line = "",
        |inputs| inputs.vcpu = "EPYC-Genoa",
        |inputs| inputs.features = 0x21,
        |inputs| inputs.vcpus = 1,
        |inputs| inputs.vcpus = 3,
    ];
    let measured: BTreeSet<[u8; 48]> = changes.into_iter().map(Inputs::with).collect();
    assert_eq!(measured.len(), changes.len());
}

#[test]
fn versions_of_a_processor_are_measured_alike() {
    let usual = Inputs::with(|_| {});
    for name in ["EPYC", "EPYC-v1", "EPYC-IBPB", "23/1/2"] {
        assert_eq!(Inputs::with(|inputs| inputs.vcpu = name), usual, "{name}");
    }
}
