//! Public quotes under Intel's own root, with the collateral of their day.

use evidence::tdx::{
    Advisories, Collateral, CollateralError, Quote, Reason, Root, RootError, TcbStatus,
    TdReportKind,
};
use evidence::{Accept, Flag, RootClass};

use crate::world::{Case, V4, V5, V5_EXTENDED};

#[test]
fn a_real_quote_of_version_4_is_verified() {
    let verified = V4.case().verify().unwrap();
    let claims = verified.claims();
    assert_eq!(claims.class, RootClass::Vendor);
    assert_eq!(
        (claims.quote_version, claims.report_kind),
        (4, TdReportKind::V1_0)
    );
    assert_eq!(claims.tcb_status, TcbStatus::UpToDate);
    assert!(claims.advisories.is_empty());
    assert_eq!(claims.evaluation_number, 17);
    assert_eq!(hex::encode(claims.fmspc), "b0c06f000000");
    assert_eq!(claims.tee_tcb_svn[..3], [6, 1, 3]);
    assert_eq!(claims.current_tee_tcb_svn, None);
    assert_eq!(claims.mr_service_td, None);
    assert_eq!(hex::encode(claims.mr_td)[..16], *"91eb2b44d141d4ec");
    assert_eq!(hex::encode(claims.rtmrs[2])[..16], *"d833feef2cd94514");
    assert_eq!(hex::encode(claims.report_data)[..16], *"9a9d48e7f6799642");
    assert_eq!(claims.xfam, 0x602e7);
    assert_eq!(claims.td_attributes.bits(), 1 << 28);
    let attributes = format!("{:?}", claims.td_attributes);
    assert_eq!(attributes, "TdAttributes(0x10000000)");
    // The PCK revocation list is over first.
    assert_eq!(claims.collateral_until.to_string(), "2025-07-19T10:00:35Z");
}

#[test]
fn a_real_extended_quote_of_version_5_is_verified() {
    let verified = V5_EXTENDED.case().verify().unwrap();
    let claims = verified.claims();
    let kind = TdReportKind::V1_5Extended;
    assert_eq!((claims.quote_version, claims.report_kind), (5, kind));
    assert_eq!(claims.tcb_status, TcbStatus::UpToDate);
    assert_eq!(claims.evaluation_number, 20);
    assert_eq!(claims.current_tee_tcb_svn, Some(claims.tee_tcb_svn));
    assert_eq!(claims.mr_service_td, Some([0; 48]));
    let config = "0151ed70bddb5f12574176b37e3f53bbfc4ba15c33cbddc2d03d90b6de14596cc0";
    assert_eq!(hex::encode(claims.mr_config_id)[..66], *config);
    assert_eq!(
        hex::encode(claims.td_id.unwrap())[..16],
        *"e1f3ee829cb6f039"
    );
}

#[test]
fn a_real_quote_whose_tcb_intel_does_not_know_is_refused_by_intels_rules() {
    // Its signatures are good: the list of checks passed all of them.
    let refused = V5.case().verify().unwrap_err();
    assert_eq!(refused.reason, Reason::TcbLevel);
    let passed: Vec<&str> = refused.checks.iter().map(|check| &*check.name).collect();
    assert!(passed.contains(&"signature"), "{passed:?}");
    let quote = Quote::parse(&V5.case().evidence.quote).unwrap();
    assert_eq!(quote.kind(), TdReportKind::V1_5);
    // A quote in a log is told apart by what it is about.
    let shown = format!("{quote:?}");
    assert!(shown.contains(&hex::encode(quote.mr_td())), "{shown}");
}

#[test]
fn stale_collateral_and_collateral_from_the_future_are_refused() {
    let reason = |case: Case| case.verify().map(|_| ()).map_err(|refused| refused.reason);
    let case = V4.case();
    // The first part is made at 2025-06-19T10:00:35Z, the last at 10:32:27.
    assert_eq!(
        reason(case.clone().at(1_750_329_146)),
        Err(Reason::CollateralTime)
    );
    assert_eq!(reason(case.clone().at(1_750_329_147)), Ok(()));
    // The first to end ends at 2025-07-19T10:00:35Z.
    assert_eq!(reason(case.clone().at(1_752_919_234)), Ok(()));
    assert_eq!(
        reason(case.clone().at(1_752_919_235)),
        Err(Reason::CollateralTime)
    );
    assert_eq!(reason(case.clone().at(0)), Err(Reason::CollateralTime));
    assert_eq!(reason(case.at(u64::MAX)), Err(Reason::CollateralTime));
}

#[test]
fn collateral_of_another_day_or_platform_is_no_collateral() {
    let mut case = V4.case();
    case.evidence.collateral = V5.case().evidence.collateral;
    case.now = V5.case().now;
    assert_eq!(
        case.verify().unwrap_err().reason,
        Reason::CollateralPlatform
    );
    // The same kind of platform, a later day: what was good is out of date now.
    let mut case = V4.case();
    case.evidence.collateral = V5_EXTENDED.case().evidence.collateral;
    case.now = V5_EXTENDED.case().now;
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.reason, Reason::TcbStatus);
    assert!(refused.to_string().contains("OutOfDate"), "{refused}");
    assert!(refused.to_string().contains("INTEL-SA-01245"), "{refused}");
    let lower = case.expecting(|x| x.tcb_floor = TcbStatus::OutOfDate);
    assert_eq!(lower.verify().unwrap_err().reason, Reason::Advisory);
    let any = lower.expecting(|x| x.advisories = Advisories::Any);
    let verified = any.verify().unwrap();
    let named = verified.claims().advisories.clone();
    assert!(named.iter().is_sorted());
    let only = any.expecting(|x| x.advisories = Advisories::Only(named.clone()));
    assert!(only.verify().is_ok());
    for left_out in &named {
        let mut named = named.clone();
        named.retain(|id| id != left_out);
        let case = only
            .clone()
            .expecting(|x| x.advisories = Advisories::Only(named));
        assert_eq!(case.verify().unwrap_err().reason, Reason::Advisory);
    }
}

