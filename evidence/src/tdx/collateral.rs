//! What is needed to check a quote: Intel's word on TCBs, on quoting enclaves
//! and on revoked keys, as Intel's provisioning service (PCS, API version 4) or
//! a cache of it (PCCS) hands it out. It is given, never fetched.

use core::str::FromStr as _;

use dcap_qvl::QuoteCollateralV3;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use x509_cert::der::DateTime;
use x509_cert::serial_number::SerialNumber;

use super::SignedText;
use super::chain::{self, Certificate};
use crate::Timestamp;
use crate::list::List;

/// Longest TCB info, identity or list we read: room for six hundred revoked keys.
/// Real ones have up to 6 kB. In dcap-qvl, JSON can take sixteen bytes of memory for
/// each of its own, but it is given only what a key under the root signed.
pub const COLLATERAL_PART_MAX: usize = 24 * 1024;

/// Longest JSON form of all parts: each of them as long as it may be, lists in
/// hex. Real ones have up to 24 kB.
pub const COLLATERAL_MAX: usize = 256 * 1024;

/// Collateral for one kind of platform. Nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collateral {
    /// TCB levels of this kind of platform: the member `tcbInfo`, exactly as signed.
    pub tcb_info: String,
    /// Signature over it: r ‖ s, 64 bytes.
    pub tcb_info_signature: Vec<u8>,
    /// Certificates of the key that signed it and of the root, PEM.
    pub tcb_info_issuer_chain: String,
    /// Identity of the quoting enclave: the member `enclaveIdentity`, exactly as
    /// signed.
    pub qe_identity: String,
    /// Signature over it: r ‖ s, 64 bytes.
    pub qe_identity_signature: Vec<u8>,
    /// Certificates of the key that signed it and of the root, PEM.
    pub qe_identity_issuer_chain: String,
    /// The root's revocation list, DER.
    pub root_ca_crl: Vec<u8>,
    /// The revocation list of the authority that signs platforms' keys, DER.
    pub pck_crl: Vec<u8>,
}

/// Why text is not collateral.
#[derive(Debug, thiserror::Error)]
pub enum CollateralError {
    /// Longer than all parts together may be.
    #[error("longer than {COLLATERAL_MAX} bytes")]
    TooLong,
    /// Not JSON of this form.
    #[error("not collateral as JSON")]
    Form(#[source] serde_json::Error),
}

/// A part of collateral that cannot be read, or not as what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// When a part was made and when it is replaced.
#[derive(Clone, Copy)]
pub(super) struct Dates {
    pub(super) part: &'static str,
    pub(super) made: Timestamp,
    pub(super) replaced: Timestamp,
}

/// What is read here of a TCB info; its levels are dcap-qvl's to read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TcbInfo {
    pub(super) id: String,
    pub(super) version: u8,
    issue_date: String,
    next_update: String,
    pub(super) fmspc: String,
    pub(super) pce_id: String,
}

/// The same of the quoting enclave's identity.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QeIdentity {
    pub(super) id: String,
    pub(super) version: u8,
    issue_date: String,
    next_update: String,
}

/// Collateral whose form is right.
pub(super) struct Read {
    pub(super) tcb_info: TcbInfo,
    pub(super) tcb_info_signature: [u8; 64],
    /// The key that signed it, and the root.
    pub(super) tcb_signer: [Certificate; 2],
    pub(super) qe_identity: QeIdentity,
    pub(super) qe_identity_signature: [u8; 64],
    pub(super) qe_signer: [Certificate; 2],
    pub(super) root_ca_crl: Vec<SerialNumber>,
    pub(super) pck_crl: Vec<SerialNumber>,
    /// The parts that Intel makes anew all the time, and the root's list, made
    /// once a year.
    pub(super) dates: [Dates; 3],
    pub(super) root_dates: Dates,
}

impl Collateral {
    /// From the JSON that clients of these services write: one object with these
    /// fields' names, bytes in hex. Other members are ignored; a quote carries the
    /// certificates of its own key.
    ///
    /// # Errors
    /// When the text is too long or not of this form.
    pub fn from_json(text: &[u8]) -> Result<Self, CollateralError> {
        if text.len() > COLLATERAL_MAX {
            return Err(CollateralError::TooLong);
        }
        let read: QuoteCollateralV3 =
            serde_json::from_slice(text).map_err(CollateralError::Form)?;
        Ok(Self {
            tcb_info: read.tcb_info,
            tcb_info_signature: read.tcb_info_signature,
            tcb_info_issuer_chain: read.tcb_info_issuer_chain,
            qe_identity: read.qe_identity,
            qe_identity_signature: read.qe_identity_signature,
            qe_identity_issuer_chain: read.qe_identity_issuer_chain,
            root_ca_crl: read.root_ca_crl,
            pck_crl: read.pck_crl,
        })
    }

