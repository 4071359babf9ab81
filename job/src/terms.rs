//! Terms: what a service says a job of it is. They stand in the provider's
//! offer, in the manifest and in the `ConfidentialService`, field for field.

use core::ops::Deref;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Digest, ImageRef};

/// Terms that make sense: every bound below was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TermsForm", into = "TermsForm")]
pub struct Terms(TermsForm);

/// The fields of terms, unchecked. Every field is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TermsForm {
    /// The program and how it is started.
    pub workload: Workload,
    /// Parameters a customer may give.
    pub params: Vec<Param>,
    /// What the program takes.
    pub input: Input,
    /// What it gives back.
    pub output: Output,
    /// What it may reach.
    pub network: Network,
    /// Secrets released to the guest once it is attested.
    pub secrets: Vec<Secret>,
    /// Size of the virtual machine.
    pub resources: Resources,
    /// Seconds the program may run.
    pub timeout_seconds: u64,
    /// Blossom servers for input and output too large for a message.
    pub blob_servers: Vec<String>,
    /// The broker of the secrets; `null` exactly when there are none.
    pub kbs: Option<Kbs>,
}

/// The program, by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Image by digest.
    pub image: ImageRef,
    /// ENV of the image's own configuration, `NAME=value`: the runtime passes it
    /// to the agent, which gives none of it to the workload.
    pub image_env: Vec<String>,
    /// Command line; the first entry is an absolute path in the image.
    pub argv: Vec<String>,
    /// The workload's whole environment, in this order.
    pub env: Vec<EnvVar>,
}

/// One entry of the workload's environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// Name, without `=`.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A parameter a customer may give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// `^[A-Za-z0-9_.-]{1,64}$`.
    pub name: String,
    /// Whether the job cannot run without it.
    pub required: bool,
    /// Accepted values; empty accepts every value.
    pub values: Vec<String>,
}

/// What a job takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// Most bytes of all inputs together.
    pub max_bytes: u64,
    /// Seconds the guest waits for the starting message.
    pub wait_seconds: u64,
    /// Whether a conversation may start the job.
    pub chat: bool,
}

/// What a job gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// Where the result is taken from.
    pub from: OutputFrom,
    /// Most bytes of a result.
    pub max_bytes: u64,
}

/// Where the result is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFrom {
    /// What the program prints.
    Stdout,
    /// The file `/cdvm/job/out/result`.
    File,
}

/// What a job may reach. Version 1 of the agent has no way to open a network,
/// so the list must be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Addresses; must be empty.
    pub allow: Vec<String>,
}

/// Resource of a secret that is put there for one job.
const OF_JOB: &str = "job";

/// A secret released to the attested guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// `^[a-z0-9][a-z0-9-]{0,62}$`; the file `/cdvm/job/secrets/<name>`.
    pub name: String,
    /// `job`, or an owner's `kbs:///repository/type/tag`.
    pub resource: String,
}

impl Secret {
    /// Whether it is put there for one job, by the provider's operator; else it is its
    /// owner's.
    pub fn is_of_job(&self) -> bool {
        self.resource == OF_JOB
    }

    /// Where the broker has it, `repository/type/tag`: the owner's place, or, of a
    /// secret of one job, a place of the guest with this HOST_DATA.
    pub fn path(&self, host_data: Digest) -> String {
        match self.resource.strip_prefix("kbs:///") {
            Some(path) => path.to_owned(),
            None => format!("cdvm/{host_data}/{}", self.name),
        }
    }
}

/// Size of the virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Virtual CPUs, at least 2.
    pub vcpus: u32,
    /// Memory in MiB, above 2048.
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u32,
}

/// The broker of a job's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kbs {
    /// `^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$`.
    pub url: String,
    /// PEM of its certificate, or empty.
    pub certificate: String,
}

/// Why terms make no sense; the text says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// A number outside its bounds.
    #[error("{field} is {seen}, and must be from {least} to {most}")]
    Bounds {
        /// Which field.
        field: &'static str,
        /// Its value.
        seen: u64,
        /// Smallest value.
        least: u64,
        /// Largest value.
        most: u64,
    },
    /// Too many entries, or too long a text.
    #[error("{field} has {seen} entries or bytes, and may have {most}")]
    TooMany {
        /// Which field.
        field: &'static str,
        /// How many.
        seen: usize,
        /// Most.
        most: usize,
    },
    /// A text of the wrong form.
    #[error("{field} is {seen:?}, and must be {wanted}")]
    Form {
        /// Which field.
        field: &'static str,
        /// Its value.
        seen: String,
        /// The form, in words or as a pattern.
        wanted: &'static str,
    },
    /// A name that appears twice.
    #[error("{field} has {name:?} twice")]
    Twice {
        /// Which field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// Secrets without broker, or a broker without secrets.
    #[error("kbs must be null exactly when secrets is empty")]
    Kbs,
    /// A conversation is asked for.
    #[error("input.chat must be false: this version starts a job by one message, and asks nothing")]
    Chat,
    /// A network is asked for.
    #[error("network.allow must be empty: this version gives a workload no network at all")]
    Network,
}

