//! One thing broken at a time: each is refused for its own reason, and every
//! reason there is gets reached.

use std::collections::BTreeSet;

use evidence::{
    Accept, Expected, Flag, Generation, Mitigations, PerGeneration, Reason, Revocation,
};
use simvendor::{ChipSpec, Fields, RevocationSpec};

use crate::world::{Case, DAY, NOW, World, stranger, world};

/// A world's evidence with one thing broken.
type Break = fn(&World) -> Case;

#[test]
fn each_broken_thing_has_its_own_reason_and_every_reason_is_reached() {
    let world = world(Generation::Genoa);
    let good = names(world.case().verify().unwrap().checks());
    let vlek = names(world.vlek_case().verify().unwrap().checks());
    let mut reached = BTreeSet::new();
    for (at, (reason, broken)) in BREAKS.iter().enumerate() {
        let refused = broken(world).verify().unwrap_err();
        assert_eq!(refused.reason, *reason, "break {at}: {refused}");
        let last = refused.checks.last().unwrap();
        assert_ne!(last.expected, last.seen, "{refused}");
        assert_eq!(refused.to_string(), last.to_string());
        // The list so far, in the order of a list that passes.
        let mut order = if broken(world).evidence.certificate == world.vlek.certificate() {
            vlek.iter()
        } else {
            good.iter()
        };
        let passed = &refused.checks[..refused.checks.len() - 1];
        for name in names(passed) {
            assert!(order.any(|next| *next == name), "{name} in {refused}");
        }
        reached.insert(*reason);
    }
    let all: BTreeSet<Reason> = Reason::ALL.iter().copied().collect();
    let missed: Vec<_> = all.difference(&reached).collect();
    assert!(missed.is_empty(), "no break reaches {missed:?}");
}

#[test]
fn every_flag_is_held_both_ways_and_any_is_neither() {
    let world = world(Generation::Genoa);
    for (reason, field, bit, place) in FLAGS {
        for (set, flag, accepted) in [
            (true, Flag::On, true),
            (true, Flag::Off, false),
            (true, Flag::Any, true),
            (false, Flag::On, false),
            (false, Flag::Off, true),
            (false, Flag::Any, true),
        ] {
            let case = world.with(|fields| {
                let word = match place {
                    Place::Policy => &mut fields.policy,
                    Place::Platform => &mut fields.platform_info,
                };
                *word = *word & !(1 << bit) | u64::from(set) << bit;
            });
            let verdict = case.expecting(|x| *field(x) = flag).verify();
            let refused = verdict.err().map(|refused| refused.reason);
            assert_eq!(refused, (!accepted).then_some(*reason), "{reason:?} {flag}");
        }
    }
}

#[test]
fn minima_are_minima() {
    let world = world(Generation::Genoa);
    let case = world.with(|f| {
        f.policy |= 0x0137;
        f.guest_svn = 7;
    });
    for (minimum, good) in [
        ((0, 255), true),
        ((1, 0), true),
        ((1, 0x37), true),
        ((1, 0x38), false),
        ((2, 0), false),
    ] {
        let case = case.clone().expecting(|x| x.abi_minimum = minimum);
        assert_eq!(case.verify().is_ok(), good, "{minimum:?}");
    }
    for (minimum, good) in [(6, true), (7, true), (8, false)] {
        let case = case.clone().expecting(|x| x.guest_svn_minimum = minimum);
        assert_eq!(case.verify().is_ok(), good, "{minimum}");
    }
}

#[test]
fn a_mitigation_must_be_there_at_launch_and_now() {
    let world = world(Generation::Turin);
    let verdict = |version, mitigations, required| {
        let case = world.with(|f| (f.version, f.mitigations) = (version, mitigations));
        let case = case.expecting(|x| x.mitigations.turin = Mitigations::Required(required));
        case.verify().map(|_| ()).map_err(|refused| refused.reason)
    };
    let missing = Err(Reason::Mitigations);
    assert_eq!(verdict(5, [0b110, 0b011], 0b010), Ok(()));
    assert_eq!(verdict(5, [0b110, 0b011], 0b100), missing);
    assert_eq!(verdict(5, [0b110, 0b011], 0b001), missing);
    assert_eq!(verdict(5, [0; 2], 0b001), missing);
    assert_eq!(verdict(5, [0b011; 2], 0b001), Ok(()));
    assert_eq!(verdict(5, [1 << 63; 2], 1 << 63), Ok(()));
    assert_eq!(verdict(5, [0; 2], 0), Ok(()));
    // Before version 5 a report says nothing about them.
    let silent = Err(Reason::MitigationsMissing);
    assert_eq!(verdict(4, [0; 2], 0), silent);
    assert_eq!(verdict(3, [0; 2], 0), silent);
}

