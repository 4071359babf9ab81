//! What must pass, passes, and says what it is.

use std::fmt::Write as _;

use evidence::{
    Accept, EndorsementKey, FirmwareVersion, Flag, Generation, MitigationVectors, Mitigations,
    PerGeneration, Reason, RootClass,
};
use simvendor::Fields;

use crate::world::{World, world};

#[test]
fn good_evidence_of_every_generation_version_and_key_passes() {
    for generation in Generation::ALL {
        let world = world(generation);
        for chip in [&world.vcek, &world.vlek] {
            for version in 3..=6 {
                let fields = Fields {
                    version,
                    ..World::fields(chip)
                };
                let verified = world.case_of(chip, &fields).verify().unwrap();
                assert_eq!(verified.claims().generation, generation);
                assert_eq!(verified.claims().report_version, version);
                assert!(verified.is_simulated());
            }
        }
    }
}

#[test]
fn claims_are_those_of_the_report() {
    let world = world(Generation::Turin);
    let case = world
        .with(|f| {
            f.version = 5;
            f.tcb[0][4] += 3;
            f.tcb[2][4] += 2;
            f.tcb[3][4] += 1;
            f.mitigations = [0b0111, 0b1101];
            f.guest_svn = 7;
            f.platform_info |= 0b10_0000;
            (f.family_id, f.image_id) = ([1; 16], [2; 16]);
            (f.id_key_digest, f.author_key_digest) = ([3; 48], [4; 48]);
            f.report_id_ma = [5; 32];
        })
        .expecting(|x| {
            (x.family_id, x.image_id) = (Accept::Any, Accept::Any);
            (x.id_key_digest, x.author_key_digest) = (Accept::Any, Accept::Any);
            x.report_id_ma = Accept::Any;
            x.platform_alias_check = Flag::On;
            x.guest_svn_minimum = 7;
            x.mitigations = PerGeneration::all(Mitigations::Required(0b0101));
        });
    let verified = case.verify().unwrap();
    let claims = verified.claims();
    assert_eq!(claims.class, RootClass::Simulated);
    assert_eq!(claims.signed_by, EndorsementKey::Vcek);
    assert_eq!(claims.chip_id, world.vcek.spec().chip_id);
    let microcode = world.floor().microcode;
    assert_eq!(claims.reported_tcb, world.floor());
    assert_eq!(claims.launch_tcb.microcode, microcode + 1);
    assert_eq!(claims.committed_tcb.microcode, microcode + 2);
    assert_eq!(claims.current_tcb.microcode, microcode + 3);
    let vectors = MitigationVectors {
        launch: 0b0111,
        current: 0b1101,
    };
    assert_eq!(claims.mitigations, Some(vectors));
    let firmware = FirmwareVersion {
        major: 1,
        minor: 55,
        build: 29,
    };
    assert_eq!(claims.firmware, firmware);
    assert_eq!(claims.firmware.to_string(), "1.55.29");
    assert_eq!((claims.vmpl, claims.guest_svn), (0, 7));
    assert_eq!((claims.policy, claims.platform_info), (0x30000, 0b110_0001));
    assert_eq!(claims.report_id, [0x1d; 32]);
    assert_eq!(claims.measurement, [0xaa; 48]);
    assert_eq!(claims.host_data, [0xbb; 32]);
    assert_eq!(claims.report_data, [b'c'; 64]);
    assert_eq!((claims.family_id, claims.image_id), ([1; 16], [2; 16]));
    assert_eq!(claims.id_key_digest, [3; 48]);
    assert_eq!(claims.author_key_digest, [4; 48]);
    assert_eq!(claims.report_id_ma, [5; 32]);
}

#[test]
fn what_the_root_has_checked_is_not_needed_twice_and_changes_nothing_else() {
    for vlek in [false, true] {
        let world = world(Generation::Milan);
        let case = if vlek {
            world.vlek_case()
        } else {
            world.case()
        };
        let known = case.clone().expecting(|x| {
            let root = x.roots.remove(0);
            x.roots.push(
                root.with_endorsement_key(&case.evidence.certificate)
                    .unwrap(),
            );
        });
        let (a, b) = (case.verify().unwrap(), known.verify().unwrap());
        assert_eq!(a.checks(), b.checks());
        assert_eq!(a.claims(), b.claims());
        // Dates, product, revocation, chip and TCB are looked at every time.
        let late = known.at(world.vcek.spec().validity.1 + 1);
        let late = late.expecting(|x| x.revocation = evidence::Revocation::NotChecked);
        assert_eq!(late.verify().unwrap_err().reason, Reason::CertificateTime);
    }
}

#[test]
fn any_is_any_and_one_of_is_one_of() {
    let world = world(Generation::Genoa);
    let case = world.with(|f| f.id_key_digest = [9; 48]);
    assert_eq!(case.verify().unwrap_err().reason, Reason::IdKey);
    let any = case.clone().expecting(|x| x.id_key_digest = Accept::Any);
    assert!(any.verify().is_ok());
    let one = Accept::OneOf(vec![[8; 48], [9; 48]]);
    let one = case.clone().expecting(|x| x.id_key_digest = one);
    assert!(one.verify().is_ok());
    let none = case.expecting(|x| x.id_key_digest = Accept::OneOf(Vec::new()));
    let rejection = none.verify().unwrap_err();
    assert_eq!(rejection.reason, Reason::IdKey);
    assert!(rejection.to_string().contains("nothing is accepted"));
}

#[test]
fn the_list_of_checks_reads_as_written_here() {
    let world = world(Generation::Turin);
    let fields = |chip| Fields {
        version: 5,
        mitigations: [0x1f, 0x3f],
        ..World::fields(chip)
    };
    let masked = Fields {
        chip_id: [0; 64],
        ..fields(&world.vlek)
    };
    let mut text = String::new();
    for (key, case) in [
        ("a VCEK", world.case_of(&world.vcek, &fields(&world.vcek))),
        ("a VLEK", world.case_of(&world.vlek, &masked)),
    ] {
        let verified = case.verify().unwrap();
        let checks = verified.checks();
        writeln!(text, "# Signed by {key}: {} checks", checks.len()).unwrap();
        for check in checks {
            writeln!(text, "{check}").unwrap();
        }
    }
    let written = include_str!("checks.txt");
    assert_eq!(text, written, "{text}");
}
