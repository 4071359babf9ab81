//! Init data as Kata decodes them: base64 of gzip of TOML with exactly one
//! version; their digest becomes HOST_DATA before anything of them is used.

use std::collections::BTreeMap;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Most bytes Kata unpacks.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// Decoded init data.
pub(crate) struct InitData {
    /// HOST_DATA: the digest cut or padded to 32 bytes.
    pub(crate) host_data: [u8; 32],
    /// The text, as it was hashed.
    pub(crate) text: String,
    /// `aa.toml`.
    pub(crate) aa: Option<String>,
    /// `policy.rego`.
    pub(crate) policy: Option<String>,
    /// `cdh.toml`.
    pub(crate) cdh: Option<String>,
}

#[derive(Deserialize)]
struct Form {
    version: String,
    algorithm: String,
    data: BTreeMap<String, String>,
}

impl InitData {
    /// Decodes the annotation's value.
    pub(crate) fn decode(annotation: &str) -> Result<Self> {
        let compressed = BASE64
            .decode(annotation)
            .context("failed to decode the init data's base64")?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(compressed.as_slice())
            .take(MAX_LEN)
            .read_to_string(&mut text)
            .context("failed to unpack the init data's gzip")?;
        Self::parse(text)
    }

    fn parse(text: String) -> Result<Self> {
        let Form {
            version,
            algorithm,
            mut data,
        } = toml::from_str(&text).context("failed to read the init data's TOML")?;
        if version != "0.1.0" {
            bail!("the init data have version {version:?}, not 0.1.0");
        }
        let digest = match algorithm.as_str() {
            "sha256" => Sha256::digest(&text).to_vec(),
            "sha384" => Sha384::digest(&text).to_vec(),
            "sha512" => Sha512::digest(&text).to_vec(),
            other => bail!("the init data have the unknown algorithm {other:?}"),
        };
        let mut host_data = [0; 32];
        for (to, from) in host_data.iter_mut().zip(digest) {
            *to = from;
        }
        Ok(Self {
            host_data,
            text,
            aa: data.remove("aa.toml"),
            policy: data.remove("policy.rego"),
            cdh: data.remove("cdh.toml"),
        })
    }
}
