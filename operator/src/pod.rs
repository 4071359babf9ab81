//! From manifest to pod: a pure function (`docs/protocol.md`, 3). The host adds
//! nothing that matters, because the guest refuses what differs.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::{Attempt, ImageRef, InitDataError, Manifest, init_data};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, Pod, PodSpec, ResourceRequirements,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// Label with the name of a pod's `ConfidentialJob`.
pub const JOB_LABEL: &str = "cdvm.dev/job";

/// Label with the number of a pod's attempt.
pub const ATTEMPT_LABEL: &str = "cdvm.dev/attempt";

/// Label of every pod of ours: what is watched.
pub const MANAGED_LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "confidential-dvm");

/// Annotation with the init data.
pub const INIT_DATA: &str = "io.katacontainers.config.hypervisor.cc_init_data";

const KERNEL_PARAMS: &str = "io.katacontainers.config.hypervisor.kernel_params";
const CREATE_TIMEOUT: &str = "io.katacontainers.config.runtime.create_container_timeout";

/// The guest components' whole API; measured, so it is a constant.
pub const GUEST_API: &str = "agent.guest_components_rest_api=all";

/// Longest time Kata lets creating a container take, pulling included.
const MAX_CREATE_SECS: u64 = 600;

/// What Kata's Go runtime adds to the limits to get the virtual machine's size.
const BASE_VCPUS: u32 = 1;
const BASE_MEMORY_MIB: u32 = 2048;

/// Nobody.
const NOBODY: i64 = 65534;

/// How long the agent has to say goodbye when the pod is deleted.
const GRACE_SECS: i64 = 5;

/// The pod of `manifest`, under a runtime class, for an owner.
///
/// # Errors
/// When the manifest has no init data.
pub fn pod(
    manifest: &Manifest,
    runtime_class: &str,
    owner: OwnerReference,
) -> Result<Pod, InitDataError> {
    let deployment = manifest.deployment();
    let job = manifest.order().object_name();
    let timeout = manifest.terms().timeout_seconds.min(MAX_CREATE_SECS);
    Ok(Pod {
        metadata: ObjectMeta {
            name: Some(pod_name(&job, deployment.attempt)),
            labels: Some(map([
                (MANAGED_LABEL.0, MANAGED_LABEL.1.to_owned()),
                (JOB_LABEL, job),
                (ATTEMPT_LABEL, deployment.attempt.to_string()),
            ])),
            annotations: Some(map([
                (INIT_DATA, init_data(manifest)?.annotation()),
                (KERNEL_PARAMS, GUEST_API.to_owned()),
                (CREATE_TIMEOUT, timeout.to_string()),
            ])),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            runtime_class_name: Some(runtime_class.to_owned()),
            restart_policy: Some("Never".to_owned()),
            termination_grace_period_seconds: Some(GRACE_SECS),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            init_containers: Some(vec![Container {
                name: "agent".to_owned(),
                command: Some(strings(["/cdvm-agent", "install", "/cdvm"])),
                ..container(&deployment.agent, manifest)
            }]),
            containers: vec![Container {
                name: "workload".to_owned(),
                command: Some(strings(["/cdvm/agent", "run"])),
                env: Some(vec![EnvVar {
                    name: "CDVM_MANIFEST".to_owned(),
                    value: Some(BASE64.encode(manifest.bytes())),
                    value_from: None,
                }]),
                ..container(&manifest.terms().workload.image, manifest)
            }],
            volumes: Some(vec![Volume {
                name: "cdvm".to_owned(),
                empty_dir: Some(EmptyDirVolumeSource {
                    medium: Some("Memory".to_owned()),
                    size_limit: None,
                }),
                ..Volume::default()
            }]),
            ..PodSpec::default()
        }),
        status: None,
    })
}

/// Name of the pod of an attempt.
pub fn pod_name(job: &str, attempt: Attempt) -> String {
    format!("{job}-{attempt}")
}

/// What both containers have.
fn container(image: &ImageRef, manifest: &Manifest) -> Container {
    Container {
        image: Some(image.to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        working_dir: Some("/".to_owned()),
        resources: Some(resources(manifest)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                add: None,
                drop: Some(strings(["ALL"])),
            }),
            read_only_root_filesystem: Some(true),
            run_as_group: Some(NOBODY),
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: "cdvm".to_owned(),
            mount_path: "/cdvm".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

/// Limits size the machine; requests are the same, so that it is paid for.
fn resources(manifest: &Manifest) -> ResourceRequirements {
    let size = &manifest.terms().resources;
    // Terms have at least 2 vCPUs and more than 2048 MiB.
    let cpu = size.vcpus.saturating_sub(BASE_VCPUS);
    let memory = size.memory_mib.saturating_sub(BASE_MEMORY_MIB);
    let limits: BTreeMap<String, Quantity> = [
        ("cpu".to_owned(), Quantity(cpu.to_string())),
        ("memory".to_owned(), Quantity(format!("{memory}Mi"))),
    ]
    .into();
    ResourceRequirements {
        limits: Some(limits.clone()),
        requests: Some(limits),
        ..ResourceRequirements::default()
    }
}

fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn map<const N: usize>(entries: [(&str, String); N]) -> BTreeMap<String, String> {
    entries.map(|(name, value)| (name.to_owned(), value)).into()
}
