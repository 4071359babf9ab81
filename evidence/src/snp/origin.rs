//! Who signed: an accepted root of this generation, its intermediate for this
//! kind of key, the key's certificate, nothing of it revoked, and at last the
//! report itself.

use core::ops::Deref;

use super::Evidence;
use super::certificate::{Certificate, EndorsementKey};
use crate::ledger::Ledger;
use crate::{
    Expected, Generation, ListAge, Reason, Rejection, Report, Revocation, Root, Timestamp,
};

/// A signature that was checked up to its root.
pub(super) struct Origin<'x> {
    pub(super) root: &'x Root,
    pub(super) certificate: SentOrKnown<'x>,
    pub(super) key: EndorsementKey,
}

/// The certificate of the signing key.
pub(super) enum SentOrKnown<'x> {
    /// The root has checked that its intermediate signed it.
    Known(&'x Certificate),
    /// Nobody has checked anything about it.
    Sent(Box<Certificate>),
}

impl Deref for SentOrKnown<'_> {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        match self {
            Self::Known(certificate) => certificate,
            Self::Sent(certificate) => certificate,
        }
    }
}

pub(super) fn require<'x>(
    ledger: &mut Ledger,
    evidence: &Evidence,
    report: &Report,
    expected: &'x Expected,
    generation: Generation,
    now: Timestamp,
) -> Result<Origin<'x>, Rejection> {
    let root = require_root(ledger, expected, generation)?;
    let (certificate, key) = require_certificate(ledger, evidence, root)?;
    let intermediate = require_intermediate(ledger, root, key, now)?;
    require_chain(ledger, &certificate, intermediate, generation, now)?;
    match expected.revocation {
        Revocation::Checked(age) => {
            let revocable = Revocable {
                root,
                intermediate,
                certificate: &certificate,
                key,
            };
            require_not_revoked(ledger, &revocable, age, now)?;
        }
        Revocation::NotChecked => ledger.pass("revocation list", "not checked, by choice", "-"),
    }
    require_signature(ledger, report, &certificate, key)?;
    Ok(Origin {
        root,
        certificate,
        key,
    })
}

fn require_root<'x>(
    ledger: &mut Ledger,
    expected: &'x Expected,
    generation: Generation,
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
        // Say a vendor's and a simulated one: the report could not tell under
        // which of them it wants to be read.
        let seen = "several: keep one per generation";
        return Err(ledger.refuse(Reason::SeveralRoots, name, wanted, seen));
    }
    Ok(root)
}

/// The certificate and the kind of key it says it is for; proven by its issuer,
/// who signs one kind only.
fn require_certificate<'x>(
    ledger: &mut Ledger,
    evidence: &Evidence,
    root: &'x Root,
) -> Result<(SentOrKnown<'x>, EndorsementKey), Rejection> {
    let name = "signing key";
    let wanted = "a certificate signed by the vendor";
    if evidence.certificate.is_empty() {
        return Err(ledger.refuse(Reason::CertificateMissing, name, wanted, "none was sent"));
    }
    let certificate = match root.known(&evidence.certificate) {
        Some(known) => SentOrKnown::Known(known),
        None => match Certificate::parse(&evidence.certificate) {
            Ok(certificate) => SentOrKnown::Sent(Box::new(certificate)),
            Err(error) => {
                return Err(ledger.refuse(Reason::CertificateUnreadable, name, wanted, error));
            }
        },
    };
    let Some(key) = certificate.endorsement_key() else {
        let seen = format!("{:?}", certificate.common_name().unwrap_or_default());
        let wanted = "a VCEK or VLEK on the curve P-384";
        return Err(ledger.refuse(Reason::CertificateKind, name, wanted, seen));
    };
    Ok((certificate, key))
}

fn require_intermediate<'x>(
    ledger: &mut Ledger,
    root: &'x Root,
    key: EndorsementKey,
    now: Timestamp,
) -> Result<&'x Certificate, Rejection> {
    let name = "vendor chain";
    let wanted = format!("an accepted root for {}", root.generation());
    let Some(intermediate) = root.intermediate(key) else {
        let seen = format!("{} without an intermediate for a {key}", root.class());
        return Err(ledger.refuse(Reason::NoIntermediate, name, wanted, seen));
    };
    let wanted = format!("{wanted}, valid on {now}");
    for (reason, part) in [
        (Reason::RootTime, root.ark()),
        (Reason::IntermediateTime, intermediate),
    ] {
        if !part.is_valid_at(now) {
            let (from, until) = part.validity();
            let part = part.common_name().unwrap_or_default();
            let seen = format!("{part} ({}), valid {from} to {until}", root.class());
            return Err(ledger.refuse(reason, name, wanted, seen));
        }
    }
    let part = root.ark().common_name().unwrap_or_default();
    ledger.pass(name, wanted, format!("{part} ({}), valid", root.class()));
    Ok(intermediate)
}

