//! One simulated vendor per generation, and evidence to break.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evidence::{
    Accept, Evidence, Expected, Flag, Generation, ListAge, Mitigations, PerGeneration, Rejection,
    Revocation, Root, Tcb, TcbFloor, Timestamp, Verified, verify,
};
use simvendor::{Chip, ChipSpec, Fields, Provider, RevocationSpec, Vendor};

pub(crate) const NOW: u64 = 1_795_000_000;
pub(crate) const DAY: u64 = 86_400;

pub(crate) struct World {
    pub(crate) generation: Generation,
    pub(crate) simulated: simvendor::Generation,
    pub(crate) vendor: Vendor,
    pub(crate) provider: Provider,
    pub(crate) vcek: Chip,
    pub(crate) vlek: Chip,
}

/// One vendor per generation for all tests: RSA keys take a second each.
pub(crate) fn world(generation: Generation) -> &'static World {
    static WORLDS: [OnceLock<World>; 3] = [const { OnceLock::new() }; 3];
    let (at, simulated) = match generation {
        Generation::Milan => (0, simvendor::Generation::Milan),
        Generation::Genoa => (1, simvendor::Generation::Genoa),
        Generation::Turin => (2, simvendor::Generation::Turin),
    };
    WORLDS[at].get_or_init(|| {
        let vendor = vendor(simulated, "vendor");
        let provider = provider(&vendor, "provider");
        World {
            generation,
            simulated,
            vcek: vendor.chip(&ChipSpec::new(simulated, NOW)).unwrap(),
            vlek: provider.vlek(&ChipSpec::vlek(simulated, NOW)).unwrap(),
            vendor,
            provider,
        }
    })
}

/// Someone else of the same name.
pub(crate) fn stranger(generation: simvendor::Generation) -> Vendor {
    vendor(generation, "stranger")
}

/// A vendor whose keys stay in the build's folder: making them takes seconds.
fn vendor(generation: simvendor::Generation, name: &str) -> Vendor {
    let dir = folder(generation, name);
    Vendor::load(generation, &dir).unwrap_or_else(|_| {
        let vendor = Vendor::generate(generation, NOW).unwrap();
        keep(&dir, |new| vendor.save(new));
        vendor
    })
}

/// Another of the vendor's intermediates for providers, kept in the same way.
pub(crate) fn provider(vendor: &Vendor, name: &str) -> Provider {
    // A name for each root: an intermediate is its root's own.
    let root: u32 = vendor
        .ark()
        .iter()
        .rev()
        .take(4)
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    let dir = folder(vendor.generation(), &format!("{name}-{root:08x}"));
    Provider::load(vendor.generation(), &dir).unwrap_or_else(|_| {
        let provider = vendor.provider(NOW).unwrap();
        keep(&dir, |new| provider.save(new));
        provider
    })
}

fn folder(generation: simvendor::Generation, name: &str) -> PathBuf {
    let folder = format!("simvendor-{NOW}-{}-{name}", generation.name());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder)
}

/// Saves under another name first: two runs at once must not mix their keys.
fn keep(dir: &Path, save: impl FnOnce(&Path) -> Result<(), simvendor::Error>) {
    let new = dir.with_extension(std::process::id().to_string());
    save(&new).unwrap();
    // Somebody else was faster: this run goes on with its own.
    let _lost = std::fs::rename(&new, dir);
}

/// Evidence, what it must say, and when.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) evidence: Evidence,
    pub(crate) expected: Expected,
    pub(crate) now: Timestamp,
}

impl Case {
    pub(crate) fn verify(&self) -> Result<Verified, Rejection> {
        verify(&self.evidence, &self.expected, self.now)
    }

    /// The same with another expectation.
    pub(crate) fn expecting(mut self, change: impl FnOnce(&mut Expected)) -> Self {
        change(&mut self.expected);
        self
    }

    pub(crate) fn at(mut self, secs: u64) -> Self {
        self.now = Timestamp::from_secs(secs);
        self
    }
}

impl World {
    /// Root and intermediates, without a revocation list.
    pub(crate) fn bare_root(&self) -> Root {
        let (ark, ask) = (self.vendor.ark(), self.vendor.ask());
        let root = Root::simulated(self.generation, ark, ask).unwrap();
        root.with_asvk(self.provider.asvk()).unwrap()
    }