/// Bounds of the numbers: (field, smallest, largest). A day for times, 1 GiB
/// for data (it is held in guest memory), the largest machines of the vendor.
const DAY: u64 = 86_400;
const GIB: u64 = 1 << 30;

/// Longest single text in terms. All of them share the manifest's 16 KiB.
const MAX_TEXT: usize = 4096;

/// Most entries of any list in terms.
const MAX_ENTRIES: usize = 64;

impl TryFrom<TermsForm> for Terms {
    type Error = TermsError;

    fn try_from(form: TermsForm) -> Result<Self, TermsError> {
        form.check()?;
        Ok(Self(form))
    }
}

impl From<Terms> for TermsForm {
    fn from(terms: Terms) -> Self {
        terms.0
    }
}

impl Deref for Terms {
    type Target = TermsForm;

    fn deref(&self) -> &TermsForm {
        &self.0
    }
}

impl TermsForm {
    fn check(&self) -> Result<(), TermsError> {
        let Self {
            workload,
            params,
            input,
            output,
            network,
            secrets,
            resources,
            timeout_seconds,
            blob_servers,
            kbs,
        } = self;
        check_workload(workload)?;
        check_params(params)?;
        within("input.maxBytes", input.max_bytes, 1, GIB)?;
        within("input.waitSeconds", input.wait_seconds, 1, DAY)?;
        if input.chat {
            return Err(TermsError::Chat);
        }
        within("output.maxBytes", output.max_bytes, 1, GIB)?;
        within("timeoutSeconds", *timeout_seconds, 1, DAY)?;
        within("resources.vcpus", resources.vcpus.into(), 2, 512)?;
        within(
            "resources.memoryMiB",
            resources.memory_mib.into(),
            2049,
            4 << 20,
        )?;
        if !network.allow.is_empty() {
            return Err(TermsError::Network);
        }
        check_secrets(secrets)?;
        at_most("blobServers", blob_servers.len(), 8)?;
        for server in blob_servers {
            url("blobServers", server)?;
        }
        match kbs {
            Some(Kbs { url, certificate }) if !secrets.is_empty() => {
                kbs_url(url)?;
                pem(certificate)
            }
            None if secrets.is_empty() => Ok(()),
            Some(_) | None => Err(TermsError::Kbs),
        }
    }
}

fn check_workload(workload: &Workload) -> Result<(), TermsError> {
    let Workload {
        image: _,
        image_env,
        argv,
        env,
    } = workload;
    at_most("workload.argv", argv.len(), MAX_ENTRIES)?;
    match argv.first() {
        Some(program) if program.starts_with('/') => {}
        program => {
            return Err(TermsError::Form {
                field: "workload.argv",
                seen: program.cloned().unwrap_or_default(),
                wanted: "a program with its absolute path first",
            });
        }
    }
    for text in argv {
        plain("workload.argv", text)?;
    }
    at_most("workload.imageEnv", image_env.len(), MAX_ENTRIES)?;
    for entry in image_env {
        plain("workload.imageEnv", entry)?;
        let name = entry.split_once('=').map_or("", |(name, _)| name);
        if name.is_empty() || name.starts_with("CDVM_") {
            return Err(TermsError::Form {
                field: "workload.imageEnv",
                seen: entry.clone(),
                wanted: "NAME=value with a name that does not start with CDVM_",
            });
        }
    }
    let names = image_env.iter().filter_map(|entry| entry.split('=').next());
    unique("workload.imageEnv", names)?;
    at_most("workload.env", env.len(), MAX_ENTRIES)?;
    for EnvVar { name, value } in env {
        plain("workload.env", value)?;
        if name.is_empty() || name.contains(['=', '\0']) || name.len() > MAX_TEXT {
            return Err(TermsError::Form {
                field: "workload.env",
                seen: name.clone(),
                wanted: "a name without =",
            });
        }
    }
    unique("workload.env", env.iter().map(|var| var.name.as_str()))
}

