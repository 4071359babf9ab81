//! Which machine it is: firmware that is new enough and cannot be rolled back,
//! and a signing key that is this chip's, at this TCB.

use super::certificate::EndorsementKey;
use super::origin::Origin;
use super::report::TcbField;
use crate::check::Hex;
use crate::ledger::Ledger;
use crate::{Expected, Mitigations, Reason, Rejection, Report, Tcb};

/// The report's four TCBs.
#[derive(Clone, Copy)]
pub(super) struct Tcbs {
    pub(super) reported: Tcb,
    pub(super) committed: Tcb,
    pub(super) launch: Tcb,
    pub(super) current: Tcb,
}

pub(super) fn require(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
    origin: &Origin<'_>,
) -> Result<Tcbs, Rejection> {
    let tcbs = require_tcbs(ledger, expected, report, origin)?;
    if origin.key == EndorsementKey::Vcek {
        // Under VLEK there is no chip in the certificate: the provider vouches
        // for all of its chips.
        require_chip(ledger, report, origin)?;
    }
    require_certified_tcb(ledger, origin, tcbs.reported)?;
    let demanded = *expected.mitigations.of(origin.root.generation());
    require_mitigations(ledger, demanded, report)?;
    Ok(tcbs)
}

fn require_tcbs(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
    origin: &Origin<'_>,
) -> Result<Tcbs, Rejection> {
    let generation = origin.root.generation();
    let floors = expected.tcb_floors.iter();
    let floor = floors
        .filter(|floor| floor.generation == generation)
        .map(|floor| floor.lowest)
        .reduce(Tcb::highest);
    let Some(floor) = floor else {
        let wanted = format!("a TCB floor for {generation}");
        return Err(ledger.refuse(Reason::NoTcbFloor, "TCB floor", wanted, "none is known"));
    };
    let wanted = format!("at least {floor}");
    let mut require = |field, name, reason| {
        let tcb = report.tcb(generation, field);
        ledger.require(reason, name, wanted.clone(), tcb, tcb.is_at_least(floor))?;
        Ok(tcb)
    };
    let tcbs = Tcbs {
        reported: require(TcbField::Reported, "reported TCB", Reason::ReportedTcb)?,
        committed: require(TcbField::Committed, "committed TCB", Reason::CommittedTcb)?,
        launch: require(TcbField::Launch, "launch TCB", Reason::LaunchTcb)?,
        current: require(TcbField::Current, "current TCB", Reason::CurrentTcb)?,
    };
    if let Some(extended) = report.extended_tcbs() {
        // Nobody said yet what their parts are: the TCBs above are held to the floor.
        ledger.pass("extended TCBs", "any: they have no floor", extended);
    }
    Ok(tcbs)
}

/// The certificate's HWID is the report's chip: as many bytes as this generation
/// has, the report's other bytes zero, and not zero as a whole.
fn require_chip(
    ledger: &mut Ledger,
    report: &Report,
    origin: &Origin<'_>,
) -> Result<(), Rejection> {
    let name = "signing key's chip";
    let chip = report.chip_id();
    let Some(named) = origin.certificate.chip_id() else {
        let wanted = "a chip that the certificate names";
        return Err(ledger.refuse(Reason::CertificateChip, name, wanted, "it names none"));
    };
    let (significant, rest) = chip.split_at(origin.root.generation().chip_id_len());
    if significant.iter().all(|byte| *byte == 0) {
        let wanted = format!("{}, and not zero", Hex(named));
        return Err(ledger.refuse(Reason::ChipMasked, name, wanted, "zero: masked"));
    }
    let unused = rest.iter().all(|byte| *byte == 0);
    let seen = if unused { significant } else { &chip };
    let holds = named == significant && unused;
    ledger.require(Reason::ChipId, name, Hex(named), Hex(seen), holds)
}

fn require_certified_tcb(
    ledger: &mut Ledger,
    origin: &Origin<'_>,
    reported: Tcb,
) -> Result<(), Rejection> {
    let name = "signing key's TCB";
    let Some(named) = origin.certificate.tcb(origin.root.generation()) else {
        let wanted = "a TCB that the certificate names, whole";
        return Err(ledger.refuse(Reason::CertificateTcbMissing, name, wanted, "it names none"));
    };
    ledger.require(
        Reason::CertificateTcb,
        name,
        named,
        reported,
        named == reported,
    )
}

fn require_mitigations(
    ledger: &mut Ledger,
    demanded: Mitigations,
    report: &Report,
) -> Result<(), Rejection> {
    let seen = report.mitigations();
    let (reason, holds) = match (demanded, seen) {
        (Mitigations::Required(bits), Some(seen)) => (Reason::Mitigations, seen.have_all(bits)),
        (Mitigations::Required(_), None) => (Reason::MitigationsMissing, false),
        (Mitigations::Any, _) => (Reason::Mitigations, true),
    };
    let none = || "none in this version".to_owned();
    let seen = seen.map_or_else(none, |seen| seen.to_string());
    ledger.require(reason, "mitigations", demanded, seen, holds)
}
