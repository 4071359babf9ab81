//! Verifying SEV-SNP evidence: the list of checks, in order, over raw bytes.

pub(crate) mod certificate;
pub(crate) mod generation;
pub(crate) mod json;
pub(crate) mod report;
pub(crate) mod revocation;
pub(crate) mod tcb;

use core::fmt::Display;

use certificate::{Certificate, EndorsementKey};
use report::TcbField;

use crate::{
    Check, Claims, Expected, Flag, Generation, Reason, Rejection, Report, Revocation, Root, Tcb,
    Timestamp, Verified, signature,
};

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
    let mut ledger = Ledger::default();

    // Form: everything below reads this report and no other bytes.
    let report = match Report::parse(&evidence.report) {
        Ok(report) => report,
        Err(error) => return Err(ledger.refuse(Reason::Unreadable, "report", "a report", error)),
    };
    ledger.require(
        Reason::ReportVersion,
        "report version",
        "3 to 5",
        report.version(),
        (3..=5).contains(&report.version()),
    )?;

    // Who signed: an accepted root for this generation, then the chain below it.
    let generation = require_generation(&mut ledger, &report)?;
    let root = require_root(&mut ledger, expected, generation, now)?;
    let certificate = require_certificate(&mut ledger, evidence, root, now)?;
    let key = require_endorsement_key(&mut ledger, &certificate, generation)?;
    require_not_revoked(&mut ledger, expected.revocation, root, now)?;
    require_signature(&mut ledger, &report, &certificate, key)?;

    // Which machine: the signing key must be this chip's, at this TCB.
    let reported = require_tcb(&mut ledger, expected, &report, generation)?;
    require_fit(
        &mut ledger,
        &report,
        &certificate,
        key,
        generation,
        reported,
    )?;
    let committed = report.tcb(generation, TcbField::Committed);

    // What it promises, and what it runs.
    require_policy(&mut ledger, expected, &report)?;
    require_platform(&mut ledger, expected, &report)?;
    require_identity(&mut ledger, expected, &report)?;

    let claims = Claims {
        class: root.class(),
        generation,
        signed_by: key,
        chip_id: report.chip_id(),
        reported_tcb: reported,
        // A floor was checked on it, so it was readable.
        committed_tcb: committed.unwrap_or(reported),
        firmware: report.firmware(),
        measurement: report.measurement(),
        host_data: report.host_data(),
        report_data: report.report_data(),
        report_version: report.version(),
    };
    Ok(Verified::new(ledger.0, claims))
}

/// The checks so far. A check that does not hold ends the list.
#[derive(Default)]
struct Ledger(Vec<Check>);

impl Ledger {
    fn require(
        &mut self,
        reason: Reason,
        name: &'static str,
        expected: impl Display,
        seen: impl Display,
        holds: bool,
    ) -> Result<(), Rejection> {
        if !holds {
            return Err(self.refuse(reason, name, expected, seen));
        }
        self.0.push(Check::new(name, expected, seen));
        Ok(())
    }

    fn refuse(
        &mut self,
        reason: Reason,
        name: &'static str,
        expected: impl Display,
        seen: impl Display,
    ) -> Rejection {
        let mut checks = core::mem::take(&mut self.0);
        checks.push(Check::new(name, expected, seen));
        Rejection { reason, checks }
    }
}

fn require_generation(ledger: &mut Ledger, report: &Report) -> Result<Generation, Rejection> {
    let (family, model) = report.cpuid().unwrap_or_default();
    let seen = format!("family {family:x}h, model {model:x}h");
    match Generation::from_cpuid(family, model) {
        Some(generation) => {
            ledger
                .0
                .push(Check::new("processor", "one with SEV-SNP", generation));
            Ok(generation)
        }
        None => Err(ledger.refuse(
            Reason::Generation,
            "processor",
            "Milan, Genoa or Turin",
            seen,
        )),
    }
}

