//! The quote: header, TD report and signature data, little-endian (Intel TDX
//! DCAP Quoting Library API, A.3 and A.4: versions 4 and 5; `sgx_quote_4.h` and
//! `sgx_quote_5.h` of Intel's DCAP).
//!
//! Parsing proves nothing but the form, and leaves no byte without a meaning:
//! each length is that of what it holds. The bytes are kept; signatures are
//! checked over exactly what was received.

use core::fmt;

use super::attributes::TdAttributes;
use crate::bytes::bytes_at;

/// Longest quote we read. Real ones have 5 kB, of which 3.7 kB are certificates.
pub const QUOTE_MAX: usize = 16 * 1024;

/// Bytes of the header, in both versions.
const HEADER_LEN: usize = 48;

/// Attestation key type 2: ECDSA with SHA-256 on P-256, the only one Intel uses.
const KEY_TYPE: u16 = 2;

/// TEE type 0x81: TDX.
const TEE_TYPE: u32 = 0x81;

/// Intel's quoting enclave: 939a7233-f79c-4ca9-940a-0db3957f0607.
const QE_VENDOR: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

/// Certification data type 6: the quoting enclave's report, signed by the PCK.
const CERTIFICATION_QE_REPORT: u16 = 6;

/// Certification data type 5: the PCK's certificate chain, as PEM. The types with
/// an encrypted platform id instead of the chain are not read: the id is covered
/// by no signature.
const CERTIFICATION_PCK_CHAIN: u16 = 5;

/// Bytes of the quoting enclave's own data, hashed with the attestation key.
const QE_AUTH_LEN: usize = 32;

/// A quote whose form is right. Its claims are unverified.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote {
    bytes: Vec<u8>,
    version: u16,
    body: TdReportKind,
    body_at: usize,
    signature: SignatureData,
}

/// Which TD report a quote carries: each is the one before it and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TdReportKind {
    /// TDX 1.0, 584 bytes: version 4, or body type 2 of version 5.
    V1_0,
    /// TDX 1.5, 648 bytes: body type 3.
    V1_5,
    /// TDX 1.5 extended, 885 bytes: body type 4.
    V1_5Extended,
}

/// ECDSA signature data: who vouches for whom, up to the PCK's certificate.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SignatureData {
    /// Over header and body, by the attestation key: r ‖ s, big-endian.
    pub(super) signature: [u8; 64],
    /// The attestation key: x ‖ y.
    pub(super) attestation_key: [u8; 64],
    /// The quoting enclave's report (SGX).
    pub(super) qe_report: [u8; 384],
    /// Over the quoting enclave's report, by the PCK: r ‖ s, big-endian.
    pub(super) qe_report_signature: [u8; 64],
    /// Hashed with the attestation key into the quoting enclave's report.
    pub(super) qe_auth: [u8; QE_AUTH_LEN],
    /// The PCK's certificate and its issuers, PEM.
    pub(super) pck_chain: Vec<u8>,
}

/// Why bytes are not a quote of a TD.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// Longer than any quote.
    #[error("{0} bytes, a quote has at most {QUOTE_MAX}")]
    TooLong(usize),
    /// The bytes end before this part does.
    #[error("the bytes end within the {0}")]
    Ends(&'static str),
    /// Bytes are left behind this part.
    #[error("{1} bytes too many behind the {0}")]
    Extra(&'static str, usize),
    /// What follows the quote is not padding.
    #[error("byte 0x{0:x} behind the quote is not zero")]
    Padding(usize),
    /// Another version than 4 and 5.
    #[error("quote version {0} is not 4 or 5")]
    Version(u16),
    /// An attestation key of another type.
    #[error("attestation key type {0} is not {KEY_TYPE} (ECDSA P-256)")]
    KeyType(u16),
    /// Not a quote of a TD.
    #[error("TEE type 0x{0:x} is not 0x{TEE_TYPE:x} (TDX)")]
    TeeType(u32),
    /// A reserved part of the header is not zero.
    #[error("reserved bytes of the header are not zero")]
    Reserved,
    /// A quoting enclave of another vendor.
    #[error("the quoting enclave is not Intel's")]
    QeVendor,
    /// A body that is not a TD report.
    #[error("body type {0} is not 2, 3 or 4 (a TD report)")]
    BodyType(u16),
    /// A body with another size than its type has.
    #[error("a body with {0} bytes, its type has {1}")]
    BodyLength(u32, usize),
    /// Certification data of another type.
    #[error("certification data of type {0} instead of {1}")]
    Certification(u16, u16),
    /// The quoting enclave's own data has another size.
    #[error("{0} bytes of the quoting enclave's data instead of {QE_AUTH_LEN}")]
    QeAuth(u16),
}

impl TdReportKind {
    /// Bytes of the report.
    const fn report_len(self) -> usize {
        match self {
            Self::V1_0 => 584,
            Self::V1_5 => 648,
            Self::V1_5Extended => 885,
        }
    }

    const fn from_body_type(body_type: u16) -> Option<Self> {
        match body_type {
            2 => Some(Self::V1_0),
            3 => Some(Self::V1_5),
            4 => Some(Self::V1_5Extended),
            _ => None,
        }
    }
}

impl fmt::Display for TdReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_0 => "TDX 1.0",
            Self::V1_5 => "TDX 1.5",
            Self::V1_5Extended => "TDX 1.5 extended",
        })
    }
}

