//! That the collateral is about TDX and can be read, valid now, and new enough.

use super::collateral::{Dates, Read, Unreadable};
use super::{Collateral, CollateralAge, Expected, Reason, Rejection};
use crate::Timestamp;
use crate::ledger::Ledger;

pub(super) fn require(
    ledger: &mut Ledger,
    collateral: &Collateral,
    expected: &Expected,
    now: Timestamp,
) -> Result<Read, Rejection> {
    let read = match collateral.read() {
        Ok(read) => read,
        Err(Unreadable(part)) => {
            let wanted = "each part in its form";
            let seen = format!("the {part} cannot be read");
            return Err(ledger.refuse(Reason::CollateralUnreadable, "collateral", wanted, seen));
        }
    };
    require_kind(ledger, &read)?;
    for dates in read.dates.iter().chain([&read.root_dates]) {
        let Dates {
            part,
            made,
            replaced,
        } = *dates;
        ledger.require(
            Reason::CollateralTime,
            "collateral's validity",
            format!("{part} valid on {now}"),
            format!("{made} to {replaced}"),
            made <= now && now < replaced,
        )?;
    }
    for Dates { part, made, .. } in read.dates {
        let (wanted, holds) = match expected.collateral_age {
            CollateralAge::AtMost { secs } => (
                format!("{part} at most {secs} s old"),
                now.since(made) <= secs,
            ),
            CollateralAge::Any => (format!("{part} of any age"), true),
        };
        let seen = format!("{} s old", now.since(made));
        ledger.require(
            Reason::CollateralAge,
            "collateral's age",
            wanted,
            seen,
            holds,
        )?;
    }
    Ok(read)
}

fn require_kind(ledger: &mut Ledger, read: &Read) -> Result<(), Rejection> {
    let (info, identity) = (&read.tcb_info, &read.qe_identity);
    ledger.require(
        Reason::CollateralKind,
        "collateral's kind",
        "TDX version 3, TD_QE version 2 or 3",
        format!(
            "{} version {}, {} version {}",
            info.id, info.version, identity.id, identity.version
        ),
        info.is_of_tdx() && identity.is_of_tdx(),
    )
}