fn require_root<'x>(
    ledger: &mut Ledger,
    expected: &'x Expected,
    generation: Generation,
    now: Timestamp,
) -> Result<&'x Root, Rejection> {
    let mut of_generation = expected
        .roots
        .iter()
        .filter(|root| root.generation() == generation);
    let name = "vendor chain";
    let wanted = format!("an accepted root for {generation}");
    let Some(root) = of_generation.next() else {
        return Err(ledger.refuse(Reason::NoRoot, name, wanted, "none"));
    };
    if of_generation.next().is_some() {
        // Two roots of one generation, say a vendor's and a simulated one: the
        // report could not say under which of them it wants to be read.
        let seen = "several: keep one per generation";
        return Err(ledger.refuse(Reason::NoRoot, name, wanted, seen));
    }
    let valid = root.ark().is_valid_at(now) && root.ask().is_valid_at(now);
    let seen = format!(
        "{} ({}), {}",
        root.ark().common_name().unwrap_or_default(),
        root.class(),
        if valid {
            "valid"
        } else {
            "outside its validity"
        },
    );
    let wanted = format!("{wanted}, valid on {now}");
    ledger.require(Reason::VendorTime, name, wanted, seen, valid)?;
    Ok(root)
}

fn require_certificate(
    ledger: &mut Ledger,
    evidence: &Evidence,
    root: &Root,
    now: Timestamp,
) -> Result<Certificate, Rejection> {
    let name = "signing key";
    let wanted = "a certificate signed by the vendor";
    if evidence.certificate.is_empty() {
        return Err(ledger.refuse(Reason::CertificateMissing, name, wanted, "none was sent"));
    }
    let certificate = match Certificate::parse(&evidence.certificate) {
        Ok(certificate) => certificate,
        Err(error) => {
            return Err(ledger.refuse(Reason::CertificateUnreadable, name, wanted, error));
        }
    };
    let signed = certificate.is_signed_by(root.ask());
    let seen = if signed { "signed" } else { "not signed by it" };
    ledger.require(Reason::CertificateChain, name, wanted, seen, signed)?;

    let (from, until) = certificate.validity();
    ledger.require(
        Reason::CertificateTime,
        "signing key's validity",
        format!("valid on {now}"),
        format!("{from} to {until}"),
        certificate.is_valid_at(now),
    )?;
    Ok(certificate)
}

fn require_endorsement_key(
    ledger: &mut Ledger,
    certificate: &Certificate,
    generation: Generation,
) -> Result<EndorsementKey, Rejection> {
    let product = certificate.product().unwrap_or_default();
    let key = certificate.endorsement_key();
    // The vendor appends the stepping: `Milan-B0`, or gives the bare name.
    let fits = product.split('-').next() == Some(generation.name());
    let wanted = format!("a VCEK or VLEK for {generation}");
    let subject = certificate.common_name().unwrap_or_default();
    let seen = format!("{subject:?} for {product:?}");
    match key {
        Some(key) if fits => {
            ledger
                .0
                .push(Check::new("signing key's product", wanted, seen));
            Ok(key)
        }
        _ => Err(ledger.refuse(
            Reason::CertificateProduct,
            "signing key's product",
            wanted,
            seen,
        )),
    }
}

fn require_not_revoked(
    ledger: &mut Ledger,
    revocation: Revocation,
    root: &Root,
    now: Timestamp,
) -> Result<(), Rejection> {
    let name = "revocation list";
    let max_age_secs = match revocation {
        Revocation::Checked { max_age_secs } => max_age_secs,
        Revocation::NotChecked => {
            ledger
                .0
                .push(Check::new(name, "not checked, by choice", "-"));
            return Ok(());
        }
    };
    let days = |secs: u64| format!("{} days old", secs / 86_400);
    let wanted = format!("signed by the root, at most {}", days(max_age_secs));
    let Some(list) = root.revocation_list() else {
        return Err(ledger.refuse(Reason::RevocationMissing, name, wanted, "none was given"));
    };
    let age = now.since(list.made_at());
    let fresh = list.made_at() <= now && age <= max_age_secs;
    let seen = format!("made {}, {}", list.made_at(), days(age));
    ledger.require(Reason::RevocationAge, name, wanted, seen, fresh)?;
    ledger.require(
        Reason::Revoked,
        "not revoked",
        "an intermediate that is not on the list",
        if list.revokes(root.ask()) {
            "revoked"
        } else {
            "not on it"
        },
        !list.revokes(root.ask()),
    )
}