#[test]
fn the_platforms_flags_are_those_of_its_certificate() {
    for (reason, flag) in [
        (Reason::PlatformSmt, 0),
        (Reason::PlatformDynamic, 1),
        (Reason::PlatformCachedKeys, 2),
    ] {
        for (wanted, accepted) in [(Flag::On, true), (Flag::Off, false)] {
            let case = V4.case().expecting(|x| {
                *[
                    &mut x.platform_smt,
                    &mut x.platform_dynamic,
                    &mut x.platform_cached_keys,
                ][flag] = wanted;
            });
            let refused = case.verify().err().map(|refused| refused.reason);
            assert_eq!(refused, (!accepted).then_some(reason));
        }
    }
}

#[test]
fn another_fmspc_and_another_ppid_are_refused() {
    let case = V4.case().expecting(|x| x.fmspc = Accept::Exactly([0; 6]));
    assert_eq!(case.verify().unwrap_err().reason, Reason::Fmspc);
    let case = V4
        .case()
        .expecting(|x| x.platform = Accept::Exactly([0; 16]));
    assert_eq!(case.verify().unwrap_err().reason, Reason::Platform);
}

#[test]
fn intels_root_is_the_one_in_real_quotes_and_no_simulated_one() {
    let root = Root::intel().unwrap();
    assert_eq!(root.class(), RootClass::Vendor);
    assert_eq!(format!("{root:?}"), format!("Root({})", RootClass::Vendor));
    let der = include_bytes!("../../roots/intel.root.der");
    assert_eq!(Root::simulated(der), Err(RootError::Vendor));
    let mut changed = der.to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(Root::simulated(&changed), Err(RootError::NotSelfSigned));
    assert_eq!(Root::simulated(&der[..300]), Err(RootError::Form));
    // What dcap-qvl has compiled in is the same: it verifies the same quote.
    let case = V4.case();
    let collateral = serde_json::from_slice(include_bytes!("../vectors/tdx/v4.collateral.json"));
    let verifier = dcap_qvl::verify::QuoteVerifier::new_prod();
    let report = verifier.verify(
        &case.evidence.quote,
        &collateral.unwrap(),
        case.now.as_secs(),
    );
    assert_eq!(report.unwrap().status, "UpToDate");
}

#[test]
fn our_reading_of_a_quote_is_dcap_qvls() {
    for (real, body) in [(V4, 48), (V5, 54), (V5_EXTENDED, 54)] {
        let mut bytes = real.case().evidence.quote;
        // Real ones have zeroes in most places; here no field is another's.
        let end = Quote::parse(&bytes).unwrap().signed_bytes().len();
        for (byte, n) in bytes[body..end].iter_mut().zip((1..=251).cycle()) {
            *byte = n;
        }
        let (ours, theirs) = (
            Quote::parse(&bytes).unwrap(),
            dcap_qvl::quote::Quote::parse(&bytes),
        );
        let theirs = theirs.unwrap();
        assert_eq!(ours.signed_bytes().len(), theirs.signed_length());
        let td = theirs.report.as_td10().unwrap();
        assert_eq!(ours.tee_tcb_svn(), td.tee_tcb_svn);
        assert_eq!(ours.mr_seam(), td.mr_seam);
        assert_eq!(ours.mr_signer_seam(), td.mr_signer_seam);
        assert_eq!(ours.seam_attributes().to_le_bytes(), td.seam_attributes);
        assert_eq!(ours.td_attributes().bits().to_le_bytes(), td.td_attributes);
        assert_eq!(ours.xfam().to_le_bytes(), td.xfam);
        assert_eq!(ours.mr_td(), td.mr_td);
        assert_eq!(ours.mr_config_id(), td.mr_config_id);
        assert_eq!(ours.mr_owner(), td.mr_owner);
        assert_eq!(ours.mr_owner_config(), td.mr_owner_config);
        assert_eq!(ours.rtmrs(), [td.rt_mr0, td.rt_mr1, td.rt_mr2, td.rt_mr3]);
        assert_eq!(ours.report_data(), td.report_data);
        let newer = theirs.report.as_td15();
        assert_eq!(ours.current_tee_tcb_svn(), newer.map(|td| td.tee_tcb_svn2));
        assert_eq!(ours.mr_service_td(), newer.map(|td| td.mr_service_td));
        let newest = theirs.report.as_td15_ex();
        assert_eq!(ours.vm_index(), newest.map(|td| td.vmid));
        assert_eq!(ours.td_id(), newest.map(|td| td.td_id));
        assert_eq!(ours.device_info(), newest.map(|td| td.dev_info));
        assert_eq!(
            ours.initial_service_tds(),
            newest.map(|td| td.init_service_td_hash)
        );
        assert_eq!(
            ours.current_service_tds(),
            newest.map(|td| td.cur_service_td_hash)
        );
    }
}

#[test]
fn collateral_that_is_no_json_is_refused() {
    for text in ["", "{}", "[]", "null"] {
        let refused = Collateral::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(refused, CollateralError::Form(_)), "{text}");
    }
}
