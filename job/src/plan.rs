//! What to do next: a pure function of the job and of what was seen.
//!
//! # Guarantees
//! - What cannot be undone is recorded before it is done: an attempt before its
//!   pod, an ending before it is told. A number whose pod may exist and was never
//!   seen is lost, not repeated, so there is at most one pod per attempt. Only a
//!   number all of whose creates were answered with a refusal is tried again, by
//!   the process that heard the answers.
//! - A terminal phase is for ever.
//! - A job is called destroyed only when pods and grants are gone.
//! - A provider that is being removed starts nothing.
//! - A job ends by the `notAfter` it recorded.
//! - The customer hears of an order from the one object that is the order's.
//!
//! # Assumptions
//! - Pods and grants in `seen` were read live; the record may be stale, and then
//!   [`Action::Record`] fails before anything else happens.

use crate::{
    Action, Admission, Admitted, AgentExit, Announcement, Answer, Attempt, AttemptRecord, Attested,
    By, Deployment, Digest, Ended, Ending, Job, JobSecrets, Manifest, ManifestError, Object,
    Observed, Plan, Pod, PodState, Reason, Record, Rejected, Removal, Timestamp, Tried, Verdict,
    Wait, Waiting, Wish, init_data,
};

use crate::told::REFUSED_HERE;

/// Time the agent may take beyond waiting and working: making evidence, and
/// waiting for the customer's receipt.
const OVERHEAD_SECS: u64 = 180;

/// How often a pod that does not run yet is looked at: what it waits for may show
/// in an event alone, and events wake nobody.
const LOOK_SECS: u64 = 3;

/// Longest wait between two tries to create a pod; the first is a second, and each
/// is twice the one before. A quota frees when another job ends, minutes later.
const MAX_BACKOFF_SECS: u64 = 60;

/// How often other words for the same wait are written down: a scheduler counts
/// nodes, and a kubelet's words come and go while it tries again.
const REWORD_SECS: u64 = 30;

/// How often a machine's own secrets are put into the broker again.
const REGRANT_SECS: u64 = 60;

/// How long a request to start lasts when the pod vanished before it was seen:
/// too short to matter, long enough not to spin.
const RETRY_SECS: u64 = 1;

/// Decides what to do next.
pub fn plan(job: &Job, seen: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    delete_strays(&mut plan, job, seen);
    if job.record.ended.is_some() {
        finish(&mut plan, job, seen, now);
    } else if let Some((ending, message)) = ends(job, seen, now) {
        end(&mut plan, job, seen, ending, message, now);
    } else {
        proceed(&mut plan, job, seen, now);
    }
    plan
}

/// A pod of a number that is not the current one: somebody was slow.
fn delete_strays(plan: &mut Plan, job: &Job, seen: &Observed) {
    let current = job.record.attempt.as_ref().map(|attempt| attempt.number);
    for pod in seen.pods.iter().filter(|pod| Some(pod.attempt) != current) {
        let text = format!("the pod of attempt {} is not the current one", pod.attempt);
        plan.why.push(Reason::new("StrayPod", text));
        plan.actions.push(Action::DeletePod {
            uid: pod.uid.clone(),
        });
    }
}

/// Whether and why a job that has not ended ends now.
fn ends(job: &Job, seen: &Observed, now: Timestamp) -> Option<(Ending, String)> {
    match job.wish {
        Wish::Delete => return Some((Ending::Deleted, String::new())),
        Wish::Cancel(by) => return Some(cancelled(by)),
        Wish::Run => {}
    }
    let Some(attempt) = &job.record.attempt else {
        return rejects(job, now).or_else(|| removed(None, seen));
    };
    if let Some(ended) = removed(Some(attempt), seen) {
        return Some(ended);
    }
    if let Some(pod) = current_pod(attempt, seen) {
        match &pod.state {
            PodState::Exited(code) => {
                let ending = Ending::of_exit(AgentExit::from_code(*code));
                return Some((ending, exit_text(*code, &seen.verdict)));
            }
            PodState::Refused(message) => return Some((Ending::GuestRefused, message.clone())),
            PodState::Killed(what) => return Some((Ending::Killed, what.clone())),
            PodState::Terminating => {
                let text = "the pod is being deleted by somebody else";
                return Some((Ending::PodLost, text.to_owned()));
            }
            PodState::Waiting(_) | PodState::Running => {}
        }
    } else if attempt.pod.is_some() {
        let text = "the pod was deleted or evicted by somebody else";
        return Some((Ending::PodLost, text.to_owned()));
    }
    let running = current_pod(attempt, seen).is_some_and(|pod| pod.state == PodState::Running);
    if !running && now >= attempt.start_by {
        let recorded = attempt.waiting.as_ref().map(|waiting| &waiting.wait);
        let text = waits_for(attempt, seen)
            .or(recorded)
            .map_or_else(|| "no pod was seen".to_owned(), |wait| wait.text.clone());
        return Some((Ending::NeverStarted, text));
    }
    (now >= attempt.not_after).then(|| {
        let text = format!("the job's end was {}", attempt.not_after);
        (Ending::Deadline, text)
    })
}

