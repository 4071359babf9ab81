//! Validating what a user applied: an object becomes a [`job::Job`]. A bad one is
//! an ending with a reason, not an error.

use crds::{ConfidentialJob, JOB_FINALIZER};
use job::{
    Admission, Admitted, Ending, ImageRef, Job, Object, Order, PublicKey, Record, Rejected,
    Service, Timestamp, Wish, admit,
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
        object: whose(object, house.provider),
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

/// Whether an object speaks for its order: it has the order's name, and the order is
/// for this provider. All others end in the cluster alone.
fn whose(object: &ConfidentialJob, provider: PublicKey) -> Object {
    match order(object) {
        Ok(order) if object.name_any() == order.object_name() && order.provider() == provider => {
            Object::Own
        }
        Ok(_) | Err(_) => Object::Alien,
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

#[cfg(test)]
mod one_object;

#[cfg(test)]
mod tests {
    use crds::{ConfidentialJob, ConfidentialJobSpec, Request};
    use dvm::Keys;
    use dvm::order::{NewOrder, sign_order};
    use job::{Object, OfferId, PublicKey, Timestamp};

    use super::whose;

    const O: PublicKey = PublicKey::from_bytes([4; 32]);

    fn object(change: impl FnOnce(&mut ConfidentialJob)) -> ConfidentialJob {
        let now = Timestamp::from_secs(1_790_000_000);
        let new = NewOrder {
            kind: 5999,
            provider: O,
            offer: OfferId::from_bytes([15; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: now.plus(3600),
            params: Vec::new(),
        };
        let order = sign_order(&Keys::generate(), new, now).unwrap();
        let spec = ConfidentialJobSpec {
            request: Request::from(order.event()),
            cancel: false,
        };
        let mut object = ConfidentialJob::new(&order.object_name(), spec);
        change(&mut object);
        object
    }

    #[test]
    fn one_object_speaks_for_an_order() {
        assert_eq!(whose(&object(|_| {}), O), Object::Own);
        let another = PublicKey::from_bytes([5; 32]);
        assert_eq!(whose(&object(|_| {}), another), Object::Alien);
        for change in [
            (|object| object.metadata.name = Some("my-job".to_owned())) as fn(&mut ConfidentialJob),
            |object| object.metadata.name = None,
            |object| object.spec.request.sig = "0".repeat(128),
            |object| object.spec.request.content = "x".to_owned(),
        ] {
            assert_eq!(whose(&object(change), O), Object::Alien);
        }
    }
}
