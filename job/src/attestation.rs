//! What the guest sends when it says hello: evidence and manifest, not yet
//! verified (rumor kind 23793).

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use crate::manifest::MAX_MANIFEST;
use crate::{JobId, PublicKey};

/// Longest content we read: a report, a certificate and a manifest in base64
/// have about 20 kB.
const MAX_CONTENT: usize = 64 * 1024;

/// An attestation as it arrived. Nothing in it is verified but its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Who sealed it: the one-time key A, if it is one.
    pub author: PublicKey,
    /// Whom it is addressed to (`p`): must be C.
    pub recipient: PublicKey,
    /// Which order it answers (`e`).
    pub job: JobId,
    /// The report's bytes.
    pub report: Vec<u8>,
    /// DER of the signing key's certificate; empty when the guest had none.
    pub certificate: Vec<u8>,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
}

/// Why a content is not an attestation.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// Too long.
    #[error("the attestation has {0} bytes and may have {MAX_CONTENT}")]
    TooLong(usize),
    /// Not the JSON of one.
    #[error("the attestation is not JSON of the form this version knows")]
    Form(#[source] serde_json::Error),
    /// Another version.
    #[error("the attestation has version {0}, and this program knows version 1")]
    Version(u64),
    /// Not base64, or not gzip, or too long when unpacked.
    #[error("the attestation's {0} cannot be decoded")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u64,
    report: String,
    cert: String,
    manifest: String,
}

impl Attestation {
    /// Reads the content of an attestation message.
    ///
    /// # Errors
    /// When it is too long or not of this form.
    pub fn from_content(
        author: PublicKey,
        recipient: PublicKey,
        job: JobId,
        content: &str,
    ) -> Result<Self, AttestationError> {
        if content.len() > MAX_CONTENT {
            return Err(AttestationError::TooLong(content.len()));
        }
        let Content {
            v,
            report,
            cert,
            manifest,
        } = serde_json::from_str(content).map_err(AttestationError::Form)?;
        if v != 1 {
            return Err(AttestationError::Version(v));
        }
        let decode = |name, text: &str| {
            BASE64
                .decode(text)
                .map_err(|_| AttestationError::Field(name))
        };
        Ok(Self {
            author,
            recipient,
            job,
            report: decode("report", &report)?,
            certificate: decode("cert", &cert)?,
            manifest: unpack(&decode("manifest", &manifest)?)
                .ok_or(AttestationError::Field("manifest"))?,
        })
    }

    /// The content of the message.
    pub fn to_content(&self) -> String {
        let content = Content {
            v: 1,
            report: BASE64.encode(&self.report),
            cert: BASE64.encode(&self.certificate),
            manifest: BASE64.encode(pack(&self.manifest)),
        };
        // Strings and a number always are JSON.
        serde_json::to_string(&content).unwrap_or_default()
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory does not fail.
    let packed = gzip.write_all(bytes).and_then(|()| gzip.finish());
    packed.unwrap_or_default()
}

fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .take(MAX_MANIFEST as u64 + 1)
        .read_to_end(&mut out)
        .ok()?;
    (out.len() <= MAX_MANIFEST).then_some(out)
}
