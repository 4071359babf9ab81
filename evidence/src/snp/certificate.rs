//! X.509 certificates as AMD's key server issues them (AMD 57230, VCEK
//! certificate and KDS interface): RSA-4096 signers, a P-384 leaf that names
//! chip and TCB in extensions of its own.

mod form;

use core::fmt;
use core::ops::Range;

use x509_cert::der::{
    Decode as _,
    asn1::{AnyRef, Ia5StringRef, ObjectIdentifier},
    oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE},
};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::signature::{P384Key, RsaKey};
use crate::{Generation, Report, Tcb, Timestamp};
#[cfg(feature = "tdx")]
pub(crate) use form::common_name;
use form::{Extension, Form, span};
pub(crate) use form::{extensions, split_signed};

/// Longest certificate we read. Real ones have 1.3 to 1.7 kB.
const MAX_LEN: usize = 8 * 1024;

/// AlgorithmIdentifier of RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt 48
/// (RFC 4055), in DER: the trailer field, a default, left out.
const PSS_SHA384: &[u8] = &[
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0,
    0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
    0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30,
    0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03,
    0x02, 0x01, 0x30,
];

/// The same with the trailer field spelled out, as most of AMD's certificates
/// have it.
const PSS_SHA384_TRAILER: &[u8] = &[
    0x30, 0x46, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x39, 0xa0,
    0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
    0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30,
    0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03,
    0x02, 0x01, 0x30, 0xa3, 0x03, 0x02, 0x01, 0x01,
];

/// Arc of AMD's extensions: 1.3.6.1.4.1.3704.1.
const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const TCB_BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TCB_TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const TCB_SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const TCB_MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const TCB_FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
const HWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");

/// Kinds of public keys, and the curve, in SubjectPublicKeyInfo (RFC 3279, RFC 5480).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// A certificate whose form is right. Nothing about it is verified.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    /// Parts of `der`; so with the next ones.
    signed: Range<usize>,
    signature: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    extensions: Vec<(ObjectIdentifier, Range<usize>)>,
    serial: SerialNumber,
    validity: (Timestamp, Timestamp),
    common_name: Option<String>,
    key: Key,
}

/// Keys in the vendor's certificates.
#[derive(Clone)]
enum Key {
    /// Signs certificates and lists.
    Rsa(RsaKey),
    /// Signs reports.
    P384(P384Key),
}

/// Everything in a certificate follows from its bytes.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

/// Why bytes are not a certificate of the vendor's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than any certificate of the vendor.
    #[error("longer than {MAX_LEN} bytes")]
    TooLong,
    /// Not DER, or not a certificate.
    #[error("not an X.509 certificate in DER: {0}")]
    Der(x509_cert::der::ErrorKind),
    /// Another signature algorithm than RSA-PSS with SHA-384.
    #[error("not signed with RSASSA-PSS, SHA-384 and a salt of 48 bytes")]
    Algorithm,
    /// A public key that is neither RSA with 4096 bits nor on the curve P-384.
    #[error("the public key is neither RSA with 4096 bits nor on the curve P-384")]
    PublicKey,
    /// A critical extension nobody here understands.
    #[error("critical extension {0} is unknown")]
    CriticalExtension(ObjectIdentifier),
    /// An extension appears twice.
    #[error("extension {0} appears twice")]
    DuplicateExtension(ObjectIdentifier),
}

impl From<x509_cert::der::Error> for CertificateError {
    fn from(error: x509_cert::der::Error) -> Self {
        Self::Der(error.kind())
    }
}

/// Which kind of key signs reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndorsementKey {
    /// Made by the chip from its own secret: names the chip.
    Vcek,
    /// Lent to a cloud provider by the vendor: names the provider, not the chip.
    Vlek,
}

impl fmt::Display for EndorsementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        })
    }
}

