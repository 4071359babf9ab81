//! Quotes and collateral of TDX: each with the other one real, so that all that can
//! be refused is what the bytes say.

use std::hint::black_box;
use std::sync::LazyLock;

use evidence::tdx::{
    Advisories, Bits, Bound, Collateral, CollateralAge, ConfigId, Evidence, Expected, Part, Quote,
    Rejection, Root, SignedText, TcbStatus, Verified, VmIndex, verify,
};
use evidence::{Accept, Flag, Timestamp};

use crate::memory;

const QUOTE: &[u8] = include_bytes!("../../tests/vectors/tdx/v4.quote");

/// 2025-06-20.
const NOW: Timestamp = Timestamp::from_secs(1_750_377_600);

/// Intel's root and the collateral of that day: read once, it takes long.
static REAL: LazyLock<Option<(Root, Collateral)>> = LazyLock::new(|| {
    let json = include_bytes!("../../tests/vectors/tdx/v4.collateral.json");
    Some((Root::intel().ok()?, Collateral::from_json(json).ok()?))
});

/// A TDX quote, and all that is read of it: its fields, the certificates in it, and
/// what real collateral says about it. Nothing passes but what a real TD gave.
pub fn tdx_quote(bytes: &[u8]) {
    let Some((root, collateral)) = &*REAL else {
        return;
    };
    memory::bounded(|| {
        let Ok(quote) = Quote::parse(bytes) else {
            return;
        };
        assert_eq!(quote.bytes(), bytes);
        fields(&quote);
        if quote.platform().is_some() && verified(&quote, collateral.clone(), root).is_ok() {
            let real = Quote::parse(QUOTE).map(|real| real.signed_bytes() == quote.signed_bytes());
            assert_eq!(real, Ok(true));
        }
    });
}

/// TDX collateral, as the service answers for a part and as JSON; each part of it by
/// itself, and a real quote verified with all. Nothing passes but what Intel signed.
pub fn tdx_collateral(bytes: &[u8]) {
    let Some((root, real)) = &*REAL else {
        return;
    };
    memory::bounded(|| {
        if let Ok(part) = SignedText::from_answer(bytes, &real.tcb_info_issuer_chain) {
            for part in [Part::TcbInfo(part.clone()), Part::QeIdentity(part)] {
                black_box(part.verify(root, NOW).is_ok());
            }
        }
        let Ok(collateral) = Collateral::from_json(bytes) else {
            return;
        };
        for part in parts(collateral.clone()) {
            if let (Ok(_), Part::TcbInfo(part)) = (part.verify(root, NOW), part) {
                assert_eq!(part.text, real.tcb_info);
            }
        }
        if verify_with(collateral.clone()).is_ok() {
            assert_eq!(collateral.tcb_info, real.tcb_info);
            assert_eq!(collateral.qe_identity, real.qe_identity);
        }
    });
}

/// All that a quote says.
fn fields(quote: &Quote) {
    black_box(format!("{quote:?}"));
    black_box((quote.version(), quote.kind(), quote.signed_bytes()));
    black_box((quote.tee_tcb_svn(), quote.current_tee_tcb_svn()));
    black_box((quote.mr_seam(), quote.mr_signer_seam(), quote.mr_td()));
    black_box((quote.seam_attributes(), quote.td_attributes(), quote.xfam()));
    black_box((quote.mr_config_id(), quote.report_data(), quote.rtmrs()));
    black_box((quote.mr_owner(), quote.mr_owner_config()));
    black_box((quote.mr_service_td(), quote.vm_index(), quote.td_id()));
    black_box((quote.initial_service_tds(), quote.current_service_tds()));
    black_box(quote.device_info());
}

/// One after the other, as who keeps them has them; the lists' issuer stands where
/// the signer of the TCB info does.
fn parts(collateral: Collateral) -> [Part; 4] {
    let issuer_chain = collateral.tcb_info_issuer_chain.clone();
    [
        Part::TcbInfo(SignedText {
            text: collateral.tcb_info,
            signature: collateral.tcb_info_signature,
            issuer_chain: collateral.tcb_info_issuer_chain,
        }),
        Part::QeIdentity(SignedText {
            text: collateral.qe_identity,
            signature: collateral.qe_identity_signature,
            issuer_chain: collateral.qe_identity_issuer_chain,
        }),
        Part::PckCrl {
            der: collateral.pck_crl,
            issuer_chain,
        },
        Part::RootCaCrl(collateral.root_ca_crl),
    ]
}

/// Verifies a public quote with this collateral, under Intel's root and on a day
/// of 2025-06 (`evidence/tests/vectors/tdx/ORIGIN.md`).
///
/// # Errors
/// Always, unless the collateral is Intel's of that day.
///
/// # Panics
/// When quote and root in this repository are broken.
pub fn verify_with(collateral: Collateral) -> Result<Verified, Box<Rejection>> {
    let (Ok(quote), Some((root, _))) = (Quote::parse(QUOTE), &*REAL) else {
        panic!("the kept quote or root cannot be read");
    };
    verified(&quote, collateral, root)
}

/// Whatever the quote says is expected.
fn verified(
    quote: &Quote,
    collateral: Collateral,
    root: &Root,
) -> Result<Verified, Box<Rejection>> {
    let expected = Expected {
        root: root.clone(),
        collateral_age: CollateralAge::Any,
        tcb_floor: TcbStatus::OutOfDateConfigurationNeeded,
        advisories: Advisories::Any,
        evaluation_minimum: 0,
        fmspc: Accept::Any,
        platform: Accept::Any,
        platform_smt: Flag::Any,
        platform_dynamic: Flag::Any,
        platform_cached_keys: Flag::Any,
        mr_seam: Accept::Any,
        mr_signer_seam: Accept::Any,
        seam_attributes: Bits::Any,
        debug: Flag::Any,
        profiling: Flag::Any,
        single_step_defense: Flag::Any,
        service_td_extension: Flag::Any,
        lass: Flag::Any,
        pks: Flag::Any,
        key_locker: Flag::Any,
        provisioning_agent: Flag::Any,
        perfmon: Flag::Any,
        xfam: Bits::Any,
        vm_index: VmIndex::Any,
        service_td: Bound::Any,
        devices: Bound::Any,
        mr_owner: Accept::Any,
        mr_owner_config: Accept::Any,
        mr_td: Accept::Any,
        rtmr0: Accept::Any,
        rtmr1: Accept::Any,
        rtmr2: Accept::Any,
        rtmr3: Accept::Any,
        mr_config_id: ConfigId::of_sha384(quote.mr_config_id()),
        report_data: quote.report_data(),
    };
    let evidence = Evidence {
        quote: quote.bytes().to_vec(),
        collateral,
    };
    verify(&evidence, &expected, NOW).map_err(Box::new)
}
