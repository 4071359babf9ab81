//! What became of a pod, read from its status: a pure function.

use job::{OUT_OF_MEMORY, PodState, Wait, WaitingFor};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

/// Longest message that is passed on: the guest's own, and reasons of pulling.
const MAX_MESSAGE: usize = 2000;

/// What became of `pod`. One container that the guest refused is the end of it,
/// whatever the others do: the pod is not ours any more.
pub(crate) fn pod_state(pod: &Pod) -> PodState {
    let empty = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&empty);
    let init = status.init_container_statuses.iter().flatten();
    let main = status.container_statuses.iter().flatten();
    let failed = init.filter_map(terminated).filter(|end| end.exit_code != 0);
    let ends: Vec<PodState> = failed
        .chain(main.clone().filter_map(terminated))
        .map(ended)
        .collect();
    let refused = ends.iter().find(|end| matches!(end, PodState::Refused(_)));
    if let Some(end) = refused.or(ends.first()) {
        return end.clone();
    }
    if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        // Evicted, or its node is gone, before a container said anything.
        let reason = status.reason.as_deref().unwrap_or("the pod ended");
        let message = status.message.as_deref().unwrap_or_default();
        return PodState::Killed(bounded(&format!("{reason}: {message}")));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Terminating;
    }
    let mut states = main.filter_map(|container| container.state.as_ref());
    if states.any(|state| state.running.is_some()) {
        return PodState::Running;
    }
    PodState::Waiting(waiting(status))
}

/// Whether what a pod waits for is said by an event and nowhere else.
pub(crate) fn needs_event(state: &PodState) -> bool {
    matches!(state, PodState::Waiting(None))
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

fn ended(end: &ContainerStateTerminated) -> PodState {
    let message = bounded(end.message.as_deref().unwrap_or_default());
    match (end.reason.as_deref(), end.exit_code) {
        // The runtime, and behind it the guest, refused the container.
        (Some("StartError" | "ContainerCannotRun"), _) => PodState::Refused(message),
        (Some("OOMKilled"), _) => PodState::Killed(OUT_OF_MEMORY.to_owned()),
        // 128 and a signal's number; the agent handles SIGTERM itself.
        (_, 137) => PodState::Killed("killed by signal 9".to_owned()),
        (_, 143) => PodState::Killed("killed by signal 15".to_owned()),
        (_, code) if end.signal.is_some_and(|signal| signal != 0) => {
            PodState::Killed(format!("killed by a signal, code {code}"))
        }
        (_, code) => PodState::Exited(code),
    }
}

/// What it waits for: scheduling, an image, or a container that cannot be made.
fn waiting(status: &PodStatus) -> Option<Wait> {
    let init = status.init_container_statuses.iter().flatten();
    for container in init.chain(status.container_statuses.iter().flatten()) {
        let state = container.state.as_ref();
        let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) else {
            continue;
        };
        match waiting.reason.as_deref() {
            None | Some("ContainerCreating" | "PodInitializing") => {}
            Some(reason) => {
                return Some(waits(
                    reason,
                    waiting.message.as_deref().unwrap_or_default(),
                ));
            }
        }
    }
    let conditions = status.conditions.iter().flatten();
    let mut unscheduled = conditions
        .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let condition = unscheduled.next()?;
    let reason = condition.reason.as_deref().unwrap_or("Unschedulable");
    let message = condition.message.as_deref().unwrap_or_default();
    Some(Wait {
        what: WaitingFor::Room,
        text: bounded(&format!("{reason}: {message}")),
    })
}

/// What a kubelet's reason means: a container's `waiting.reason`
/// (`k8s.io/kubernetes/pkg/kubelet/images/types.go`, `container/sync_result.go`), or a
/// warning about a pod (`pkg/kubelet/events/event.go`).
pub(crate) fn waits(reason: &str, message: &str) -> Wait {
    let what = match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "InspectFailed"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => WaitingFor::Image,
        // Warnings: pulling is one of the things that are called just that. `Failed to
        // pull image "x"`, `Error: ErrImagePull`, `Back-off pulling image "x"`.
        "Failed" | "BackOff" if message.to_lowercase().contains("image") => WaitingFor::Image,
        // FailedCreatePodSandBox, CreateContainerError, FailedMount, whatever comes.
        _ => WaitingFor::Machine,
    };
    Wait {
        what,
        text: bounded(&format!("{reason}: {message}")),
    }
}

