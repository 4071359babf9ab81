//! The wire of a KBS, protocol 0.4.0: request, challenge, attestation, response, and
//! the errors. Forms alone; unknown fields mean nothing, as in Trustee.
//!
//! Source: Trustee `kbs/docs/kbs_attestation_protocol.md` and the types of
//! `kbs-types` 0.15 (field names), guest components v0.21
//! `attestation-agent/kbs_protocol` (what is signed).

use aws_lc_rs::digest;
use job::canonical;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The one version spoken here.
pub const VERSION: &str = "0.4.0";

/// Longest body of a request, in bytes; Trustee's own default.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

/// `POST /kbs/v0/auth`.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// Version of the protocol.
    pub version: String,
    /// Which hardware the guest has: `snp`, `tdx`, …
    pub tee: String,
}

/// Its answer. SHA-384 is what signs where no other hash is chosen.
#[derive(Debug, Serialize)]
pub struct Challenge {
    /// 32 bytes, base64.
    pub nonce: String,
    /// Empty: nothing of the guest's hardware needs it.
    #[serde(rename = "extra-params")]
    pub extra_params: &'static str,
}

/// `POST /kbs/v0/attest`.
#[derive(Debug, Deserialize)]
pub struct Attestation<'a> {
    /// What the guest says it was started with.
    #[serde(rename = "init-data", default)]
    pub init_data: Option<InitData>,
    /// What its evidence is bound to.
    #[serde(rename = "runtime-data")]
    pub runtime_data: RuntimeData,
    /// The evidence.
    #[serde(rename = "tee-evidence", borrow)]
    pub tee_evidence: TeeEvidence<'a>,
}

/// Init data as they were hashed.
#[derive(Debug, Deserialize)]
pub struct InitData {
    /// `toml`.
    pub format: String,
    /// The text.
    pub body: String,
}

/// What evidence is bound to.
#[derive(Debug, Deserialize)]
pub struct RuntimeData {
    /// The challenge's, as it was sent.
    pub nonce: String,
    /// Whom secrets are sealed to.
    #[serde(rename = "tee-pubkey")]
    pub tee_pubkey: TeeKey,
}

/// Evidence of the processor, and of other devices.
#[derive(Debug, Deserialize)]
pub struct TeeEvidence<'a> {
    /// As the guest's attester writes it.
    #[serde(borrow)]
    pub primary_evidence: &'a RawValue,
    /// A JSON text of device to evidence, or empty.
    pub additional_evidence: String,
}

/// A guest's key, as a JWK.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kty")]
pub enum TeeKey {
    /// A point of P-256 or P-521.
    #[serde(rename = "EC")]
    Ec {
        /// The curve.
        crv: String,
        /// What it is for.
        alg: String,
        /// Base64url without padding.
        x: String,
        /// Base64url without padding.
        y: String,
    },
    /// An RSA key.
    #[serde(rename = "RSA")]
    Rsa {
        /// What it is for.
        alg: String,
        /// Modulus, base64url without padding.
        n: String,
        /// Exponent, base64url without padding.
        e: String,
    },
}

/// The answer to an attestation.
#[derive(Debug, Serialize)]
pub struct Token {
    /// A JWT.
    pub token: String,
}

/// What a refused request reads.
#[derive(Debug, Serialize)]
pub struct ErrorInformation {
    /// A URL that ends with the variant's name.
    #[serde(rename = "type")]
    pub error_type: String,
    /// For people.
    pub detail: String,
}

/// REPORT_DATA of a guest that attests to a KBS: SHA-384 of the canonical JSON of
/// additional evidence, nonce and key, zeros behind it.
///
/// # Errors
/// When the key has no canonical form, which no text makes happen.
pub fn report_data(
    nonce: &str,
    key: &TeeKey,
    additional_evidence: &str,
) -> Result<[u8; 64], canonical::CanonicalError> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Bound<'a> {
        additional_evidence: &'a str,
        nonce: &'a str,
        tee_pubkey: &'a TeeKey,
    }
    let bound = canonical::to_vec(&Bound {
        additional_evidence,
        nonce,
        tee_pubkey: key,
    })?;
    let mut data = [0; 64];
    let hash = digest::digest(&digest::SHA384, &bound);
    for (to, from) in data.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::{Attestation, TeeKey, report_data};

    fn key() -> TeeKey {
        TeeKey::Ec {
            crv: "P-256".to_owned(),
            alg: "ECDH-ES+A256KW".to_owned(),
            x: "AA".to_owned(),
            y: "AQ".to_owned(),
        }
    }

    /// Computed with `printf '%s' '{"additional-evidence":"","nonce":"bm9uY2U=",…}' | sha384sum`.
    #[test]
    fn report_data_are_the_hash_of_the_sorted_json() {
        let data = report_data("bm9uY2U=", &key(), "").unwrap();
        assert_eq!(hex::encode(data), include_str!("rcar/vector.hex").trim());
    }

    #[test]
    fn a_key_is_read_with_its_kind_and_fields_nobody_knows() {
        let text = r#"{"init-data":null,"runtime-data":{"nonce":"n","tee-pubkey":
            {"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"AA","y":"AQ"}},
            "tee-evidence":{"primary_evidence":{"a":1},"additional_evidence":""},"more":1}"#;
        let read: Attestation<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(read.runtime_data.tee_pubkey, key());
        assert_eq!(read.tee_evidence.primary_evidence.get(), "{\"a\":1}");
        assert!(read.init_data.is_none());
    }
}
