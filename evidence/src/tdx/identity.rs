//! What runs: the guest image and its owner, and the binding to one job.

use super::quote::Quote;
use super::{Expected, Reason, Rejection};
use crate::Accept;
use crate::ledger::Ledger;

pub(super) fn require(ledger: &mut Ledger, x: &Expected, quote: &Quote) -> Result<(), Rejection> {
    let [rtmr0, rtmr1, rtmr2, rtmr3] = quote.rtmrs();
    let config = Accept::Exactly(x.mr_config_id.bytes());
    for (reason, name, wanted, seen) in [
        (Reason::MrOwner, "owner", &x.mr_owner, quote.mr_owner()),
        (
            Reason::MrOwnerConfig,
            "owner's configuration",
            &x.mr_owner_config,
            quote.mr_owner_config(),
        ),
        (Reason::MrTd, "MRTD", &x.mr_td, quote.mr_td()),
        (Reason::Rtmr0, "RTMR0", &x.rtmr0, rtmr0),
        (Reason::Rtmr1, "RTMR1", &x.rtmr1, rtmr1),
        (Reason::Rtmr2, "RTMR2", &x.rtmr2, rtmr2),
        (Reason::Rtmr3, "RTMR3", &x.rtmr3, rtmr3),
        (
            Reason::MrConfigId,
            "MRCONFIGID",
            &config,
            quote.mr_config_id(),
        ),
    ] {
        let holds = wanted.accepts(&seen);
        ledger.require(reason, name, wanted, hex::encode(seen), holds)?;
    }
    let (wanted, seen) = (Accept::Exactly(x.report_data), quote.report_data());
    let (text, holds) = (hex::encode(seen), wanted.accepts(&seen));
    ledger.require(Reason::ReportData, "REPORTDATA", &wanted, text, holds)
}
