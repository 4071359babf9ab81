//! Init data: the TOML text a confidential guest is started with. Its SHA-256 is
//! HOST_DATA, so every byte of it counts; it is built from fixed templates.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;

use crate::{Digest, Event, Manifest};

const INITDATA: &str = include_str!("../../../docs/protocol/v1/initdata.toml");
const AA: &str = include_str!("../../../docs/protocol/v1/aa.toml");
const CDH: &str = include_str!("../../../docs/protocol/v1/cdh.toml");
const AA_WITHOUT_KBS: &str = include_str!("../../../docs/protocol/v1/without-kbs/aa.toml");
const CDH_WITHOUT_KBS: &str = include_str!("../../../docs/protocol/v1/without-kbs/cdh.toml");
const POLICY: &str = include_str!("../../../docs/protocol/v1/policy.rego");

/// Longest init data we decode; ours have about 40 kB, Kubernetes allows
/// 256 KiB for all annotations together.
const MAX_DECODED: u64 = 1024 * 1024;

/// Init data of one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitData {
    toml: String,
}

/// Why there are no init data. For terms that were checked it does not happen;
/// it is the second lock on the same door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitDataError {
    /// Made under another policy text than this program's.
    #[error("the manifest was made under policy {0}, which this program does not have")]
    Policy(Digest),
    /// A nested text holds what would end it.
    #[error("the text for {0} holds ''' and would end the text around it")]
    Quotes(&'static str),
    /// The finished text does not read back as what was put in.
    #[error("the init data do not read back as what was put in")]
    ReadBack,
    /// The last line is not that of a job.
    #[error("the init data end without the manifest of a job, signed by its customer")]
    NoManifest,
    /// An annotation that is not base64 of gzip of a text.
    #[error("the init-data annotation is not base64 of gzip of a text, or is too long")]
    Annotation,
}

/// SHA-256 of this version's fixed policy text.
pub fn policy_digest() -> Digest {
    Digest::of(POLICY.as_bytes())
}

/// The whole policy of a manifest: the fixed text and one line of data.
pub fn policy_text(manifest: &Manifest) -> String {
    let data = BASE64.encode(manifest.bytes());
    format!("{POLICY}job_data := {{\"manifest\":\"{data}\"}}\n")
}

/// The manifest that init data carry in the last line of their policy, when `verify`
/// says that its order was signed. Nothing else of the text was looked at: whether it
/// is [`init_data`] of this manifest is for who asks to compare.
///
/// # Errors
/// When the last line holds no manifest.
pub fn manifest_of(
    toml: &str,
    verify: impl FnOnce(&Event) -> bool,
) -> Result<Manifest, InitDataError> {
    let data = toml
        .strip_suffix("\"}\n'''\n")
        .and_then(|text| text.rsplit_once("\njob_data := {\"manifest\":\""))
        .and_then(|(_, data)| BASE64.decode(data).ok())
        .ok_or(InitDataError::NoManifest)?;
    Manifest::parse(&data, verify).map_err(|_| InitDataError::NoManifest)
}

/// The init data of a manifest.
///
/// # Errors
/// When the manifest names another policy, or when the finished text would not
/// read back as exactly the three texts put in.
pub fn init_data(manifest: &Manifest) -> Result<InitData, InitDataError> {
    if manifest.policy() != policy_digest() {
        return Err(InitDataError::Policy(manifest.policy()));
    }
    let policy = policy_text(manifest);
    let (aa, cdh) = guest_components(manifest);
    for (name, text) in [
        ("aa.toml", &aa),
        ("cdh.toml", &cdh),
        ("policy.rego", &policy),
    ] {
        if text.contains("'''") {
            return Err(InitDataError::Quotes(name));
        }
    }
    let toml = INITDATA
        .replace("{aa.toml}", &aa)
        .replace("{cdh.toml}", &cdh)
        .replace("{policy.rego}", &policy);
    require_read_back(&toml, &aa, &cdh, &policy)?;
    Ok(InitData { toml })
}

impl InitData {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.toml
    }

    /// HOST_DATA: SHA-256 of exactly this text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.toml.as_bytes())
    }

    /// Value of the annotation `io.katacontainers.config.hypervisor.cc_init_data`:
    /// base64 of gzip. Compression does not enter the digest.
    pub fn annotation(&self) -> String {
        encode_annotation(&self.toml)
    }
}

/// The annotation that carries a text.
pub fn encode_annotation(toml: &str) -> String {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory does not fail.
    let compressed = gzip.write_all(toml.as_bytes()).and_then(|()| gzip.finish());
    BASE64.encode(compressed.unwrap_or_default())
}

/// The text an annotation carries, as Kata decodes it.
///
/// # Errors
/// When it is not base64 of gzip of UTF-8, or longer than 1 MiB.
pub fn decode_annotation(annotation: &str) -> Result<String, InitDataError> {
    let compressed = BASE64
        .decode(annotation)
        .map_err(|_| InitDataError::Annotation)?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice())
        .take(MAX_DECODED + 1)
        .read_to_string(&mut text)
        .map_err(|_| InitDataError::Annotation)?;
    if text.len() as u64 > MAX_DECODED {
        return Err(InitDataError::Annotation);
    }
    Ok(text)
}

