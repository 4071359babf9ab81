//! A real quote to check with any collateral: whatever it says is accepted, so
//! that all that can be refused is what the collateral says.

use evidence::tdx::{
    Advisories, Bits, Bound, Collateral, CollateralAge, ConfigId, Evidence, Expected, Quote,
    Rejection, Root, TcbStatus, Verified, VmIndex, verify,
};
use evidence::{Accept, Flag, Timestamp};

const QUOTE: &[u8] = include_bytes!("../../tests/vectors/tdx/v4.quote");

/// The collateral of its day.
pub(crate) fn real() -> Option<Collateral> {
    let json = include_bytes!("../../tests/vectors/tdx/v4.collateral.json");
    Collateral::from_json(json).ok()
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
    let (Ok(quote), Ok(root)) = (Quote::parse(QUOTE), Root::intel()) else {
        panic!("the kept quote or root cannot be read");
    };
    let expected = Expected {
        root,
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
        quote: QUOTE.to_vec(),
        collateral,
    };
    // 2025-06-20.
    verify(&evidence, &expected, Timestamp::from_secs(1_750_377_600)).map_err(Box::new)
}