    pub(crate) fn root_with_list(&self, spec: &RevocationSpec) -> Root {
        let list = self.vendor.sign_list(spec).unwrap();
        self.bare_root().with_revocation_list(&list).unwrap()
    }

    /// What a guest of a good machine asks for, signed by `chip`.
    pub(crate) fn fields(chip: &Chip) -> Fields {
        Fields {
            measurement: [0xaa; 48],
            host_data: [0xbb; 32],
            report_data: [b'c'; 64],
            ..Fields::new(chip)
        }
    }

    /// Good evidence by this machine's own key.
    pub(crate) fn case(&self) -> Case {
        self.case_of(&self.vcek, &Self::fields(&self.vcek))
    }

    /// Good evidence by the provider's key; the provider masks the chip.
    pub(crate) fn vlek_case(&self) -> Case {
        let fields = Fields {
            chip_id: [0; 64],
            ..Self::fields(&self.vlek)
        };
        self.case_of(&self.vlek, &fields)
    }

    /// Evidence with changed fields, signed by this machine's own key.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Fields)) -> Case {
        let mut fields = Self::fields(&self.vcek);
        change(&mut fields);
        self.case_of(&self.vcek, &fields)
    }

    /// Evidence by a chip with another certificate.
    pub(crate) fn with_chip(&self, change: impl FnOnce(&mut ChipSpec)) -> Case {
        let mut spec = ChipSpec::new(self.simulated, NOW);
        change(&mut spec);
        let chip = self.vendor.chip(&spec).unwrap();
        self.case_of(&chip, &Self::fields(&self.vcek))
    }

    /// Evidence by `chip` with these fields, and what good evidence must say.
    pub(crate) fn case_of(&self, chip: &Chip, fields: &Fields) -> Case {
        self.case_over(chip, fields.unsigned(chip.generation()))
    }

    /// The same over any bytes.
    pub(crate) fn case_over(&self, chip: &Chip, unsigned: Vec<u8>) -> Case {
        Case {
            evidence: Evidence {
                report: simvendor::sign(unsigned, chip).unwrap(),
                certificate: chip.certificate().to_vec(),
            },
            expected: self.expected(),
            now: Timestamp::from_secs(NOW),
        }
    }

    pub(crate) fn floor(&self) -> Tcb {
        let [fmc, bootloader, tee, snp, microcode] = self.vcek.spec().tcb;
        Tcb {
            fmc,
            bootloader,
            tee,
            snp,
            microcode,
        }
    }

    fn expected(&self) -> Expected {
        Expected {
            roots: vec![self.root_with_list(&RevocationSpec::new(NOW))],
            revocation: Revocation::Checked(ListAge::AtMost { secs: DAY }),
            tcb_floors: vec![TcbFloor {
                generation: self.generation,
                lowest: self.floor(),
            }],
            mitigations: PerGeneration::all(Mitigations::Any),
            unknown_bits: Vec::new(),
            measurement: Accept::Exactly([0xaa; 48]),
            host_data: [0xbb; 32],
            report_data: [b'c'; 64],
            vmpl: 0,
            debug: Flag::Off,
            migration: Flag::Off,
            smt_allowed: Flag::On,
            single_socket: Flag::Off,
            cxl_allowed: Flag::Off,
            aes_256_xts: Flag::Off,
            rapl_off: Flag::Off,
            ciphertext_hiding: Flag::Off,
            page_swap_disabled: Flag::Off,
            abi_minimum: (0, 0),
            platform_smt: Flag::On,
            platform_tsme: Flag::Off,
            platform_ecc: Flag::Off,
            platform_rapl_disabled: Flag::Off,
            platform_ciphertext_hiding: Flag::Off,
            platform_alias_check: Flag::Off,
            platform_iommu_write_safe: match self.generation {
                Generation::Milan | Generation::Genoa => Flag::Off,
                Generation::Turin => Flag::On,
            },
            platform_tio: Flag::Off,
            guest_svn_minimum: 0,
            family_id: Accept::Exactly([0; 16]),
            image_id: Accept::Exactly([0; 16]),
            id_key_digest: Accept::Exactly([0; 48]),
            author_key_digest: Accept::Exactly([0; 48]),
            report_id: Accept::Exactly([0x1d; 32]),
            report_id_ma: Accept::Exactly([0xff; 32]),
            chip_id: Accept::OneOf(vec![self.vcek.spec().chip_id, [0; 64]]),
        }
    }
}
