//! Observing: what the planner decides on is read live, from the API server and
//! from what guests said; the evidence is verified here, by the same function
//! the customer uses.

use collateral::supply::Judgement;
use crds::ConfidentialJob;
use job::{
    AgentExit, Attempt, AttemptRecord, Attestation, Attested, Job, Manifest, Observed, Offer,
    OfferContent, Order, Pod, PodState, Record, Removal, Subject, Timestamp, Trust, Verdict,
    accept, init_data,
};
use k8s_openapi::api::core::v1::{Event as KubeEvent, Pod as KubePod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::context::Context;
use crate::execute::cluster::is_of;
use crate::fetches::Brought;
use crate::pod::{ATTEMPT_LABEL, JOB_LABEL};
use crate::pod_state::{bounded, needs_event, pod_state, waits};

/// Reads everything the plan for this job depends on.
///
/// # Errors
/// When the API server does not answer.
pub(crate) async fn observe(
    context: &Context,
    object: &ConfidentialJob,
    order: Option<&Order>,
    job: &Job,
    now: Timestamp,
) -> Result<Observed, kube::Error> {
    let (verdict, input_accepted) = match (order, &job.record.ended) {
        (Some(order), None) => verify(context, order, job, now).await,
        // An ended job's evidence decides nothing any more.
        (Some(order), Some(_)) => {
            context.forget_fetches(order.id());
            (Verdict::NotSeen, false)
        }
        (None, _) => (Verdict::NotSeen, false),
    };
    let pods = pods(context, object).await?;
    Ok(Observed {
        removal: removal(context, job, &pods).await,
        pods,
        tried: context.tried(&object.name_any()),
        verdict,
        input_accepted,
        granted: granted(context, &job.record),
    })
}

/// Whether the broker may hold secrets of the last attempt: always, until this process
/// took them out itself.
fn granted(context: &Context, record: &Record) -> bool {
    let open = record
        .attempt
        .as_ref()
        .filter(|attempt| !attempt.secrets.is_empty());
    let broker = context.broker.as_ref();
    open.is_some_and(|attempt| {
        let revoked = broker.is_some_and(|broker| broker.has_revoked(attempt.host_data));
        record.destroyed.is_none() && !revoked
    })
}

/// Whether this provider is being removed: it was told so, or its namespace is being
/// deleted, which shows first in pods that go.
async fn removal(context: &Context, job: &Job, pods: &[Pod]) -> Removal {
    match context.removal() {
        Removal::No if loses_its_pod(&job.record, pods) && context.namespace_ends().await => {
            Removal::Now
        }
        told => told,
    }
}

/// Whether somebody stops a pod of a job that is not over, or has: one that no node has
/// yet is gone at once.
fn loses_its_pod(record: &Record, pods: &[Pod]) -> bool {
    let seen = record.attempt.as_ref().and_then(|it| it.pod.as_ref());
    let gone = seen.is_some_and(|uid| pods.iter().all(|pod| pod.uid != *uid));
    let stopped = |pod: &Pod| match &pod.state {
        PodState::Terminating | PodState::Killed(_) => true,
        PodState::Exited(code) => AgentExit::from_code(*code) == AgentExit::Stopped,
        PodState::Waiting(_) | PodState::Running | PodState::Refused(_) => false,
    };
    record.ended.is_none() && (gone || pods.iter().any(stopped))
}

/// Every pod of the job; those of an earlier object of its name are not. A list without
/// resource version is a quorum read.
async fn pods(context: &Context, object: &ConfidentialJob) -> Result<Vec<Pod>, kube::Error> {
    let api: Api<KubePod> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let selector = format!("{JOB_LABEL}={}", object.name_any());
    let mut pods = Vec::new();
    for pod in api.list(&ListParams::default().labels(&selector)).await? {
        if !is_of(&pod, object) {
            continue;
        }
        let (Some(uid), Some(attempt)) = (pod.uid(), attempt(&pod)) else {
            continue;
        };
        let mut state = pod_state(&pod);
        if needs_event(&state) {
            state = told(last_event(context, &uid).await?);
        }
        pods.push(Pod {
            uid,
            attempt,
            state,
        });
    }
    Ok(pods)
}

fn attempt(pod: &KubePod) -> Option<Attempt> {
    let number: u32 = pod.labels().get(ATTEMPT_LABEL)?.parse().ok()?;
    number.try_into().ok()
}

/// What Kata's agent says when it refuses a request (agent policy crate, 4.1.0).
const REFUSED: &str = "is blocked by policy";

/// What a warning says of a pod whose own status says nothing. A sandbox the guest
/// refused is tried again by Kubernetes for ever; for us it is refused, like any
/// container.
fn told(event: Option<(String, String)>) -> PodState {
    match event {
        Some((reason, message))
            if reason == "FailedCreatePodSandBox" && message.contains(REFUSED) =>
        {
            PodState::Refused(bounded(&format!("{reason}: {message}")))
        }
        // The pod's own condition says whether it is scheduled: this is of before.
        Some((reason, _)) if reason == "FailedScheduling" => PodState::Waiting(None),
        Some((reason, message)) => PodState::Waiting(Some(waits(&reason, &message))),
        None => PodState::Waiting(None),
    }
}

/// Reason and message of the last warning about a pod: a refused sandbox shows
/// nowhere else.
async fn last_event(context: &Context, uid: &str) -> Result<Option<(String, String)>, kube::Error> {
    let api: Api<KubeEvent> = Api::namespaced(context.client.clone(), &context.settings.namespace);
    let fields = format!("involvedObject.uid={uid},type=Warning");
    let events = api.list(&ListParams::default().fields(&fields)).await?;
    let last = events.items.into_iter().max_by_key(|event| {
        let seen = event.last_timestamp.as_ref().map(|time| time.0);
        seen.or_else(|| event.event_time.as_ref().map(|time| time.0))
    });
    Ok(last.map(|event| {
        let reason = event.reason.unwrap_or_default();
        (reason, event.message.unwrap_or_default())
    }))
}

/// What the evidence that was heard proves, and whether the guest it proves said
/// that it accepted the input.
async fn verify(context: &Context, order: &Order, job: &Job, now: Timestamp) -> (Verdict, bool) {
    let Some(attempt) = &job.record.attempt else {
        return (Verdict::NotSeen, false);
    };
    let heard = context.inbox.about(order.id());
    let accepted = |key| heard.input_accepted.contains(&key);
    // Verified once is verified: its key is recorded.
    if let Some(Attested { key, simulated, .. }) = attempt.attested {
        return (Verdict::Accepted { key, simulated }, accepted(key));
    }
    let mut verdict = Verdict::NotSeen;
    for attestation in &heard.attestations {
        let judged = match offer(attestation, order, attempt) {
            None => Verdict::Refused {
                check: "its manifest is not the one this attempt was started with".to_owned(),
            },
            Some(offer) => judge(context, attestation, order, offer, now).await,
        };
        match &judged {
            Verdict::Accepted { key, .. } => return (judged.clone(), accepted(*key)),
            Verdict::Refused { check } => {
                tracing::warn!(job = %order.id(), check, "refused evidence");
            }
            Verdict::Lacking { .. } | Verdict::NotSeen => {}
        }
        // What may still be accepted says more than what was refused.
        if !matches!(verdict, Verdict::Lacking { .. }) {
            verdict = judged;
        }
    }
    (verdict, false)
}

/// Judges one claim, with what it did not bring when that may be fetched.
async fn judge(
    context: &Context,
    attestation: &Attestation,
    order: &Order,
    offer: Offer,
    now: Timestamp,
) -> Verdict {
    let (claim, brought) = (
        (order.id(), attestation.author),
        Brought {
            report: attestation.report.clone(),
            certificate: attestation.certificate.clone(),
        },
    );
    let (attestation, order) = (attestation.clone(), order.clone());
    let judge = move |certificate: &[u8], trust: &Trust| {
        let shown = Attestation {
            certificate: certificate.to_vec(),
            ..attestation.clone()
        };
        match accept(&shown, &order, &offer, trust, now) {
            Ok(machine) => {
                let (key, simulated) = (machine.key(), machine.is_simulated());
                let verdict = Verdict::Accepted { key, simulated };
                Judgement::new(machine.checks(), false, verdict)
            }
            Err(refusal) => {
                let check = refusal.to_string();
                Judgement::new(&refusal.checks, true, Verdict::Refused { check })
            }
        }
    };
    match &context.fetches {
        None => judge(&brought.certificate, &context.trust).into_result(),
        Some(fetches) => fetches.judge(claim, brought, &context.trust, judge).await,
    }
}

/// The offer an attempt was made from. Its service may make another one by now, so
/// it is read from the manifest, once that is the recorded attempt's.
fn offer(attestation: &Attestation, order: &Order, attempt: &AttemptRecord) -> Option<Offer> {
    let manifest = Manifest::parse(&attestation.manifest, dvm::verify).ok()?;
    let Subject::Offer(id) = order.subject() else {
        return None;
    };
    let host_data = init_data(&manifest).ok()?.digest();
    (host_data == attempt.host_data).then(|| Offer {
        id: *id,
        provider: order.provider(),
        service: String::new(),
        kind: order.kind(),
        content: OfferContent {
            name: String::new(),
            about: String::new(),
            cdvm: manifest.terms().clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use job::{
        AgentExit, Attempt, AttemptRecord, Digest, Ended, Ending, Pod, PodState, Record, Timestamp,
    };

    use super::loses_its_pod;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn record(pod: Option<&str>) -> Record {
        Record {
            attempt: Some(AttemptRecord {
                number: Attempt::FIRST,
                started: NOW,
                start_by: NOW,
                not_after: NOW,
                host_data: Digest::of(b"init data"),
                secrets: Vec::new(),
                waiting: None,
                lacking: None,
                pod: pod.map(str::to_owned),
                attested: None,
                input_accepted: None,
            }),
            ..Record::default()
        }
    }

    fn pod(state: PodState) -> Pod {
        Pod {
            uid: "uid".to_owned(),
            attempt: Attempt::FIRST,
            state,
        }
    }

    #[test]
    fn a_pod_that_goes_is_asked_about_also_when_it_is_gone_at_once() {
        let seen = record(Some("uid"));
        // Deleted before a node had it, or ended before anybody looked.
        assert!(loses_its_pod(&seen, &[]));
        for state in [
            PodState::Terminating,
            PodState::Killed("killed by signal 15".to_owned()),
            PodState::Exited(AgentExit::Stopped.code().into()),
        ] {
            assert!(loses_its_pod(&seen, &[pod(state.clone())]), "{state:?}");
        }
        for state in [PodState::Running, PodState::Exited(0)] {
            assert!(!loses_its_pod(&seen, &[pod(state.clone())]), "{state:?}");
        }
        // None was seen yet, or it is over.
        assert!(!loses_its_pod(&record(None), &[]));
        assert!(!loses_its_pod(&Record::default(), &[]));
        let ended = Ended {
            ending: Ending::Received,
            at: NOW,
            message: String::new(),
        };
        let over = Record {
            ended: Some(ended),
            ..seen
        };
        assert!(!loses_its_pod(&over, &[]));
    }
}