    /// Collateral from its parts: TCB info, identity of the quoting enclave, DER of
    /// the root's list and of the list about platforms' keys.
    pub fn from_parts(
        tcb_info: SignedText,
        qe_identity: SignedText,
        root_ca_crl: Vec<u8>,
        pck_crl: Vec<u8>,
    ) -> Self {
        Self {
            tcb_info: tcb_info.text,
            tcb_info_signature: tcb_info.signature,
            tcb_info_issuer_chain: tcb_info.issuer_chain,
            qe_identity: qe_identity.text,
            qe_identity_signature: qe_identity.signature,
            qe_identity_issuer_chain: qe_identity.issuer_chain,
            root_ca_crl,
            pck_crl,
        }
    }

    pub(super) fn read(&self) -> Result<Read, Unreadable> {
        let (tcb_info, info_dates) = TcbInfo::read(&self.tcb_info)?;
        let (qe_identity, identity_dates) = QeIdentity::read(&self.qe_identity)?;
        let (root_ca_crl, root_dates) = list("root's revocation list", &self.root_ca_crl)?;
        let (pck_crl, pck_dates) = list("PCK revocation list", &self.pck_crl)?;
        let unreadable = |name| move || Unreadable(name);
        let name = "TCB info's signature";
        let tcb_info_signature = self.tcb_info_signature.as_slice().try_into();
        let tcb_info_signature = tcb_info_signature.map_err(|_| Unreadable(name))?;
        let name = "signature of the quoting enclave's identity";
        let qe_identity_signature = self.qe_identity_signature.as_slice().try_into();
        let qe_identity_signature = qe_identity_signature.map_err(|_| Unreadable(name))?;
        Ok(Read {
            tcb_info,
            tcb_info_signature,
            tcb_signer: chain::signer_and_root(&self.tcb_info_issuer_chain)
                .ok_or_else(unreadable("certificates of the TCB info"))?,
            qe_identity,
            qe_identity_signature,
            qe_signer: chain::signer_and_root(&self.qe_identity_issuer_chain)
                .ok_or_else(unreadable("certificates of the quoting enclave's identity"))?,
            root_ca_crl,
            pck_crl,
            dates: [info_dates, identity_dates, pck_dates],
            root_dates,
        })
    }
}

impl TcbInfo {
    pub(super) fn read(text: &str) -> Result<(Self, Dates), Unreadable> {
        let read: Self = part(text.as_bytes(), json, "TCB info")?;
        let dates = dates("TCB info", &read.issue_date, &read.next_update)?;
        Ok((read, dates))
    }

    /// Whether it is about TDX; version 3 is that of PCS API version 4.
    pub(super) fn is_of_tdx(&self) -> bool {
        self.id == "TDX" && self.version == 3
    }
}

impl QeIdentity {
    pub(super) fn read(text: &str) -> Result<(Self, Dates), Unreadable> {
        let name = "quoting enclave's identity";
        let read: Self = part(text.as_bytes(), json, name)?;
        let dates = dates(name, &read.issue_date, &read.next_update)?;
        Ok((read, dates))
    }

    /// Whether it is about TDX's quoting enclave; version 2 is that of PCS API
    /// version 4, version 3 is read by Intel's library as well.
    pub(super) fn is_of_tdx(&self) -> bool {
        self.id == "TD_QE" && matches!(self.version, 2 | 3)
    }
}

/// Reads a part that is not too long.
fn part<'b, T>(
    bytes: &'b [u8],
    read: impl FnOnce(&'b [u8]) -> Option<T>,
    name: &'static str,
) -> Result<T, Unreadable> {
    let read = (bytes.len() <= COLLATERAL_PART_MAX).then(|| read(bytes));
    read.flatten().ok_or(Unreadable(name))
}

fn json<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// What a revocation list revokes, and its dates as those of `part`. One that does
/// not say when it is replaced is none that we read.
pub(super) fn list(
    name: &'static str,
    der: &[u8],
) -> Result<(Vec<SerialNumber>, Dates), Unreadable> {
    let List {
        made_at,
        replaced_at,
        revoked,
        ..
    } = part(der, |der| List::parse(der).ok(), name)?;
    let dates = Dates {
        part: name,
        made: made_at,
        replaced: replaced_at.ok_or(Unreadable(name))?,
    };
    Ok((revoked, dates))
}

fn dates(part: &'static str, made: &str, replaced: &str) -> Result<Dates, Unreadable> {
    Ok(Dates {
        part,
        made: date(made, part)?,
        replaced: date(replaced, part)?,
    })
}

/// Intel writes `2026-10-08T00:09:46Z` and nothing else.
fn date(text: &str, name: &'static str) -> Result<Timestamp, Unreadable> {
    let time = DateTime::from_str(text).map_err(|_| Unreadable(name))?;
    Ok(Timestamp::from_secs(time.unix_duration().as_secs()))
}