/// At most [`MAX_MESSAGE`] characters.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::{pod_state, waits};
    use job::{PodState, Wait, WaitingFor};
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    fn state(status: &Value) -> PodState {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap();
        pod_state(&pod)
    }

    fn ended(reason: &str, code: i32) -> PodState {
        state(&json!({"phase": "Failed", "containerStatuses": [{
            "name": "workload", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": reason, "message": "m"}},
        }]}))
    }

    #[test]
    fn an_exit_code_is_the_agents_unless_something_else_ended_it() {
        assert_eq!(ended("Completed", 0), PodState::Exited(0));
        assert_eq!(ended("Error", 12), PodState::Exited(12));
        assert_eq!(ended("StartError", 128), PodState::Refused("m".to_owned()));
        for (reason, code) in [("OOMKilled", 137), ("Error", 137), ("Error", 143)] {
            assert!(matches!(ended(reason, code), PodState::Killed(_)));
        }
    }

    #[test]
    fn one_refused_container_is_the_end() {
        let container = |state: Value| {
            json!({"name": "c", "image": "", "imageID": "", "ready": false,
                "restartCount": 0, "state": {"terminated": state}})
        };
        let done = container(json!({"exitCode": 0, "reason": "Completed"}));
        let refused = container(json!({"exitCode": 128, "reason": "StartError", "message": "no"}));
        let expected = PodState::Refused("no".to_owned());
        let second = json!({"phase": "Failed", "initContainerStatuses": [done, refused]});
        assert_eq!(state(&second), expected);
        let beside = json!({"phase": "Running", "containerStatuses": [done, refused]});
        assert_eq!(state(&beside), expected);
    }

    #[test]
    fn a_pod_that_waits_says_for_what() {
        let unschedulable = state(&json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available",
        }]}));
        let waits = |what, text: &str| {
            let text = text.to_owned();
            PodState::Waiting(Some(Wait { what, text }))
        };
        let text = "Unschedulable: 0/1 nodes are available";
        assert_eq!(unschedulable, waits(WaitingFor::Room, text));
        let pulling = state(&json!({"phase": "Pending", "initContainerStatuses": [{
            "name": "agent", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
        }]}));
        assert_eq!(pulling, waits(WaitingFor::Image, "ErrImagePull: not found"));
        let creating = state(&json!({"phase": "Pending"}));
        assert!(super::needs_event(&creating));
    }

    #[test]
    fn a_warning_about_an_image_is_one_whatever_its_words() {
        for (reason, message) in [
            ("Failed", "Failed to pull image \"x\": not found"),
            ("Failed", "Error: ErrImagePull"),
            ("Failed", "Error: ImagePullBackOff"),
            ("BackOff", "Back-off pulling image \"x\""),
        ] {
            assert_eq!(waits(reason, message).what, WaitingFor::Image, "{message}");
        }
        for (reason, message) in [
            ("Failed", "Error: failed to create containerd container"),
            ("BackOff", "Back-off restarting failed container"),
            ("FailedCreatePodSandBox", "failed to create the sandbox"),
        ] {
            assert_eq!(
                waits(reason, message).what,
                WaitingFor::Machine,
                "{message}"
            );
        }
    }

    #[test]
    fn an_evicted_pod_was_killed() {
        let evicted = state(&json!({"phase": "Failed", "reason": "Evicted", "message": "memory"}));
        assert_eq!(evicted, PodState::Killed("Evicted: memory".to_owned()));
    }

    #[test]
    fn a_deleted_pod_is_terminating_until_it_ended() {
        let pod = json!({
            "metadata": {"deletionTimestamp": "2026-11-20T00:00:00Z"},
            "status": {"phase": "Running"},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        assert_eq!(pod_state(&pod), PodState::Terminating);
    }
}