impl Certificate {
    /// Takes DER bytes for a certificate.
    ///
    /// # Errors
    /// When the form is wrong, the algorithm is another one than the vendor's,
    /// or a critical extension is unknown.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_LEN {
            return Err(CertificateError::TooLong);
        }
        let form = Form::read(der)?;
        if form.algorithm != form.signed_algorithm || !is_vendor_algorithm(form.algorithm) {
            return Err(CertificateError::Algorithm);
        }
        let at = Timestamp::from_x509;
        Ok(Self {
            der: der.to_vec(),
            signed: span(der, form.signed),
            signature: span(der, form.signature),
            issuer: span(der, form.issuer),
            subject: span(der, form.subject),
            serial: form.serial,
            validity: (at(form.validity.not_before), at(form.validity.not_after)),
            common_name: form.common_name.map(str::to_owned),
            key: public_key(&form.key).ok_or(CertificateError::PublicKey)?,
            extensions: known_extensions(der, &form.extensions)?,
        })
    }

    /// The bytes it was parsed from.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The bytes its signature is over.
    #[cfg(test)]
    pub(crate) fn signed_bytes(&self) -> &[u8] {
        self.part(&self.signed)
    }

    /// Its signature.
    #[cfg(test)]
    pub(crate) fn signature(&self) -> &[u8] {
        self.part(&self.signature)
    }

    /// The bytes of its public key.
    #[cfg(test)]
    pub(crate) fn public_key_bytes(&self) -> &[u8] {
        let form = Form::read(&self.der).expect("it was read before");
        form.key.subject_public_key.raw_bytes()
    }

    fn part(&self, part: &Range<usize>) -> &[u8] {
        self.der.get(part.clone()).unwrap_or_default()
    }

    /// Whether `issuer` is named as issuer and its key signed this certificate.
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        self.part(&self.issuer) == issuer.subject()
            && issuer.has_signed(self.part(&self.signed), self.part(&self.signature))
    }

    /// Whether its key signed these bytes of a certificate or list.
    pub(crate) fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Key::Rsa(key) => key.has_signed(signed, signature),
            Key::P384(_) => false,
        }
    }

    /// Whether its key signed this report; not whose key that is.
    pub fn has_signed_report(&self, report: &Report) -> bool {
        match &self.key {
            Key::Rsa(_) => false,
            Key::P384(key) => key.has_signed(report.signed_bytes(), &report.signature()),
        }
    }

    /// Whether it is one that may sign others: basic constraints say so.
    pub(crate) fn is_authority(&self) -> bool {
        let constraints = self.extension(ID_CE_BASIC_CONSTRAINTS);
        let constraints = constraints.map(BasicConstraints::from_der);
        matches!(constraints, Some(Ok(found)) if found.ca)
    }

    /// First and last moment of validity.
    pub(crate) const fn validity(&self) -> (Timestamp, Timestamp) {
        self.validity
    }

    /// Whether `now` lies within the validity.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        let (from, until) = self.validity;
        from <= now && now <= until
    }

    pub(crate) const fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// DER of the subject's name.
    pub(crate) fn subject(&self) -> &[u8] {
        self.part(&self.subject)
    }

    /// Kind of endorsement key, from the subject's common name (AMD 57230, 3);
    /// `None` for every other certificate.
    pub(crate) fn endorsement_key(&self) -> Option<EndorsementKey> {
        match (&self.key, self.common_name()?) {
            (Key::P384(_), "SEV-VCEK" | "VCEK") => Some(EndorsementKey::Vcek),
            (Key::P384(_), "SEV-VLEK" | "VLEK") => Some(EndorsementKey::Vlek),
            _ => None,
        }
    }

    /// The subject's common name, if it has one and only one.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Whether its product is of this generation: the vendor appends the stepping
    /// (`Milan-B0`), or gives the bare name.
    pub fn is_for(&self, generation: Generation) -> bool {
        let product = self.product().unwrap_or_default();
        product.split('-').next() == Some(generation.name())
    }

    /// Product name of the extension, such as `Milan-B0` (an IA5String).
    pub(crate) fn product(&self) -> Option<&str> {
        let value = AnyRef::from_der(self.extension(PRODUCT_NAME)?).ok()?;
        value.decode_as::<Ia5StringRef<'_>>().ok()?;
        core::str::from_utf8(value.value()).ok()
    }

    /// The TCB the key was derived from, one DER INTEGER per component.
    pub fn tcb(&self, generation: Generation) -> Option<Tcb> {
        let part = |id| u8::from_der(self.extension(id)?).ok();
        Some(Tcb {
            fmc: match generation {
                Generation::Turin => part(TCB_FMC)?,
                Generation::Milan | Generation::Genoa => 0,
            },
            bootloader: part(TCB_BOOTLOADER)?,
            tee: part(TCB_TEE)?,
            snp: part(TCB_SNP)?,
            microcode: part(TCB_MICROCODE)?,
        })
    }

    /// The chip the key belongs to: raw bytes, 64 before Turin, 8 on Turin.
    pub fn chip_id(&self) -> Option<&[u8]> {
        self.extension(HWID)
    }

    fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let mut extensions = self.extensions.iter();
        let (_, value) = extensions.find(|(known, _)| *known == id)?;
        Some(self.part(value))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?})", self.common_name())
    }
}