/// What a cancellation is, by whom: also customers read it.
fn cancelled(by: By) -> (Ending, String) {
    let (ending, text) = match by {
        By::Customer => (
            Ending::ByCustomer,
            "by the customer's signed cancellation, which is with the job",
        ),
        By::Cluster => (
            Ending::ByCluster,
            "`spec.cancel` was set in the provider's cluster, and no cancellation signed by the \
             customer is with it",
        ),
    };
    (ending, text.to_owned())
}

/// Whether a job ends because its provider is being removed. What its agent said of its
/// own accord stands.
fn removed(attempt: Option<&AttemptRecord>, seen: &Observed) -> Option<(Ending, String)> {
    let pod = attempt.and_then(|attempt| current_pod(attempt, seen));
    let ends = match seen.removal {
        Removal::No => false,
        Removal::AfterJobs => match pod.map(|pod| &pod.state) {
            None => attempt.is_none_or(|attempt| attempt.pod.is_none()),
            Some(state) => matches!(state, PodState::Waiting(_)),
        },
        Removal::Now => match pod.map(|pod| &pod.state) {
            Some(PodState::Exited(code)) => AgentExit::from_code(*code) == AgentExit::Stopped,
            Some(PodState::Refused(_)) => false,
            None
            | Some(
                PodState::Waiting(_)
                | PodState::Running
                | PodState::Killed(_)
                | PodState::Terminating,
            ) => true,
        },
    };
    let text = "the provider is being removed from its cluster";
    ends.then(|| (Ending::ProviderRemoved, text.to_owned()))
}

/// Before the first attempt: whether there will be one.
fn rejects(job: &Job, now: Timestamp) -> Option<(Ending, String)> {
    match &job.admission {
        Admission::Rejected(Rejected { ending, message }) => Some((*ending, message.clone())),
        Admission::Admitted(admitted) if admitted.order.expiration() <= now => {
            let text = format!("the order expired at {}", admitted.order.expiration());
            Some((Ending::Expired, text))
        }
        Admission::Admitted(admitted) => {
            manifest(admitted, Attempt::FIRST, not_after(admitted, now)).err()
        }
    }
}

/// Records an ending; what follows from it follows in the next rounds, but the
/// machine stops and the customer learns of it at once.
fn end(
    plan: &mut Plan,
    job: &Job,
    seen: &Observed,
    ending: Ending,
    message: String,
    now: Timestamp,
) {
    let ended = Ended {
        ending,
        at: now,
        message,
    };
    let text = if ended.message.is_empty() {
        format!("{}/{ending}", ending.phase())
    } else {
        format!("{}/{ending}: {}", ending.phase(), ended.message)
    };
    plan.why.push(Reason::new(word(ending), text));
    let mut record = Record {
        ended: Some(ended),
        ..job.record.clone()
    };
    // What it waited for last is what the customer is told in a constant.
    if let (Ending::NeverStarted, Some(attempt)) = (ending, &mut record.attempt)
        && let Some(wait) = waits_for(attempt, seen).cloned()
    {
        attempt.waiting = Some(Waiting { wait, at: now });
    }
    // First of all: nobody may hear of an ending that is not written down.
    plan.actions
        .insert(0, Action::Record(Box::new(record.clone())));
    delete_current(plan, &record, seen);
    announce(plan, job, &record, Announcement::Ended);
    plan.wake = Some(now.plus(RETRY_SECS));
}