fn check_params(params: &[Param]) -> Result<(), TermsError> {
    at_most("params", params.len(), MAX_ENTRIES)?;
    for Param {
        name,
        required: _,
        values,
    } in params
    {
        if !is_param_name(name) {
            return Err(TermsError::Form {
                field: "params.name",
                seen: name.clone(),
                wanted: "^[A-Za-z0-9_.-]{1,64}$",
            });
        }
        at_most("params.values", values.len(), MAX_ENTRIES)?;
        for value in values {
            plain("params.values", value)?;
        }
    }
    unique("params", params.iter().map(|param| param.name.as_str()))
}

fn check_secrets(secrets: &[Secret]) -> Result<(), TermsError> {
    at_most("secrets", secrets.len(), MAX_ENTRIES)?;
    for Secret { name, resource } in secrets {
        if !is_secret_name(name) {
            return Err(TermsError::Form {
                field: "secrets.name",
                seen: name.clone(),
                wanted: "^[a-z0-9][a-z0-9-]{0,62}$",
            });
        }
        if resource != "job" && !is_resource(resource) {
            return Err(TermsError::Form {
                field: "secrets.resource",
                seen: resource.clone(),
                wanted: "job, or kbs:///repository/type/tag",
            });
        }
    }
    unique("secrets", secrets.iter().map(|secret| secret.name.as_str()))
}

fn within(field: &'static str, seen: u64, least: u64, most: u64) -> Result<(), TermsError> {
    if (least..=most).contains(&seen) {
        return Ok(());
    }
    Err(TermsError::Bounds {
        field,
        seen,
        least,
        most,
    })
}

fn at_most(field: &'static str, seen: usize, most: usize) -> Result<(), TermsError> {
    if seen <= most {
        return Ok(());
    }
    Err(TermsError::TooMany { field, seen, most })
}

/// A text that can stand on a command line: bounded, without NUL.
fn plain(field: &'static str, text: &str) -> Result<(), TermsError> {
    at_most(field, text.len(), MAX_TEXT)?;
    if text.contains('\0') {
        return Err(TermsError::Form {
            field,
            seen: text.to_owned(),
            wanted: "a text without NUL",
        });
    }
    Ok(())
}

fn unique<'a>(field: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), TermsError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(TermsError::Twice {
                field,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

/// `^[A-Za-z0-9_.-]{1,64}$`, and not a path of its own: it becomes a file name.
pub(crate) fn is_param_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits) && name != "." && name != ".."
}

/// `^[a-z0-9][a-z0-9-]{0,62}$`.
fn is_secret_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-')
}

/// `kbs:///repository/type/tag` as Trustee takes it: three segments
/// `[a-zA-Z0-9_-]+[a-zA-Z0-9_.-]*`.
fn is_resource(resource: &str) -> bool {
    let Some(path) = resource.strip_prefix("kbs:///") else {
        return false;
    };
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    segments.len() == 3
        && resource.len() <= MAX_TEXT
        && segments.iter().all(|segment| {
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(fits)
        })
}

/// A URL of a blob server: scheme, host, optional port, no path.
fn url(field: &'static str, text: &str) -> Result<(), TermsError> {
    is_host_url(text).then_some(()).ok_or(TermsError::Form {
        field,
        seen: text.to_owned(),
        wanted: "https://host[:port]",
    })
}

/// `^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$`.
pub(crate) fn is_host_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "0"));
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    !host.is_empty()
        && text.len() <= 255
        && host.bytes().all(host_byte)
        && (1..=5).contains(&port.len())
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn kbs_url(text: &str) -> Result<(), TermsError> {
    is_host_url(text).then_some(()).ok_or(TermsError::Form {
        field: "kbs.url",
        seen: text.to_owned(),
        wanted: "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
    })
}

/// Empty, or lines of PEM ended by LF: nothing that could end a TOML text.
fn pem(text: &str) -> Result<(), TermsError> {
    let body = |line: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        (1..=64).contains(&line.len()) && line.bytes().all(fits)
    };
    let mut depth = 0;
    let fits = text.split_inclusive('\n').all(|line| {
        let Some(line) = line.strip_suffix('\n') else {
            return false;
        };
        match (depth, line) {
            (0, "-----BEGIN CERTIFICATE-----") => depth = 1,
            (1, "-----END CERTIFICATE-----") => depth = 0,
            (1, line) if body(line) => {}
            _ => return false,
        }
        true
    });
    if fits && depth == 0 && text.len() <= 16 * 1024 {
        return Ok(());
    }
    Err(TermsError::Form {
        field: "kbs.certificate",
        seen: text.chars().take(64).collect(),
        wanted: "empty, or PEM lines of certificates, each ended by a line feed",
    })
}

#[cfg(test)]
mod tests;
