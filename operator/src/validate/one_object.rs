//! Which objects tell customers: one test for each row of the table in
//! `docs/decisions/0018-one-object-speaks-for-an-order.md`, from what is applied to
//! what is planned.

use crds::{ConfidentialJob, ConfidentialJobStatus, Request};
use dvm::Keys;
use dvm::order::{NewOrder, sign_order};
use job::{
    Action, Announcement, Attempt, AttemptRecord, Digest, Ended, Ending, Observed, OfferId, Order,
    Pod, PodState, PublicKey, Record, Secrets, Timestamp, plan,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use relay::Plain;
use serde_json::json;

use super::{House, job};
use crate::status::record;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

/// The provider, with nothing on offer: a new order is rejected.
fn house(keys: &Keys) -> House {
    let digest = "77".repeat(32);
    House {
        keys: keys.clone(),
        agent: format!("registry.example/agent@sha256:{digest}")
            .parse()
            .unwrap(),
        services: Vec::new(),
        secrets: Secrets::NotPut,
        plain: Plain::Refused,
    }
}

fn order(provider: PublicKey) -> Order {
    let new = NewOrder {
        kind: 5999,
        provider,
        offer: OfferId::from_bytes([15; 32]),
        relays: vec!["wss://relay.example".to_owned()],
        expiration: NOW.plus(3600),
        params: Vec::new(),
    };
    sign_order(&Keys::generate(), new, NOW).unwrap()
}

fn object(order: &Order) -> ConfidentialJob {
    let spec = json!({"request": Request::from(order.event())});
    ConfidentialJob::new(&order.object_name(), serde_json::from_value(spec).unwrap())
}

/// A record of a pod that was seen.
fn started() -> Record {
    Record {
        attempt: Some(AttemptRecord {
            number: Attempt::FIRST,
            started: NOW,
            start_by: NOW.plus(120),
            not_after: NOW.plus(600),
            host_data: Digest::of(b"init data"),
            secrets: Vec::new(),
            waiting: None,
            lacking: None,
            pod: Some("uid".to_owned()),
            attested: None,
            input_accepted: None,
        }),
        announced: vec![Announcement::Starting],
        ..Record::default()
    }
}

fn with_pod(state: PodState) -> Observed {
    Observed {
        pods: vec![Pod {
            uid: "uid".to_owned(),
            attempt: Attempt::FIRST,
            state,
        }],
        ..Observed::default()
    }
}

/// How an object ends, by what is recorded next, and what its customer is told then.
fn round(
    object: &ConfidentialJob,
    record: Record,
    seen: &Observed,
    keys: &Keys,
) -> (Option<Ending>, Vec<Announcement>) {
    let plan = plan(&job(object, record, &house(keys), NOW), seen, NOW);
    let mut actions = plan.actions.iter();
    let ending = actions.find_map(|action| match action {
        Action::Record(record) => record.ended.as_ref().map(|ended| ended.ending),
        _ => None,
    });
    let told = plan.actions.iter().filter_map(|action| match action {
        // What is recorded as told counts, too.
        Action::Announce(told) | Action::RecordAnnounced(told) => Some(*told),
        _ => None,
    });
    (ending, told.collect())
}

const TOLD: [Announcement; 2] = [Announcement::Ended, Announcement::Ended];

#[test]
fn the_orders_own_object_that_cannot_be_run_tells() {
    let keys = Keys::generate();
    let own = object(&order(keys.public_key()));
    let (ending, told) = round(&own, Record::default(), &Observed::default(), &keys);
    assert_eq!(ending, Some(Ending::NoSuchOffer));
    assert_eq!(told, TOLD);
}

#[test]
fn another_name_tells_nothing_whatever_else() {
    let keys = Keys::generate();
    let order = order(keys.public_key());
    let mut copy = object(&order);
    copy.metadata.name = Some("my-job".to_owned());
    let mut cancelled = copy.clone();
    cancelled.spec.cancel = true;
    let mut deleted = copy.clone();
    deleted.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    for object in [&copy, &cancelled, &deleted] {
        let (ending, told) = round(object, Record::default(), &Observed::default(), &keys);
        assert!(ending.is_some());
        assert_eq!(told, []);
        // A forged status: that it started, that it ran, that it ended.
        let exited = with_pod(PodState::Exited(0));
        assert_eq!(round(object, started(), &exited, &keys).1, []);
        let ended = Record {
            ended: Some(Ended {
                ending: Ending::Received,
                at: NOW,
                message: "send the fee to me".to_owned(),
            }),
            ..started()
        };
        assert_eq!(round(object, ended, &Observed::default(), &keys).1, []);
    }
    let (ending, _) = round(&copy, Record::default(), &Observed::default(), &keys);
    assert_eq!(ending, Some(Ending::NameMismatch));
}

#[test]
fn an_order_for_another_provider_tells_nothing() {
    let keys = Keys::generate();
    let theirs = object(&order(Keys::generate().public_key()));
    let (ending, told) = round(&theirs, Record::default(), &Observed::default(), &keys);
    assert_eq!((ending, told), (Some(Ending::BadOrder), vec![]));
}

#[test]
fn an_order_that_cannot_be_read_tells_nothing() {
    let keys = Keys::generate();
    for change in [
        (|object| object.spec.request.sig = "0".repeat(128)) as fn(&mut ConfidentialJob),
        |object| object.spec.request.content = "x".to_owned(),
        |object| object.spec.request.id = "no id".to_owned(),
    ] {
        let mut object = object(&order(keys.public_key()));
        change(&mut object);
        let (ending, told) = round(&object, Record::default(), &Observed::default(), &keys);
        assert_eq!((ending, told), (Some(Ending::BadOrder), vec![]));
    }
}

#[test]
fn a_status_no_operator_writes_is_no_record() {
    let at = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    let edited = |change: fn(&mut ConfidentialJobStatus)| {
        let mut status = ConfidentialJobStatus {
            ended_at: at.clone(),
            ending: Some("Received".to_owned()),
            ..ConfidentialJobStatus::default()
        };
        assert!(record(Some(&status)).is_ok());
        change(&mut status);
        record(Some(&status))
    };
    assert!(edited(|status| status.ending = Some("Paid".to_owned())).is_err());
    assert!(edited(|status| status.ended_at = None).is_err());
    assert!(edited(|status| status.announced = vec!["All".to_owned()]).is_err());
}

#[test]
fn the_orders_own_object_deleted_or_its_pod_lost_tells() {
    let keys = Keys::generate();
    let own = object(&order(keys.public_key()));
    let (ending, told) = round(&own, started(), &Observed::default(), &keys);
    assert_eq!((ending, told), (Some(Ending::PodLost), TOLD.to_vec()));
    let mut deleted = own;
    deleted.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    let running = with_pod(PodState::Running);
    let (ending, told) = round(&deleted, started(), &running, &keys);
    assert_eq!((ending, told), (Some(Ending::Deleted), TOLD.to_vec()));
}
