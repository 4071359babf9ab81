//! `ConfidentialService`: what a provider offers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Terms;

/// A service a provider offers: a program that runs on a customer's data inside a
/// confidential machine. The operator publishes it as an offer on Nostr (kind
/// 31990); an order names that offer by its event id.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "cdvm.dev",
    version = "v1alpha1",
    kind = "ConfidentialService",
    namespaced,
    shortname = "csvc",
    category = "cdvm",
    status = "ConfidentialServiceStatus",
    doc = "A service a provider offers: a program that runs on a customer's data inside a confidential machine. The operator publishes it as an offer on Nostr (kind 31990); an order names that offer by its event id.",
    printcolumn = r#"{"name":"Offered","type":"string","jsonPath":".status.conditions[?(@.type=='Offered')].status","description":"Whether a quorum of relays has the offer."}"#,
    printcolumn = r#"{"name":"Kind","type":"integer","jsonPath":".spec.kind","description":"Request kind (NIP-90)."}"#,
    printcolumn = r#"{"name":"About","type":"string","jsonPath":".spec.about"}"#,
    printcolumn = r#"{"name":"Offer","type":"string","jsonPath":".status.offer.id","priority":1,"description":"Event id of the current offer."}"#,
    printcolumn = r#"{"name":"Image","type":"string","jsonPath":".spec.terms.workload.image","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    selectable = ".status.offer.id"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfidentialServiceSpec {
    /// What it does, in a sentence for customers.
    #[schemars(length(min = 1, max = 500))]
    pub about: String,
    /// Picture that other Nostr clients show with the offer: an https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^https://[!-~]+$"), length(max = 255))]
    pub picture: Option<String>,
    /// Topics other Nostr clients find the offer by (`t` tags), such as `statistics`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(regex(pattern = "^[a-z0-9][a-z0-9-]{0,39}$"), length(max = 40))
    )]
    pub topics: Vec<String>,
    /// Request kind of its orders (NIP-90): 5999 for a computation that has no
    /// kind of its own.
    #[schemars(range(min = 5000, max = 5999))]
    pub kind: i64,
    /// What a job of it is.
    pub terms: Terms,
    /// Where the provider has the secrets that the terms ask for with the resource `job`.
    /// The operator puts each into its key broker for one machine, before that starts, and
    /// takes it out when the job is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub job_secrets: Vec<JobSecret>,
    /// Seconds from the first attempt until something must run, or the job ends as
    /// `NeverStarted`. Raise it for large images.
    #[serde(default = "start_within")]
    #[schemars(range(min = 1, max = 3600))]
    pub start_within_seconds: i64,
}

/// A secret of single jobs, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSecret {
    /// Its name in the terms.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"), length(max = 63))]
    pub name: String,
    /// The Kubernetes Secret it is in. The operator may read those that the chart's
    /// `broker.jobSecretNames` names.
    pub secret_key_ref: SecretKeyRef,
}

/// A key of a Kubernetes Secret in this namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

impl ConfidentialServiceSpec {
    /// Where the secret of this name is.
    pub fn job_secret(&self, name: &str) -> Option<&SecretKeyRef> {
        let named = self.job_secrets.iter().find(|secret| secret.name == name);
        named.map(|secret| &secret.secret_key_ref)
    }
}

/// Two minutes: a confidential machine boots and pulls a small image in seconds.
fn start_within() -> i64 {
    120
}

/// What became of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfidentialServiceStatus {
    /// Generation of the spec this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The current offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offered>,
    /// Event ids of earlier offers, newest first: orders that name one of them are
    /// told the current one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    pub previous_offers: Vec<String>,
    /// `Valid` (the terms make sense) and `Offered` (a quorum of relays has it).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// An offer as it was recorded, before it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    /// Event id.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"), length(max = 64))]
    pub id: String,
    /// When it was recorded: the event's own time, so that it can be signed again
    /// with the same id.
    pub recorded_at: Time,
    /// Generation of the spec it was made from.
    pub generation: i64,
}
