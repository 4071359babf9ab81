//! Validating what a user applied: an object becomes a [`job::Job`]. A bad one is
//! an ending with a reason, not an error.

use crds::{ConfidentialJob, JOB_FINALIZER};
use job::{
    Admission, Admitted, Ending, ImageRef, Job, Order, PublicKey, Record, Rejected, Service,
    Timestamp, Wish, admit,
};
use kube::ResourceExt as _;
use relay::Plain;

/// The order in an object, if it is one.
pub(crate) fn order(object: &ConfidentialJob) -> Result<Order, String> {
    let event = object.spec.request.to_event();
    let event =
        event.ok_or("spec.request is not a Nostr event: write it with `cdvm request --yaml`")?;
    dvm::order::order_from_event(event).map_err(|error| error.to_string())
}

/// What this provider runs, and how.
pub(crate) struct House {
    /// O.
    pub(crate) provider: PublicKey,
    /// Image of the agent.
    pub(crate) agent: ImageRef,
    /// Every service that is offered.
    pub(crate) services: Vec<Service>,
    /// Whether plain relays are used.
    pub(crate) plain: Plain,
}

/// The object as the planner sees it.
pub(crate) fn job(object: &ConfidentialJob, record: Record, house: &House, now: Timestamp) -> Job {
    let deleting = object.metadata.deletion_timestamp.is_some();
    Job {
        admission: admission(object, house, now),
        wish: match (deleting, object.spec.cancel) {
            (true, _) => Wish::Delete,
            (false, true) => Wish::Cancel,
            (false, false) => Wish::Run,
        },
        finalizer: object.finalizers().iter().any(|name| name == JOB_FINALIZER),
        record,
    }
}

fn admission(object: &ConfidentialJob, house: &House, now: Timestamp) -> Admission {
    let reject = |ending, message| Admission::Rejected(Rejected { ending, message });
    let order = match order(object) {
        Ok(order) => order,
        Err(message) => return reject(Ending::BadOrder, message),
    };
    let right = order.object_name();
    if object.name_any() != right {
        let message = format!("an object with this order must be named {right}");
        return reject(Ending::NameMismatch, message);
    }
    for url in order.relays() {
        if let Err(error) = house.plain.relay(url) {
            let message = format!("the order's relay cannot be used: {error}");
            return reject(Ending::BadOrder, message);
        }
    }
    match admit(&order, house.provider, &house.services, now) {
        Err(rejected) => Admission::Rejected(rejected),
        Ok(service) => Admission::Admitted(Box::new(Admitted {
            service: service.offer.service.clone(),
            terms: service.offer.content.cdvm.clone(),
            agent: house.agent.clone(),
            start_within_secs: service.start_within_secs,
            order,
        })),
    }
}
