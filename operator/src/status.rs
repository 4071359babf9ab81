//! Status and record: what Kubernetes shows is a projection of the record, and
//! the record is read back from it. Nothing else is stored.

use crds::{AttemptStatus, ConfidentialJobStatus, WaitingStatus};
use jiff::Timestamp as JiffTimestamp;
use job::{
    Announcement, AttemptRecord, Attested, Ended, Order, Phase, Reason, Record, Timestamp, Wait,
    Waiting, WaitingFor,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::pod_state::bounded;

/// Why a status is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the status has a {0} that this operator did not write")]
pub(crate) struct StatusError(&'static str);

/// Reads the record back.
///
/// # Errors
/// When a field has a value no operator writes: somebody edited the status.
pub(crate) fn record(status: Option<&ConfidentialJobStatus>) -> Result<Record, StatusError> {
    let Some(status) = status else {
        return Ok(Record::default());
    };
    let ended = match (&status.ending, &status.ended_at) {
        (Some(ending), Some(at)) => Some(Ended {
            ending: ending.parse().map_err(|_| StatusError("ending"))?,
            at: from_time(at),
            message: status.message.clone().unwrap_or_default(),
        }),
        (None, None) => None,
        _ => return Err(StatusError("ending")),
    };
    Ok(Record {
        attempt: status.attempt.as_ref().map(attempt).transpose()?,
        ended,
        destroyed: status.destroyed_at.as_ref().map(from_time),
        announced: status
            .announced
            .iter()
            .map(|word| announcement(word).ok_or(StatusError("announcement")))
            .collect::<Result<_, _>>()?,
    })
}

fn attempt(status: &AttemptStatus) -> Result<AttemptRecord, StatusError> {
    let wrong = || StatusError("attempt");
    let attested = match (&status.key, &status.attested_at, status.simulated) {
        (Some(key), Some(at), Some(simulated)) => Some(Attested {
            key: key.parse().map_err(|_| wrong())?,
            at: from_time(at),
            simulated,
        }),
        (None, None, None) => None,
        _ => return Err(wrong()),
    };
    let waiting = status.waiting.as_ref().map(|waiting| {
        let WaitingStatus {
            reason,
            message,
            since,
        } = waiting;
        Ok(Waiting {
            wait: Wait {
                what: reason.parse().map_err(|_| wrong())?,
                text: message.clone(),
            },
            at: from_time(since),
        })
    });
    let number = u32::try_from(status.number).map_err(|_| wrong())?;
    Ok(AttemptRecord {
        number: number.try_into().map_err(|_| wrong())?,
        started: from_time(&status.started_at),
        start_by: from_time(&status.start_by),
        not_after: from_time(&status.not_after),
        host_data: status.host_data.parse().map_err(|_| wrong())?,
        secrets: status.job_secrets.clone(),
        waiting: waiting.transpose()?,
        lacking: status.lacking.clone(),
        pod: status.pod_uid.clone(),
        attested,
        input_accepted: status.input_accepted_at.as_ref().map(from_time),
    })
}

/// The status that shows `record`, after what the plan said about it.
pub(crate) fn status(
    record: &Record,
    old: Option<&ConfidentialJobStatus>,
    who: &Who,
    why: &[Reason],
    now: Timestamp,
) -> ConfidentialJobStatus {
    let default = ConfidentialJobStatus::default();
    let old = old.unwrap_or(&default);
    let last = why.iter().rfind(|reason| is_about_the_job(reason));
    let (word, message) = match (&record.ended, last) {
        // An ending is the last word; its message is part of the record.
        (Some(ended), _) => (Some(ended.ending.to_string()), Some(ended.message.clone())),
        (None, Some(reason)) => (Some(reason.word.to_owned()), Some(reason.text.clone())),
        (None, None) => (old.why.clone(), old.message.clone()),
    };
    ConfidentialJobStatus {
        phase: Some(record.phase().to_string()),
        why: word,
        message: message.map(|text| bounded(&text)),
        service: who.service.clone().or_else(|| old.service.clone()),
        customer: who.customer.clone().or_else(|| old.customer.clone()),
        attempt: record.attempt.as_ref().map(attempt_status),
        ending: record.ended.as_ref().map(|ended| ended.ending.to_string()),
        ended_at: record.ended.as_ref().map(|ended| to_time(ended.at)),
        destroyed_at: record.destroyed.map(to_time),
        announced: record
            .announced
            .iter()
            .map(|a| told(*a).to_owned())
            .collect(),
        conditions: conditions(record, &old.conditions, why, now),
    }
}

/// Who the job is for and what it is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    /// Service.
    pub(crate) service: Option<String>,
    /// Customer's key, shortened.
    pub(crate) customer: Option<String>,
}

impl Who {
    /// Of an order for a service.
    pub(crate) fn new(order: &Order, service: Option<String>) -> Self {
        let npub = dvm::keys::npub(order.customer());
        // The ends of a key are what people compare: `npub1c0…9f`.
        let short = |from: usize, to: usize| npub.get(from..to).unwrap_or_default();
        let customer = format!("{}…{}", short(0, 9), short(npub.len() - 4, npub.len()));
        Self {
            service,
            customer: Some(customer),
        }
    }
}

fn attempt_status(attempt: &AttemptRecord) -> AttemptStatus {
    let AttemptRecord {
        number,
        started,
        start_by,
        not_after,
        host_data,
        secrets,
        waiting,
        lacking,
        pod,
        attested,
        input_accepted,
    } = attempt;
    AttemptStatus {
        number: number.get().into(),
        started_at: to_time(*started),
        start_by: to_time(*start_by),
        not_after: to_time(*not_after),
        host_data: host_data.to_string(),
        job_secrets: secrets.clone(),
        waiting: waiting.as_ref().map(|waiting| WaitingStatus {
            reason: waiting.wait.what.word().to_owned(),
            message: bounded(&waiting.wait.text),
            since: to_time(waiting.at),
        }),
        lacking: lacking.as_deref().map(bounded),
        pod_uid: pod.clone(),
        key: attested.map(|attested| attested.key.to_string()),
        attested_at: attested.map(|attested| to_time(attested.at)),
        simulated: attested.map(|attested| attested.simulated),
        input_accepted_at: input_accepted.map(to_time),
    }
}

/// A stray pod is news of the cluster, not of the job's life.
fn is_about_the_job(reason: &Reason) -> bool {
    reason.word != "StrayPod"
}

/// Each condition is true when there is evidence for it in the record.
fn conditions(
    record: &Record,
    old: &[Condition],
    why: &[Reason],
    now: Timestamp,
) -> Vec<Condition> {
    let attempt = record.attempt.as_ref();
    let ended = record.ended.as_ref();
    let rejected = ended.is_some_and(|ended| ended.ending.phase() == Phase::Rejected);
    let admitted = match ended {
        Some(ended) if rejected => Some((false, ended.ending.to_string())),
        _ => attempt.map(|_| (true, "Admitted".to_owned())),
    };
    let announced = record.announced.contains(&Announcement::Ended);
    let states = [
        ("Admitted", admitted),
        ("PodCreated", attempt.and_then(pod_created)),
        ("Attested", attempt.and_then(attested)),
        (
            "Finished",
            ended.map(|ended| (true, ended.ending.to_string())),
        ),
        ("Announced", when(announced, "RelaysAccepted")),
        ("Destroyed", when(record.destroyed.is_some(), "Destroyed")),
    ];
    let states = states
        .into_iter()
        .filter_map(|(kind, state)| Some((kind, state?)));
    states
        .map(|(kind, (holds, reason))| {
            let status = if holds { "True" } else { "False" };
            let before = old.iter().find(|condition| condition.type_ == kind);
            match before {
                Some(before) if before.status == status && before.reason == reason => Condition {
                    // Said nothing new, it is as it was.
                    message: match text(&reason, record, why) {
                        said if said.is_empty() => before.message.clone(),
                        said => bounded(&said),
                    },
                    ..before.clone()
                },
                _ => Condition {
                    type_: kind.to_owned(),
                    status: status.to_owned(),
                    message: bounded(&text(&reason, record, why)),
                    reason,
                    last_transition_time: to_time(now),
                    observed_generation: None,
                },
            }
        })
        .collect()
}

/// True once the pod was seen; false, with what it waits for, while none can be made.
fn pod_created(attempt: &AttemptRecord) -> Option<(bool, String)> {
    if attempt.pod.is_some() {
        return Some((true, "PodCreated".to_owned()));
    }
    let waiting = attempt.waiting.as_ref()?;
    Some((false, waiting.wait.what.word().to_owned()))
}

/// True once its evidence was verified; false, with what is lacking, while it cannot be.
fn attested(attempt: &AttemptRecord) -> Option<(bool, String)> {
    if attempt.attested.is_some() {
        return Some((true, "EvidenceVerified".to_owned()));
    }
    let lacks = attempt.lacking.is_some();
    lacks.then(|| (false, "CollateralMissing".to_owned()))
}

fn when(holds: bool, reason: &str) -> Option<(bool, String)> {
    holds.then(|| (true, reason.to_owned()))
}

/// The sentence behind a reason: the plan's own, or the ending's message.
fn text(reason: &str, record: &Record, why: &[Reason]) -> String {
    if let Some(said) = why.iter().find(|said| said.word == reason) {
        return said.text.clone();
    }
    match &record.ended {
        Some(Ended {
            ending, message, ..
        }) if ending.to_string() == reason => message.clone(),
        Some(_) if reason == "RelaysAccepted" => "a quorum of relays has the ending".to_owned(),
        _ => String::new(),
    }
}

/// An announcement as the status has it.
const fn told(announcement: Announcement) -> &'static str {
    match announcement {
        Announcement::Starting => "Starting",
        Announcement::Waiting(what) => what.word(),
        Announcement::Ended => "Ended",
        Announcement::Destroyed => "Destroyed",
    }
}