/// A job that has ended: stop the machine, see it gone, say so.
fn finish(plan: &mut Plan, job: &Job, seen: &Observed, now: Timestamp) {
    let record = &job.record;
    delete_current(plan, record, seen);
    if let (true, Some(attempt)) = (seen.granted, &record.attempt) {
        plan.actions.push(Action::Revoke(secrets_of(attempt, None)));
        plan.wake = Some(now.plus(RETRY_SECS));
    }
    let gone = seen.pods.is_empty() && !seen.granted;
    let mut record = record.clone();
    if gone && record.destroyed.is_none() && record.attempt.is_some() {
        record.destroyed = Some(now);
        let text = "the pod is gone and nothing is granted any more";
        plan.why.push(Reason::new("Destroyed", text));
        plan.actions.push(Action::Record(Box::new(record.clone())));
    }
    announce(plan, job, &record, Announcement::Ended);
    announce(plan, job, &record, Announcement::Destroyed);
}

/// A job that goes on: the first attempt, the next one, or what was seen of it.
fn proceed(plan: &mut Plan, job: &Job, seen: &Observed, now: Timestamp) {
    let Some(attempt) = &job.record.attempt else {
        if let Admission::Admitted(admitted) = &job.admission {
            let not_after = not_after(admitted, now);
            let start_by = now.plus(admitted.start_within_secs);
            let times = Times {
                started: now,
                start_by,
                not_after,
            };
            attempt_pod(plan, job, admitted, Attempt::FIRST, times, None);
        }
        return;
    };
    let Some(pod) = current_pod(attempt, seen) else {
        match tried(attempt, seen) {
            // Recorded, but never seen: the attempt is lost, and the next one starts.
            None => next_attempt(plan, job, attempt),
            Some(tried) => try_again(plan, job, attempt, tried, now),
        }
        return;
    };
    let mut updated = attempt.clone();
    if attempt.pod.is_none() {
        updated.pod = Some(pod.uid.clone());
        let text = format!("the pod of attempt {} was created", attempt.number);
        plan.why.push(Reason::new("PodCreated", text));
        updated.waiting = None;
    }
    match &pod.state {
        PodState::Waiting(Some(wait)) => {
            if let Some(waiting) = reworded(updated.waiting.as_ref(), wait, now) {
                plan.why.push(wait_reason(updated.waiting.as_ref(), wait));
                updated.waiting = Some(waiting);
            }
        }
        PodState::Running => {
            if updated.waiting.take().is_some() {
                let text = format!("the pod of attempt {} runs", attempt.number);
                plan.why.push(Reason::new("PodRuns", text));
            }
        }
        // Said nothing, it waits for what it said last; the rest has ended the job.
        PodState::Waiting(None)
        | PodState::Exited(_)
        | PodState::Refused(_)
        | PodState::Killed(_)
        | PodState::Terminating => {}
    }
    if let (None, Verdict::Lacking { why }) = (attempt.attested, &seen.verdict)
        && attempt.lacking.as_ref() != Some(why)
    {
        updated.lacking = Some(why.clone());
        plan.why.push(Reason::new("CollateralMissing", why.clone()));
    }
    if let (None, Verdict::Accepted { key, simulated }) = (attempt.attested, &seen.verdict) {
        updated.lacking = None;
        updated.attested = Some(Attested {
            key: *key,
            at: now,
            simulated: *simulated,
        });
        let kind = if *simulated {
            "SIMULATED evidence"
        } else {
            "evidence"
        };
        let text = format!("{kind} of the guest with key {key} was verified");
        plan.why.push(Reason::new("EvidenceVerified", text));
    }
    if attempt.input_accepted.is_none() && seen.input_accepted && updated.attested.is_some() {
        updated.input_accepted = Some(now);
        let text = "the guest accepted the customer's input";
        plan.why.push(Reason::new("InputAccepted", text));
    }
    plan.wake = Some(match pod.state {
        PodState::Running => attempt.not_after,
        _ => now
            .plus(LOOK_SECS)
            .min(attempt.start_by)
            .min(attempt.not_after),
    });
    let mut record = job.record.clone();
    if updated != *attempt {
        record.attempt = Some(updated);
        plan.actions.push(Action::Record(Box::new(record.clone())));
    }
    announce(plan, job, &record, Announcement::Starting);
    let attempt = record.attempt.as_ref();
    if let Some(attempt) = attempt {
        grant_again(plan, job, attempt, now);
    }
    if let Some(waiting) = attempt.and_then(|attempt| attempt.waiting.as_ref()) {
        let what = waiting.wait.what;
        announce(plan, job, &record, Announcement::Waiting(what));
    }
}

