//! Validating what a user applied: an object becomes a [`job::Job`]. A bad one is
//! an ending with a reason, not an error.

use crds::ConfidentialJob;
use dvm::Keys;
use dvm::cancel::Word;
use job::{
    Admission, Admitted, By, Ending, ImageRef, Job, Object, Order, PublicKey, Record, Rejected,
    Secrets, Service, Timestamp, Wish, admit,
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
    /// O: what was sealed to it can be opened.
    pub(crate) keys: Keys,
    /// Image of the agent.
    pub(crate) agent: ImageRef,
    /// Every service that is offered.
    pub(crate) services: Vec<Service>,
    /// What becomes of secrets of single jobs.
    pub(crate) secrets: Secrets,
    /// Whether plain relays are used.
    pub(crate) plain: Plain,
}

/// The object as the planner sees it.
pub(crate) fn job(object: &ConfidentialJob, record: Record, house: &House, now: Timestamp) -> Job {
    let deleting = object.metadata.deletion_timestamp.is_some();
    Job {
        object: whose(object, house.keys.public_key()),
        admission: admission(object, house, now),
        wish: match (deleting, object.spec.cancel) {
            (true, _) => Wish::Delete,
            (false, true) => Wish::Cancel(by(object, &house.keys)),
            (false, false) => Wish::Run,
        },
        record,
    }
}

/// Who cancels: the customer, when their signed word is with the object.
fn by(object: &ConfidentialJob, provider: &Keys) -> By {
    let words = object.spec.cancellation.as_deref();
    match (words, order(object)) {
        (Some(words), Ok(order)) if Word(words).cancels(&order, provider) => By::Customer,
        (Some(_) | None, Ok(_) | Err(_)) => By::Cluster,
    }
}

/// Whether an object speaks for its order: it has the order's name, and the order is
/// for this provider. All others end in the cluster alone.
pub(crate) fn whose(object: &ConfidentialJob, provider: PublicKey) -> Object {
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
    let (services, secrets) = (&house.services, house.secrets);
    match admit(&order, house.keys.public_key(), services, secrets, now) {
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
    use dvm::cancel::Cancellation;
    use dvm::event::to_json;
    use dvm::order::{NewOrder, sign_order};
    use dvm::{Keys, Unsigned, sign, wrap};
    use job::{By, Object, OfferId, Order, PublicKey, Timestamp};

    use super::{by, whose};

    const O: PublicKey = PublicKey::from_bytes([4; 32]);
    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn order(customer: &Keys, provider: PublicKey) -> Order {
        let new = NewOrder {
            kind: 5999,
            provider,
            offer: OfferId::from_bytes([15; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: NOW.plus(3600),
            params: Vec::new(),
        };
        sign_order(customer, new, NOW).unwrap()
    }

    fn object(order: &Order, change: impl FnOnce(&mut ConfidentialJob)) -> ConfidentialJob {
        let spec = ConfidentialJobSpec {
            request: Request::from(order.event()),
            cancel: false,
            cancellation: None,
        };
        let mut object = ConfidentialJob::new(&order.object_name(), spec);
        change(&mut object);
        object
    }

    #[test]
    fn one_object_speaks_for_an_order() {
        let order = order(&Keys::generate(), O);
        assert_eq!(whose(&object(&order, |_| {}), O), Object::Own);
        let another = PublicKey::from_bytes([5; 32]);
        assert_eq!(whose(&object(&order, |_| {}), another), Object::Alien);
        for change in [
            (|object| object.metadata.name = Some("my-job".to_owned())) as fn(&mut ConfidentialJob),
            |object| object.metadata.name = None,
            |object| object.spec.request.sig = "0".repeat(128),
            |object| object.spec.request.content = "x".to_owned(),
        ] {
            assert_eq!(whose(&object(&order, change), O), Object::Alien);
        }
    }

    /// A deletion that names these orders, by hand.
    fn deletion(of: &[&Order], more: &str) -> Unsigned {
        let tags = of
            .iter()
            .map(|order| vec!["e".to_owned(), order.id().to_string()]);
        Unsigned {
            kind: dvm::kind::DELETION,
            created_at: NOW,
            tags: tags.collect(),
            content: more.to_owned(),
        }
    }

    #[test]
    fn only_the_customers_signed_word_makes_it_the_customers_cancellation() {
        let (customer, provider) = (Keys::generate(), Keys::generate());
        let stranger = Keys::generate();
        let o = provider.public_key();
        let (order, other) = (order(&customer, o), order(&customer, o));
        let who = |words: Option<String>| {
            by(
                &object(&order, |object| object.spec.cancellation = words),
                &provider,
            )
        };
        let rumor = Cancellation::to_rumor(&order, NOW);
        let sealed = |author: &Keys, reader: &Keys| {
            to_json(&wrap(&rumor, author, reader.public_key(), NOW).unwrap())
        };
        let public =
            |author: &Keys, of: &[&Order], more: &str| to_json(&sign(author, deletion(of, more)));
        for words in [
            sealed(&customer, &provider),
            public(&customer, &[&order], ""),
            public(&customer, &[&other, &order], "a reason"),
        ] {
            assert_eq!(who(Some(words)), By::Customer);
        }
        let good = sign(&customer, deletion(&[&order], ""));
        let changed = |change: fn(&mut job::Event)| {
            let mut event = good.clone();
            change(&mut event);
            to_json(&event)
        };
        for words in [
            // Somebody else's, and one that claims to be the customer's.
            public(&stranger, &[&order], ""),
            sealed(&stranger, &provider),
            // Of another order, sealed to somebody else, or of another kind.
            public(&customer, &[&other], ""),
            sealed(&customer, &stranger),
            to_json(order.event()),
            // Signed by nobody, or not as it stands here.
            changed(|event| event.sig = "00".repeat(64)),
            changed(|event| event.content.push('x')),
            changed(|event| event.created_at += 1),
            serde_json::to_string(&rumor).unwrap(),
            // Too long to be kept.
            public(&customer, &[&order], &"x".repeat(dvm::cancel::MAX_WORD)),
            String::new(),
            "{}".to_owned(),
            "customer".to_owned(),
        ] {
            assert_eq!(who(Some(words.clone())), By::Cluster, "{words}");
        }
        assert_eq!(who(None), By::Cluster);
    }
}