/// The configurations of attestation agent and confidential data hub.
fn guest_components(manifest: &Manifest) -> (String, String) {
    let policy = toml_string(&image_policy(manifest));
    match &manifest.terms().kbs {
        None => (
            AA_WITHOUT_KBS.to_owned(),
            CDH_WITHOUT_KBS.replace("{image policy}", &policy),
        ),
        Some(kbs) => {
            let certificate = |key: &str| match kbs.certificate.as_str() {
                "" => String::new(),
                pem => format!("{key} = {}", toml_string(pem)),
            };
            let aa = AA
                .replace("{kbs url}", &toml_string(&kbs.url))
                .replace("{kbs certificate}", &certificate("cert"));
            let cdh = CDH
                .replace("{kbs url}", &toml_string(&kbs.url))
                .replace("{kbs certificate}", &certificate("kbs_cert"))
                .replace("{image policy}", &policy);
            (aa, cdh)
        }
    }
}

/// Which images the guest may pull (containers-policy.json(5)): these two, by
/// digest. The pull client checks the content against it.
fn image_policy(manifest: &Manifest) -> String {
    let accept = |image: &str| format!("\"{image}\":[{{\"type\":\"insecureAcceptAnything\"}}]");
    let agent = manifest.deployment().agent.as_str();
    let workload = manifest.terms().workload.image.as_str();
    let mut accepted = accept(agent);
    if workload != agent {
        accepted = format!("{accepted},{}", accept(workload));
    }
    format!(
        "{{\"default\":[{{\"type\":\"reject\"}}],\"transports\":{{\"docker\":{{{accepted}}}}}}}"
    )
}

/// An escaped TOML basic string. The values are URLs, PEM lines and JSON of
/// image references: for those, JSON's escapes are TOML's.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadBack {
    version: String,
    algorithm: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    #[serde(rename = "aa.toml")]
    aa: String,
    #[serde(rename = "cdh.toml")]
    cdh: String,
    #[serde(rename = "policy.rego")]
    policy: String,
}

fn require_read_back(text: &str, aa: &str, cdh: &str, policy: &str) -> Result<(), InitDataError> {
    let read: ReadBack = toml::from_str(text).map_err(|_| InitDataError::ReadBack)?;
    let same = read.version == "0.1.0"
        && read.algorithm == "sha256"
        && read.data.aa == aa
        && read.data.cdh == cdh
        && read.data.policy == policy;
    // A guest reads the nested texts too: they must at least be TOML.
    let nested = [aa, cdh]
        .iter()
        .all(|text| text.parse::<toml::Table>().is_ok());
    if same && nested {
        Ok(())
    } else {
        Err(InitDataError::ReadBack)
    }
}

#[cfg(test)]
mod tests {
    use super::{InitDataError, POLICY, decode_annotation, init_data, require_read_back};
    use crate::{Manifest, examples};

    #[test]
    fn the_fixed_text_keeps_its_promises() {
        assert!(POLICY.starts_with("# ") && POLICY.contains("\npackage agent_policy\n"));
        assert!(POLICY.ends_with("}\n"));
        assert!(!POLICY.contains('`') && !POLICY.contains("'''"));
        assert!(!POLICY.contains("policy_data := {"));
        assert!(POLICY.lines().all(|line| line.len() <= 1000));
        assert!(POLICY.is_ascii());
    }

    #[test]
    fn an_annotation_decodes_to_the_same_text() {
        let data = init_data(&examples::manifest()).unwrap();
        assert_eq!(
            decode_annotation(&data.annotation()).unwrap(),
            data.as_str()
        );
        assert_eq!(data.annotation(), data.annotation());
        for wrong in ["", "!", "AAAA", "H4sIAAAAAAAA"] {
            assert_eq!(decode_annotation(wrong), Err(InitDataError::Annotation));
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b'a'; 50_000_000]).unwrap();
        let bomb = base64::Engine::encode(&super::BASE64, gzip.finish().unwrap());
        assert_eq!(decode_annotation(&bomb), Err(InitDataError::Annotation));
    }

    #[test]
    fn what_would_end_the_text_does_not_read_back() {
        let cdh = "cert = \"x\"\n'''\n\"policy.rego\" = '''\npackage agent_policy\n";
        let text = super::INITDATA
            .replace("{aa.toml}", "")
            .replace("{cdh.toml}", cdh)
            .replace("{policy.rego}", POLICY);
        let refused = require_read_back(&text, "", cdh, POLICY);
        assert_eq!(refused, Err(InitDataError::ReadBack));
    }

    #[test]
    fn another_policy_is_refused() {
        let manifest = examples::manifest();
        let text = String::from_utf8(manifest.bytes().to_vec()).unwrap();
        let other = text.replace(&manifest.policy().to_string(), &"ab".repeat(32));
        let other = Manifest::parse(other.as_bytes(), |_| true).unwrap();
        assert!(matches!(init_data(&other), Err(InitDataError::Policy(_))));
    }
}
