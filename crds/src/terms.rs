//! The terms of a service, as `ConfidentialService.spec.terms`: the same fields
//! as `job::Terms`, with the bounds the API server checks.

use job::TermsForm;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a job of this service is. Published in the offer, signed by reference in
/// the customer's order, and enforced inside the confidential machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.kbs) == (size(self.secrets) > 0)").message(
    "kbs must be null exactly when secrets is empty"
))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The program and how it is started.
    pub workload: Workload,
    /// Parameters a customer may give.
    #[schemars(length(max = 64))]
    pub params: Vec<Param>,
    /// What the program takes.
    pub input: Input,
    /// What it gives back.
    pub output: Output,
    /// What it may reach.
    pub network: Network,
    /// Secrets released to the machine once it is attested.
    #[schemars(length(max = 64))]
    pub secrets: Vec<Secret>,
    /// Size of the virtual machine.
    pub resources: Resources,
    /// Seconds the program may run.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: i64,
    /// Blossom servers for input and output too large for a message, such as
    /// `https://blobs.example`.
    #[schemars(length(max = 8), inner(length(max = 255)))]
    pub blob_servers: Vec<String>,
    /// The broker of the secrets; null exactly when there are none.
    pub kbs: Option<Kbs>,
}

/// The program, by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("size(self.argv) > 0 && self.argv[0].startsWith('/')").message(
    "argv must begin with the program's absolute path in the image"
))]
#[x_kube(validation = Rule::new("self.imageEnv.all(e, e.contains('=') && !e.startsWith('CDVM_'))").message(
    "imageEnv has entries NAME=value, and no name that starts with CDVM_"
))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Image by digest, `host/repository@sha256:…`: a tag can be moved. Images
    /// with VOLUME are refused by the guest.
    #[x_kube(validation = Rule::new("self.contains('@sha256:')").message(
        "name the image by digest: host/repository@sha256:<64 hex digits>; a tag can be moved after the customer looked"
    ))]
    #[x_kube(validation = Rule::new("!self.endsWith('@sha256:0000000000000000000000000000000000000000000000000000000000000000')").message(
        "the digest is a placeholder: build it: make images"
    ))]
    #[schemars(
        regex(
            pattern = "^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(@sha256:[0-9a-f]{64}|:[A-Za-z0-9._-]+)?$"
        ),
        length(max = 255)
    )]
    pub image: String,
    /// ENV of the image's own configuration, `NAME=value`. The container runtime
    /// adds it; the agent gives none of it to the workload.
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub image_env: Vec<String>,
    /// Command line; the first entry is an absolute path in the image. Runs inside
    /// the agent's sandbox, not as the container's own command.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)))]
    pub argv: Vec<String>,
    /// The workload's whole environment.
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_string()]))]
    pub env: Vec<EnvVar>,
}

/// One entry of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// Name.
    #[schemars(length(min = 1, max = 256), regex(pattern = "^[^=]+$"))]
    pub name: String,
    /// Value.
    #[schemars(length(max = 4096))]
    pub value: String,
}

/// A parameter a customer may give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Name; the workload reads it from `/cdvm/job/params/NAME`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.-]{1,64}$"), length(max = 64))]
    pub name: String,
    /// Whether the job cannot run without it.
    pub required: bool,
    /// Accepted values; empty accepts every value.
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub values: Vec<String>,
}

/// What a job takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// Most bytes of all inputs together.
    #[schemars(range(min = 1, max = 1_073_741_824_i64))]
    pub max_bytes: i64,
    /// Seconds the machine waits for the input; then the job ends as `NoInput`.
    #[schemars(range(min = 1, max = 86_400))]
    pub wait_seconds: i64,
    /// Whether a conversation may start the job. Must be false in this version.
    #[x_kube(validation = Rule::new("!self").message(
        "input.chat must be false: this version starts a job by one message, and asks nothing"
    ))]
    pub chat: bool,
}

/// What a job gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// Where the result is taken from: what the program prints, or the file
    /// `/cdvm/job/out/result`.
    pub from: OutputFrom,
    /// Most bytes of a result.
    #[schemars(range(min = 1, max = 1_073_741_824_i64))]
    pub max_bytes: i64,
}

/// Where the result is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputFrom {
    /// What the program prints.
    Stdout,
    /// The file `/cdvm/job/out/result`.
    File,
}

/// What a job may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Addresses. Must be empty in this version: a workload has no network.
    #[schemars(length(max = 0), inner(length(max = 255)))]
    pub allow: Vec<String>,
}

/// A secret released to the attested machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Name; the workload reads it from `/cdvm/job/secrets/NAME`.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"), length(max = 63))]
    pub name: String,
    /// `job` (put there by the operator for this one machine), or an owner's
    /// `kbs:///repository/type/tag`.
    #[schemars(
        regex(
            pattern = "^(job|kbs:///[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*)$"
        ),
        length(max = 255)
    )]
    pub resource: String,
}

/// Size of the virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Virtual CPUs. Measured: the customer's trust file needs an entry for it.
    #[schemars(range(min = 2, max = 512))]
    pub vcpus: i64,
    /// Memory in MiB.
    #[serde(rename = "memoryMiB")]
    #[schemars(range(min = 2049, max = 4_194_304))]
    pub memory_mib: i64,
}

/// The broker of a job's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kbs {
    /// Its URL.
    #[schemars(
        regex(pattern = "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$"),
        length(max = 255)
    )]
    pub url: String,
    /// PEM of its certificate, or empty.
    #[schemars(length(max = 16_384))]
    pub certificate: String,
}

impl Terms {
    /// As the planner, the guest and the customer know them.
    ///
    /// # Errors
    /// A text that says which field makes no sense and what to write.
    pub fn to_job(&self) -> Result<job::Terms, String> {
        // Field for field the same names: what differs is who checks what.
        let value = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let form: TermsForm = serde_json::from_value(value).map_err(|error| error.to_string())?;
        form.try_into()
            .map_err(|error: job::TermsError| error.to_string())
    }
}
