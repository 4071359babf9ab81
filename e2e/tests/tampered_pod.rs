//! A provider that changes the pod alone: the guest refuses, nothing of what was
//! changed starts, and the job ends as `Failed/GuestRefused` with the guest's words.

use std::time::Duration;

use e2e::bare::HandCustomer;
use e2e::commons::{commons, run};
use e2e::tamper::tamper;

const SOON: Duration = Duration::from_mins(1);

/// Orders, lets the cluster change the pod, and waits for the end.
async fn refused(patches: &str) -> anyhow::Result<String> {
    let provider = commons().await?;
    let offer = provider.offered("redact").await?;
    let customer = HandCustomer::new(provider, &offer).await?;
    let name = customer.order.object_name();
    let honest = provider.pod(&provider.manifest(&customer.order, &offer, 1)?)?;
    tamper(provider, &name, patches, &honest).await?;
    customer.send_order(provider).await?;
    let job = provider.ended(&name, SOON).await?;
    let status = job.status.unwrap();
    assert_eq!(
        status.ending.as_deref(),
        Some("GuestRefused"),
        "{:?}",
        status.message
    );
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    // The agent never spoke: nothing that was changed ran.
    let attempt = status.attempt.unwrap();
    assert!(attempt.key.is_none() && attempt.input_accepted_at.is_none());
    provider.destroyed(&name, SOON).await?;
    Ok(status.message.unwrap())
}

fn check(patches: &str, differs: &str) -> anyhow::Result<()> {
    run(async {
        let message = refused(patches).await?;
        assert!(message.contains("is blocked by policy"), "{message}");
        assert!(message.contains(differs), "{message}");
        Ok(())
    })
}

#[test]
fn another_image_is_refused() -> anyhow::Result<()> {
    let other = run(async { Ok(commons().await?.world.image("analyse")?.to_owned()) })?;
    let patch = format!(
        r#"JSONPatch{{op: "replace", path: "/spec/containers/0/image", value: "{other}"}}"#
    );
    check(&patch, "storages")
}

#[test]
fn another_command_is_refused() -> anyhow::Result<()> {
    let patch =
        r#"JSONPatch{op: "replace", path: "/spec/containers/0/command", value: ["/redact"]}"#;
    check(patch, "OCI.Process")
}

#[test]
fn one_more_variable_is_refused() -> anyhow::Result<()> {
    let patch = r#"JSONPatch{op: "add", path: "/spec/containers/0/env/-", value: {"name": "LD_PRELOAD", "value": "/x.so"}}"#;
    check(patch, "OCI.Process.Env")
}

/// A directory of the host would be copied into the guest, file by file.
#[test]
fn one_more_mount_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "add", path: "/spec/volumes/-",
            value: {"name": dyn("host"), "hostPath": dyn({"path": "/etc"})}},
        JSONPatch{op: "add", path: "/spec/containers/0/volumeMounts/-",
            value: {"name": "host", "mountPath": "/etc/x"}}"#;
    check(patch, "CopyFileRequest")
}

#[test]
fn one_more_storage_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "add", path: "/spec/volumes/-",
            value: {"name": dyn("more"), "emptyDir": dyn({"medium": "Memory"})}},
        JSONPatch{op: "add", path: "/spec/containers/0/volumeMounts/-",
            value: {"name": "more", "mountPath": "/cdvm/job"}}"#;
    check(patch, "storages")
}

#[test]
fn a_sysctl_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "add", path: "/spec/securityContext",
            value: {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "0"}]}}"#;
    check(patch, "OCI.Linux")
}

#[test]
fn another_user_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "replace", path: "/spec/containers/0/securityContext/runAsUser", value: 1000}"#;
    check(patch, "OCI.Process")
}

/// A workload image that brings its own `/cdvm/agent` must not get to run it.
#[test]
fn a_missing_cdvm_mount_is_refused() -> anyhow::Result<()> {
    let patch = r#"JSONPatch{op: "remove", path: "/spec/containers/0/volumeMounts"}"#;
    check(patch, "OCI.Mounts")
}

#[test]
fn main_without_init_is_refused() -> anyhow::Result<()> {
    let patch = r#"JSONPatch{op: "remove", path: "/spec/initContainers"}"#;
    check(patch, "wrong order or twice: true")
}

/// The workload's container as a second init container: before the agent is there.
#[test]
fn main_before_init_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "add", path: "/spec/initContainers/0", value: {
            "name": dyn("early"), "image": dyn(object.spec.containers[0].image),
            "command": dyn(["/cdvm/agent", "run"]), "workingDir": dyn("/")}}"#;
    check(patch, "wrong order or twice: true")
}

#[test]
fn a_container_twice_is_refused() -> anyhow::Result<()> {
    let patch = r#"
        JSONPatch{op: "add", path: "/spec/initContainers/-", value: {
            "name": dyn("again"), "image": dyn(object.spec.initContainers[0].image),
            "command": dyn(["/cdvm-agent", "install", "/cdvm"]), "workingDir": dyn("/")}}"#;
    check(patch, "wrong order or twice: true")
}