impl Quote {
    /// Takes bytes for a quote. Zeroes may follow it, as guests pad.
    ///
    /// # Errors
    /// When a length, a type or a reserved part is not as the format says, or what
    /// follows is not zero.
    pub fn parse(bytes: &[u8]) -> Result<Self, QuoteError> {
        if bytes.len() > QUOTE_MAX {
            return Err(QuoteError::TooLong(bytes.len()));
        }
        let mut reader = Reader(bytes);
        let version = parse_header(&mut reader)?;
        let body = parse_body_kind(&mut reader, version)?;
        let body_at = bytes.len() - reader.0.len();
        reader.take(body.report_len(), "TD report")?;
        let length = reader.u32("signature data")?;
        let signature = SignatureData::parse(reader.part(length, "signature data")?)?;
        if let Some(at) = reader.0.iter().position(|byte| *byte != 0) {
            return Err(QuoteError::Padding(bytes.len() - reader.0.len() + at));
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            version,
            body,
            body_at,
            signature,
        })
    }

    /// All bytes, as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Header and TD report, which the signature is over. They identify the quote;
    /// what follows them does not.
    pub fn signed_bytes(&self) -> &[u8] {
        let end = self.body_at + self.body.report_len();
        self.bytes.get(..end).unwrap_or_default()
    }

    pub(super) const fn signature_data(&self) -> &SignatureData {
        &self.signature
    }

    /// Version of this format: 4 or 5.
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Which TD report this is.
    pub const fn kind(&self) -> TdReportKind {
        self.body
    }

    /// Security versions of the TDX module and SEAM loader at the TD's launch:
    /// TEE_TCB_SVN.
    pub fn tee_tcb_svn(&self) -> [u8; 16] {
        self.field(0)
    }

    /// Measurement of the TDX module: MRSEAM.
    pub fn mr_seam(&self) -> [u8; 48] {
        self.field(16)
    }

    /// Signer of the TDX module, zero for Intel's: MRSIGNERSEAM.
    pub fn mr_signer_seam(&self) -> [u8; 48] {
        self.field(64)
    }

    /// Attributes of the TDX module, all 64 bits: SEAMATTRIBUTES.
    pub fn seam_attributes(&self) -> u64 {
        u64::from_le_bytes(self.field(112))
    }

    /// Attributes of the TD.
    pub fn td_attributes(&self) -> TdAttributes {
        TdAttributes::from_bits(u64::from_le_bytes(self.field(120)))
    }

    /// Processor features the TD may use: XFAM, bits as in XCR0 and IA32_XSS.
    pub fn xfam(&self) -> u64 {
        u64::from_le_bytes(self.field(128))
    }

    /// Measurement of what the TD was built from: MRTD.
    pub fn mr_td(&self) -> [u8; 48] {
        self.field(136)
    }

    /// What the host gave at launch, the init data's digest: MRCONFIGID.
    pub fn mr_config_id(&self) -> [u8; 48] {
        self.field(184)
    }

    /// Owner the host named: MROWNER.
    pub fn mr_owner(&self) -> [u8; 48] {
        self.field(232)
    }

    /// Configuration of that owner: MROWNERCONFIG.
    pub fn mr_owner_config(&self) -> [u8; 48] {
        self.field(280)
    }

    /// The four registers that the TD extended while it ran: RTMR0 to RTMR3.
    pub fn rtmrs(&self) -> [[u8; 48]; 4] {
        [
            self.field(328),
            self.field(376),
            self.field(424),
            self.field(472),
        ]
    }

    /// What the TD asked to be signed: REPORTDATA.
    pub fn report_data(&self) -> [u8; 64] {
        self.field(520)
    }

    /// Security versions that run now: TEE_TCB_SVN2, from TDX 1.5 on.
    pub fn current_tee_tcb_svn(&self) -> Option<[u8; 16]> {
        self.since(TdReportKind::V1_5, 584)
    }

    /// Service TDs, say for migration, bound to this TD: MRSERVICETD, from TDX 1.5
    /// on; zero when there are none.
    pub fn mr_service_td(&self) -> Option<[u8; 48]> {
        self.since(TdReportKind::V1_5, 600)
    }

    /// Which partition of the TD asked; 0 is the one that controls the others, or
    /// a TD without partitions. Extended reports only.
    pub fn vm_index(&self) -> Option<u8> {
        let [index] = self.since(TdReportKind::V1_5Extended, 648)?;
        Some(index)
    }

    /// The TD instance, statistically unique. Extended reports only.
    pub fn td_id(&self) -> Option<[u8; 32]> {
        self.since(TdReportKind::V1_5Extended, 649)
    }

    /// Digest of the devices the TD trusts, zero when there are none. Extended
    /// reports only.
    pub fn device_info(&self) -> Option<[u8; 48]> {
        self.since(TdReportKind::V1_5Extended, 681)
    }

    /// Service TDs bound when the TD was created. Extended reports only.
    pub fn initial_service_tds(&self) -> Option<[u8; 48]> {
        self.since(TdReportKind::V1_5Extended, 729)
    }

    /// Service TDs bound now. Extended reports only.
    pub fn current_service_tds(&self) -> Option<[u8; 48]> {
        self.since(TdReportKind::V1_5Extended, 829)
    }

    fn since<const N: usize>(&self, kind: TdReportKind, at: usize) -> Option<[u8; N]> {
        (self.body >= kind).then(|| self.field(at))
    }

    /// `N` bytes at a fixed offset of the TD report.
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        bytes_at(&self.bytes, self.body_at + at)
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quote")
            .field("version", &self.version)
            .field("kind", &self.body)
            .field("mr_td", &hex::encode(self.mr_td()))
            .field("mr_config_id", &hex::encode(self.mr_config_id()))
            .field("report_data", &hex::encode(self.report_data()))
            .finish_non_exhaustive()
    }
}

