//! Simulated chains of every generation: good evidence passes, and each single
//! change is refused for its own reason.

// A failed test is reported by stopping at once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::items_after_statements
)]

use std::sync::OnceLock;

use evidence::{
    Accept, Evidence, Expected, Flag, Generation, Reason, Revocation, Root, RootClass, Tcb,
    TcbFloor, Timestamp, from_guest_components, verify,
};
use simvendor::{Chip, ChipSpec, Fields, Vendor};

const NOW: u64 = 1_795_000_000;

struct World {
    vendor: Vendor,
    chip: Chip,
    generation: Generation,
}

fn world(generation: Generation) -> &'static World {
    static WORLDS: [OnceLock<World>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let (at, simulated) = match generation {
        Generation::Milan => (0, simvendor::Generation::Milan),
        Generation::Genoa => (1, simvendor::Generation::Genoa),
        Generation::Turin => (2, simvendor::Generation::Turin),
    };
    WORLDS[at].get_or_init(|| {
        let vendor = Vendor::generate(simulated, NOW).unwrap();
        let chip = vendor.chip(&ChipSpec::new(simulated, NOW)).unwrap();
        World {
            vendor,
            chip,
            generation,
        }
    })
}

impl World {
    fn root(&self) -> Root {
        let root = Root::simulated(self.generation, self.vendor.ark(), self.vendor.ask()).unwrap();
        let list = self.vendor.revocation_list(NOW, &[]).unwrap();
        root.with_revocation_list(&list).unwrap()
    }

    fn fields(&self) -> Fields {
        Fields {
            measurement: [0xaa; 48],
            host_data: [0xbb; 32],
            report_data: [b'c'; 64],
            ..Fields::new(&self.chip)
        }
    }

    fn evidence(&self, fields: &Fields) -> Evidence {
        Evidence {
            report: fields.sign(&self.chip).unwrap(),
            certificate: self.chip.certificate().to_vec(),
        }
    }