/// A pod could not be created: says why once, waits, and tries again; with the same
/// number when it is certain that no pod of it exists.
fn try_again(plan: &mut Plan, job: &Job, attempt: &AttemptRecord, tried: &Tried, now: Timestamp) {
    let mut record = job.record.clone();
    let mut attempt = attempt.clone();
    if let Some(waiting) = reworded(attempt.waiting.as_ref(), &tried.wait, now) {
        plan.why
            .push(wait_reason(attempt.waiting.as_ref(), &tried.wait));
        attempt.waiting = Some(waiting);
        record.attempt = Some(attempt.clone());
        plan.actions.push(Action::Record(Box::new(record.clone())));
    }
    let doublings = tried.tries.saturating_sub(1).min(u64::BITS - 1);
    let at = tried.at.plus((1 << doublings).min(MAX_BACKOFF_SECS));
    if now < at {
        plan.wake = Some(at.min(attempt.start_by));
    } else {
        plan.wake = Some(attempt.start_by);
        create_again(plan, job, &attempt, tried.answer);
    }
    // A relay that is away must not keep a pod from being tried: it is told last.
    announce(plan, job, &record, Announcement::Waiting(tried.wait.what));
}

fn create_again(plan: &mut Plan, job: &Job, attempt: &AttemptRecord, answer: Answer) {
    let again = match (&job.admission, answer) {
        (Admission::Admitted(admitted), Answer::Refused) => {
            manifest(admitted, attempt.number, attempt.not_after).ok()
        }
        (Admission::Admitted(_) | Admission::Rejected(_), _) => None,
    };
    match again {
        Some((manifest, host_data)) if host_data == attempt.host_data => {
            grant(plan, job, attempt);
            plan.actions.push(Action::CreatePod(Box::new(manifest)));
        }
        // A pod may exist after all, or it would be another one.
        Some(_) | None => next_attempt(plan, job, attempt),
    }
}

fn next_attempt(plan: &mut Plan, job: &Job, lost: &AttemptRecord) {
    match (&job.admission, lost.number.next()) {
        (Admission::Admitted(admitted), Some(number)) => {
            let text = format!("attempt {} was recorded, and no pod was seen", lost.number);
            let reason = Reason::new("AttemptLost", text);
            // What was put there for it goes to no guest any more.
            if !lost.secrets.is_empty() {
                plan.actions.push(Action::Revoke(secrets_of(lost, None)));
            }
            // Of what it waits for, somebody was warned already.
            let warned = lost.waiting.is_some();
            plan.why.push(if warned { reason.quiet() } else { reason });
            let AttemptRecord {
                started,
                start_by,
                not_after,
                ..
            } = *lost;
            let times = Times {
                started,
                start_by,
                not_after,
            };
            attempt_pod(plan, job, admitted, number, times, lost.waiting.clone());
        }
        // The service changed meanwhile, or a thousand attempts are lost: nothing
        // can be started; the start's deadline ends it.
        (Admission::Rejected(_), _) | (_, None) => {
            plan.wake = Some(lost.start_by);
        }
    }
}

/// When an attempt began, and until when what must have happened.
#[derive(Clone, Copy)]
struct Times {
    started: Timestamp,
    start_by: Timestamp,
    not_after: Timestamp,
}

/// Records an attempt, then creates its pod.
fn attempt_pod(
    plan: &mut Plan,
    job: &Job,
    admitted: &Admitted,
    number: Attempt,
    times: Times,
    waiting: Option<Waiting>,
) {
    let Times {
        started,
        start_by,
        not_after,
    } = times;
    // It could be built for the first attempt; only the number is another.
    let Ok((manifest, host_data)) = manifest(admitted, number, not_after) else {
        return;
    };
    let record = Record {
        attempt: Some(AttemptRecord {
            number,
            started,
            start_by,
            not_after,
            host_data,
            secrets: names_of_job(admitted),
            waiting,
            pod: None,
            attested: None,
            input_accepted: None,
            lacking: None,
        }),
        ..job.record.clone()
    };
    plan.actions.push(Action::Record(Box::new(record.clone())));
    if let Some(attempt) = &record.attempt {
        grant(plan, job, attempt);
    }
    plan.actions.push(Action::CreatePod(Box::new(manifest)));
    announce(plan, job, &record, Announcement::Starting);
    let text = format!("attempt {number} starts; the job ends by {not_after}");
    plan.why.push(Reason::new("Admitted", text));
    plan.wake = Some(start_by);
}

