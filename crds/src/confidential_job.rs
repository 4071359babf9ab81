//! `ConfidentialJob`: one order of a customer, and what became of it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Request;

/// Annotation that says how the order was heard. Without it the customer is
/// answered privately.
pub const HEARD_ANNOTATION: &str = "cdvm.dev/heard";

/// Value of [`HEARD_ANNOTATION`] for an order that was published.
pub const HEARD_PUBLIC: &str = "public";

/// One order of a customer. Everything about the job stands in the signed order
/// and in the offer it names; nothing is repeated here.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "cdvm.dev",
    version = "v1alpha1",
    kind = "ConfidentialJob",
    namespaced,
    shortname = "cjob",
    category = "cdvm",
    status = "ConfidentialJobStatus",
    doc = "One order of a customer: a service run once on the customer's data inside a fresh confidential machine. `cdvm request --yaml` writes it. The object's name is j- and the first 40 hex digits of the order's id.",
    printcolumn = r#"{"name":"Service","type":"string","jsonPath":".status.service"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".status.why","description":"The last reason, one word; docs/protocol.md, 8, has them all."}"#,
    printcolumn = r#"{"name":"Customer","type":"string","jsonPath":".status.customer"}"#,
    printcolumn = r#"{"name":"Attempt","type":"integer","jsonPath":".status.attempt.number","priority":1}"#,
    printcolumn = r#"{"name":"Simulated","type":"boolean","jsonPath":".status.attempt.simulated","priority":1,"description":"True: the machine was simulated and nothing was confidential."}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.message","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Ended","type":"date","jsonPath":".status.endedAt"}"#
)]
#[x_kube(validation = Rule::new("self.request == oldSelf.request").message(
    "an order cannot be changed: it is signed by the customer; apply a new ConfidentialJob"
))]
#[x_kube(validation = Rule::new("self.cancel || !oldSelf.cancel").message(
    "a cancelled job stays cancelled; order again"
))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfidentialJobSpec {
    /// The customer's signed order. Immutable.
    pub request: Request,
    /// Set to true to stop the job. Its machine is destroyed; what the customer
    /// already has stays with the customer.
    #[serde(default)]
    pub cancel: bool,
    /// The customer's signed cancellation, as the bridge heard it: the Nostr event
    /// (kind 5, or the gift wrap around it) as JSON. The operator verifies it: with it a
    /// cancelled job ends as `ByCustomer`, without it, or when it is anybody else's, as
    /// `ByCluster`. Alone it cancels nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub cancellation: Option<String>,
}

/// What became of a job. Written by the operator alone; every field says what was
/// seen, not what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfidentialJobStatus {
    /// Pending, Starting, Attested, Running, Succeeded, Failed, Cancelled or Rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub phase: Option<String>,
    /// The last reason, one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub why: Option<String>,
    /// The last reason as a sentence: what happened, what it means, what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub message: Option<String>,
    /// The service whose offer the order names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service: Option<String>,
    /// The customer's public key, shortened for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub customer: Option<String>,
    /// The current attempt: one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptStatus>,
    /// Why it ended, one word; the phase follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub ending: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// When everything of it was seen gone: pod and grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<Time>,
    /// What a quorum of relays took: Starting, what it waits for, Ended, Destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 32)))]
    pub announced: Vec<String>,
    /// Admitted, PodCreated, Attested, Finished, Announced, Destroyed: written when
    /// there is evidence, never when it was only asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// Why nothing runs yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingStatus {
    /// `WaitingForRoom`, `WaitingForImage`, `WaitingForMachine`, `WaitingForCluster` or
    /// `WaitingForBroker`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What the scheduler, the kubelet or the API server says. The customer reads a
    /// constant instead.
    #[schemars(length(max = 4096))]
    pub message: String,
    /// When that was seen.
    pub since: Time,
}

/// What was recorded of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptStatus {
    /// Its number, from 1; the pod's name ends with it.
    #[schemars(range(min = 1, max = 1000))]
    pub number: i64,
    /// When the first attempt was recorded.
    pub started_at: Time,
    /// When something must run, or the job ends as `NeverStarted`.
    pub start_by: Time,
    /// When the job is over, whatever its state.
    pub not_after: Time,
    /// SHA-256 of the init data its machine is started with; its evidence has it as
    /// HOST_DATA.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"), length(max = 64))]
    pub host_data: String,
    /// Names of the secrets that were put into the key broker for it alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub job_secrets: Vec<String>,
    /// What it waits for, when nothing runs yet and somebody said why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingStatus>,
    /// What the operator lacks to verify the machine's evidence, while it lacks
    /// something: the vendor's certificates and lists. The job does not wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub lacking: Option<String>,
    /// UID of its pod, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub pod_uid: Option<String>,
    /// The machine's one-time public key, once the operator verified its evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub key: Option<String>,
    /// When the operator verified the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested_at: Option<Time>,
    /// Whether the machine was simulated: then nothing was confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// When the machine said that it accepted the customer's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_accepted_at: Option<Time>,
}