/// A public key, when it is of a kind the vendor uses.
fn public_key(info: &SubjectPublicKeyInfoRef<'_>) -> Option<Key> {
    let bytes = info.subject_public_key.as_bytes()?;
    match info.algorithm.oid {
        RSA => RsaKey::parse(bytes).map(Key::Rsa),
        ELLIPTIC_CURVE => {
            let curve: ObjectIdentifier = info.algorithm.parameters?.decode_as().ok()?;
            let point = (curve == P384).then_some(bytes)?;
            P384Key::parse(point).map(Key::P384)
        }
        _ => None,
    }
}

/// Extensions as parts of `der`. Key usage and basic constraints are the only
/// critical ones the vendor sets; another one would be a restriction we do not
/// understand.
fn known_extensions(
    der: &[u8],
    extensions: &[Extension<'_>],
) -> Result<Vec<(ObjectIdentifier, Range<usize>)>, CertificateError> {
    let mut known: Vec<(ObjectIdentifier, Range<usize>)> = Vec::with_capacity(extensions.len());
    for Extension {
        id,
        critical,
        value,
    } in extensions
    {
        if *critical && *id != ID_CE_BASIC_CONSTRAINTS && *id != ID_CE_KEY_USAGE {
            return Err(CertificateError::CriticalExtension(*id));
        }
        if known.iter().any(|(seen, _)| seen == id) {
            return Err(CertificateError::DuplicateExtension(*id));
        }
        known.push((*id, span(der, value)));
    }
    Ok(known)
}

/// Whether an AlgorithmIdentifier is the vendor's RSA-PSS, to the byte.
pub(crate) fn is_vendor_algorithm(algorithm: &[u8]) -> bool {
    algorithm == PSS_SHA384 || algorithm == PSS_SHA384_TRAILER
}

#[cfg(test)]
mod tests {
    use super::{Certificate, CertificateError, EndorsementKey};
    use crate::Generation;

    const MILAN: &[u8] = include_bytes!("../../tests/vectors/milan-vcek.der");
    const TURIN: &[u8] = include_bytes!("../../tests/vectors/turin-vcek.der");

    #[test]
    fn real_certificates_name_chip_product_and_tcb() {
        let milan = Certificate::parse(MILAN).unwrap();
        assert_eq!(milan.endorsement_key(), Some(EndorsementKey::Vcek));
        assert_eq!(milan.product().unwrap(), "Milan-B0");
        assert!(milan.is_for(Generation::Milan) && !milan.is_for(Generation::Turin));
        assert_eq!(milan.chip_id().unwrap().len(), 64);
        assert_eq!(milan.tcb(Generation::Milan).unwrap().microcode, 115);

        let turin = Certificate::parse(TURIN).unwrap();
        assert_eq!(turin.product().unwrap(), "Turin");
        assert!(turin.is_for(Generation::Turin) && !turin.is_for(Generation::Milan));
        assert_eq!(turin.chip_id().unwrap().len(), 8);
        assert!(turin.tcb(Generation::Turin).is_some());
    }

    #[test]
    fn bytes_before_behind_or_missing_are_refused() {
        assert!(Certificate::parse(&[]).is_err());
        let mut longer = MILAN.to_vec();
        longer.push(0);
        assert!(Certificate::parse(&longer).is_err());
        for len in (0..MILAN.len()).step_by(17) {
            assert!(Certificate::parse(&MILAN[..len]).is_err());
        }
        let longest = vec![0x30; super::MAX_LEN];
        let read = Certificate::parse(&longest);
        assert!(matches!(read, Err(CertificateError::Der(_))));
        let longer = vec![0x30; super::MAX_LEN + 1];
        assert_eq!(Certificate::parse(&longer), Err(CertificateError::TooLong));
    }

    #[test]
    fn a_certificate_is_its_bytes() {
        let (milan, turin) = (Certificate::parse(MILAN), Certificate::parse(TURIN));
        let (milan, turin) = (milan.unwrap(), turin.unwrap());
        assert_eq!(milan.der(), MILAN);
        assert_eq!(milan, milan.clone());
        assert_ne!(milan, turin);
        let text = format!("{milan:?}");
        assert_eq!(text, "Certificate(Some(\"SEV-VCEK\"))");
    }

    /// The real certificate with each `from` replaced by a `to` of the same length.
    fn replaced(from: &[u8], to: &[u8], first: usize) -> Result<Certificate, CertificateError> {
        let mut der = MILAN.to_vec();
        let found: Vec<usize> = (0..der.len() - from.len())
            .filter(|at| der[*at..].starts_with(from))
            .collect();
        assert!(found.len() > first);
        for at in &found[first..] {
            der[*at..*at + to.len()].copy_from_slice(to);
        }
        Certificate::parse(&der)
    }

    #[test]
    fn the_algorithm_is_the_vendors_inside_and_outside() {
        // 1.2.840.113549.1.1.10 becomes .11, which is RSA with SHA-256.
        let pss = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
        let mut sha256 = pss;
        sha256[8] = 0x0b;
        let everywhere = replaced(&pss, &sha256, 0);
        assert_eq!(everywhere.unwrap_err(), CertificateError::Algorithm);
        // A salt of 47 bytes, outside only and everywhere.
        let (salt, other) = ([0xa2, 3, 2, 1, 0x30], [0xa2, 3, 2, 1, 0x2f]);
        for first in [0, 1] {
            let read = replaced(&salt, &other, first);
            assert_eq!(read.unwrap_err(), CertificateError::Algorithm);
        }
        // Two ways of the vendor's to write the same, one inside, one outside.
        let mixed = [
            super::split_signed(MILAN).unwrap().0,
            super::PSS_SHA384,
            &MILAN[MILAN.len() - 517..],
        ]
        .concat();
        let len = u16::try_from(mixed.len()).unwrap().to_be_bytes();
        let mixed = [&[0x30, 0x82][..], &len, &mixed].concat();
        assert_eq!(super::split_signed(&mixed).unwrap().1, super::PSS_SHA384);
        let read = Certificate::parse(&mixed);
        assert_eq!(read.unwrap_err(), CertificateError::Algorithm);
    }

    #[test]
    fn a_key_is_of_a_kind_the_vendor_uses() {
        // secp384r1 becomes secp521r1; id-ecPublicKey becomes another.
        let (curve, other) = ([0x2b, 0x81, 4, 0, 0x22], [0x2b, 0x81, 4, 0, 0x23]);
        let read = replaced(&curve, &other, 0);
        assert_eq!(read.unwrap_err(), CertificateError::PublicKey);
        let (kind, other) = (
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 2],
        );
        let read = replaced(&kind, &other, 0);
        assert_eq!(read.unwrap_err(), CertificateError::PublicKey);
    }

    #[test]
    fn an_extension_stands_once() {
        // 1.3.6.1.4.1.3704.1.3.2 becomes a second .3.1.
        let (tee, bootloader) = ([0x9c, 0x78, 1, 3, 2], [0x9c, 0x78, 1, 3, 1]);
        let read = replaced(&tee, &bootloader, 0);
        let twice = CertificateError::DuplicateExtension(super::TCB_BOOTLOADER);
        assert_eq!(read.unwrap_err(), twice);
    }

    #[test]
    fn a_common_name_stands_once() {
        // The attribute O becomes a second CN.
        let (organisation, name) = ([0x06, 3, 0x55, 4, 0x0a], [0x06, 3, 0x55, 4, 0x03]);
        let read = replaced(&organisation, &name, 0).unwrap();
        assert_eq!(read.common_name(), None);
        assert_eq!(read.endorsement_key(), None);
    }
}