/// Before a pod of this attempt: its own secrets, if it has any.
fn grant(plan: &mut Plan, job: &Job, attempt: &AttemptRecord) {
    if !attempt.secrets.is_empty() {
        plan.actions
            .push(Action::Grant(secrets_of(attempt, Some(job))));
    }
}

/// While its machine may still ask for them: a broker that lost its memory has them
/// again within a minute.
fn grant_again(plan: &mut Plan, job: &Job, attempt: &AttemptRecord, now: Timestamp) {
    if attempt.secrets.is_empty() || matches!(job.admission, Admission::Rejected(_)) {
        return;
    }
    plan.actions
        .push(Action::GrantAgain(secrets_of(attempt, Some(job))));
    let soon = now.plus(REGRANT_SECS);
    plan.wake = Some(plan.wake.map_or(soon, |wake| wake.min(soon)));
}

fn secrets_of(attempt: &AttemptRecord, job: Option<&Job>) -> JobSecrets {
    let service = match job.map(|job| &job.admission) {
        Some(Admission::Admitted(admitted)) => admitted.service.clone(),
        Some(Admission::Rejected(_)) | None => String::new(),
    };
    JobSecrets {
        attempt: attempt.number,
        host_data: attempt.host_data,
        service,
        names: attempt.secrets.clone(),
    }
}

fn names_of_job(admitted: &Admitted) -> Vec<String> {
    let secrets = admitted.terms.secrets.iter();
    let of_job = secrets.filter(|secret| secret.is_of_job());
    of_job.map(|secret| secret.name.clone()).collect()
}

/// Tells the customer what is recorded, if that was not told before. An object that
/// is not the order's has nobody to tell.
fn announce(plan: &mut Plan, job: &Job, record: &Record, announcement: Announcement) {
    match job.object {
        Object::Own => {}
        Object::Alien => return,
    }
    let recorded = record.recorded_at(announcement).is_some();
    if recorded && !record.announced.contains(&announcement) {
        plan.actions.push(Action::Announce(announcement));
        plan.actions.push(Action::RecordAnnounced(announcement));
    }
}

fn delete_current(plan: &mut Plan, record: &Record, seen: &Observed) {
    let pod = record.attempt.as_ref();
    if let Some(pod) = pod.and_then(|attempt| current_pod(attempt, seen)) {
        plan.actions.push(Action::DeletePod {
            uid: pod.uid.clone(),
        });
    }
}

fn current_pod<'o>(attempt: &AttemptRecord, seen: &'o Observed) -> Option<&'o Pod> {
    seen.pods.iter().find(|pod| pod.attempt == attempt.number)
}

/// Anybody can send evidence that is refused, so a refusal alone ends nothing;
/// when no input came, it tells the provider why.
fn exit_text(code: i32, verdict: &Verdict) -> String {
    let ended = match AgentExit::from_code(code) {
        AgentExit::NoEvidence(why) => format!("the agent ended with code {code}: {why}"),
        AgentExit::Received
        | AgentExit::WorkloadFailed
        | AgentExit::Timeout
        | AgentExit::NoInput
        | AgentExit::Undeliverable
        | AgentExit::BadManifest
        | AgentExit::SecretRefused
        | AgentExit::BadInput
        | AgentExit::Stopped
        | AgentExit::Unacknowledged
        | AgentExit::Defect => format!("the agent ended with code {code}"),
    };
    match verdict {
        Verdict::Refused { check } => format!("{ended}{REFUSED_HERE}{check}"),
        Verdict::NotSeen | Verdict::Lacking { .. } | Verdict::Accepted { .. } => ended,
    }
}

