//! Both are asked about the same guests.

use core::num::NonZeroU16;

use evidence::launch::{
    Boot, Firmware, FirmwareError, GuestFeatures, KernelHashes, Launch, LaunchError, VcpuType,
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};
use sev::measurement::vcpu_types::CpuType;

use crate::image::{CPUID, HASH_TABLE, Image, KERNEL_HASHES, SEC_MEMORY, SECRETS, SVSM};
use crate::theirs::theirs;

pub(crate) const AMD_SEV: &[u8] = include_bytes!("../../../tests/vectors/ovmf-amdsev-end.bin");
const X64: &[u8] = include_bytes!("../../../tests/vectors/ovmf-x64-end.bin");

/// What both are asked about.
#[derive(Clone, Debug)]
pub(crate) struct Guest<'a> {
    pub(crate) image: &'a [u8],
    pub(crate) kernel: Option<Direct<'a>>,
    pub(crate) vcpu: CpuType,
    pub(crate) features: u64,
    pub(crate) vcpus: u16,
}

/// A kernel with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direct<'a> {
    pub(crate) kernel: &'a [u8],
    pub(crate) initrd: Option<&'a [u8]>,
    pub(crate) append: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Firmware(FirmwareError),
    Launch(LaunchError),
}

pub(crate) fn ours(guest: &Guest<'_>) -> Result<String, Refusal> {
    let firmware = Firmware::parse(guest.image).map_err(Refusal::Firmware)?;
    let boot = guest.kernel.map_or(Boot::FromDisk, |kernel| {
        let initrd = kernel.initrd.unwrap_or_default();
        let append = kernel.append.unwrap_or_default();
        Boot::Direct(KernelHashes::new(kernel.kernel, initrd, append))
    });
    // Both know the same names.
    let vcpu: VcpuType = guest.vcpu.to_string().parse().unwrap();
    let features = GuestFeatures::from_bits(guest.features);
    let launch = Launch::new(&firmware, &boot, vcpu, features).map_err(Refusal::Launch)?;
    let vcpus = NonZeroU16::new(guest.vcpus).unwrap();
    Ok(hex(&launch.measurement(vcpus)))
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

const TYPES: [CpuType; 18] = [
    CpuType::Epyc,
    CpuType::EpycV1,
    CpuType::EpycV2,
    CpuType::EpycIBPB,
    CpuType::EpycV3,
    CpuType::EpycV4,
    CpuType::EpycRome,
    CpuType::EpycRomeV1,
    CpuType::EpycRomeV2,
    CpuType::EpycRomeV3,
    CpuType::EpycMilan,
    CpuType::EpycMilanV1,
    CpuType::EpycMilanV2,
    CpuType::EpycGenoa,
    CpuType::EpycGenoaV1,
    CpuType::EpycTurin,
    CpuType::EpycTurinV1,
    CpuType::EpycTurinV2,
];

/// None, SNP alone, debug swap, secure TSC, all there are, all bits.
const FEATURES: [u64; 6] = [0, 0x1, 0x21, 0x201, 0xd7ff, u64::MAX];

const VCPUS: [u16; 6] = [1, 2, 3, 8, 64, 512];

fn kernels() -> Vec<Option<Direct<'static>>> {
    let kernel: &[u8] = b"MZ a kernel";
    let mut kernels = vec![None];
    for initrd in [None, Some(&b""[..]), Some(&b"an initrd"[..])] {
        for append in [None, Some(""), Some("root=/dev/vda1 \"a b\" quiet")] {
            kernels.push(Some(Direct {
                kernel,
                initrd,
                append,
            }));
        }
    }
    kernels
}

fn images() -> Vec<Vec<u8>> {
    let mut images = vec![AMD_SEV.to_vec()];
    for pages in [1, 2, 16] {
        let mut image = Image::whole();
        image.pages = pages;
        image.seed = u32::try_from(pages).unwrap() + 7;
        images.push(image.bytes());
    }
    // A place at the start of its page, and at the very end of it.
    for base in [0x81_0000_u32, 0x81_0f50] {
        let mut image = Image::whole();
        image.entry(HASH_TABLE)[..4].copy_from_slice(&base.to_le_bytes());
        images.push(image.bytes());
    }
    images
}

#[test]
fn both_measure_alike() {
    let mut compared = 0;
    for image in images() {
        for kernel in kernels() {
            for (at, vcpu) in TYPES.into_iter().enumerate() {
                let guest = Guest {
                    image: &image,
                    kernel,
                    vcpu,
                    features: FEATURES[at % FEATURES.len()],
                    vcpus: VCPUS[(at / 2 + compared) % VCPUS.len()],
                };
                let ours = ours(&guest).unwrap();
                assert_eq!(Some(ours), theirs(&guest), "{kernel:?} {vcpu} {compared}");
                compared += 1;
            }
        }
    }
    println!("{compared} guests measured alike");
    assert_eq!(compared, 6 * 10 * 18);
}

#[test]
fn every_count_of_processors_with_every_feature_is_measured_alike() {
    for vcpus in VCPUS {
        for features in FEATURES {
            for vcpu in [CpuType::EpycV4, CpuType::EpycGenoa] {
                for image in [AMD_SEV, X64] {
                    let guest = Guest {
                        image,
                        kernel: None,
                        vcpu,
                        features,
                        vcpus,
                    };
                    assert_eq!(ours(&guest).ok(), theirs(&guest), "{guest:?}");
                }
            }
        }
    }
}

#[test]
fn every_type_of_section_is_measured_alike() {
    for kind in [SEC_MEMORY, SECRETS, CPUID, SVSM, KERNEL_HASHES] {
        let mut only = Image::whole();
        only.sections.retain(|[_, _, of]| *of == kind);
        let mut twice = Image::whole();
        twice.sections.push([0xffff_f000, 0x1000, kind]);
        let without = Image::whole().without_sections(kind);
        for image in [only, twice, without] {
            let image = image.bytes();
            for kernel in kernels() {
                let guest = Guest {
                    image: &image,
                    kernel,
                    vcpu: CpuType::EpycV4,
                    features: 1,
                    vcpus: 2,
                };
                // Without an area for its hashes neither takes a kernel.
                let ours = ours(&guest);
                assert_eq!(ours.clone().ok(), theirs(&guest), "{kind} {ours:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Of broken images too: whatever ours measures, `sev` measures, alike.
    #[test]
    fn what_ours_measures_sev_measures_alike(
        whole in any::<bool>(),
        with_kernel in any::<bool>(),
        changes in prop::collection::vec((prop::bool::ANY, 0_usize..160, any::<u8>()), 0..3),
    ) {
        let mut image = if whole { Image::whole().bytes() } else { AMD_SEV.to_vec() };
        let len = image.len();
        let metadata = len - if whole { 0x600 } else { 0x554 };
        for (in_table, at, byte) in changes {
            let at = if in_table { len - 33 - at } else { metadata + at % 100 };
            image[at] = byte;
        }
        let guest = Guest {
            image: &image,
            kernel: kernels()[usize::from(with_kernel)],
            vcpu: CpuType::EpycMilan,
            features: 1,
            vcpus: 2,
        };
        if let Ok(ours) = ours(&guest) {
            prop_assert_eq!(Some(ours), theirs(&guest));
        }
    }
}
