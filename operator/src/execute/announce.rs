//! The port to the customer: feedback (kind 7000), a projection of what is
//! recorded. The same record gives the same event, so a second try is dropped.

use crds::{ConfidentialJob, HEARD_ANNOTATION, HEARD_PUBLIC};
use dvm::feedback::{Feedback, Status};
use dvm::{Rumor, sign};
use job::{Announcement, Ended, Ending, Order, Phase, Record, Timestamp};
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
        match message(record, ended) {
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

/// What the customer reads of an ending. Why nothing started is the cluster's own
/// (nodes, quotas, registries), so they read the constant for it.
fn message<'r>(record: &'r Record, ended: &'r Ended) -> &'r str {
    if ended.ending != Ending::NeverStarted {
        return &ended.message;
    }
    let attempt = record.attempt.as_ref();
    let waiting = attempt.and_then(|attempt| attempt.waiting.as_ref());
    waiting.map_or("", |waiting| waiting.wait.what.told())
}
