//! One thing broken at a time: each is refused for its own reason, and every
//! reason there is gets reached.

use std::collections::BTreeSet;

use evidence::tdx::{Bits, Evidence, Expected, Reason, Root};
use evidence::{Accept, RootClass};

use crate::intel::{self, Key, Spec, at};
use crate::world::{Case, DAY, NOW, simulated};

#[test]
fn a_platform_is_the_same_in_digits_of_either_case() {
    for (fmspc, pce) in [
        ("b0c06f000000", "0000"),
        ("B0c06F000000", "0000"),
        ("B0C06F000000", "0000"),
    ] {
        let case = simulated(|s| (s.info_fmspc, s.info_pce) = (fmspc, pce));
        case.verify().unwrap();
    }
}

#[test]
fn each_broken_thing_has_its_own_reason_and_every_reason_is_reached() {
    let good = simulated(|_| {}).verify().unwrap();
    assert!(good.claims().class == RootClass::Simulated);
    let mut reached = BTreeSet::new();
    for (at, (reason, broken)) in BREAKS.iter().enumerate() {
        let refused = broken().verify().unwrap_err();
        assert_eq!(refused.reason, *reason, "break {at}: {refused}");
        let (last, passed) = refused.checks.split_last().unwrap();
        assert_ne!(last.expected, last.seen, "{refused}");
        assert_eq!(refused.to_string(), last.to_string());
        // The list so far, in the order of a list that passes.
        let mut order = good.checks().iter().map(|check| &check.name);
        for check in passed {
            assert!(
                order.any(|next| *next == check.name),
                "{check} in {refused}"
            );
        }
        reached.insert(*reason);
    }
    let missed: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !reached.contains(reason))
        .collect();
    assert!(missed.is_empty(), "no break reaches {missed:?}");
}

/// A certificate's first and last moment.
type Validity = fn(&mut Spec) -> &mut (u64, u64);

#[test]
fn each_certificate_outside_its_validity_is_refused_by_its_name() {
    let certificates: [(&str, Validity); 5] = [
        ("root", |s| &mut s.root_validity),
        ("PCK authority", |s| &mut s.authority_validity),
        ("PCK", |s| &mut s.pck_validity),
        ("signer of the TCB info", |s| &mut s.info_signer_validity),
        ("signer of the identity", |s| {
            &mut s.identity_signer_validity
        }),
    ];
    for (name, validity) in certificates {
        for (from, until, accepted) in [
            (NOW - DAY, NOW - 1, false),
            (NOW - DAY, NOW, true),
            (NOW, NOW + DAY, true),
            (NOW + 1, NOW + DAY, false),
        ] {
            let case = simulated(|s| *validity(s) = (from, until));
            let Err(refused) = case.verify() else {
                assert!(accepted, "{name} {from} {until}");
                continue;
            };
            assert!(!accepted, "{name} {from} {until}: {refused}");
            assert_eq!(refused.reason, Reason::CertificateTime, "{name}");
            let last = refused.checks.last().unwrap();
            let named = format!("{name} valid on ");
            assert!(last.expected.starts_with(&named), "{name}: {last}");
        }
    }
}

/// Good evidence of which something else is expected.
fn other(change: fn(&mut Expected)) -> Case {
    simulated(|_| {}).expecting(change)
}

/// Good evidence with other bytes after it was signed.
fn edited(change: fn(&mut Evidence)) -> Case {
    simulated(|_| {}).with(change)
}

const NOT_THIS: Accept<[u8; 48]> = Accept::Exactly([0xff; 48]);

/// Evidence with one thing broken.
type Break = fn() -> Case;

