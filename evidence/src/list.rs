//! Revocation lists taken apart (RFC 5280, 5): what is asked of them, and no tree of
//! the rest, which could be many times as large as the bytes.

use x509_cert::der::{
    Reader as _, Result, SliceReader, Tag, TagMode, TagNumber,
    asn1::{SequenceRef, UintRef},
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use crate::Timestamp;
use crate::snp::certificate::{extensions, split_signed};

/// What a list says. Nothing about it is verified.
pub(crate) struct List<'d> {
    /// What is signed: the whole TBSCertList.
    pub(crate) signed: &'d [u8],
    /// AlgorithmIdentifier outside of what is signed.
    pub(crate) algorithm: &'d [u8],
    pub(crate) signature: &'d [u8],
    /// AlgorithmIdentifier inside of what is signed.
    pub(crate) signed_algorithm: &'d [u8],
    pub(crate) issuer: &'d [u8],
    pub(crate) made_at: Timestamp,
    /// When the next one is due, if it says so.
    pub(crate) replaced_at: Option<Timestamp>,
    pub(crate) revoked: Vec<SerialNumber>,
    /// Whether list or entry has a critical extension: then it may mean something
    /// else than it says.
    pub(crate) has_critical: bool,
}

impl<'d> List<'d> {
    pub(crate) fn parse(der: &'d [u8]) -> Result<Self> {
        let parts = split_signed(der)?;
        let mut reader = SliceReader::new(parts.0)?;
        let list = reader.sequence(|tbs| read(tbs, parts))?;
        reader.finish()?;
        Ok(list)
    }
}

/// TBSCertList (RFC 5280, 5.1), version 2, with the three parts it is one of.
fn read<'d>(
    tbs: &mut SliceReader<'d>,
    (signed, algorithm, signature): (&'d [u8], &'d [u8], &'d [u8]),
) -> Result<List<'d>> {
    // v2 is written as 1; version 1 does not say it, and has no extensions.
    let version: UintRef<'_> = tbs.decode()?;
    if version.as_bytes() != [1] {
        return Err(Tag::Integer.value_error().into());
    }
    let mut list = List {
        signed,
        algorithm,
        signature,
        signed_algorithm: tbs.tlv_bytes()?,
        issuer: tbs.tlv_bytes()?,
        made_at: Timestamp::from_x509(tbs.decode()?),
        replaced_at: None,
        revoked: Vec::new(),
        has_critical: false,
    };
    if next_is(tbs, &[Tag::UtcTime, Tag::GeneralizedTime])? {
        list.replaced_at = Some(Timestamp::from_x509(tbs.decode()?));
    }
    if next_is(tbs, &[Tag::Sequence])? {
        tbs.sequence(|entries| {
            while !entries.is_finished() {
                let (serial, critical) = entries.sequence(entry)?;
                list.revoked.push(serial);
                list.has_critical |= critical;
            }
            Ok::<_, x509_cert::der::Error>(())
        })?;
    }
    let of_list: Option<&SequenceRef> = tbs.context_specific(TagNumber(0), TagMode::Explicit)?;
    if let Some(of_list) = of_list {
        list.has_critical |= is_critical(of_list)?;
    }
    Ok(list)
}

/// An entry's serial number, and whether it has a critical extension.
fn entry(entry: &mut SliceReader<'_>) -> Result<(SerialNumber, bool)> {
    let serial = entry.decode()?;
    let _revoked_at: Time = entry.decode()?;
    let critical = !entry.is_finished() && is_critical(entry.decode()?)?;
    Ok((serial, critical))
}

fn is_critical(sequence: &SequenceRef) -> Result<bool> {
    Ok(extensions(sequence)?
        .iter()
        .any(|extension| extension.critical))
}

fn next_is(reader: &SliceReader<'_>, tags: &[Tag]) -> Result<bool> {
    Ok(!reader.is_finished() && tags.contains(&Tag::peek(reader)?))
}
