//! What runs: the chip, the guest image and its keys, and the binding to one job.

use crate::check::Hex;
use crate::ledger::Ledger;
use crate::{Accept, Expected, Reason, Rejection, Report};

pub(super) fn require(ledger: &mut Ledger, x: &Expected, report: &Report) -> Result<(), Rejection> {
    let (reason, name) = (Reason::UnexpectedChip, "chip");
    require_bytes(ledger, reason, name, &x.chip_id, report.chip_id())?;
    ledger.require(
        Reason::GuestSvn,
        "guest SVN",
        format!("at least {}", x.guest_svn_minimum),
        report.guest_svn(),
        report.guest_svn() >= x.guest_svn_minimum,
    )?;
    let (reason, name) = (Reason::FamilyId, "family id");
    require_bytes(ledger, reason, name, &x.family_id, report.family_id())?;
    let (reason, name) = (Reason::ImageId, "image id");
    require_bytes(ledger, reason, name, &x.image_id, report.image_id())?;
    let (reason, name, seen) = (Reason::IdKey, "ID key", report.id_key_digest());
    require_bytes(ledger, reason, name, &x.id_key_digest, seen)?;
    let (reason, name, seen) = (Reason::AuthorKey, "author key", report.author_key_digest());
    require_bytes(ledger, reason, name, &x.author_key_digest, seen)?;
    let (reason, name) = (Reason::ReportId, "report id");
    require_bytes(ledger, reason, name, &x.report_id, report.report_id())?;
    let (reason, name) = (Reason::MigrationAgent, "migration agent");
    require_bytes(ledger, reason, name, &x.report_id_ma, report.report_id_ma())?;
    let (reason, name) = (Reason::Measurement, "guest image");
    require_bytes(ledger, reason, name, &x.measurement, report.measurement())?;
    let wanted = Accept::Exactly(x.host_data);
    let (reason, name) = (Reason::HostData, "HOST_DATA");
    require_bytes(ledger, reason, name, &wanted, report.host_data())?;
    let wanted = Accept::Exactly(x.report_data);
    let (reason, name) = (Reason::ReportData, "REPORT_DATA");
    require_bytes(ledger, reason, name, &wanted, report.report_data())
}

fn require_bytes<const N: usize>(
    ledger: &mut Ledger,
    reason: Reason,
    name: &'static str,
    expected: &Accept<[u8; N]>,
    seen: [u8; N],
) -> Result<(), Rejection> {
    let holds = expected.accepts(&seen);
    ledger.require(reason, name, expected, Hex(&seen), holds)
}