fn require_signature(
    ledger: &mut Ledger,
    report: &Report,
    certificate: &Certificate,
    key: EndorsementKey,
) -> Result<(), Rejection> {
    ledger.require(
        Reason::SignatureAlgorithm,
        "signature algorithm",
        "1 (ECDSA P-384 with SHA-384)",
        report.signature_algorithm(),
        report.signature_algorithm() == 1,
    )?;
    // KEY_INFO bits 4:2 name the signing key: 0 VCEK, 1 VLEK, 7 none. Bit 1:
    // the chip key is masked, the signature is zero.
    let named = match report.key_info() >> 2 & 0b111 {
        0 => "VCEK",
        1 => "VLEK",
        7 => "none",
        _ => "unknown",
    };
    let masked = report.key_info() >> 1 & 1 == 1;
    ledger.require(
        Reason::SigningKey,
        "signing key's kind",
        format!("{key}, as its certificate says"),
        format!("{named}{}", if masked { ", masked" } else { "" }),
        named == key.to_string() && !masked,
    )?;
    let fits = signature::ecdsa_p384_sha384(
        certificate.public_key(),
        report.signed_bytes(),
        &report.signature(),
    );
    ledger.require(
        Reason::Signature,
        "signature",
        "by this signing key over this report",
        if fits { "it fits" } else { "it does not fit" },
        fits,
    )
}

fn require_tcb(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
    generation: Generation,
) -> Result<Tcb, Rejection> {
    let floor = expected
        .tcb_floors
        .iter()
        .find(|floor| floor.generation == generation);
    let Some(floor) = floor.map(|floor| floor.lowest) else {
        let wanted = format!("a TCB floor for {generation}");
        return Err(ledger.refuse(Reason::NoTcbFloor, "TCB floor", wanted, "none is known"));
    };
    let mut reported = floor;
    for (field, name, reason) in [
        (TcbField::Reported, "reported TCB", Reason::ReportedTcb),
        (TcbField::Committed, "committed TCB", Reason::CommittedTcb),
        (TcbField::Launch, "launch TCB", Reason::LaunchTcb),
        (TcbField::Current, "current TCB", Reason::CurrentTcb),
    ] {
        let seen = report.tcb(generation, field);
        let text = seen.map_or_else(|| "unknown components".to_owned(), |tcb| tcb.to_string());
        let holds = seen.is_some_and(|tcb| tcb.is_at_least(floor));
        ledger.require(reason, name, format!("at least {floor}"), text, holds)?;
        if let (TcbField::Reported, Some(tcb)) = (field, seen) {
            reported = tcb;
        }
    }
    Ok(reported)
}

/// The certificate's extensions against the report's claims. Under VLEK there
/// is no chip in the certificate: the provider vouches for all of its chips.
fn require_fit(
    ledger: &mut Ledger,
    report: &Report,
    certificate: &Certificate,
    key: EndorsementKey,
    generation: Generation,
    reported: Tcb,
) -> Result<(), Rejection> {
    let chip = report.chip_id();
    if key == EndorsementKey::Vcek {
        // Turin names a chip with 8 bytes; the report's other 56 are zero.
        let len = match generation {
            Generation::Turin => 8,
            Generation::Milan | Generation::Genoa => 64,
        };
        let (significant, rest) = chip.split_at(len);
        let named = certificate.chip_id().unwrap_or_default();
        ledger.require(
            Reason::ChipId,
            "signing key's chip",
            hex::encode(named),
            hex::encode(significant),
            named == significant
                && rest.iter().all(|byte| *byte == 0)
                && significant.iter().any(|byte| *byte != 0),
        )?;
    }
    let named = certificate.tcb(generation);
    let wanted = named.map_or_else(|| "TCB extensions".to_owned(), |tcb| tcb.to_string());
    ledger.require(
        Reason::CertificateTcb,
        "signing key's TCB",
        wanted,
        reported,
        named == Some(reported),
    )
}

