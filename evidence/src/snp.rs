//! Verifying SEV-SNP evidence: the list of checks, in order, over raw bytes.
//! Each group of checks is a file: who signed (`origin`), whether it says anything
//! that is not known here (`newer`), which machine it is (`machine`), what that machine promises (`promises`), what runs on it
//! (`identity`).

pub(crate) mod certificate;
pub(crate) mod generation;
mod identity;
pub(crate) mod json;
pub(crate) mod key_info;
#[cfg(feature = "launch")]
pub mod launch;
mod machine;
pub(crate) mod newer;
mod origin;
mod promises;
pub(crate) mod report;
pub(crate) mod revocation;
pub(crate) mod table;
pub(crate) mod tcb;

use crate::ledger::Ledger;
use crate::{
    Claims, Expected, Generation, Reason, Rejection, Report, ReportError, Timestamp, Verified,
};
use machine::Tcbs;
use origin::Origin;

/// What a guest gives as proof; every byte of it comes from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The report, 1184 bytes if it is one.
    pub report: Vec<u8>,
    /// DER certificate of the key that signed it (VCEK or VLEK); empty when the
    /// guest had none.
    pub certificate: Vec<u8>,
}

/// Checks `evidence` against everything in `expected` at the time `now`.
///
/// # Errors
/// A [`Rejection`] that names the first check that failed and carries all
/// checks up to it.
pub fn verify(
    evidence: &Evidence,
    expected: &Expected,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    let mut ledger = Ledger::new();

    // Form: everything below reads this report and no other bytes.
    let (report, generation) = require_form(&mut ledger, evidence)?;

    // Who signed, whether all of it has a meaning here, which machine that is, what
    // it promises, and what it runs.
    let origin = origin::require(&mut ledger, evidence, &report, expected, generation, now)?;
    newer::require(&mut ledger, &expected.unknown_bits, &report, generation)?;
    let tcbs = machine::require(&mut ledger, expected, &report, &origin)?;
    promises::require(&mut ledger, expected, &report)?;
    identity::require(&mut ledger, expected, &report)?;

    Ok(Verified::new(
        ledger.finish(),
        claims(&report, &origin, tcbs),
    ))
}

/// Version 3 or later: version 2 does not say which processor it is from. What a
/// later one says that this program does not read is judged when it is known who
/// says it.
fn require_form(
    ledger: &mut Ledger,
    evidence: &Evidence,
) -> Result<(Report, Generation), Rejection> {
    let report = Report::parse(&evidence.report).map_err(|error| {
        let reason = match error {
            ReportError::Length(_) => Reason::ReportLength,
            ReportError::Version(_) => Reason::ReportVersion,
            ReportError::Reserved(_) => Reason::ReservedByte,
        };
        ledger.refuse(reason, "report", "a report", error)
    })?;
    ledger.require(
        Reason::ReportVersion,
        "report version",
        "3 or later",
        report.version(),
        report.version() >= 3,
    )?;
    let (family, model) = report.cpuid().unwrap_or_default();
    let Some(generation) = Generation::from_cpuid(family, model) else {
        let name = Generation::without_root(family, model);
        let name = name.unwrap_or("not known here");
        let seen = format!("family {family:x}h, model {model:x}h, {name}");
        let wanted = "Milan, Genoa or Turin: this program has the roots of no other";
        return Err(ledger.refuse(Reason::Generation, "processor", wanted, seen));
    };
    ledger.pass("processor", "one with SEV-SNP", generation);
    Ok((report, generation))
}

