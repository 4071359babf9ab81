//! Intel's own rules, each refused by its name and not by its neighbours': what is
//! in the quoting enclave's report, which TDX module it is, and which TCB levels
//! both of them reach.

use evidence::Accept;
use evidence::tdx::Reason;

use crate::intel::{Spec, at};
use crate::world::{Case, simulated};

fn refusal(case: &Case) -> Option<Reason> {
    case.verify().err().map(|refused| refused.reason)
}

/// With a module of major version 1, which has another signer, at launch and now.
fn version_1(s: &mut Spec, of_launch: u8, now: u8) {
    s.set(at::TEE_TCB_SVN, &[of_launch, 1, 2]);
    s.set(at::TEE_TCB_SVN2, &[now, 1, 2]);
    s.set(at::MR_SIGNER_SEAM, &[0x11; 48]);
}

fn of_version_1(change: impl FnOnce(&mut Spec)) -> Case {
    let case = simulated(|s| {
        s.module = Some((3, "UpToDate"));
        version_1(s, 3, 3);
        change(s);
    });
    case.expecting(|x| x.mr_signer_seam = Accept::Exactly([0x11; 48]))
}

#[test]
fn the_quoting_enclave_is_the_one_of_its_identity() {
    for (at, value, accepted) in [
        (at::QE_MR_SIGNER, 0x54, false),
        (at::QE_MR_SIGNER + 31, 0x54, false),
        (at::QE_PRODUCT, 3, false),
        (at::QE_PRODUCT + 1, 2, false),
        // Under the mask, and not.
        (at::QE_MISC_SELECT, 0x02, false),
        (at::QE_MISC_SELECT, 0x01, true),
        (at::QE_MISC_SELECT + 3, 0x80, false),
        (at::QE_ATTRIBUTES, 0x04, false),
        (at::QE_ATTRIBUTES, 0x01, true),
        (at::QE_ATTRIBUTES + 15, 0x80, false),
        // Debug is not under the mask.
        (at::QE_ATTRIBUTES, 0x02, false),
        // Its measurement is not in the identity.
        (64, 1, true),
    ] {
        let refused = refusal(&simulated(|s| s.set_qe(at, &[value])));
        let reason = (!accepted).then_some(Reason::QuotingEnclave);
        assert_eq!(refused, reason, "{value:#x} at {at}");
    }
}

#[test]
fn the_module_is_one_of_the_tcb_info() {
    for (at, value) in [
        (at::MR_SIGNER_SEAM, 1),
        (at::MR_SIGNER_SEAM + 47, 1),
        (at::SEAM_ATTRIBUTES, 2),
        (at::SEAM_ATTRIBUTES + 7, 0x80),
        // Not under the mask: then it must be zero.
        (at::SEAM_ATTRIBUTES, 1),
    ] {
        let case = simulated(|s| s.set(at, &[value]));
        assert_eq!(
            refusal(&case),
            Some(Reason::TdxModule),
            "{value:#x} at {at}"
        );
    }
    // A major version has a signer of its own, and must be known.
    assert_eq!(refusal(&of_version_1(|_| {})), None);
    let case = of_version_1(|s| s.set(at::MR_SIGNER_SEAM, &[0; 48]));
    assert_eq!(refusal(&case), Some(Reason::TdxModule));
    let case = of_version_1(|s| s.module = None);
    assert_eq!(refusal(&case), Some(Reason::TdxModule));
    let case = of_version_1(|s| s.set(at::TEE_TCB_SVN2, &[5, 2, 2]));
    assert_eq!(refusal(&case), Some(Reason::TdxModule));
}

#[test]
fn platform_module_and_quoting_enclave_reach_a_level() {
    for (refused, case) in [
        // The platform's lowest level asks for 5, 0, 2.
        (true, simulated(|s| s.set(at::TEE_TCB_SVN, &[4, 0, 2]))),
        (true, simulated(|s| s.set(at::TEE_TCB_SVN, &[5, 0, 1]))),
        (true, simulated(|s| s.set(at::TEE_TCB_SVN2, &[4, 0, 2]))),
        (false, simulated(|s| s.set(at::TEE_TCB_SVN2, &[6, 0, 2]))),
        (true, simulated(|s| s.set_qe(at::QE_VERSION, &[3, 0]))),
        (false, simulated(|s| s.set_qe(at::QE_VERSION, &[3, 1]))),
        // Modules of version 1: the first of these is theirs, and they ask for 3.
        (true, of_version_1(|s| version_1(s, 2, 3))),
        (true, of_version_1(|s| version_1(s, 3, 2))),
        (false, of_version_1(|s| version_1(s, 3, 4))),
        (true, of_version_1(|s| s.set(at::TEE_TCB_SVN, &[3, 1, 1]))),
    ] {
        assert_eq!(refusal(&case), refused.then_some(Reason::TcbLevel));
    }
}

#[test]
fn a_revoked_level_counts_where_it_is_the_one_that_was_reached() {
    let revoked = "Revoked";
    let newer = |s: &mut Spec| {
        s.set(at::TEE_TCB_SVN, &[6, 0, 2]);
        s.set(at::TEE_TCB_SVN2, &[6, 0, 2]);
    };
    for case in [
        simulated(|s| s.platform.0 = revoked),
        simulated(|s| s.qe_status = revoked),
        simulated(|s| {
            s.current.0 = revoked;
            newer(s);
        }),
        simulated(|s| {
            s.current.0 = revoked;
            s.set(at::TEE_TCB_SVN2, &[6, 0, 2]);
        }),
        of_version_1(|s| s.module = Some((3, revoked))),
    ] {
        assert_eq!(refusal(&case), Some(Reason::TcbRevoked));
    }
    // A lower level does not count, nor when the refusal has another reason.
    let lower = |s: &mut Spec| {
        s.platform.0 = revoked;
        newer(s);
    };
    assert_eq!(refusal(&simulated(lower)), None);
    let case = simulated(|s| {
        lower(s);
        s.authority_may_sign = false;
    });
    assert_eq!(refusal(&case), Some(Reason::Vendor));
}

#[test]
fn the_last_check_carries_the_vendors_words() {
    let case = simulated(|s| s.set_qe(at::QE_PRODUCT, &[3]));
    let refused = case.verify().unwrap_err();
    let last = refused.checks.last().unwrap();
    assert_eq!(last.name, "vendor's rules");
    assert!(last.seen.contains("ISVPRODID"), "{last}");
}
