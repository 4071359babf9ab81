//! What each expectation accepts, and what it does not: flags both ways, floors,
//! lists, bits, and what is bound to a TD.

use evidence::Flag;
use evidence::tdx::{
    Advisories, Bits, Bound, CollateralAge, ConfigId, Expected, Reason, TcbStatus, TdReportKind,
    VmIndex,
};

use crate::intel::{Spec, at};
use crate::world::{Case, DAY, NOW, simulated};

fn refusal(case: &Case) -> Option<Reason> {
    case.verify().err().map(|refused| refused.reason)
}

#[test]
fn good_evidence_of_every_version_and_report_passes() {
    for (version, body_type, kind) in [
        (4, 0, TdReportKind::V1_0),
        (5, 2, TdReportKind::V1_0),
        (5, 3, TdReportKind::V1_5),
        (5, 4, TdReportKind::V1_5Extended),
    ] {
        let case = simulated(|s| (s.version, s.body_type) = (version, body_type));
        let verified = case.verify().unwrap();
        let claims = verified.claims();
        assert_eq!((claims.quote_version, claims.report_kind), (version, kind));
        assert_eq!(claims.mr_service_td.is_some(), kind >= TdReportKind::V1_5);
        assert_eq!(claims.td_id.is_some(), kind == TdReportKind::V1_5Extended);
        assert_eq!(claims.mr_config_id[..32], [0xbb; 32]);
        assert_eq!(claims.mr_config_id[32..], [0; 16]);
    }
}

#[test]
fn every_flag_is_held_both_ways_and_any_is_neither() {
    for (reason, field, bit) in FLAGS {
        for set in [false, true] {
            let case = simulated(|s| {
                if set {
                    s.flip_attribute(*bit);
                }
            });
            for (flag, accepted) in [(Flag::On, set), (Flag::Off, !set), (Flag::Any, true)] {
                let case = case.clone().expecting(|x| *field(x) = flag);
                let refused = refusal(&case);
                assert_eq!(refused, (!accepted).then_some(*reason), "{reason:?} {flag}");
            }
        }
    }
}

#[test]
fn a_td_under_debug_is_refused_unless_asked_for_by_name() {
    let case = simulated(|s| s.flip_attribute(0));
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.to_string(), "debug: expected off, seen on");
    let asked = case.expecting(|x| x.debug = Flag::On).verify().unwrap();
    assert!(asked.claims().td_attributes.is_under_debug());
}

#[test]
fn no_expectation_accepts_an_unknown_attribute_or_migration() {
    let known = [0, 4, 5, 6, 16, 17, 27, 28, 29, 30, 31, 62, 63];
    for bit in (0..64).filter(|bit| !known.contains(bit)) {
        let case = simulated(|s| s.flip_attribute(bit)).expecting(anything);
        assert_eq!(refusal(&case), Some(Reason::UnknownAttribute), "bit {bit}");
    }
    let case = simulated(|s| s.flip_attribute(29)).expecting(anything);
    assert_eq!(refusal(&case), Some(Reason::Migratable));
    let case = simulated(|s| s.flip_attribute(28)).expecting(anything);
    assert_eq!(refusal(&case), Some(Reason::SeptVeDisable));
}

#[test]
fn a_status_is_held_to_the_floor() {
    for (at, name) in [
        (0, "OutOfDateConfigurationNeeded"),
        (1, "OutOfDate"),
        (4, "ConfigurationAndSWHardeningNeeded"),
        (5, "ConfigurationNeeded"),
        (6, "SWHardeningNeeded"),
        (7, "UpToDate"),
    ] {
        held_to_each_floor(at, name, &simulated(|s| s.platform.0 = name));
    }
    let launched_before = |s: &mut Spec, current| {
        s.platform.0 = "OutOfDate";
        s.current.0 = current;
        s.set(at::TEE_TCB_SVN2, &[6, 0, 2]);
    };
    let case = simulated(|s| launched_before(s, "UpToDate"));
    held_to_each_floor(3, "TDRelaunchAdvised", &case);
    let case = simulated(|s| launched_before(s, "ConfigurationNeeded"));
    held_to_each_floor(2, "TDRelaunchAdvisedConfigurationNeeded", &case);
}

fn held_to_each_floor(at: usize, name: &str, case: &Case) {
    assert_eq!(TcbStatus::ALL[at].to_string(), name);
    assert!(TcbStatus::ALL.is_sorted());
    for floor in TcbStatus::ALL {
        let case = case.clone().expecting(|x| x.tcb_floor = floor);
        let accepted = TcbStatus::ALL[at] >= floor;
        let refused = refusal(&case);
        assert_eq!(
            refused,
            (!accepted).then_some(Reason::TcbStatus),
            "{name} {floor}"
        );
        if let Ok(verified) = case.verify() {
            assert_eq!(verified.claims().tcb_status, TcbStatus::ALL[at]);
        }
    }
}

