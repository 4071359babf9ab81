//! Who signed: the root, the key of the platform, the quoting enclave, and at
//! last the quote itself. Each signature is checked here by name, over the bytes
//! as received; then all of it again by Intel's rules, chains and lists included.

use dcap_qvl::QuoteClaims;
use dcap_qvl::intel::PckExtension;

use super::chain::{self, Certificate};
use super::collateral::Read;
use super::quote::Quote;
use super::{Evidence, Expected, Reason, Rejection, rules, vendor};
use crate::Timestamp;
use crate::ledger::Ledger;

/// A quote that was checked up to its root.
pub(super) struct Origin {
    pub(super) platform: PckExtension,
    pub(super) claims: QuoteClaims,
}

pub(super) fn require(
    ledger: &mut Ledger,
    evidence: &Evidence,
    quote: &Quote,
    collateral: &Read,
    expected: &Expected,
    now: Timestamp,
) -> Result<Origin, Rejection> {
    let ([pck, issuer, root], platform) = require_chain(ledger, quote, expected)?;
    let ended = pck.is_signed_by(&issuer) && issuer.is_signed_by(&root);
    ledger.require(
        Reason::CertificateChain,
        "PCK chain",
        "PCK signed by its authority, that by the root",
        if ended { "signed" } else { "not signed by it" },
        ended,
    )?;
    require_signers(ledger, collateral, &root)?;
    let ([tcb_signer, _], [qe_signer, _]) = (&collateral.tcb_signer, &collateral.qe_signer);
    let certificates = [
        ("root", &root),
        ("PCK authority", &issuer),
        ("PCK", &pck),
        ("signer of the TCB info", tcb_signer),
        ("signer of the identity", qe_signer),
    ];
    for (name, certificate) in certificates {
        let (from, until) = certificate.validity();
        ledger.require(
            Reason::CertificateTime,
            "certificate's validity",
            format!("{name} valid on {now}"),
            format!("{from} to {until}"),
            certificate.is_valid_at(now),
        )?;
    }
    require_lists(ledger, evidence, &issuer, &root)?;
    require_not_revoked(ledger, collateral, &pck, &issuer, &root)?;
    require_signatures(ledger, evidence, quote, collateral, &pck)?;
    require_platform(ledger, collateral, &platform)?;
    let verified = vendor::verify(quote, &evidence.collateral, &expected.root, now);
    let (name, wanted) = ("vendor's rules", "chains, enclaves and TCB known to Intel");
    match verified {
        Ok(claims) => {
            ledger.pass(name, wanted, "as they should be");
            Ok(Origin { platform, claims })
        }
        Err(error) => {
            let reason = rules::broken(quote, &evidence.collateral, &platform);
            Err(ledger.refuse(reason, name, wanted, error))
        }
    }
}

fn require_chain(
    ledger: &mut Ledger,
    quote: &Quote,
    expected: &Expected,
) -> Result<([Certificate; 3], PckExtension), Rejection> {
    let read = chain::pck_chain(&quote.signature_data().pck_chain);
    let read = read.and_then(|chain| {
        let platform = vendor::platform(chain[0].der())?;
        Some((chain, platform))
    });
    let Some((chain, platform)) = read else {
        let wanted = "those of platform, authority and root, in their one form";
        let (reason, name) = (Reason::CertificatesUnreadable, "PCK certificates");
        return Err(ledger.refuse(reason, name, wanted, "others, or another form"));
    };
    let [_, _, root] = &chain;
    let same = root.der() == expected.root.certificate().der();
    let class = expected.root.class();
    ledger.require(
        Reason::Root,
        "root",
        format!("the {class} root"),
        if same {
            class.to_string()
        } else {
            "another".to_owned()
        },
        same,
    )?;
    Ok((chain, platform))
}

/// Nothing but the root stands above the keys that sign collateral: dcap-qvl reads
/// no more than what such a key signed.
fn require_signers(
    ledger: &mut Ledger,
    collateral: &Read,
    root: &Certificate,
) -> Result<(), Rejection> {
    for (name, chain) in [
        ("signer of the TCB info", &collateral.tcb_signer),
        ("signer of the identity", &collateral.qe_signer),
    ] {
        let ended = chain::ends_in(root, chain);
        ledger.require(
            Reason::SignerChain,
            "signer's chain",
            format!("{name} signed by the root"),
            if ended { "signed" } else { "not signed by it" },
            ended,
        )?;
    }
    Ok(())
}

