//! A hostile cluster: every pod of one job is changed on its way into the API
//! server, by an admission policy made of JSON patches.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::PostParams;

use crate::provider::Provider;
use crate::wait::until;
use std::time::Duration;

/// Longest wait until the API server knows a policy.
const KNOWN: Duration = Duration::from_secs(30);

/// Changes every pod of `job` by `patches`: CEL expressions of JSON patches, such as
/// `JSONPatch{op: "remove", path: "/spec/initContainers"}`. Returns when it does, as
/// seen on `pod`, an honest pod of that job.
pub async fn tamper(
    provider: &Provider,
    job: &str,
    patches: &str,
    pod: &Pod,
) -> anyhow::Result<()> {
    let name = format!("tamper-{job}");
    // One line, as YAML's plain quoted text wants it.
    let patches = patches.split_whitespace().collect::<Vec<_>>().join(" ");
    let yaml = format!(
        r#"
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicy
metadata: {{ name: {name} }}
spec:
  matchConstraints:
    namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: {namespace} }} }}
    resourceRules:
      - {{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }}
  matchConditions:
    - name: this-job
      expression: >-
        has(object.metadata.labels) && "cdvm.dev/job" in object.metadata.labels &&
        object.metadata.labels["cdvm.dev/job"] == "{job}"
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
    - patchType: JSONPatch
      jsonPatch:
        expression: '[{patches}]'
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicyBinding
metadata: {{ name: {name} }}
spec: {{ policyName: {name} }}
"#,
        namespace = provider.namespace,
    );
    let applied = provider
        .world
        .try_tool("kubectl", &["apply", "-f", "-"], &yaml)?;
    anyhow::ensure!(
        applied.status.success(),
        "failed to apply the policy: {}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut probe = pod.clone();
    probe.metadata.name = Some(format!("{}-probe", pod.name_any()));
    let pods = provider.pods();
    let look = || async {
        let seen = pods
            .create(&dry_run, &probe)
            .await
            .context("failed to try the policy")?;
        Ok(differs(&probe, &seen))
    };
    until("the cluster's hostility", KNOWN, look, |changed| *changed).await?;
    Ok(())
}

/// Whether the API server changed more than its defaults.
fn differs(sent: &Pod, seen: &Pod) -> bool {
    let (Some(a), Some(b)) = (&sent.spec, &seen.spec) else {
        return false;
    };
    let key = |pod: &k8s_openapi::api::core::v1::PodSpec| {
        let container = |c: &k8s_openapi::api::core::v1::Container| {
            (
                c.image.clone(),
                c.command.clone(),
                c.env.clone(),
                c.volume_mounts.as_ref().map(Vec::len),
                c.security_context.as_ref().and_then(|s| s.run_as_user),
            )
        };
        let init = pod
            .init_containers
            .iter()
            .flatten()
            .map(container)
            .collect::<Vec<_>>();
        let main = pod.containers.iter().map(container).collect::<Vec<_>>();
        let sysctls = pod
            .security_context
            .as_ref()
            .and_then(|s| s.sysctls.clone());
        (init, main, sysctls, pod.volumes.as_ref().map(Vec::len))
    };
    key(a) != key(b) || sent.annotations() != seen.annotations()
}