fn require_chain(
    ledger: &mut Ledger,
    certificate: &SentOrKnown<'_>,
    intermediate: &Certificate,
    generation: Generation,
    now: Timestamp,
) -> Result<(), Rejection> {
    let signed = match certificate {
        SentOrKnown::Known(_) => true,
        SentOrKnown::Sent(certificate) => certificate.is_signed_by(intermediate),
    };
    ledger.require(
        Reason::CertificateChain,
        "signing key",
        "a certificate signed by the vendor",
        if signed { "signed" } else { "not signed by it" },
        signed,
    )?;
    let (from, until) = certificate.validity();
    ledger.require(
        Reason::CertificateTime,
        "signing key's validity",
        format!("valid on {now}"),
        format!("{from} to {until}"),
        certificate.is_valid_at(now),
    )?;
    let product = certificate.product().unwrap_or_default();
    let subject = certificate.common_name().unwrap_or_default();
    ledger.require(
        Reason::CertificateProduct,
        "signing key's product",
        format!("a VCEK or VLEK for {generation}"),
        format!("{subject:?} for {product:?}"),
        certificate.is_for(generation),
    )
}

/// What a list could name.
struct Revocable<'a> {
    root: &'a Root,
    intermediate: &'a Certificate,
    certificate: &'a Certificate,
    key: EndorsementKey,
}

/// The root's list is about what the root signed (RFC 5280, 5): both kinds of
/// intermediates. A VLEK has a serial number of its own and is looked up too; a
/// VCEK has none (AMD 57230, table "VCEK Certificate Fields": always 0).
fn require_not_revoked(
    ledger: &mut Ledger,
    revocable: &Revocable<'_>,
    age: ListAge,
    now: Timestamp,
) -> Result<(), Rejection> {
    let name = "revocation list";
    let in_force = format!("signed by the root, in force on {now}");
    let (oldest, wanted) = match age {
        ListAge::UntilReplaced => (None, in_force),
        ListAge::AtMost { secs } => {
            let oldest = now.minus(secs);
            (Some(oldest), format!("{in_force}, made {oldest} or later"))
        }
    };
    let Some(list) = revocable.root.revocation_list() else {
        return Err(ledger.refuse(Reason::RevocationMissing, name, wanted, "none was given"));
    };
    let seen = match list.replaced_at() {
        Some(until) => format!("made {}, in force until {until}", list.made_at()),
        None => format!("made {}, names no end", list.made_at()),
    };
    for (reason, holds) in [
        (Reason::RevocationFuture, list.made_at() <= now),
        (Reason::RevocationOver, list.replaced_at() >= Some(now)),
        (
            Reason::RevocationAge,
            oldest.is_none_or(|oldest| list.made_at() >= oldest),
        ),
    ] {
        if !holds {
            return Err(ledger.refuse(reason, name, wanted, seen));
        }
    }
    ledger.pass(name, wanted, seen);

    let mut require = |reason, name, wanted, certificate| {
        let revoked = list.revokes(certificate);
        let seen = if revoked { "revoked" } else { "not on it" };
        ledger.require(reason, name, wanted, seen, !revoked)
    };
    require(
        Reason::IntermediateRevoked,
        "not revoked",
        "an intermediate that is not on the list",
        revocable.intermediate,
    )?;
    match revocable.key {
        EndorsementKey::Vcek => Ok(()),
        EndorsementKey::Vlek => require(
            Reason::KeyRevoked,
            "signing key not revoked",
            "a VLEK that is not on the list",
            revocable.certificate,
        ),
    }
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
    let info = report.key_info();
    let signer = info.signer();
    let masked = if info.is_masked() { ", masked" } else { "" };
    let name = "signing key's kind";
    let wanted = format!("{key}, as its certificate says");
    if info.is_unsigned() {
        let seen = format!("{signer}{masked}: unsigned");
        return Err(ledger.refuse(Reason::Unsigned, name, wanted, seen));
    }
    let same = signer.is(key);
    ledger.require(Reason::SigningKey, name, wanted, signer, same)?;
    let fits = certificate.has_signed_report(report);
    ledger.require(
        Reason::Signature,
        "signature",
        "by this signing key over this report",
        if fits { "it fits" } else { "it does not fit" },
        fits,
    )
}