/// What an attempt waits for now, if anybody says so.
fn waits_for<'o>(attempt: &AttemptRecord, seen: &'o Observed) -> Option<&'o Wait> {
    match current_pod(attempt, seen).map(|pod| &pod.state) {
        Some(PodState::Waiting(wait)) => wait.as_ref(),
        Some(_) => None,
        None => Some(&tried(attempt, seen)?.wait),
    }
}

/// The last try to create this attempt's pod, when it gave none.
fn tried<'o>(attempt: &AttemptRecord, seen: &'o Observed) -> Option<&'o Tried> {
    let tried = seen.tried.as_ref();
    tried.filter(|tried| tried.attempt == attempt.number)
}

/// What to write down of the wait: another one at once, other words for the same one
/// now and then.
fn reworded(before: Option<&Waiting>, wait: &Wait, now: Timestamp) -> Option<Waiting> {
    let same = before.filter(|before| before.wait.what == wait.what);
    let keep = same
        .is_some_and(|before| before.wait.text == wait.text || now.since(before.at) < REWORD_SECS);
    (!keep).then(|| Waiting {
        wait: wait.clone(),
        at: now,
    })
}

/// The reason for a wait. Other words for one that was warned of are no new warning.
fn wait_reason(before: Option<&Waiting>, wait: &Wait) -> Reason {
    let (word, text) = (wait.what.word(), wait.text.clone());
    if before.is_some_and(|before| before.wait.what == wait.what) {
        Reason::new(word, text)
    } else {
        Reason::warning(word, text)
    }
}

/// The job's end: long enough for what the terms allow, never past the order's.
fn not_after(admitted: &Admitted, now: Timestamp) -> Timestamp {
    let terms = &admitted.terms;
    let longest = admitted.start_within_secs
        + terms.input.wait_seconds
        + terms.timeout_seconds
        + OVERHEAD_SECS;
    now.plus(longest).min(admitted.order.expiration())
}

/// The manifest of an attempt, and SHA-256 of its init data; or the ending that it
/// has none.
fn manifest(
    admitted: &Admitted,
    attempt: Attempt,
    not_after: Timestamp,
) -> Result<(Manifest, Digest), (Ending, String)> {
    let Admitted {
        order,
        service: _,
        terms,
        agent,
        start_within_secs: _,
    } = admitted;
    let deployment = Deployment {
        attempt,
        not_after,
        agent: agent.clone(),
    };
    let manifest = Manifest::new(order.clone(), terms.clone(), deployment);
    let manifest = manifest.map_err(|error| match error {
        ManifestError::TooLong(_) => (Ending::TooLarge, error.to_string()),
        _ => (Ending::BadOrder, error.to_string()),
    })?;
    let init_data = init_data(&manifest).map_err(|error| (Ending::BadOrder, error.to_string()))?;
    Ok((manifest, init_data.digest()))
}

/// The word of an ending as a constant.
const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Received => "Received",
        Ending::Unacknowledged => "Unacknowledged",
        Ending::WorkloadFailed => "WorkloadFailed",
        Ending::Timeout => "Timeout",
        Ending::NoInput => "NoInput",
        Ending::NoEvidence => "NoEvidence",
        Ending::Undeliverable => "Undeliverable",
        Ending::BadManifest => "BadManifest",
        Ending::SecretRefused => "SecretRefused",
        Ending::BadInput => "BadInput",
        Ending::AgentDefect => "AgentDefect",
        Ending::GuestRefused => "GuestRefused",
        Ending::NeverStarted => "NeverStarted",
        Ending::Killed => "Killed",
        Ending::PodLost => "PodLost",
        Ending::Drained => "Drained",
        Ending::Deadline => "Deadline",
        Ending::ByCustomer => "ByCustomer",
        Ending::ByCluster => "ByCluster",
        Ending::Deleted => "Deleted",
        Ending::ProviderRemoved => "ProviderRemoved",
        Ending::BadOrder => "BadOrder",
        Ending::NoSuchOffer => "NoSuchOffer",
        Ending::OfferChanged => "OfferChanged",
        Ending::NameMismatch => "NameMismatch",
        Ending::SecretsNotConfigured => "SecretsNotConfigured",
        Ending::TooLarge => "TooLarge",
        Ending::Expired => "Expired",
        Ending::NotAdmitted => "NotAdmitted",
    }
}
