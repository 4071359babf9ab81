//! A certificate's DER taken apart (RFC 5280, 4.1), without copying: every part is
//! a slice of the bytes as received.

use core::ops::Range;

use x509_cert::der::{
    Reader, Result, SliceReader, Tag, TagMode, TagNumber, Tagged as _,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, SequenceRef},
    oid::db::rfc4519::CN,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::Validity;

/// The fields of a certificate of version 3 without unique identifiers, in their
/// order.
pub(super) struct Form<'d> {
    /// What is signed: the whole TBSCertificate.
    pub(super) signed: &'d [u8],
    /// AlgorithmIdentifier outside of what is signed.
    pub(super) algorithm: &'d [u8],
    pub(super) signature: &'d [u8],
    pub(super) serial: SerialNumber,
    /// AlgorithmIdentifier inside of what is signed.
    pub(super) signed_algorithm: &'d [u8],
    pub(super) issuer: &'d [u8],
    pub(super) validity: Validity,
    pub(super) subject: &'d [u8],
    /// The subject's common name, if it has one and only one.
    pub(super) common_name: Option<&'d str>,
    pub(super) key: SubjectPublicKeyInfoRef<'d>,
    pub(super) extensions: Vec<Extension<'d>>,
}

/// One extension.
pub(crate) struct Extension<'d> {
    pub(super) id: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(super) value: &'d [u8],
}

impl<'d> Form<'d> {
    pub(super) fn read(der: &'d [u8]) -> Result<Self> {
        let (signed, algorithm, signature) = split_signed(der)?;
        let mut outer = SliceReader::new(signed)?;
        let form = outer.sequence(|tbs| {
            // v3 is written as 2; another version would have other fields.
            let version: Option<u8> = tbs.context_specific(TagNumber(0), TagMode::Explicit)?;
            if version != Some(2) {
                return Err(Tag::Integer.value_error().into());
            }
            let serial = tbs.decode()?;
            let signed_algorithm = tbs.tlv_bytes()?;
            let issuer = tbs.tlv_bytes()?;
            let validity = tbs.decode()?;
            let subject = tbs.tlv_bytes()?;
            let key = tbs.decode()?;
            let sequence = tbs.context_specific(TagNumber(3), TagMode::Explicit)?;
            Ok::<_, x509_cert::der::Error>(Self {
                signed,
                algorithm,
                signature,
                serial,
                signed_algorithm,
                issuer,
                validity,
                subject,
                common_name: common_name(subject)?,
                key,
                extensions: sequence.map_or_else(|| Ok(Vec::new()), extensions)?,
            })
        })?;
        outer.finish()?;
        Ok(form)
    }
}

/// Splits `SEQUENCE { signed, algorithm, BIT STRING }`, the outer form of both
/// certificates and revocation lists (RFC 5280, 4.1 and 5.1), into the raw bytes
/// of its parts.
pub(crate) fn split_signed(der: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    let mut outer = SliceReader::new(der)?;
    let parts = outer.sequence(|inner| {
        let signed = inner.tlv_bytes()?;
        let algorithm = inner.tlv_bytes()?;
        let signature: BitStringRef<'_> = inner.decode()?;
        let signature = signature
            .as_bytes()
            .ok_or_else(|| Tag::BitString.value_error())?;
        Ok::<_, x509_cert::der::Error>((signed, algorithm, signature))
    })?;
    outer.finish()?;
    Ok(parts)
}

/// Where `part` lies in `whole`, of which it is a slice.
pub(super) fn span(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start.saturating_add(part.len())
}

/// The common name in a Name (RFC 5280, 4.1.2.4: SEQUENCE OF SET OF { type, value }),
/// if it has one and only one.
pub(crate) fn common_name(name: &[u8]) -> Result<Option<&str>> {
    let mut found = None;
    let mut names = 0_usize;
    let mut reader = SliceReader::new(name)?;
    reader.sequence(|relative_names| {
        while !relative_names.is_finished() {
            let set: AnyRef<'_> = relative_names.decode()?;
            set.tag().assert_eq(Tag::Set)?;
            let mut attributes = SliceReader::new(set.value())?;
            while !attributes.is_finished() {
                let (kind, value): (ObjectIdentifier, AnyRef<'_>) =
                    attributes.sequence(|pair| {
                        Ok::<_, x509_cert::der::Error>((pair.decode()?, pair.decode()?))
                    })?;
                if kind == CN {
                    names = names.saturating_add(1);
                    found = core::str::from_utf8(value.value()).ok();
                }
            }
        }
        Ok::<_, x509_cert::der::Error>(())
    })?;
    reader.finish()?;
    Ok(found.filter(|_| names == 1))
}

/// Extensions (RFC 5280, 4.1): SEQUENCE OF { id, critical DEFAULT FALSE, value }.
pub(crate) fn extensions(sequence: &SequenceRef) -> Result<Vec<Extension<'_>>> {
    let mut reader = SliceReader::new(sequence.as_bytes())?;
    let mut extensions = Vec::new();
    while !reader.is_finished() {
        let extension = reader.sequence(|fields| {
            let id = fields.decode()?;
            let critical = Tag::peek(fields)? == Tag::Boolean && fields.decode()?;
            let value: &OctetStringRef = fields.decode()?;
            let value = value.as_bytes();
            Ok::<_, x509_cert::der::Error>(Extension {
                id,
                critical,
                value,
            })
        })?;
        extensions.push(extension);
    }
    Ok(extensions)
}
