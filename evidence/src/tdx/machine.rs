//! Which machine it is: a TCB that is good enough, the platform, and the TDX
//! module.

use std::collections::BTreeSet;

use dcap_qvl::PckCertFlag;

use super::origin::Origin;
use super::quote::Quote;
use super::{Expected, Reason, Rejection, TcbStatus};
use crate::Flag;
use crate::ledger::Ledger;

/// What holds for the TCB of launch and of now together.
pub(super) struct Tcb {
    pub(super) status: TcbStatus,
    pub(super) advisories: Vec<String>,
}

pub(super) fn require(
    ledger: &mut Ledger,
    expected: &Expected,
    quote: &Quote,
    origin: &Origin,
) -> Result<Tcb, Rejection> {
    let tcb = require_tcb(ledger, expected, origin)?;
    require_platform(ledger, expected, origin)?;
    require_module(ledger, expected, quote)?;
    Ok(tcb)
}

fn require_tcb(
    ledger: &mut Ledger,
    expected: &Expected,
    origin: &Origin,
) -> Result<Tcb, Rejection> {
    let advisories = advisories(origin);
    let named = if advisories.is_empty() {
        "none".to_owned()
    } else {
        advisories.join(", ")
    };
    let verdict = origin.claims.tcb.status;
    let status = status(verdict);
    let wanted = format!("at least {}", expected.tcb_floor);
    let seen = format!("{verdict}, advisories: {named}");
    let Some(status) = status.filter(|status| *status >= expected.tcb_floor) else {
        return Err(ledger.refuse(Reason::TcbStatus, "TCB status", wanted, seen));
    };
    ledger.pass("TCB status", wanted, seen);
    ledger.require(
        Reason::Advisory,
        "advisories",
        &expected.advisories,
        named,
        advisories.iter().all(|id| expected.advisories.accepts(id)),
    )?;
    let number = origin.claims.tcb.eval_data_number;
    ledger.require(
        Reason::EvaluationNumber,
        "TCB evaluation",
        format!("at least {}", expected.evaluation_minimum),
        number,
        number >= expected.evaluation_minimum,
    )?;
    Ok(Tcb { status, advisories })
}

/// Those of the platform's and the module's level at launch and now, and of the
/// quoting enclave's.
fn advisories(origin: &Origin) -> Vec<String> {
    let claims = &origin.claims;
    let current = claims.platform.current_tcb_level.iter();
    let current = current.flat_map(|level| &level.advisory_ids);
    let all: BTreeSet<&String> = claims.tcb.advisory_ids.iter().chain(current).collect();
    all.into_iter().cloned().collect()
}

fn status(verdict: dcap_qvl::TcbStatus) -> Option<TcbStatus> {
    use dcap_qvl::TcbStatus as Intel;
    Some(match verdict {
        Intel::UpToDate => TcbStatus::UpToDate,
        Intel::SWHardeningNeeded => TcbStatus::SwHardeningNeeded,
        Intel::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        Intel::ConfigurationAndSWHardeningNeeded => TcbStatus::ConfigurationAndSwHardeningNeeded,
        Intel::TDRelaunchAdvised => TcbStatus::TdRelaunchAdvised,
        Intel::TDRelaunchAdvisedConfigurationNeeded => {
            TcbStatus::TdRelaunchAdvisedConfigurationNeeded
        }
        Intel::OutOfDate => TcbStatus::OutOfDate,
        Intel::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
        Intel::Revoked => return None,
    })
}

fn require_platform(
    ledger: &mut Ledger,
    expected: &Expected,
    origin: &Origin,
) -> Result<(), Rejection> {
    let pck = &origin.claims.platform.pck;
    let (fmspc, wanted) = (pck.fmspc, &expected.fmspc);
    let (seen, holds) = (hex::encode(fmspc), wanted.accepts(&fmspc));
    ledger.require(Reason::Fmspc, "kind of platform", wanted, seen, holds)?;
    let (ppid, wanted) = (&origin.platform.ppid, &expected.platform);
    let holds = ppid
        .as_slice()
        .try_into()
        .is_ok_and(|id| wanted.accepts(&id));
    ledger.require(
        Reason::Platform,
        "platform",
        wanted,
        hex::encode(ppid),
        holds,
    )?;
    let mut require = |reason, name, wanted: Flag, seen| {
        let (text, holds) = match seen {
            PckCertFlag::True => ("on", wanted.accepts(true)),
            PckCertFlag::False => ("off", wanted.accepts(false)),
            PckCertFlag::Undefined => ("not said", wanted == Flag::Any),
        };
        ledger.require(reason, name, wanted, text, holds)
    };
    let (reason, name) = (Reason::PlatformSmt, "platform SMT");
    require(reason, name, expected.platform_smt, pck.smt_enabled)?;
    let (reason, name) = (Reason::PlatformDynamic, "packages can be added");
    require(
        reason,
        name,
        expected.platform_dynamic,
        pck.dynamic_platform,
    )?;
    let (reason, name) = (Reason::PlatformCachedKeys, "root keys at Intel");
    require(reason, name, expected.platform_cached_keys, pck.cached_keys)
}

fn require_module(
    ledger: &mut Ledger,
    expected: &Expected,
    quote: &Quote,
) -> Result<(), Rejection> {
    let (module, wanted) = (quote.mr_seam(), &expected.mr_seam);
    let (seen, holds) = (hex::encode(module), wanted.accepts(&module));
    ledger.require(Reason::MrSeam, "TDX module", wanted, seen, holds)?;
    let (signer, wanted) = (quote.mr_signer_seam(), &expected.mr_signer_seam);
    let (seen, holds) = (hex::encode(signer), wanted.accepts(&signer));
    let (reason, name) = (Reason::MrSignerSeam, "signer of the TDX module");
    ledger.require(reason, name, wanted, seen, holds)?;
    let (bits, wanted) = (quote.seam_attributes(), expected.seam_attributes);
    let (reason, name) = (Reason::SeamAttributes, "attributes of the TDX module");
    ledger.require(
        reason,
        name,
        wanted,
        format!("0x{bits:x}"),
        wanted.accepts(bits),
    )
}
