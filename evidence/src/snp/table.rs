//! Certificates that came with a report: the host's table in its binary form, and
//! whatever stands in an entry, from which the signing key's is chosen. Nothing here
//! is a check: what is chosen is verified, and a wrong choice is a refusal.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use x509_cert::der::{Reader as _, SliceReader};

use super::Evidence;
use super::certificate::{Certificate, EndorsementKey};
use super::key_info::{KeyInfo, Signer};
use super::report::{REPORT_LEN, Report};
use crate::bytes::bytes_at;

/// Longest table we read. Linux gives a guest at most 16 KiB of it
/// (`SEV_FW_BLOB_MAX_SIZE`); whoever stores it may round up.
const MAX_TABLE: usize = 64 * 1024;

/// Most entries of a table. Real ones have three to seven.
const MAX_ENTRIES: usize = 32;

/// Most certificates that are looked at, wherever they stand: a chain has three.
const MAX_CERTIFICATES: usize = 32;

/// GUID, offset and length (AMD 56421, GHCB specification, SNP Extended Guest
/// Request).
const ENTRY_LEN: usize = 24;

/// GUIDs of the tables' entries that hold a signing key's certificate (AMD 56421),
/// in the order of their text. Every other GUID is somebody's own, or of a part
/// that the verifier has itself.
const KEYS: [(EndorsementKey, u128); 2] = [
    (
        EndorsementKey::Vcek,
        0x63da_758d_e664_4564_adc5_f4b9_3be8_accd,
    ),
    (
        EndorsementKey::Vlek,
        0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1,
    ),
];

/// What is said to hold a signing key's certificate: the kind of key by its name, and
/// the bytes.
pub type Enclosed<'d> = (EndorsementKey, &'d [u8]);

/// Why bytes are not a report with a certificate table behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No report fits in.
    #[error("shorter than the {REPORT_LEN} bytes of a report")]
    NoReport,
    /// Longer than any table.
    #[error("a certificate table has at most {MAX_TABLE} bytes")]
    TooLong,
    /// It does not end, or not soon enough.
    #[error("the certificate table has no end within its bytes and {MAX_ENTRIES} entries")]
    NoEnd,
    /// An entry says it lies elsewhere.
    #[error("entry {0} of the certificate table does not lie in it")]
    Outside(usize),
}

/// Reads a report with the host's certificate table behind it, as a guest gets them
/// (an extended report). A table of nothing but zeros has no entries.
///
/// # Errors
/// When what stands behind the first 1184 bytes is not a table. Whether those are a
/// report is not looked at.
pub fn from_extended_report(bytes: &[u8]) -> Result<Evidence, TableError> {
    let (report, table) = bytes
        .split_at_checked(REPORT_LEN)
        .ok_or(TableError::NoReport)?;
    Ok(Evidence {
        report: report.to_vec(),
        certificate: signing_certificate(report, &entries(table)?),
    })
}

/// Entries with a signing key's certificate; others are skipped.
fn entries(table: &[u8]) -> Result<Vec<Enclosed<'_>>, TableError> {
    if table.len() > MAX_TABLE {
        return Err(TableError::TooLong);
    }
    let mut found = Vec::new();
    for (number, entry) in table.chunks_exact(ENTRY_LEN).take(MAX_ENTRIES).enumerate() {
        if entry.iter().all(|byte| *byte == 0) {
            return Ok(found);
        }
        let at = |at: usize| usize::try_from(u32::from_le_bytes(bytes_at(entry, at))).ok();
        let range = at(16).zip(at(20));
        let data = range.and_then(|(start, len)| table.get(start..start.checked_add(len)?));
        let data = data.ok_or(TableError::Outside(number))?;
        // Hosts write the GUID in the order of its text, or as UEFI keeps it.
        let guids = [u128::from_be_bytes(bytes_at(entry, 0)), uefi(entry)];
        let key = KEYS.iter().find(|(_, known)| guids.contains(known));
        found.extend(key.map(|(key, _)| (*key, data)));
    }
    // A guest without a table may store none at all.
    if table.is_empty() {
        return Ok(found);
    }
    Err(TableError::NoEnd)
}

/// A GUID whose first three parts are little-endian (UEFI, appendix A).
fn uefi(guid: &[u8]) -> u128 {
    let mut guid: [u8; 16] = bytes_at(guid, 0);
    guid[..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    u128::from_be_bytes(guid)
}

/// The certificate of the key that signed `report`, by KEY_INFO, out of what came
/// with it: each piece is DER or PEM, alone or with certificates above it, in any
/// order. Empty when none of them is one for this kind of key: then it has to come
/// from elsewhere. What bears the name of one and is none is given as it is.
pub fn signing_certificate(report: &[u8], enclosed: &[Enclosed<'_>]) -> Vec<u8> {
    let signer = KeyInfo(u32::from_le_bytes(bytes_at(report, 0x048))).signer();
    let wanted = |key| match signer {
        Signer::Vcek | Signer::Vlek => signer.is(key),
        // Refused for what it says, whichever certificate comes with it.
        Signer::Nobody | Signer::Unknown(_) => true,
    };
    let all = enclosed.iter().flat_map(|(_, data)| certificates(data));
    let readable = all.take(MAX_CERTIFICATES).filter_map(|der| {
        let certificate = Certificate::parse(&der).ok()?;
        certificate.endorsement_key().filter(|key| wanted(*key))?;
        Some(certificate)
    });
    let mut keys: Vec<Certificate> = readable.collect();
    if let [_, _, ..] = keys.as_slice() {
        // One of another TCB, or of another chip, may lie beside it.
        let report = Report::parse(report).ok();
        let signed = |key: &Certificate| report.as_ref().is_some_and(|r| key.has_signed_report(r));
        keys.sort_by_key(|key| !signed(key));
    }
    if let Some(key) = keys.first() {
        return key.der().to_vec();
    }
    // What is called the certificate and is none, for whoever verifies it.
    let mut named = enclosed.iter().filter(|(key, _)| wanted(*key));
    let (_, data) = named.next().unwrap_or(&(EndorsementKey::Vcek, &[]));
    let first = certificates(data).next();
    first.unwrap_or_else(|| data.to_vec())
}

/// Every certificate in these bytes, as DER: of PEM (RFC 7468) whatever stands between
/// its lines, with line ends of any system, else DER, one behind the other.
fn certificates(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let text = core::str::from_utf8(bytes).ok();
    let pem = text.into_iter().flat_map(pem);
    let mut der = SliceReader::new(bytes).ok();
    let ders = core::iter::from_fn(move || {
        let reader = der.as_mut().filter(|reader| !reader.is_finished())?;
        // The outermost SEQUENCE alone: what is in it, its reader says.
        reader
            .tlv_bytes()
            .ok()
            .filter(|der| der.first() == Some(&0x30))
    });
    pem.chain(ders.map(<[u8]>::to_vec)).take(MAX_CERTIFICATES)
}

fn pem(text: &str) -> impl Iterator<Item = Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    text.split(BEGIN).skip(1).filter_map(|part| {
        let (body, _) = part.split_once(END)?;
        let body: String = body.split_ascii_whitespace().collect();
        BASE64.decode(body).ok()
    })
}