fn announcement(text: &str) -> Option<Announcement> {
    let waiting = WaitingFor::ALL.map(Announcement::Waiting);
    let others = [
        Announcement::Starting,
        Announcement::Ended,
        Announcement::Destroyed,
    ];
    let mut all = others.into_iter().chain(waiting);
    all.find(|announcement| told(*announcement) == text)
}

/// Kubernetes' time; seconds, as we record them.
pub(crate) fn to_time(at: Timestamp) -> Time {
    let secs = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    Time(JiffTimestamp::from_second(secs).unwrap_or(JiffTimestamp::MAX))
}

/// The reverse.
pub(crate) fn from_time(time: &Time) -> Timestamp {
    Timestamp::from_secs(u64::try_from(time.0.as_second()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Who, record, status};
    use job::{
        Announcement, Attempt, AttemptRecord, Attested, Digest, Ended, Ending, PublicKey, Record,
        Timestamp, Wait, Waiting, WaitingFor,
    };

    #[test]
    fn a_record_is_read_back_from_its_status() {
        let at = Timestamp::from_secs;
        let full = Record {
            attempt: Some(AttemptRecord {
                number: Attempt::FIRST,
                started: at(1_790_000_000),
                start_by: at(1_790_000_120),
                not_after: at(1_790_001_000),
                host_data: Digest::of(b"init data"),
                secrets: vec!["own".to_owned()],
                waiting: Some(Waiting {
                    wait: Wait {
                        what: WaitingFor::Room,
                        text: "exceeded quota".to_owned(),
                    },
                    at: at(1_790_000_001),
                }),
                lacking: Some("revocation list of Milan: it answered 503".to_owned()),
                pod: Some("uid".to_owned()),
                attested: Some(Attested {
                    key: PublicKey::from_bytes([1; 32]),
                    at: at(1_790_000_002),
                    simulated: true,
                }),
                input_accepted: Some(at(1_790_000_003)),
            }),
            ended: Some(Ended {
                ending: Ending::Received,
                at: at(1_790_000_004),
                message: "the agent ended with code 0".to_owned(),
            }),
            destroyed: Some(at(1_790_000_005)),
            announced: vec![
                Announcement::Starting,
                Announcement::Waiting(WaitingFor::Room),
                Announcement::Ended,
            ],
        };
        for written in [full, Record::default()] {
            let shown = status(&written, None, &Who::default(), &[], at(1_790_000_006));
            assert_eq!(record(Some(&shown)).unwrap(), written);
            // The same record again changes nothing, not even a time.
            let again = status(
                &written,
                Some(&shown),
                &Who::default(),
                &[],
                at(1_790_000_009),
            );
            assert_eq!(again, shown);
        }
    }

    #[test]
    fn an_edited_status_is_refused() {
        let mut shown = status(
            &Record::default(),
            None,
            &Who::default(),
            &[],
            Timestamp::from_secs(1),
        );
        shown.ending = Some("Received".to_owned());
        assert!(record(Some(&shown)).is_err());
    }
}