fn require_lists(
    ledger: &mut Ledger,
    evidence: &Evidence,
    issuer: &Certificate,
    root: &Certificate,
) -> Result<(), Rejection> {
    let Evidence { collateral, .. } = evidence;
    for (reason, wanted, signer, list) in [
        (
            Reason::RootListSignature,
            "the root's list by the root",
            root,
            &collateral.root_ca_crl,
        ),
        (
            Reason::PckListSignature,
            "the list about platforms' keys by their authority",
            issuer,
            &collateral.pck_crl,
        ),
    ] {
        let fits = signer.has_signed_der(list);
        let seen = if fits { "it fits" } else { "it does not fit" };
        ledger.require(reason, "list's signature", wanted, seen, fits)?;
    }
    Ok(())
}

fn require_not_revoked(
    ledger: &mut Ledger,
    collateral: &Read,
    pck: &Certificate,
    issuer: &Certificate,
    root: &Certificate,
) -> Result<(), Rejection> {
    let ([signer, _], [other, _]) = (&collateral.tcb_signer, &collateral.qe_signer);
    let (of_root, of_issuer) = (&collateral.root_ca_crl, &collateral.pck_crl);
    for (reason, name, certificate, list) in [
        (Reason::RootRevoked, "root", root, of_root),
        (Reason::KeyRevoked, "PCK", pck, of_issuer),
        (
            Reason::IntermediateRevoked,
            "PCK authority",
            issuer,
            of_root,
        ),
        (
            Reason::SignerRevoked,
            "signer of the TCB info",
            signer,
            of_root,
        ),
        (
            Reason::SignerRevoked,
            "signer of the identity",
            other,
            of_root,
        ),
    ] {
        let revoked = list.contains(certificate.serial());
        let seen = if revoked { "revoked" } else { "not on it" };
        let wanted = format!("a {name} that is not on its list");
        ledger.require(reason, "not revoked", wanted, seen, !revoked)?;
    }
    Ok(())
}

fn require_signatures(
    ledger: &mut Ledger,
    evidence: &Evidence,
    quote: &Quote,
    collateral: &Read,
    pck: &Certificate,
) -> Result<(), Rejection> {
    let mut require = |reason, name, wanted, fits| {
        let seen = if fits { "it fits" } else { "it does not fit" };
        ledger.require(reason, name, wanted, seen, fits)
    };
    let ([tcb_signer, _], [qe_signer, _]) = (&collateral.tcb_signer, &collateral.qe_signer);
    let data = quote.signature_data();
    require(
        Reason::QeReportSignature,
        "quoting enclave's signature",
        "by the PCK over its report",
        pck.has_signed(&data.qe_report, &data.qe_report_signature),
    )?;
    // REPORTDATA of an SGX report, its last 64 bytes: SHA-256 of key and data,
    // then zeroes.
    let mut hashed = data.attestation_key.to_vec();
    hashed.extend(data.qe_auth);
    let mut bound = vendor::sha256(&hashed).to_vec();
    bound.resize(64, 0);
    require(
        Reason::AttestationKey,
        "attestation key",
        "the one in the quoting enclave's report",
        data.qe_report.ends_with(&bound),
    )?;
    let mut key = [0x04; 65];
    let (_, point) = key.split_at_mut(1);
    point.copy_from_slice(&data.attestation_key);
    require(
        Reason::Signature,
        "signature",
        "by the attestation key over header and TD report",
        vendor::has_signed(&key, quote.signed_bytes(), &data.signature),
    )?;
    require(
        Reason::TcbInfoSignature,
        "TCB info's signature",
        "by its signer over it",
        tcb_signer.has_signed(
            evidence.collateral.tcb_info.as_bytes(),
            &collateral.tcb_info_signature,
        ),
    )?;
    require(
        Reason::QeIdentitySignature,
        "identity's signature",
        "by its signer over it",
        qe_signer.has_signed(
            evidence.collateral.qe_identity.as_bytes(),
            &collateral.qe_identity_signature,
        ),
    )
}

/// The TCB info is for one kind of platform: FMSPC and PCE-ID. dcap-qvl compares
/// the first only.
fn require_platform(
    ledger: &mut Ledger,
    collateral: &Read,
    platform: &PckExtension,
) -> Result<(), Rejection> {
    let info = &collateral.tcb_info;
    let wanted = format!("FMSPC {}, PCE-ID {}", info.fmspc, info.pce_id);
    // Bytes, whichever digits they are written in.
    let is = |text: &str, bytes: &[u8]| hex::decode(text).is_ok_and(|read| read == bytes);
    let same = is(&info.fmspc, &platform.fmspc) && is(&info.pce_id, &platform.pce_id);
    let (fmspc, pce) = (
        hex::encode_upper(platform.fmspc),
        hex::encode_upper(&platform.pce_id),
    );
    let seen = format!("FMSPC {fmspc}, PCE-ID {pce}");
    let name = "TCB info's platform";
    ledger.require(Reason::CollateralPlatform, name, wanted, seen, same)
}
