//! Revocation lists of Intel's PKI (RFC 5280, 5; Intel SGX PCK Certificate and
//! Certificate Revocation List Profile Specification): dates and serial numbers,
//! and nothing is kept of what else they say. Signature, issuer and extensions are
//! among dcap-qvl's rules.

use x509_cert::der::{Reader as _, SliceReader, Tag, Tagged as _, asn1::AnyRef};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use super::chain::{self, Certificate};
use crate::Timestamp;
use crate::snp::certificate::split_signed;

/// A list that says when it is replaced; others are none that we read.
pub(super) struct List {
    pub(super) made: Timestamp,
    pub(super) replaced: Timestamp,
    revoked: Vec<SerialNumber>,
}

impl List {
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let (signed, _, _) = split_signed(der).ok()?;
        let mut reader = SliceReader::new(signed).ok()?;
        reader.sequence(read).ok()
    }

    /// Whether the list names this certificate's serial number.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        self.revoked.contains(certificate.serial())
    }
}

/// TBSCertList (RFC 5280, 5.1).
fn read(list: &mut SliceReader<'_>) -> x509_cert::der::Result<List> {
    // Version, algorithm, issuer.
    for tag in [Tag::Integer, Tag::Sequence, Tag::Sequence] {
        list.decode::<AnyRef<'_>>()?.tag().assert_eq(tag)?;
    }
    let made = chain::seconds(list.decode::<Time>()?);
    let replaced = chain::seconds(list.decode::<Time>()?);
    let mut revoked = Vec::new();
    while !list.is_finished() {
        match Tag::peek(list)? {
            Tag::Sequence => list.sequence(|entries| {
                while !entries.is_finished() {
                    revoked.push(entries.sequence(serial)?);
                }
                Ok::<_, x509_cert::der::Error>(())
            })?,
            // Extensions.
            _ => drop(list.tlv_bytes()?),
        }
    }
    Ok(List {
        made,
        replaced,
        revoked,
    })
}

/// Of an entry; date and extensions follow.
fn serial(entry: &mut SliceReader<'_>) -> x509_cert::der::Result<SerialNumber> {
    let serial = entry.decode()?;
    while !entry.is_finished() {
        entry.tlv_bytes()?;
    }
    Ok(serial)
}