    fn expected(&self) -> Expected {
        let [fmc, bootloader, tee, snp, microcode] = self.chip.spec().tcb;
        Expected {
            roots: vec![self.root()],
            revocation: Revocation::Checked {
                max_age_secs: 86_400,
            },
            tcb_floors: vec![TcbFloor {
                generation: self.generation,
                lowest: Tcb {
                    fmc,
                    bootloader,
                    tee,
                    snp,
                    microcode,
                },
            }],
            measurement: Accept::Exactly([0xaa; 48]),
            host_data: [0xbb; 32],
            report_data: [b'c'; 64],
            vmpl: 0,
            debug: Flag::Off,
            migration: Flag::Off,
            smt_allowed: Flag::On,
            single_socket: Flag::Off,
            abi_minimum: (0, 0),
            platform_smt: Flag::On,
            platform_tsme: Flag::Off,
            platform_ecc: Flag::Off,
            platform_rapl_disabled: Flag::Off,
            platform_ciphertext_hiding: Flag::Off,
            platform_alias_check: Flag::Off,
            id_key_digest: Accept::Exactly([0; 48]),
            author_key_digest: Accept::Exactly([0; 48]),
            report_id: Accept::Exactly([0x1d; 32]),
            report_id_ma: Accept::Exactly([0xff; 32]),
            chip_id: Accept::Exactly(self.chip.spec().chip_id),
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

#[test]
fn good_evidence_of_every_generation_and_version_passes() {
    for generation in Generation::ALL {
        let world = world(generation);
        for version in 3..=5 {
            let fields = Fields {
                version,
                ..world.fields()
            };
            let verified = verify(&world.evidence(&fields), &world.expected(), now()).unwrap();
            let claims = verified.claims();
            assert_eq!(claims.generation, generation);
            assert_eq!(claims.class, RootClass::Simulated);
            assert_eq!(claims.report_version, version);
            assert!(verified.checks().len() > 25);
        }
    }
}

#[test]
fn each_single_change_of_the_report_is_refused_for_its_own_reason() {
    let world = world(Generation::Genoa);
    type Change = fn(&mut Fields);
    let changes: [(Reason, Change); 21] = [
        (Reason::ReportVersion, |f| f.version = 2),
        (Reason::Generation, |f| f.cpuid = [0x17, 0x31, 0]),
        (Reason::NoRoot, |f| f.cpuid = [0x19, 0x01, 0]),
        (Reason::SignatureAlgorithm, |f| f.signature_algorithm = 2),
        (Reason::SigningKey, |f| f.key_info = 0b10),
        (Reason::SigningKey, |f| f.key_info = 1 << 2),
        (Reason::SigningKey, |f| f.key_info = 7 << 2),
        (Reason::CurrentTcb, |f| f.tcb[0][1] -= 1),
        (Reason::ReportedTcb, |f| f.tcb[1][1] -= 1),
        (Reason::CommittedTcb, |f| f.tcb[2][3] -= 1),
        (Reason::LaunchTcb, |f| f.tcb[3][4] -= 1),
        (Reason::CertificateTcb, |f| f.tcb[1][4] += 1),
        (Reason::ChipId, |f| f.chip_id[0] ^= 1),
        (Reason::ChipId, |f| f.chip_id = [0; 64]),
        (Reason::Vmpl, |f| f.vmpl = 1),
        (Reason::Debug, |f| f.policy |= 1 << 19),
        (Reason::Migration, |f| f.policy |= 1 << 18),
        (Reason::Platform, |f| f.platform_info |= 1 << 1),
        (Reason::Measurement, |f| f.measurement[47] ^= 1),
        (Reason::HostData, |f| f.host_data[31] ^= 1),
        (Reason::ReportData, |f| f.report_data[63] ^= 1),
    ];
    for (reason, change) in changes {
        let mut fields = world.fields();
        change(&mut fields);
        let refused = verify(&world.evidence(&fields), &world.expected(), now()).unwrap_err();
        assert_eq!(refused.reason, reason, "{refused}");
        let last = refused.checks.last().unwrap();
        assert_ne!(last.expected, last.seen);
    }
}

#[test]
fn every_flipped_byte_of_the_signed_report_is_refused() {
    let world = world(Generation::Milan);
    let good = world.evidence(&world.fields());
    let expected = world.expected();
    assert!(verify(&good, &expected, now()).is_ok());
    for at in 0..good.report.len() {
        let mut evidence = good.clone();
        evidence.report[at] ^= 0x80;
        assert!(verify(&evidence, &expected, now()).is_err(), "byte {at}");
    }
}

#[test]
fn the_certificate_is_the_chips_own() {
    let world = world(Generation::Milan);
    let good = world.evidence(&world.fields());
    let refuse = |certificate: &[u8]| {
        let evidence = Evidence {
            certificate: certificate.to_vec(),
            ..good.clone()
        };
        verify(&evidence, &world.expected(), now())
            .unwrap_err()
            .reason
    };
    let spec = ChipSpec::new(simvendor::Generation::Milan, NOW);
    let other_key = world.vendor.chip(&spec).unwrap();
    let other_product = ChipSpec {
        product: "Genoa".to_owned(),
        ..spec.clone()
    };
    let other_product = world.vendor.chip(&other_product).unwrap();
    let other_name = ChipSpec {
        common_name: "SEV-OTHEREK".to_owned(),
        ..spec.clone()
    };
    let other_name = world.vendor.chip(&other_name).unwrap();
    let expired = ChipSpec {
        validity: (NOW - 10, NOW - 1),
        ..spec.clone()
    };
    let expired = world.vendor.chip(&expired).unwrap();
    let stranger = Vendor::generate(simvendor::Generation::Milan, NOW).unwrap();
    let stranger = stranger.chip(&spec).unwrap();

    assert_eq!(refuse(&[]), Reason::CertificateMissing);
    assert_eq!(refuse(b"no certificate"), Reason::CertificateUnreadable);
    assert_eq!(refuse(world.vendor.ask()), Reason::CertificateChain);
    assert_eq!(refuse(stranger.certificate()), Reason::CertificateChain);
    assert_eq!(refuse(other_key.certificate()), Reason::Signature);
    assert_eq!(
        refuse(other_product.certificate()),
        Reason::CertificateProduct
    );
    assert_eq!(refuse(other_name.certificate()), Reason::CertificateProduct);
    assert_eq!(refuse(expired.certificate()), Reason::CertificateTime);
}

#[test]
fn what_was_revoked_or_might_have_been_is_refused() {
    let world = world(Generation::Milan);
    let good = world.evidence(&world.fields());
    let with = |root: Root| {
        let expected = Expected {
            roots: vec![root],
            ..world.expected()
        };
        verify(&good, &expected, now()).unwrap_err().reason
    };
    let bare = Root::simulated(world.generation, world.vendor.ark(), world.vendor.ask()).unwrap();
    let list = |made, revoked: &[u64]| {
        let list = world.vendor.revocation_list(made, revoked).unwrap();
        bare.clone().with_revocation_list(&list).unwrap()
    };
    assert_eq!(with(bare.clone()), Reason::RevocationMissing);
    assert_eq!(with(list(NOW - 86_401, &[])), Reason::RevocationAge);
    assert_eq!(with(list(NOW + 1, &[])), Reason::RevocationAge);
    let revoked = list(NOW, &[7, world.vendor.ask_serial()]);
    assert_eq!(with(revoked), Reason::Revoked);

    let stranger = Vendor::generate(simvendor::Generation::Milan, NOW).unwrap();
    let list = stranger.revocation_list(NOW, &[]).unwrap();
    assert!(bare.with_revocation_list(&list).is_err());
}

#[test]
fn a_root_must_sign_itself_and_its_intermediate() {
    let world = world(Generation::Milan);
    let stranger = Vendor::generate(simvendor::Generation::Milan, NOW).unwrap();
    assert!(Root::simulated(Generation::Milan, world.vendor.ask(), world.vendor.ask()).is_err());
    assert!(Root::simulated(Generation::Milan, stranger.ark(), world.vendor.ask()).is_err());
}

#[test]
fn a_floor_is_needed_and_an_empty_list_refuses_everything() {
    let world = world(Generation::Milan);
    let good = world.evidence(&world.fields());
    let mut expected = world.expected();
    expected.tcb_floors.clear();
    let refused = verify(&good, &expected, now()).unwrap_err();
    assert_eq!(refused.reason, Reason::NoTcbFloor);
    let mut expected = world.expected();
    expected.measurement = Accept::OneOf(Vec::new());
    let refused = verify(&good, &expected, now()).unwrap_err();
    assert_eq!(refused.reason, Reason::Measurement);
}

#[test]
fn the_guest_components_form_is_the_same_evidence() {
    for generation in Generation::ALL {
        let world = world(generation);
        for version in [3, 5] {
            let fields = Fields {
                version,
                mitigations: [3, 5],
                ..world.fields()
            };
            let report = fields.sign(&world.chip).unwrap();
            let json = simvendor::guest_components_json(&report, &world.chip).to_string();
            let evidence = from_guest_components(json.as_bytes()).unwrap();
            assert_eq!(evidence.report, report);
            assert_eq!(evidence.certificate, world.chip.certificate());
        }
    }
    for wrong in [
        "",
        "{}",
        "[]",
        "null",
        "{\"attestation_report\":{},\"cert_chain\":null}",
    ] {
        assert!(from_guest_components(wrong.as_bytes()).is_err());
    }
}