#[test]
fn the_worst_of_platform_enclave_launch_and_now_counts() {
    let case = simulated(|s| s.qe_status = "OutOfDate");
    assert_eq!(refusal(&case), Some(Reason::TcbStatus));
    for revoked in [
        simulated(|s| s.platform.0 = "Revoked"),
        simulated(|s| s.qe_status = "Revoked"),
        simulated(|s| {
            s.current.0 = "Revoked";
            s.set(at::TEE_TCB_SVN2, &[6, 0, 2]);
        }),
    ] {
        assert_eq!(
            refusal(&revoked.expecting(anything)),
            Some(Reason::TcbRevoked)
        );
    }
    // Advisories of what was launched and of what runs now.
    let case = simulated(|s| {
        s.platform.1 = &["INTEL-SA-00001"];
        s.current.1 = &["INTEL-SA-00002"];
        s.set(at::TEE_TCB_SVN2, &[6, 0, 2]);
    });
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.reason, Reason::Advisory);
    assert_eq!(
        refused.checks.last().unwrap().seen,
        "INTEL-SA-00001, INTEL-SA-00002"
    );
    let named = |ids: &[&str]| Advisories::Only(ids.iter().map(ToString::to_string).collect());
    for (ids, accepted) in [
        (&["INTEL-SA-00001"][..], false),
        (&["INTEL-SA-00002"], false),
        (&["INTEL-SA-00002", "INTEL-SA-00001"], true),
    ] {
        let case = case.clone().expecting(|x| x.advisories = named(ids));
        assert_eq!(refusal(&case).is_none(), accepted, "{ids:?}");
    }
}

#[test]
fn what_is_bound_to_a_td_must_be_expected() {
    // A report without the field: nothing is bound, and nothing else is accepted.
    let old = simulated(|s| s.version = 4);
    let exact = Bound::Exactly([7; 48]);
    assert_eq!(refusal(&old), None);
    let case = old.clone().expecting(|x| x.service_td = exact);
    assert_eq!(refusal(&case), Some(Reason::ServiceTd));
    let case = old.expecting(|x| x.devices = exact);
    assert_eq!(refusal(&case), Some(Reason::Devices));
    for body_type in [3, 4] {
        let case = simulated(|s| {
            s.body_type = body_type;
            s.set(at::MR_SERVICE_TD, &[7; 48]);
        });
        assert_eq!(refusal(&case), Some(Reason::ServiceTd));
        let named = case.clone().expecting(|x| x.service_td = exact);
        assert_eq!(refusal(&named), None);
        let any = case.expecting(|x| x.service_td = Bound::Any);
        assert_eq!(refusal(&any), None);
    }
    // With the extension, what was bound later counts as well.
    let bound = |now| {
        simulated(|s| {
            s.flip_attribute(17);
            s.set(at::MR_SERVICE_TD, &[7; 48]);
            s.set(at::INITIAL_SERVICE_TDS, &[7; 48]);
            s.set(at::CURRENT_SERVICE_TDS, now);
        })
        .expecting(|x| {
            x.service_td_extension = Flag::On;
            x.service_td = exact;
        })
    };
    assert_eq!(refusal(&bound(&[7; 48])), None);
    assert_eq!(refusal(&bound(&[8; 48])), Some(Reason::ServiceTd));
    assert_eq!(refusal(&bound(&[0; 48])), Some(Reason::ServiceTd));
    let case = simulated(|s| s.set(at::CURRENT_SERVICE_TDS, &[7; 48]));
    assert_eq!(refusal(&case), Some(Reason::ServiceTd));
}

#[test]
fn a_certificate_that_does_not_say_is_accepted_by_any_only() {
    let fields: [fn(&mut Expected) -> &mut Flag; 3] = [
        |x| &mut x.platform_smt,
        |x| &mut x.platform_dynamic,
        |x| &mut x.platform_cached_keys,
    ];
    for field in fields {
        for (flag, accepted) in [(Flag::On, false), (Flag::Off, false), (Flag::Any, true)] {
            let case = simulated(|s| s.flags = None).expecting(|x| {
                anything(x);
                *field(x) = flag;
            });
            assert_eq!(refusal(&case).is_none(), accepted);
        }
    }
}

