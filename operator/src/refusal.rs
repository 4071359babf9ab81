//! What an API server's answer to a create means: whether a pod may exist all the
//! same, and what the job waits for. Pure.

use job::{Answer, Wait, WaitingFor};
use kube::core::Status;

use crate::pod_state::bounded;

/// A refused request was answered before anything was written: all of 4xx but a
/// timeout (408), and a conflict (409), behind which something exists. Of 5xx only that
/// of a webhook, which is asked before the write; an error of the store or of a proxy
/// may hide a pod.
pub(crate) fn answer(error: &kube::Error) -> Answer {
    let kube::Error::Api(status) = error else {
        return Answer::Unclear;
    };
    match status.code {
        // Of quota: two creates met, and this one was not admitted.
        409 if is_quota_conflict(status) => Answer::Refused,
        408 | 409 => Answer::Unclear,
        400..=499 => Answer::Refused,
        500 if status.message.contains(WEBHOOK) => Answer::Refused,
        _ => Answer::Unclear,
    }
}

/// What the API server says of a webhook that did not answer
/// (`k8s.io/apiserver/pkg/admission/plugin/webhook`: `ErrCallingWebhook`).
const WEBHOOK: &str = "failed calling webhook";

/// What the API server says of a quota that is used up
/// (`k8s.io/apiserver/pkg/admission/plugin/resourcequota`: `exceeded quota: NAME`).
const QUOTA: &str = "exceeded quota";

/// What it says of two that want the last place at once (the same, `CheckRequest`).
fn is_quota_conflict(status: &Status) -> bool {
    status.message.contains("resourcequotas")
}

/// What a job waits for whose pod could not be created.
pub(crate) fn wait(error: &kube::Error) -> Wait {
    match error {
        kube::Error::Api(status) => {
            let room = status.message.contains(QUOTA) || is_quota_conflict(status);
            let text = format!("the pod was refused ({}): {}", status.code, status.message);
            Wait {
                what: if room {
                    WaitingFor::Room
                } else {
                    WaitingFor::Cluster
                },
                text: bounded(&text),
            }
        }
        error => Wait {
            what: WaitingFor::Cluster,
            text: bounded(&format!("the API server did not answer: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use job::{Answer, WaitingFor};
    use kube::core::Status;

    use super::{answer, wait};

    fn error(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure(message, "Reason").with_code(code)))
    }

    #[test]
    fn only_an_answer_before_the_write_is_a_refusal() {
        let webhook = "Internal error occurred: failed calling webhook \"x\": connection refused";
        let quota = "pods \"p\" is forbidden: exceeded quota: jobs, requested: pods=1";
        let class = "pods \"p\" is forbidden: pod rejected: RuntimeClass \"x\" not found";
        for (code, message, what) in [
            (403, quota, WaitingFor::Room),
            (403, class, WaitingFor::Cluster),
            (422, "invalid", WaitingFor::Cluster),
            (429, "too many requests", WaitingFor::Cluster),
            (500, webhook, WaitingFor::Cluster),
        ] {
            let error = error(code, message);
            assert_eq!(answer(&error), Answer::Refused, "{message}");
            assert_eq!(wait(&error).what, what, "{message}");
            assert!(wait(&error).text.contains(message));
        }
        for (code, message) in [
            (408, "timeout"),
            (409, "conflict"),
            (500, "etcdserver: request timed out"),
            (502, "bad gateway"),
            (503, "unavailable"),
            (
                504,
                "Timeout: request did not complete within requested timeout",
            ),
        ] {
            assert_eq!(answer(&error(code, message)), Answer::Unclear, "{message}");
        }
    }
}