#[test]
fn mitigations_are_demanded_of_one_generation_or_of_all() {
    let verdict = |generation, demanded| {
        let case = world(generation).with(|f| (f.version, f.mitigations) = (5, [0xb; 2]));
        let case = case.expecting(|x| x.mitigations = demanded);
        case.verify().map(|_| ()).map_err(|refused| refused.reason)
    };
    let mut of_turin = PerGeneration::all(Mitigations::Any);
    *of_turin.of_mut(Generation::Turin) = Mitigations::Required(1 << 2);
    let missing = Err(Reason::Mitigations);
    assert_eq!(verdict(Generation::Milan, of_turin), Ok(()));
    assert_eq!(verdict(Generation::Genoa, of_turin), Ok(()));
    assert_eq!(verdict(Generation::Turin, of_turin), missing);
    let of_all = PerGeneration::all(Mitigations::Required(1 << 2));
    for generation in Generation::ALL {
        assert_eq!(verdict(generation, of_all), missing);
    }
}

fn names(checks: &[evidence::Check]) -> Vec<String> {
    checks.iter().map(|check| check.name.to_string()).collect()
}

/// Where a flag stands in a report.
enum Place {
    Policy,
    Platform,
}

/// The field of an expectation that holds a flag.
type Field = fn(&mut Expected) -> &mut Flag;

/// AMD 56860, tables "Guest Policy" and "PLATFORM_INFO", written a second time.
const FLAGS: &[(Reason, Field, u32, Place)] = &[
    (
        Reason::SmtAllowed,
        |x| &mut x.smt_allowed,
        16,
        Place::Policy,
    ),
    (Reason::Migration, |x| &mut x.migration, 18, Place::Policy),
    (Reason::Debug, |x| &mut x.debug, 19, Place::Policy),
    (
        Reason::SingleSocket,
        |x| &mut x.single_socket,
        20,
        Place::Policy,
    ),
    (
        Reason::CxlAllowed,
        |x| &mut x.cxl_allowed,
        21,
        Place::Policy,
    ),
    (Reason::Aes256Xts, |x| &mut x.aes_256_xts, 22, Place::Policy),
    (Reason::RaplOff, |x| &mut x.rapl_off, 23, Place::Policy),
    (
        Reason::CiphertextHiding,
        |x| &mut x.ciphertext_hiding,
        24,
        Place::Policy,
    ),
    (
        Reason::PageSwapDisabled,
        |x| &mut x.page_swap_disabled,
        25,
        Place::Policy,
    ),
    (
        Reason::PlatformSmt,
        |x| &mut x.platform_smt,
        0,
        Place::Platform,
    ),
    (
        Reason::PlatformTsme,
        |x| &mut x.platform_tsme,
        1,
        Place::Platform,
    ),
    (
        Reason::PlatformEcc,
        |x| &mut x.platform_ecc,
        2,
        Place::Platform,
    ),
    (
        Reason::PlatformRapl,
        |x| &mut x.platform_rapl_disabled,
        3,
        Place::Platform,
    ),
    (
        Reason::PlatformCiphertextHiding,
        |x| &mut x.platform_ciphertext_hiding,
        4,
        Place::Platform,
    ),
    (
        Reason::PlatformAliasCheck,
        |x| &mut x.platform_alias_check,
        5,
        Place::Platform,
    ),
    (
        Reason::PlatformIommuWriteSafe,
        |x| &mut x.platform_iommu_write_safe,
        6,
        Place::Platform,
    ),
    (
        Reason::PlatformTio,
        |x| &mut x.platform_tio,
        7,
        Place::Platform,
    ),
];

/// Evidence whose signed bytes differ at one place.
fn patched(world: &World, at: usize, value: u8) -> Case {
    let fields = World::fields(&world.vcek);
    let mut unsigned = fields.unsigned(world.simulated);
    unsigned[at] = value;
    world.case_over(&world.vcek, unsigned)
}

/// Good evidence with other bytes for a certificate.
fn certified(world: &World, certificate: &[u8]) -> Case {
    let mut case = world.case();
    case.evidence.certificate = certificate.to_vec();
    case
}

fn listed(world: &World, spec: &RevocationSpec) -> Case {
    let root = world.root_with_list(spec);
    world.case().expecting(|x| x.roots = vec![root])
}

