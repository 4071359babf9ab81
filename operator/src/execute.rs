//! Executing a plan: each action in order, the first that fails ends the round.
//! No choices are made here and nothing is tried twice; the queue does that.

pub(crate) mod announce;
pub(crate) mod broker;
pub(crate) mod cluster;

use crds::ConfidentialJob;
use job::{Action, Answer, Order, Plan, Reason, Timestamp, Tried, Weight};
use kube::runtime::events::{Event, EventType};
use kube::{Resource as _, ResourceExt as _};

use crate::context::Context;
use crate::status::Who;

/// Why a round ended early. All of these are about the world.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The API server.
    #[error("failed to {0}")]
    Cluster(&'static str, #[source] kube::Error),
    /// The pod cannot be built.
    #[error("failed to build the pod")]
    Pod(#[source] job::InitDataError),
    /// The relays.
    #[error("failed to tell the customer")]
    Announce(#[source] relay::TellError),
    /// The broker.
    #[error("failed to take the job's secrets out of the key broker")]
    Broker(#[source] broker::BrokerError),
}

/// How far a round came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Every action.
    All,
    /// Up to a pod that could not be created: what follows is for the next round,
    /// which sees why.
    WithoutPod,
}

/// Where the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There.
    InCluster,
    /// Deleted, and said goodbye to: what is recorded of it is kept in memory.
    Gone,
}

/// Carries out `plan` for `object`; the object after that.
///
/// # Errors
/// The first action that failed.
pub(crate) async fn execute(
    context: &Context,
    (object, place): (ConfidentialJob, Place),
    order: Option<&Order>,
    who: &Who,
    plan: &Plan,
    now: Timestamp,
) -> Result<(ConfidentialJob, Done), ExecuteError> {
    let mut done = Done::All;
    // Each write gives the object's next version, which the next write needs.
    let mut object = object;
    for action in &plan.actions {
        object = match action {
            Action::Record(record) => {
                cluster::record(context, (object, place), record, who, &plan.why, now).await?
            }
            Action::Grant(secrets) => {
                if let Err(error) = broker::grant(context, secrets).await {
                    // As for a pod that could not be created: the next round sees why.
                    let name = object.name_any();
                    let before = context.tried(&name).map_or(0, |tried| tried.tries);
                    let tried = Tried {
                        attempt: secrets.attempt,
                        tries: before.saturating_add(1),
                        at: now,
                        answer: Answer::Refused,
                        wait: error.wait(),
                    };
                    context.note_tried(&name, Some(tried));
                    done = Done::WithoutPod;
                    break;
                }
                object
            }
            Action::GrantAgain(secrets) => {
                broker::grant_again(context, secrets).await;
                object
            }
            Action::CreatePod(manifest) => {
                done = cluster::create_pod(context, &object, manifest, now).await?;
                if done == Done::WithoutPod {
                    break;
                }
                object
            }
            Action::DeletePod { uid } => {
                cluster::delete_pod(context, &object, uid).await?;
                object
            }
            Action::Revoke(secrets) => {
                let revoked = broker::revoke(context, secrets).await;
                revoked.map_err(ExecuteError::Broker)?;
                object
            }
            Action::Announce(announcement) => {
                announce::announce(context, &object, order, *announcement, now).await?;
                object
            }
            Action::RecordAnnounced(announcement) => {
                cluster::record_announced(context, (object, place), *announcement, who, now).await?
            }
        };
    }
    say_why(context, &object, plan).await;
    Ok((object, done))
}

/// The story in `kubectl describe` and in the log. An event that is lost is not
/// worth another round: the same words stand in the status.
async fn say_why(context: &Context, object: &ConfidentialJob, plan: &Plan) {
    let reference = object.object_ref(&());
    for reason in &plan.why {
        tracing::info!(
            job = reference.name.as_deref().unwrap_or_default(),
            reason = reason.word,
            "{}",
            reason.text
        );
        let event = event(reason);
        if let Err(error) = context.recorder.publish(&event, &reference).await {
            tracing::warn!(%error, "failed to publish a Kubernetes event");
        }
    }
}

fn event(reason: &Reason) -> Event {
    Event {
        type_: match reason.weight {
            Weight::Normal => EventType::Normal,
            Weight::Warning => EventType::Warning,
        },
        reason: reason.word.to_owned(),
        // The API server takes at most 1,024 bytes.
        note: Some(first_bytes(&reason.text, 1_024).to_owned()),
        action: reason.word.to_owned(),
        secondary: None,
    }
}

/// At most so many bytes of a text, and whole characters.
fn first_bytes(text: &str, most: usize) -> &str {
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= most;
    let last = text.char_indices().take_while(fits).last();
    let end = last.map_or(0, |(at, c)| at + c.len_utf8());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use job::{Reason, Weight};
    use kube::runtime::events::EventType;

    use super::event;

    fn reason(weight: Weight, text: &str) -> Reason {
        Reason {
            word: "WaitingForRoom",
            text: text.to_owned(),
            weight,
        }
    }

    #[test]
    fn an_event_has_the_type_of_its_reason() {
        let wrong = event(&reason(Weight::Warning, "exceeded quota"));
        assert!(matches!(wrong.type_, EventType::Warning));
        assert_eq!(
            (&*wrong.reason, wrong.note.as_deref()),
            ("WaitingForRoom", Some("exceeded quota"))
        );
        let right = event(&reason(Weight::Normal, "the same again"));
        assert!(matches!(right.type_, EventType::Normal));
    }

    /// A note that is too long makes the API server refuse the event.
    #[test]
    fn a_note_fits_whatever_is_in_it() {
        for (letter, fits) in [("x", 1_024), ("é", 1_024), ("€", 1_023)] {
            let note = event(&reason(Weight::Warning, &letter.repeat(2_000))).note;
            assert_eq!(note.unwrap().len(), fits, "{letter}");
        }
    }
}