impl SignatureData {
    fn parse(bytes: &[u8]) -> Result<Self, QuoteError> {
        let mut reader = Reader(bytes);
        let signature = reader.array("signature")?;
        let attestation_key = reader.array("attestation key")?;
        let qe = reader.certification(CERTIFICATION_QE_REPORT, "certification data")?;
        reader.end("certification data")?;

        let mut reader = Reader(qe);
        let qe_report = reader.array("quoting enclave's report")?;
        let qe_report_signature = reader.array("signature of the quoting enclave's report")?;
        let length = reader.u16("quoting enclave's data")?;
        if usize::from(length) != QE_AUTH_LEN {
            return Err(QuoteError::QeAuth(length));
        }
        let qe_auth = reader.array("quoting enclave's data")?;
        let pck_chain = reader.certification(CERTIFICATION_PCK_CHAIN, "PCK chain")?;
        reader.end("PCK chain")?;
        Ok(Self {
            signature,
            attestation_key,
            qe_report,
            qe_report_signature,
            qe_auth,
            pck_chain: pck_chain.to_vec(),
        })
    }
}

/// The version. The user data at the end is the quoting enclave's and free.
fn parse_header(reader: &mut Reader<'_>) -> Result<u16, QuoteError> {
    let mut header = Reader(reader.take(HEADER_LEN, "header")?);
    let version = header.u16("header")?;
    if !matches!(version, 4 | 5) {
        return Err(QuoteError::Version(version));
    }
    let key_type = header.u16("header")?;
    if key_type != KEY_TYPE {
        return Err(QuoteError::KeyType(key_type));
    }
    let tee_type = header.u32("header")?;
    if tee_type != TEE_TYPE {
        return Err(QuoteError::TeeType(tee_type));
    }
    if header.u32("header")? != 0 {
        return Err(QuoteError::Reserved);
    }
    if header.array("header")? != QE_VENDOR {
        return Err(QuoteError::QeVendor);
    }
    Ok(version)
}

/// Version 4 has one TD report, version 5 says which.
fn parse_body_kind(reader: &mut Reader<'_>, version: u16) -> Result<TdReportKind, QuoteError> {
    if version == 4 {
        return Ok(TdReportKind::V1_0);
    }
    let body_type = reader.u16("body's type")?;
    let length = reader.u32("body's length")?;
    let Some(kind) = TdReportKind::from_body_type(body_type) else {
        return Err(QuoteError::BodyType(body_type));
    };
    if usize::try_from(length) != Ok(kind.report_len()) {
        return Err(QuoteError::BodyLength(length, kind.report_len()));
    }
    Ok(kind)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], QuoteError> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err(QuoteError::Ends(what));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn part(&mut self, length: u32, what: &'static str) -> Result<&'a [u8], QuoteError> {
        let length = usize::try_from(length).map_err(|_| QuoteError::Ends(what))?;
        self.take(length, what)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], QuoteError> {
        let taken = self.take(N, what)?;
        taken.try_into().map_err(|_| QuoteError::Ends(what))
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, QuoteError> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, QuoteError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A type, a length, and as many bytes.
    fn certification(&mut self, wanted: u16, what: &'static str) -> Result<&'a [u8], QuoteError> {
        let seen = self.u16(what)?;
        if seen != wanted {
            return Err(QuoteError::Certification(seen, wanted));
        }
        let length = self.u32(what)?;
        self.part(length, what)
    }

    fn end(&self, what: &'static str) -> Result<(), QuoteError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(QuoteError::Extra(what, self.0.len()))
    }
}
