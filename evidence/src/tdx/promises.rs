//! What the TD promises: its attributes and features, which the module enforces,
//! and that nothing else shares its trust.

use super::attributes::Attribute;
use super::quote::Quote;
use super::{Bound, Expected, Reason, Rejection};
use crate::Flag;
use crate::ledger::Ledger;

/// What no expectation accepts. dcap-qvl refuses the same, without a name.
pub(super) fn require_always(ledger: &mut Ledger, quote: &Quote) -> Result<(), Rejection> {
    let attributes = quote.td_attributes();
    let unknown = attributes.unknown();
    let seen = format!("0x{unknown:x}");
    let (reason, name) = (Reason::UnknownAttribute, "unknown attributes");
    ledger.require(reason, name, "0x0", seen, unknown == 0)?;
    let mut require = |reason, name, wanted: Flag, attribute| {
        let seen = attributes.has(attribute);
        ledger.require(reason, name, wanted, on_or_off(seen), wanted.accepts(seen))
    };
    let (reason, name) = (Reason::Migratable, "migration");
    require(reason, name, Flag::Off, Attribute::Migratable)?;
    let (reason, name) = (Reason::SeptVeDisable, "exceptions by the host off");
    require(reason, name, Flag::On, Attribute::SeptVeDisable)
}

pub(super) fn require(
    ledger: &mut Ledger,
    expected: &Expected,
    quote: &Quote,
) -> Result<(), Rejection> {
    require_attributes(ledger, expected, quote)?;
    let (xfam, wanted) = (quote.xfam(), expected.xfam);
    let (seen, holds) = (format!("0x{xfam:x}"), wanted.accepts(xfam));
    ledger.require(Reason::Xfam, "processor features", wanted, seen, holds)?;
    let (index, wanted) = (quote.vm_index(), expected.vm_index);
    let seen = index.map_or_else(
        || "not in this report".to_owned(),
        |index| index.to_string(),
    );
    let holds = wanted.accepts(index);
    ledger.require(Reason::VmIndex, "partition", wanted, seen, holds)?;
    require_nothing_else(ledger, expected, quote)
}

fn require_attributes(ledger: &mut Ledger, x: &Expected, quote: &Quote) -> Result<(), Rejection> {
    let seen = quote.td_attributes();
    for (reason, name, wanted, seen) in [
        (Reason::Debug, "debug", x.debug, seen.is_under_debug()),
        (
            Reason::Profiling,
            "profiling",
            x.profiling,
            seen.is_profiled(),
        ),
        (
            Reason::SingleStepDefense,
            "single-step defense",
            x.single_step_defense,
            seen.has(Attribute::SingleStepDefense),
        ),
        (
            Reason::ServiceTdExtension,
            "report about service TDs",
            x.service_td_extension,
            seen.has(Attribute::ServiceTdExtension),
        ),
        (Reason::Lass, "LASS", x.lass, seen.has(Attribute::Lass)),
        (Reason::Pks, "PKS", x.pks, seen.has(Attribute::Pks)),
        (
            Reason::KeyLocker,
            "key locker",
            x.key_locker,
            seen.has(Attribute::KeyLocker),
        ),
        (
            Reason::ProvisioningAgent,
            "provisioning agent",
            x.provisioning_agent,
            seen.has(Attribute::ProvisioningAgent),
        ),
        (
            Reason::Perfmon,
            "performance counters",
            x.perfmon,
            seen.has(Attribute::Perfmon),
        ),
    ] {
        ledger.require(reason, name, wanted, on_or_off(seen), wanted.accepts(seen))?;
    }
    Ok(())
}

/// In an extended report of a TD with the service TD extension, MRSERVICETD says
/// what was bound at creation and another field what is bound now; without the
/// extension the other fields are zero and say nothing.
fn require_nothing_else(
    ledger: &mut Ledger,
    expected: &Expected,
    quote: &Quote,
) -> Result<(), Rejection> {
    let mut require = |reason, name, wanted: &Bound, seen: Option<[u8; 48]>| {
        let text = seen.map_or_else(|| "not in this report".to_owned(), hex::encode);
        ledger.require(reason, name, wanted, text, wanted.accepts(seen))
    };
    let (reason, wanted) = (Reason::ServiceTd, &expected.service_td);
    require(reason, "service TDs", wanted, quote.mr_service_td())?;
    let extended = quote.td_attributes().has(Attribute::ServiceTdExtension);
    for (name, seen) in [
        ("service TDs at creation", quote.initial_service_tds()),
        ("service TDs now", quote.current_service_tds()),
    ] {
        if let Some(digest) = seen
            && (extended || digest != [0; 48])
        {
            require(reason, name, wanted, seen)?;
        }
    }
    let (reason, wanted) = (Reason::Devices, &expected.devices);
    require(reason, "devices", wanted, quote.device_info())
}

const fn on_or_off(bit: bool) -> &'static str {
    if bit { "on" } else { "off" }
}
