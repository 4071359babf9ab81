//! What is left of a job when its provider goes: what a removal waits for, in words.
//! Pure.

use core::fmt;

use crds::ConfidentialJob;
use job::{Announcement, Object, Timestamp};

use crate::status;

/// How long a removal waits for relays to take the end of a job: they are of the
/// customer's choice, and a relay that is away must not keep anybody from leaving.
const TELL_SECS: u64 = 60;

/// What is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has not ended.
    Unended,
    /// Its machine was not seen gone.
    Machine,
    /// Its customer was not told everything.
    Untold,
    /// Nobody knows: somebody edited its status.
    Unreadable,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unended => "it has not ended yet",
            Self::Machine => "its machine is being destroyed",
            Self::Untold => "its customer is being told",
            Self::Unreadable => "its status was edited and cannot be read: delete the object",
        })
    }
}

/// What is left of a job, if anything is.
pub(crate) fn left(object: &ConfidentialJob, whose: Object, now: Timestamp) -> Option<Left> {
    let Ok(record) = status::record(object.status.as_ref()) else {
        return Some(Left::Unreadable);
    };
    let Some(ended) = &record.ended else {
        return Some(Left::Unended);
    };
    if record.attempt.is_some() && record.destroyed.is_none() {
        return Some(Left::Machine);
    }
    let last = record.destroyed.unwrap_or(ended.at);
    let late = now.since(last) >= TELL_SECS;
    (untold(&record.announced, record.destroyed.is_some(), whose) && !late).then_some(Left::Untold)
}

/// Whether the customer of a job that is over was not told everything.
pub(crate) fn is_untold(object: &ConfidentialJob, whose: Object) -> bool {
    let record = status::record(object.status.as_ref()).unwrap_or_default();
    record.ended.is_some() && untold(&record.announced, record.destroyed.is_some(), whose)
}

fn untold(announced: &[Announcement], destroyed: bool, whose: Object) -> bool {
    let told = |what| announced.contains(&what);
    match whose {
        Object::Own => !told(Announcement::Ended) || (destroyed && !told(Announcement::Destroyed)),
        // Nobody is told of it.
        Object::Alien => false,
    }
}

#[cfg(test)]
mod tests {
    use crds::{ConfidentialJob, ConfidentialJobStatus};
    use job::{Object, Timestamp};
    use serde_json::json;

    use super::{Left, is_untold, left};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn object(status: serde_json::Value) -> ConfidentialJob {
        let status: ConfidentialJobStatus = serde_json::from_value(status).unwrap();
        let spec = json!({"request": {
            "id": "00", "pubkey": "00", "created_at": 0, "kind": 5999, "tags": [],
            "content": "", "sig": "00",
        }});
        let mut object = ConfidentialJob::new("j", serde_json::from_value(spec).unwrap());
        object.status = Some(status);
        object
    }

    #[test]
    fn a_removal_waits_for_the_end_the_machine_and_the_word_and_no_longer() {
        let at = "2026-09-21T14:13:20Z";
        let attempt = json!({
            "number": 1, "startedAt": at, "startBy": at, "notAfter": at,
            "hostData": "00".repeat(32),
        });
        let ended = json!({"ending": "Deleted", "endedAt": at});
        let with = |more: serde_json::Value| {
            let mut status = ended.clone();
            for (name, value) in more.as_object().unwrap() {
                status[name] = value.clone();
            }
            object(status)
        };
        let untold = with(json!({"attempt": attempt, "destroyedAt": at, "announced": ["Ended"]}));
        let told =
            json!({"attempt": attempt, "destroyedAt": at, "announced": ["Ended", "Destroyed"]});
        for (object, expected) in [
            (object(json!({})), Some(Left::Unended)),
            (object(json!({"attempt": attempt})), Some(Left::Unended)),
            (with(json!({"attempt": attempt})), Some(Left::Machine)),
            (
                with(json!({"attempt": attempt, "announced": ["Ended"]})),
                Some(Left::Machine),
            ),
            (with(json!({})), Some(Left::Untold)),
            (untold.clone(), Some(Left::Untold)),
            (with(told), None),
            (with(json!({"announced": ["Ended"]})), None),
            (object(json!({"ending": "Deleted"})), Some(Left::Unreadable)),
        ] {
            assert_eq!(
                left(&object, Object::Own, NOW),
                expected,
                "{:?}",
                object.status
            );
        }
        // Relays that are away are not waited for for ever, and nobody claims they heard.
        assert_eq!(left(&untold, Object::Own, NOW.plus(60)), None);
        assert!(is_untold(&untold, Object::Own));
        assert_eq!(left(&untold, Object::Alien, NOW), None);
    }
}