const BREAKS: &[(Reason, Break)] = &[
    // Form.
    (Reason::Unreadable, || edited(|e| e.quote.clear())),
    (Reason::Unreadable, || edited(|e| e.quote.push(1))),
    (Reason::Unreadable, || simulated(|s| s.version = 3)),
    (Reason::Unreadable, || simulated(|s| s.version = 6)),
    (Reason::Unreadable, || simulated(|s| s.body_type = 1)),
    (Reason::Unreadable, || simulated(|s| s.body_type = 5)),
    // Another key type, a TEE that is SGX, reserved bytes, another enclave.
    (Reason::Unreadable, || edited(|e| e.quote[2] = 3)),
    (Reason::Unreadable, || edited(|e| e.quote[4] = 0)),
    (Reason::Unreadable, || edited(|e| e.quote[8] = 1)),
    (Reason::Unreadable, || edited(|e| e.quote[12] ^= 1)),
    (Reason::UnknownAttribute, || {
        simulated(|s| s.flip_attribute(1))
    }),
    (Reason::Migratable, || simulated(|s| s.flip_attribute(29))),
    (Reason::SeptVeDisable, || {
        simulated(|s| s.flip_attribute(28))
    }),
    // Collateral.
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.tcb_info.clear())
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.qe_identity.clear())
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.root_ca_crl.clear())
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.pck_crl.clear())
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.tcb_info_signature.truncate(63))
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.qe_identity_signature.push(0))
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.tcb_info_issuer_chain.clear())
    }),
    (Reason::CollateralUnreadable, || {
        edited(|e| e.collateral.qe_identity_issuer_chain.clear())
    }),
    (Reason::CollateralKind, || {
        simulated(|s| s.info = ("SGX", 3))
    }),
    (Reason::CollateralKind, || {
        simulated(|s| s.info = ("TDX", 2))
    }),
    (Reason::CollateralKind, || {
        simulated(|s| s.identity = ("QE", 2))
    }),
    (Reason::CollateralKind, || {
        simulated(|s| s.identity = ("TD_QE", 1))
    }),
    (Reason::CollateralTime, || simulated(|s| s.made = NOW + 1)),
    (Reason::CollateralTime, || {
        simulated(|s| s.made = NOW - 30 * DAY)
    }),
    (Reason::CollateralTime, || {
        simulated(|s| s.list_made = NOW + 1)
    }),
    (Reason::CollateralTime, || {
        simulated(|s| s.list_made = NOW - 30 * DAY)
    }),
    (Reason::CollateralAge, || {
        simulated(|s| s.made = NOW - 2 * DAY - 1)
    }),
    (Reason::CollateralAge, || {
        simulated(|s| s.list_made = NOW - 2 * DAY - 1)
    }),
    // Who signed.
    (Reason::CertificatesUnreadable, || {
        // A line of PEM that ends otherwise, and says the same.
        edited(|e| {
            let end = e.quote.len() - 2;
            e.quote[end] = b' ';
        })
    }),
    (Reason::Root, || other(|x| x.root = Root::intel().unwrap())),
    (Reason::Root, || {
        other(|x| {
            let validity = (0, 4_000_000_000);
            let root = intel::certificate("Root", Key::Nobody, "Root", Key::Nobody, validity, &[]);
            x.root = Root::simulated(&root).unwrap();
        })
    }),
    (Reason::CertificateChain, || {
        simulated(|s| s.pck_issuer = Key::Nobody)
    }),
    (Reason::SignerChain, || {
        simulated(|s| s.info_signer_issuer = Key::Nobody)
    }),
    (Reason::SignerChain, || {
        simulated(|s| s.identity_signer_issuer = Key::Nobody)
    }),
    (Reason::SignerChain, || {
        // The root of somebody else with the same key.
        edited(|e| {
            let mut other = Spec::new();
            other.root_validity.1 -= 1;
            let chain = &mut e.collateral.qe_identity_issuer_chain;
            *chain = other.evidence().collateral.qe_identity_issuer_chain;
        })
    }),
    (Reason::CertificateTime, || {
        simulated(|s| s.pck_validity = (NOW - DAY, NOW - 1))
    }),
    (Reason::RootListSignature, || {
        simulated(|s| s.root_list_by = Key::Authority)
    }),
    (Reason::PckListSignature, || {
        simulated(|s| s.pck_list_by = Key::Root)
    }),
    (Reason::RootRevoked, || {
        simulated(|s| s.on_root_list = vec![Key::Root as u8])
    }),
    (Reason::KeyRevoked, || {
        simulated(|s| s.on_pck_list = vec![9, Key::Pck as u8])
    }),
    (Reason::IntermediateRevoked, || {
        simulated(|s| s.on_root_list = vec![Key::Authority as u8])
    }),
    (Reason::SignerRevoked, || {
        simulated(|s| s.on_root_list = vec![Key::Signer as u8])
    }),
    (Reason::QeReportSignature, || {
        simulated(|s| s.qe_report_by = Key::Nobody)
    }),
    (Reason::AttestationKey, || {
        simulated(|s| s.hashed_key = Key::Nobody)
    }),
    (Reason::Signature, || {
        simulated(|s| s.quote_by = Key::Nobody)
    }),
    (Reason::TcbInfoSignature, || {
        simulated(|s| s.info_by = Key::Nobody)
    }),
    (Reason::TcbInfoSignature, || {
        edited(|e| e.collateral.tcb_info.push(' '))
    }),
    (Reason::QeIdentitySignature, || {
        simulated(|s| s.identity_by = Key::Nobody)
    }),
    (Reason::CollateralPlatform, || {
        simulated(|s| s.info_fmspc = "B0C06F000001")
    }),
    (Reason::CollateralPlatform, || {
        simulated(|s| s.info_fmspc = "b0c06f000001")
    }),
    (Reason::CollateralPlatform, || {
        simulated(|s| s.info_pce = "0001")
    }),
    (Reason::CollateralPlatform, || {
        simulated(|s| s.info_pce = "")
    }),
    (Reason::CollateralPlatform, || {
        simulated(|s| s.info_pce = "000")
    }),
    // Intel's rules.
    (Reason::QuotingEnclave, || {
        simulated(|s| s.set_qe(at::QE_MR_SIGNER + 31, &[0x56]))
    }),
    (Reason::TdxModule, || {
        simulated(|s| s.set(at::MR_SIGNER_SEAM, &[1]))
    }),
    (Reason::TcbLevel, || {
        simulated(|s| s.set(at::TEE_TCB_SVN, &[4, 0, 2]))
    }),
    (Reason::TcbRevoked, || {
        simulated(|s| s.platform.0 = "Revoked")
    }),
    (Reason::Vendor, || {
        simulated(|s| s.authority_may_sign = false)
    }),
    // Which machine.
    (Reason::TcbStatus, || {
        simulated(|s| s.platform.0 = "SWHardeningNeeded")
    }),
    (Reason::Advisory, || {
        simulated(|s| s.platform.1 = &["INTEL-SA-01103"])
    }),
    (Reason::EvaluationNumber, || {
        simulated(|s| s.evaluation = 19)
    }),
    (Reason::Fmspc, || {
        other(|x| x.fmspc = Accept::Exactly([1; 6]))
    }),
    (Reason::Platform, || {
        other(|x| x.platform = Accept::OneOf(Vec::new()))
    }),
    (Reason::PlatformSmt, || {
        simulated(|s| s.flags = Some([false; 3]))
    }),
    (Reason::PlatformDynamic, || {
        simulated(|s| s.flags = Some([true, false, true]))
    }),
    (Reason::PlatformCachedKeys, || {
        simulated(|s| s.flags = Some([false, true, true]))
    }),
    (Reason::MrSeam, || simulated(|s| s.set(at::MR_SEAM, &[1]))),
    (Reason::MrSignerSeam, || {
        other(|x| x.mr_signer_seam = NOT_THIS)
    }),
    (Reason::SeamAttributes, || {
        other(|x| x.seam_attributes = Bits::Exactly(1))
    }),
    // What the TD promises.
    (Reason::Debug, || simulated(|s| s.flip_attribute(0))),
    (Reason::Profiling, || simulated(|s| s.flip_attribute(5))),
    (Reason::SingleStepDefense, || {
        simulated(|s| s.flip_attribute(16))
    }),
    (Reason::ServiceTdExtension, || {
        simulated(|s| s.flip_attribute(17))
    }),
    (Reason::Lass, || simulated(|s| s.flip_attribute(27))),
    (Reason::Pks, || simulated(|s| s.flip_attribute(30))),
    (Reason::KeyLocker, || simulated(|s| s.flip_attribute(31))),
    (Reason::ProvisioningAgent, || {
        simulated(|s| s.flip_attribute(62))
    }),
    (Reason::Perfmon, || simulated(|s| s.flip_attribute(63))),
    (Reason::Xfam, || simulated(|s| s.set(at::XFAM, &[0xe6]))),
    (Reason::Xfam, || simulated(|s| s.set(at::XFAM + 7, &[0x80]))),
    (Reason::VmIndex, || simulated(|s| s.set(at::VM_INDEX, &[1]))),
    (Reason::ServiceTd, || {
        simulated(|s| s.set(at::MR_SERVICE_TD, &[1]))
    }),
    (Reason::Devices, || simulated(|s| s.set(at::DEVICES, &[1]))),
    // What runs.
    (Reason::MrOwner, || simulated(|s| s.set(at::MR_OWNER, &[1]))),
    (Reason::MrOwnerConfig, || {
        simulated(|s| s.set(at::MR_OWNER_CONFIG, &[1]))
    }),
    (Reason::MrTd, || simulated(|s| s.set(at::MR_TD, &[1]))),
    (Reason::Rtmr0, || simulated(|s| s.set(at::RTMR, &[9]))),
    (Reason::Rtmr1, || simulated(|s| s.set(at::RTMR + 48, &[9]))),
    (Reason::Rtmr2, || simulated(|s| s.set(at::RTMR + 96, &[9]))),
    (Reason::Rtmr3, || simulated(|s| s.set(at::RTMR + 144, &[9]))),
    (Reason::MrConfigId, || {
        simulated(|s| s.set(at::MR_CONFIG_ID, &[9]))
    }),
    (Reason::ReportData, || {
        simulated(|s| s.set(at::REPORT_DATA, &[9]))
    }),
];