fn vlek(world: &World, change: fn(&mut Fields)) -> Case {
    let mut fields = World::fields(&world.vlek);
    change(&mut fields);
    world.case_of(&world.vlek, &fields)
}

const BREAKS: &[(Reason, Break)] = &[
    // Form.
    (Reason::ReportLength, |w| {
        let mut case = w.case();
        case.evidence.report.clear();
        case
    }),
    (Reason::ReportLength, |w| {
        let mut case = w.case();
        case.evidence.report.push(0);
        case
    }),
    (Reason::ReportVersion, |w| w.with(|f| f.version = 1)),
    (Reason::ReservedByte, |w| {
        let mut case = w.case();
        case.evidence.report[0x2d0] = 1;
        case
    }),
    (Reason::ReportVersion, |w| w.with(|f| f.version = 2)),
    (Reason::Generation, |w| {
        w.with(|f| f.cpuid = [0x17, 0x31, 0])
    }),
    (Reason::Generation, |w| {
        w.with(|f| f.cpuid = [0x19, 0x20, 0])
    }),
    (Reason::Generation, |w| {
        w.with(|f| f.cpuid = [0x1a, 0x12, 0])
    }),
    (Reason::Generation, |w| {
        w.with(|f| f.cpuid = [0x1a, 0x50, 0])
    }),
    // Who signed.
    (Reason::NoRoot, |w| w.with(|f| f.cpuid = [0x19, 0x01, 0])),
    (Reason::NoRoot, |w| w.case().expecting(|x| x.roots.clear())),
    (Reason::SeveralRoots, |w| {
        w.case().expecting(|x| x.roots.extend(x.roots.clone()))
    }),
    (Reason::CertificateMissing, |w| certified(w, &[])),
    (Reason::CertificateUnreadable, |w| {
        certified(w, b"no certificate")
    }),
    (Reason::CertificateUnreadable, |w| {
        let longer = [w.vcek.certificate(), &[0]].concat();
        certified(w, &longer)
    }),
    (Reason::CertificateKind, |w| certified(w, w.vendor.ask())),
    (Reason::CertificateKind, |w| {
        w.with_chip(|spec| spec.common_name = "SEV-OTHEREK".to_owned())
    }),
    (Reason::NoIntermediate, |w| {
        let root = evidence::Root::simulated(w.generation, w.vendor.ark(), w.vendor.ask());
        w.vlek_case().expecting(|x| x.roots = vec![root.unwrap()])
    }),
    (Reason::RootTime, |w| w.case().at(NOW - DAY - 1)),
    (Reason::RootTime, |w| w.case().at(NOW + 20 * 365 * DAY + 1)),
    (Reason::RootTime, |w| w.vlek_case().at(NOW - DAY - 1)),
    (Reason::IntermediateTime, |w| {
        let long = (NOW - DAY, NOW + DAY);
        let [ark, ask] = w.vendor.valid(long, (NOW - DAY, NOW - 1)).unwrap();
        let root = evidence::Root::simulated(w.generation, &ark, &ask).unwrap();
        w.case().expecting(|x| x.roots = vec![root])
    }),
    (Reason::CertificateChain, |w| {
        let stranger = stranger(w.simulated);
        let chip = stranger.chip(&ChipSpec::new(w.simulated, NOW)).unwrap();
        w.case_of(&chip, &World::fields(&chip))
    }),
    // Keys of one kind by the intermediate of the other.
    (Reason::CertificateChain, |w| {
        let crossed = w.provider.vlek(&ChipSpec::new(w.simulated, NOW)).unwrap();
        w.case_of(&crossed, &World::fields(&crossed))
    }),
    (Reason::CertificateChain, |w| {
        let crossed = w.vendor.chip(&ChipSpec::vlek(w.simulated, NOW)).unwrap();
        w.case_of(&crossed, &World::fields(&crossed))
    }),
    (Reason::CertificateTime, |w| {
        w.with_chip(|spec| spec.validity = (NOW - 10, NOW - 1))
    }),
    (Reason::CertificateTime, |w| {
        w.with_chip(|spec| spec.validity = (NOW + 1, NOW + 10))
    }),
    (Reason::CertificateProduct, |w| {
        w.with_chip(|spec| spec.product = "Milan-B0".to_owned())
    }),
    (Reason::CertificateProduct, |w| {
        w.with_chip(|spec| spec.product = "Genoa2".to_owned())
    }),
    (Reason::CertificateProduct, |w| {
        w.with_chip(|spec| spec.without = &[&[2]])
    }),
    (Reason::RevocationMissing, |w| {
        let root = w.bare_root();
        w.case().expecting(|x| x.roots = vec![root])
    }),
    (Reason::RevocationAge, |w| {
        listed(w, &RevocationSpec::new(NOW - DAY - 1))
    }),
    (Reason::RevocationFuture, |w| {
        listed(w, &RevocationSpec::new(NOW + 1))
    }),
    (Reason::RevocationOver, |w| {
        listed(
            w,
            &RevocationSpec {
                next: Some(NOW - 1),
                ..RevocationSpec::new(NOW - 2)
            },
        )
    }),
    (Reason::RevocationOver, |w| {
        listed(
            w,
            &RevocationSpec {
                next: None,
                ..RevocationSpec::new(NOW)
            },
        )
    }),
    (Reason::IntermediateRevoked, |w| {
        let revoked = vec![7, w.vendor.ask_serial()];
        listed(
            w,
            &RevocationSpec {
                revoked,
                ..RevocationSpec::new(NOW)
            },
        )
    }),
    (Reason::KeyRevoked, |w| {
        let revoked = vec![w.vlek.spec().serial];
        let spec = RevocationSpec {
            revoked,
            ..RevocationSpec::new(NOW)
        };
        let root = w.root_with_list(&spec);
        w.vlek_case().expecting(|x| x.roots = vec![root])
    }),
    (Reason::SignatureAlgorithm, |w| {
        w.with(|f| f.signature_algorithm = 0)
    }),
    (Reason::SignatureAlgorithm, |w| {
        w.with(|f| f.signature_algorithm = 2)
    }),
    (Reason::Unsigned, |w| w.with(|f| f.key_info = 1 << 1)),
    (Reason::Unsigned, |w| w.with(|f| f.key_info = 7 << 2)),
    (Reason::Unsigned, |w| vlek(w, |f| f.key_info |= 1 << 1)),
    (Reason::SigningKey, |w| w.with(|f| f.key_info = 1 << 2)),
    (Reason::SigningKey, |w| w.with(|f| f.key_info = 2 << 2)),
    (Reason::SigningKey, |w| vlek(w, |f| f.key_info = 0)),
    (Reason::Signature, |w| {
        let other = w.vendor.chip(&ChipSpec::new(w.simulated, NOW)).unwrap();
        certified(w, other.certificate())
    }),
    (Reason::Signature, |w| {
        let mut case = w.case();
        case.evidence.report[0x2a0..0x2d0].fill(0);
        case.evidence.report[0x2e8..0x318].fill(0);
        case
    }),
    // Which machine.
    (Reason::NoTcbFloor, |w| {
        w.case().expecting(|x| x.tcb_floors.clear())
    }),
    (Reason::NoTcbFloor, |w| {
        w.case()
            .expecting(|x| x.tcb_floors[0].generation = Generation::Milan)
    }),
    (Reason::ReportedTcb, |w| w.with(|f| f.tcb[1][1] -= 1)),
    (Reason::CommittedTcb, |w| w.with(|f| f.tcb[2][3] -= 1)),
    (Reason::LaunchTcb, |w| w.with(|f| f.tcb[3][4] -= 1)),
    (Reason::CurrentTcb, |w| w.with(|f| f.tcb[0][1] -= 1)),
    (Reason::ChipId, |w| w.with(|f| f.chip_id[0] ^= 1)),
    (Reason::ChipId, |w| w.with(|f| f.chip_id[63] ^= 1)),
    (Reason::ChipMasked, |w| w.with(|f| f.chip_id = [0; 64])),
    (Reason::CertificateChip, |w| {
        w.with_chip(|spec| spec.without = &[&[4]])
    }),
    (Reason::CertificateTcb, |w| w.with(|f| f.tcb[1][4] += 1)),
    (Reason::CertificateTcb, |w| {
        w.with_chip(|spec| spec.tcb[3] += 1)
    }),
    (Reason::CertificateTcbMissing, |w| {
        w.with_chip(|spec| spec.without = &[&[3, 1]])
    }),
    (Reason::CertificateTcbMissing, |w| {
        w.with_chip(|spec| spec.without = &[&[3, 2]])
    }),
    (Reason::CertificateTcbMissing, |w| {
        w.with_chip(|spec| spec.without = &[&[3, 3]])
    }),
    (Reason::CertificateTcbMissing, |w| {
        w.with_chip(|spec| spec.without = &[&[3, 8]])
    }),
    (Reason::MitigationsMissing, |w| {
        w.with(|f| f.version = 4)
            .expecting(|x| x.mitigations = PerGeneration::all(Mitigations::Required(0)))
    }),
    (Reason::Mitigations, |w| {
        w.with(|f| (f.version, f.mitigations) = (5, [3, 1]))
            .expecting(|x| x.mitigations = PerGeneration::all(Mitigations::Required(2)))
    }),
    // What no firmware has said so far.
    (Reason::NewerFirmware, |w| w.with(|f| f.version = 7)),
    (Reason::NewerFirmware, |w| patched(w, 0x04c, 1)),
    (Reason::NewerFirmware, |w| {
        w.with(|f| f.platform_info |= 1 << 8)
    }),
    // What it promises.
    (Reason::Vmpl, |w| w.with(|f| f.vmpl = 1)),
    (Reason::Vmpl, |w| w.case().expecting(|x| x.vmpl = 3)),
    (Reason::Debug, |w| w.with(|f| f.policy |= 1 << 19)),
    (Reason::Migration, |w| w.with(|f| f.policy |= 1 << 18)),
    (Reason::SmtAllowed, |w| w.with(|f| f.policy &= !(1 << 16))),
    (Reason::SingleSocket, |w| w.with(|f| f.policy |= 1 << 20)),
    (Reason::CxlAllowed, |w| w.with(|f| f.policy |= 1 << 21)),
    (Reason::Aes256Xts, |w| w.with(|f| f.policy |= 1 << 22)),
    (Reason::RaplOff, |w| w.with(|f| f.policy |= 1 << 23)),
    (Reason::CiphertextHiding, |w| {
        w.with(|f| f.policy |= 1 << 24)
    }),
    (Reason::PageSwapDisabled, |w| {
        w.with(|f| f.policy |= 1 << 25)
    }),
    (Reason::Abi, |w| {
        w.case().expecting(|x| x.abi_minimum = (0, 1))
    }),
    (Reason::PlatformSmt, |w| w.with(|f| f.platform_info &= !1)),
    (Reason::PlatformTsme, |w| {
        w.with(|f| f.platform_info |= 1 << 1)
    }),
    (Reason::PlatformEcc, |w| {
        w.with(|f| f.platform_info |= 1 << 2)
    }),
    (Reason::PlatformRapl, |w| {
        w.with(|f| f.platform_info |= 1 << 3)
    }),
    (Reason::PlatformCiphertextHiding, |w| {
        w.with(|f| f.platform_info |= 1 << 4)
    }),
    (Reason::PlatformAliasCheck, |w| {
        w.with(|f| f.platform_info |= 1 << 5)
    }),
    (Reason::PlatformIommuWriteSafe, |w| {
        w.with(|f| f.platform_info |= 1 << 6)
    }),
    (Reason::PlatformTio, |w| {
        w.with(|f| f.platform_info |= 1 << 7)
    }),
    // What runs.
    (Reason::UnexpectedChip, |w| {
        w.case().expecting(|x| x.chip_id = Accept::Exactly([9; 64]))
    }),
    (Reason::GuestSvn, |w| {
        w.case().expecting(|x| x.guest_svn_minimum = 1)
    }),
    (Reason::FamilyId, |w| w.with(|f| f.family_id[15] = 1)),
    (Reason::ImageId, |w| w.with(|f| f.image_id[0] = 1)),
    (Reason::IdKey, |w| w.with(|f| f.id_key_digest[47] = 1)),
    (Reason::AuthorKey, |w| {
        w.with(|f| f.author_key_digest[0] = 1)
    }),
    (Reason::ReportId, |w| w.with(|f| f.report_id[31] ^= 1)),
    (Reason::MigrationAgent, |w| {
        w.with(|f| f.report_id_ma[0] ^= 1)
    }),
    (Reason::Measurement, |w| w.with(|f| f.measurement[47] ^= 1)),
    (Reason::Measurement, |w| {
        w.case()
            .expecting(|x| x.measurement = Accept::OneOf(Vec::new()))
    }),
    (Reason::HostData, |w| w.with(|f| f.host_data[31] ^= 1)),
    (Reason::ReportData, |w| w.with(|f| f.report_data[63] ^= 1)),
];

#[test]
fn revocation_is_skipped_by_name_only() {
    let world = world(Generation::Genoa);
    let bare = world.bare_root();
    let case = world.case().expecting(|x| x.roots = vec![bare]);
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.reason, Reason::RevocationMissing);
    let case = case.expecting(|x| x.revocation = Revocation::NotChecked);
    let verified = case.verify().unwrap();
    let check = verified
        .checks()
        .iter()
        .find(|check| check.name == "revocation list");
    assert_eq!(check.unwrap().expected, "not checked, by choice");
}