#[test]
fn digests_of_init_data_fill_mrconfigid() {
    let mut padded = [0; 48];
    padded[..32].copy_from_slice(&[9; 32]);
    assert_eq!(ConfigId::of_sha256([9; 32]).bytes(), padded);
    assert_eq!(ConfigId::of_sha384([9; 48]).bytes(), [9; 48]);
    let mut long = [9; 64];
    long[48..].fill(1);
    assert_eq!(ConfigId::of_sha512(long).bytes(), [9; 48]);
    // The padding counts.
    let case = simulated(|s| s.set(at::MR_CONFIG_ID + 47, &[1]));
    assert_eq!(refusal(&case), Some(Reason::MrConfigId));
}

#[test]
fn bits_are_exact_or_within() {
    let within = |required, allowed| Bits::Within { required, allowed };
    for (bits, accepted) in [
        (Bits::Exactly(0x602e7), true),
        (Bits::Exactly(0x602e6), false),
        (within(3, 0x602e7), true),
        (within(0x602e7, u64::MAX), true),
        (within(8, u64::MAX), false),
        (within(0, 0x602e6), false),
        (Bits::Any, true),
    ] {
        let case = simulated(|_| {}).expecting(|x| x.xfam = bits);
        assert_eq!(refusal(&case).is_none(), accepted, "{bits}");
    }
}

#[test]
fn another_partition_is_accepted_by_name() {
    let case = simulated(|s| s.set(at::VM_INDEX, &[2]));
    assert_eq!(refusal(&case), Some(Reason::VmIndex));
    let any = case.expecting(|x| x.vm_index = VmIndex::Any);
    assert_eq!(refusal(&any), None);
}

#[test]
fn the_first_and_last_moment_count() {
    let good = |case: Case| assert_eq!(refusal(&case), None);
    good(simulated(|s| s.made = NOW));
    good(simulated(|s| s.list_made = NOW));
    good(simulated(|s| s.made = NOW - 2 * DAY));
    good(simulated(|s| s.pck_validity = (NOW, NOW + DAY)));
    good(simulated(|s| s.pck_validity = (NOW - DAY, NOW)));
    // Version 3 of an identity is one as well.
    good(simulated(|s| s.identity = ("TD_QE", 3)));
}

#[test]
fn expectations_are_written_as_people_read_them() {
    let named = |ids: &[&str]| Advisories::Only(ids.iter().map(ToString::to_string).collect());
    let within = Bits::Within {
        required: 1,
        allowed: 0xff,
    };
    for (written, text) in [
        (named(&[]).to_string(), "none"),
        (named(&["A", "B"]).to_string(), "none but A, B"),
        (Advisories::Any.to_string(), "any"),
        (Bits::Exactly(16).to_string(), "0x10"),
        (within.to_string(), "all of 0x1, none but 0xff"),
        (Bound::Nothing.to_string(), "nothing bound"),
        (VmIndex::Controlling.to_string(), "0"),
        (TdReportKind::V1_5Extended.to_string(), "TDX 1.5 extended"),
    ] {
        assert_eq!(written, text);
    }
}

/// Accepts whatever can be accepted at all, except other bindings.
fn anything(x: &mut Expected) {
    x.collateral_age = CollateralAge::Any;
    x.tcb_floor = TcbStatus::ALL[0];
    x.advisories = Advisories::Any;
    x.platform_smt = Flag::Any;
    x.platform_dynamic = Flag::Any;
    x.platform_cached_keys = Flag::Any;
    for (_, field, _) in FLAGS {
        *field(x) = Flag::Any;
    }
}

/// The field of an expectation that holds a flag.
type Field = fn(&mut Expected) -> &mut Flag;

/// Intel TDX Module ABI Specification 348551-008US, table 3.23, a second time.
const FLAGS: &[(Reason, Field, usize)] = &[
    (Reason::Debug, |x| &mut x.debug, 0),
    (Reason::Profiling, |x| &mut x.profiling, 4),
    (Reason::Profiling, |x| &mut x.profiling, 5),
    (Reason::Profiling, |x| &mut x.profiling, 6),
    (
        Reason::SingleStepDefense,
        |x| &mut x.single_step_defense,
        16,
    ),
    (
        Reason::ServiceTdExtension,
        |x| &mut x.service_td_extension,
        17,
    ),
    (Reason::Lass, |x| &mut x.lass, 27),
    (Reason::Pks, |x| &mut x.pks, 30),
    (Reason::KeyLocker, |x| &mut x.key_locker, 31),
    (Reason::ProvisioningAgent, |x| &mut x.provisioning_agent, 62),
    (Reason::Perfmon, |x| &mut x.perfmon, 63),
];