fn claims(report: &Report, origin: &Origin<'_>, tcbs: Tcbs) -> Claims {
    Claims {
        class: origin.root.class(),
        generation: origin.root.generation(),
        signed_by: origin.key,
        chip_id: report.chip_id(),
        reported_tcb: tcbs.reported,
        committed_tcb: tcbs.committed,
        launch_tcb: tcbs.launch,
        current_tcb: tcbs.current,
        extended_tcbs: report.extended_tcbs(),
        mitigations: report.mitigations(),
        firmware: report.firmware(),
        vmpl: report.vmpl(),
        policy: report.policy(),
        platform_info: report.platform_info(),
        guest_svn: report.guest_svn(),
        family_id: report.family_id(),
        image_id: report.image_id(),
        id_key_digest: report.id_key_digest(),
        author_key_digest: report.author_key_digest(),
        report_id: report.report_id(),
        report_id_ma: report.report_id_ma(),
        measurement: report.measurement(),
        host_data: report.host_data(),
        report_data: report.report_data(),
        report_version: report.version(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, report::TcbField, verify};
    use crate::{
        Accept, Certificate, Expected, Flag, Generation, Mitigations, PerGeneration, Reason,
        Report, Revocation, Timestamp, built_in_roots,
    };

    const REPORT: &str = include_str!("../tests/vectors/milan-v2-report.hex");
    const MILAN_VCEK: &[u8] = include_bytes!("../tests/vectors/milan-vcek.der");
    const TURIN_VCEK: &[u8] = include_bytes!("../tests/vectors/turin-vcek.der");

    #[test]
    fn the_real_milan_report_is_by_its_chip_and_the_chip_is_the_vendors() {
        let root = built_in_roots().remove(0);
        assert_eq!(root.generation(), Generation::Milan);
        let report = Report::parse(&hex::decode(REPORT.trim()).unwrap()).unwrap();
        let vcek = Certificate::parse(MILAN_VCEK).unwrap();
        assert!(vcek.is_signed_by(root.ask()));
        assert!(vcek.has_signed_report(&report));
        assert_eq!(vcek.chip_id().unwrap(), report.chip_id());
        let reported = report.tcb(Generation::Milan, TcbField::Reported);
        assert_eq!(vcek.tcb(Generation::Milan), Some(reported));
        assert!(root.with_endorsement_key(MILAN_VCEK).is_ok());
    }

    #[test]
    fn the_real_turin_chip_is_the_vendors_and_no_milan() {
        let mut roots = built_in_roots();
        let (turin, milan) = (roots.remove(2), roots.remove(0));
        assert!(turin.with_endorsement_key(TURIN_VCEK).is_ok());
        assert!(milan.with_endorsement_key(TURIN_VCEK).is_err());
    }

    #[test]
    fn a_report_of_version_2_is_refused_by_name() {
        let evidence = Evidence {
            report: hex::decode(REPORT.trim()).unwrap(),
            certificate: MILAN_VCEK.to_vec(),
        };
        let anything = Expected {
            roots: built_in_roots(),
            revocation: Revocation::NotChecked,
            tcb_floors: Vec::new(),
            mitigations: PerGeneration::all(Mitigations::Any),
            unknown_bits: Vec::new(),
            measurement: Accept::Any,
            host_data: [0; 32],
            report_data: [0; 64],
            vmpl: 0,
            debug: Flag::Any,
            migration: Flag::Any,
            smt_allowed: Flag::Any,
            single_socket: Flag::Any,
            cxl_allowed: Flag::Any,
            aes_256_xts: Flag::Any,
            rapl_off: Flag::Any,
            ciphertext_hiding: Flag::Any,
            page_swap_disabled: Flag::Any,
            abi_minimum: (0, 0),
            platform_smt: Flag::Any,
            platform_tsme: Flag::Any,
            platform_ecc: Flag::Any,
            platform_rapl_disabled: Flag::Any,
            platform_ciphertext_hiding: Flag::Any,
            platform_alias_check: Flag::Any,
            platform_iommu_write_safe: Flag::Any,
            platform_tio: Flag::Any,
            guest_svn_minimum: 0,
            family_id: Accept::Any,
            image_id: Accept::Any,
            id_key_digest: Accept::Any,
            author_key_digest: Accept::Any,
            report_id: Accept::Any,
            report_id_ma: Accept::Any,
            chip_id: Accept::Any,
        };
        let refused = verify(&evidence, &anything, Timestamp::from_secs(1_700_000_000));
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason, Reason::ReportVersion);
        let text = "report version: expected 3 or later, seen 2";
        assert_eq!(refused.to_string(), text);
    }
}