fn require_policy(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
) -> Result<(), Rejection> {
    ledger.require(
        Reason::Vmpl,
        "privilege level",
        expected.vmpl,
        report.vmpl(),
        report.vmpl() == expected.vmpl,
    )?;
    for (reason, name, flag, bit) in [
        (Reason::Debug, "debug", expected.debug, 19),
        (Reason::Migration, "migration", expected.migration, 18),
        (Reason::Policy, "SMT allowed", expected.smt_allowed, 16),
        (Reason::Policy, "single socket", expected.single_socket, 20),
    ] {
        require_flag(ledger, reason, name, flag, report.policy_bit(bit))?;
    }
    let (major, minor) = report.policy_abi();
    let (least_major, least_minor) = expected.abi_minimum;
    ledger.require(
        Reason::Abi,
        "firmware ABI asked for",
        format!("at least {least_major}.{least_minor}"),
        format!("{major}.{minor}"),
        (major, minor) >= (least_major, least_minor),
    )
}

fn require_platform(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
) -> Result<(), Rejection> {
    for (name, flag, bit) in [
        ("platform SMT", expected.platform_smt, 0),
        ("platform TSME", expected.platform_tsme, 1),
        ("platform ECC", expected.platform_ecc, 2),
        ("platform RAPL off", expected.platform_rapl_disabled, 3),
        ("ciphertext hiding", expected.platform_ciphertext_hiding, 4),
        ("alias check", expected.platform_alias_check, 5),
    ] {
        require_flag(
            ledger,
            Reason::Platform,
            name,
            flag,
            report.platform_bit(bit),
        )?;
    }
    Ok(())
}

fn require_flag(
    ledger: &mut Ledger,
    reason: Reason,
    name: &'static str,
    flag: Flag,
    seen: bool,
) -> Result<(), Rejection> {
    let text = if seen { "on" } else { "off" };
    ledger.require(reason, name, flag, text, flag.accepts(seen))
}

fn require_identity(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
) -> Result<(), Rejection> {
    let Expected {
        chip_id,
        id_key_digest,
        author_key_digest,
        report_id,
        report_id_ma,
        measurement,
        host_data,
        report_data,
        ..
    } = expected;
    let mut same = |reason, name, wanted: &dyn Display, seen: &[u8], holds| {
        ledger.require(reason, name, wanted, hex::encode(seen), holds)
    };
    let seen = report.chip_id();
    same(
        Reason::UnexpectedChip,
        "chip",
        chip_id,
        &seen,
        chip_id.accepts(&seen),
    )?;
    let seen = report.id_key_digest();
    same(
        Reason::IdKey,
        "ID key",
        id_key_digest,
        &seen,
        id_key_digest.accepts(&seen),
    )?;
    let seen = report.author_key_digest();
    let holds = author_key_digest.accepts(&seen);
    same(
        Reason::AuthorKey,
        "author key",
        author_key_digest,
        &seen,
        holds,
    )?;
    let seen = report.report_id();
    same(
        Reason::ReportId,
        "report id",
        report_id,
        &seen,
        report_id.accepts(&seen),
    )?;
    let seen = report.report_id_ma();
    let holds = report_id_ma.accepts(&seen);
    same(
        Reason::MigrationAgent,
        "migration agent",
        report_id_ma,
        &seen,
        holds,
    )?;
    let seen = report.measurement();
    let holds = measurement.accepts(&seen);
    same(
        Reason::Measurement,
        "guest image",
        measurement,
        &seen,
        holds,
    )?;
    let seen = report.host_data();
    let wanted = hex::encode(host_data);
    same(
        Reason::HostData,
        "HOST_DATA",
        &wanted,
        &seen,
        seen == *host_data,
    )?;
    let seen = report.report_data();
    let wanted = hex::encode(report_data);
    same(
        Reason::ReportData,
        "REPORT_DATA",
        &wanted,
        &seen,
        seen == *report_data,
    )
}
