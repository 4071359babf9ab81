//! The parts of collateral as Intel's service hands them out (PCS API version 4),
//! each judged by itself: who fetches, keeps or carries them has no quote at hand.
//!
//! That a part verifies says that Intel made it and when. What it means for a quote,
//! and whether its signer was revoked, [`super::verify`] says with all of them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::{self, Certificate};
use super::collateral::{Dates, QeIdentity, TcbInfo, Unreadable, list};
use super::{COLLATERAL_PART_MAX, PckAuthority, Root};
use crate::Timestamp;

/// One part of collateral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// TCB levels of one kind of platform (`tdx/certification/v4/tcb`).
    TcbInfo(SignedText),
    /// Identity of the quoting enclave (`tdx/certification/v4/qe/identity`).
    QeIdentity(SignedText),
    /// The list of an authority that signs platforms' keys
    /// (`sgx/certification/v4/pckcrl`).
    PckCrl {
        /// The list, DER.
        der: Vec<u8>,
        /// Certificates of its issuer, PEM, leaf first.
        issuer_chain: String,
    },
    /// The root's list, DER.
    RootCaCrl(Vec<u8>),
}

/// Text with Intel's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedText {
    /// JSON, exactly as signed.
    pub text: String,
    /// Signature over it: r ‖ s, 64 bytes.
    pub signature: Vec<u8>,
    /// Certificates of the key that signed it, PEM, leaf first.
    pub issuer_chain: String,
}

/// What a verified part says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartClaims {
    /// When it was made.
    pub made_at: Timestamp,
    /// When the next one is due: after that it is not accepted with a quote.
    pub replaced_at: Timestamp,
    /// Kind of platform that a TCB info is for.
    pub fmspc: Option<[u8; 6]>,
    /// Whose list of keys it is.
    pub authority: Option<PckAuthority>,
}

/// Why a part is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Longer than any part.
    #[error("longer than {COLLATERAL_PART_MAX} bytes")]
    TooLong,
    /// It cannot be read.
    #[error("the {0} cannot be read")]
    Unreadable(&'static str),
    /// About something else than TDX.
    #[error("it is about something else than TDX")]
    Kind,
    /// Its certificates are not two, or do not end in the root.
    #[error("its certificates do not end in the root")]
    Root,
    /// A certificate of its chain is not valid at this time.
    #[error("a certificate of its signer is outside its validity")]
    CertificateTime,
    /// Another key signed it.
    #[error("its signature does not fit")]
    Signature,
    /// Made after this time.
    #[error("it is from the future")]
    Future,
}

impl From<Unreadable> for PartError {
    fn from(Unreadable(part): Unreadable) -> Self {
        Self::Unreadable(part)
    }
}

/// The service's answer: the member that is signed, and the signature in hex.
#[derive(Deserialize)]
struct Answer<'b> {
    #[serde(borrow, rename = "tcbInfo", alias = "enclaveIdentity")]
    signed: &'b RawValue,
    signature: String,
}

impl SignedText {
    /// From an answer's body, with the chain of its header (`TCB-Info-Issuer-Chain`,
    /// `SGX-Enclave-Identity-Issuer-Chain`; PEM, percent-decoded).
    ///
    /// # Errors
    /// When the body is too long or not of this form.
    pub fn from_answer(body: &[u8], issuer_chain: &str) -> Result<Self, PartError> {
        let unreadable = PartError::Unreadable("answer");
        if body.len() > COLLATERAL_PART_MAX {
            return Err(PartError::TooLong);
        }
        let Answer { signed, signature } = serde_json::from_slice(body).map_err(|_| unreadable)?;
        Ok(Self {
            text: signed.get().to_owned(),
            signature: hex::decode(signature).map_err(|_| unreadable)?,
            issuer_chain: issuer_chain.to_owned(),
        })
    }
}

impl Part {
    /// Whether Intel made this part, before `now`. That it is replaced by a newer one
    /// is no error: evidence of that time is verified with it.
    ///
    /// # Errors
    /// When it cannot be read, or `root` does not vouch for it.
    pub fn verify(&self, root: &Root, now: Timestamp) -> Result<PartClaims, PartError> {
        let (dates, fmspc, authority) = match self {
            Self::TcbInfo(part) => {
                let (info, dates) = TcbInfo::read(&part.text)?;
                require(info.is_of_tdx(), PartError::Kind)?;
                require_signed(part, root, now)?;
                (dates, Some(fmspc(&info.fmspc)?), None)
            }
            Self::QeIdentity(part) => {
                let (identity, dates) = QeIdentity::read(&part.text)?;
                require(identity.is_of_tdx(), PartError::Kind)?;
                require_signed(part, root, now)?;
                (dates, None, None)
            }
            Self::PckCrl { der, issuer_chain } => {
                let (_, dates) = list("PCK revocation list", der)?;
                let issuer = require_signer(issuer_chain, root, now)?;
                require(issuer.has_signed_der(der), PartError::Signature)?;
                (dates, None, PckAuthority::of(&issuer))
            }
            Self::RootCaCrl(der) => {
                let (_, dates) = list("root's revocation list", der)?;
                let fits = root.certificate().has_signed_der(der);
                require(fits, PartError::Signature)?;
                (dates, None, None)
            }
        };
        let Dates { made, replaced, .. } = dates;
        require(made <= now, PartError::Future)?;
        Ok(PartClaims {
            made_at: made,
            replaced_at: replaced,
            fmspc,
            authority,
        })
    }
}

fn require(holds: bool, otherwise: PartError) -> Result<(), PartError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn require_signed(part: &SignedText, root: &Root, now: Timestamp) -> Result<(), PartError> {
    let signature = part.signature.as_slice().try_into();
    let signature = signature.map_err(|_| PartError::Unreadable("signature"))?;
    let signer = require_signer(&part.issuer_chain, root, now)?;
    let fits = signer.has_signed(part.text.as_bytes(), signature);
    require(fits, PartError::Signature)
}

/// The leaf of a chain of two that ends in `root`, valid at `now`.
fn require_signer(pem: &str, root: &Root, now: Timestamp) -> Result<Certificate, PartError> {
    let unreadable = PartError::Unreadable("certificates of its signer");
    let chain = chain::signer_and_root(pem).ok_or(unreadable)?;
    let ended = chain::ends_in(root.certificate(), &chain);
    require(ended, PartError::Root)?;
    let [signer, last] = chain;
    let valid = signer.is_valid_at(now) && last.is_valid_at(now);
    require(valid, PartError::CertificateTime)?;
    Ok(signer)
}

fn fmspc(text: &str) -> Result<[u8; 6], PartError> {
    let mut fmspc = [0; 6];
    hex::decode_to_slice(text, &mut fmspc).map_err(|_| PartError::Unreadable("FMSPC"))?;
    Ok(fmspc)
}
