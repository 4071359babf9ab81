//! The port to the customer: feedback (kind 7000), a projection of what is
//! recorded. The same record gives the same event, so a second try is dropped.

use crds::{ConfidentialJob, HEARD_ANNOTATION, HEARD_PUBLIC};
use dvm::feedback::{Feedback, Status};
use dvm::{Rumor, sign};
use job::{Announcement, Order, Phase, Record, Timestamp};
use kube::ResourceExt as _;

use crate::context::Context;
use crate::execute::ExecuteError;
use crate::status;

/// Tells the customer what is recorded; without an order there is nobody to tell.
pub(crate) async fn announce(
    context: &Context,
    object: &ConfidentialJob,
    order: Option<&Order>,
    announcement: Announcement,
    now: Timestamp,
) -> Result<(), ExecuteError> {
    let record = status::record(object.status.as_ref()).unwrap_or_default();
    let (Some(order), Some(at)) = (order, record.recorded_at(announcement)) else {
        return Ok(());
    };
    let message = feedback(&record, announcement).to_unsigned(order.id(), order.customer(), at);
    let book = &context.relays;
    let told = if is_public(object) {
        book.publish(order.relays(), &sign(book.keys(), message))
            .await
    } else {
        let rumor = Rumor::new(book.keys().public_key(), message);
        book.tell(order.relays(), &rumor, order.customer(), now)
            .await
    };
    told.map_err(ExecuteError::Announce)
}

/// A public order is answered in public, a private one privately.
fn is_public(object: &ConfidentialJob) -> bool {
    object
        .annotations()
        .get(HEARD_ANNOTATION)
        .is_some_and(|heard| heard == HEARD_PUBLIC)
}

/// What the customer reads.
fn feedback(record: &Record, announcement: Announcement) -> Feedback {
    let ended = record.ended.as_ref();
    let status = match ended.map(|ended| ended.ending.phase()) {
        None => Status::Processing,
        Some(Phase::Succeeded) => Status::Success,
        Some(_) => Status::Error,
    };
    let ending = ended.map_or_else(String::new, |ended| {
        let word = format!("{}/{}", ended.ending.phase(), ended.ending);
        match record.told_of_the_end() {
            "" => word,
            message => format!("{word}: {message}"),
        }
    });
    let text = match announcement {
        Announcement::Starting => "heard; a confidential machine is starting".to_owned(),
        Announcement::Waiting(what) => format!("heard; {}", what.told()),
        Announcement::Ended => ending,
        Announcement::Destroyed => "destroyed: nothing of the machine is left".to_owned(),
    };
    let status = match announcement {
        Announcement::Starting | Announcement::Waiting(_) => Status::Processing,
        Announcement::Ended | Announcement::Destroyed => status,
    };
    Feedback::new(status, text)
}

#[cfg(test)]
mod tests {
    use dvm::feedback::Status;
    use job::{Announcement, Ended, Ending, Record, Timestamp, WaitingFor};

    use super::feedback;

    fn ended(ending: Ending, message: &str) -> Record {
        let message = message.to_owned();
        let at = Timestamp::from_secs(1);
        Record {
            ended: Some(Ended {
                ending,
                at,
                message,
            }),
            ..Record::default()
        }
    }

    #[test]
    fn a_wait_and_a_start_are_told_in_constants() {
        let record = Record::default();
        let told = feedback(&record, Announcement::Waiting(WaitingFor::Room));
        assert_eq!(told.status, Status::Processing);
        assert_eq!(told.text, "heard; waiting for room");
        let told = feedback(&record, Announcement::Starting);
        assert_eq!(told.status, Status::Processing);
        assert_eq!(told.text, "heard; a confidential machine is starting");
    }

    #[test]
    fn an_ending_is_told_with_its_word_and_without_the_clusters() {
        for (ending, message, status, text) in [
            (
                Ending::Received,
                "the agent ended with code 0",
                Status::Success,
                "Succeeded/Received: the agent ended with code 0",
            ),
            (
                Ending::NoEvidence,
                "the agent ended with code 20: no guest API; evidence seen here was refused: x",
                Status::Error,
                "Failed/NoEvidence: the agent ended with code 20: no guest API",
            ),
            (
                Ending::NeverStarted,
                "exceeded quota: jobs on node-7",
                Status::Error,
                "Failed/NeverStarted",
            ),
            (
                Ending::Killed,
                "Evicted: node-7 ran out of disk",
                Status::Error,
                "Failed/Killed: something else than the agent ended the machine",
            ),
        ] {
            let told = feedback(&ended(ending, message), Announcement::Ended);
            assert_eq!((told.status, told.text.as_str()), (status, text));
        }
        let refused = ended(Ending::GuestRefused, "CreateContainerRequest of node-7");
        let told = feedback(&refused, Announcement::Ended);
        assert!(!told.text.contains("node-7"), "{}", told.text);
        let told = feedback(&refused, Announcement::Destroyed);
        assert_eq!(told.text, "destroyed: nothing of the machine is left");
        assert_eq!(told.status, Status::Error);
    }
}
