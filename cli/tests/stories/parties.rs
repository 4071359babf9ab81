//! The other side: a provider, and guests that are honest until a test makes
//! them lie. They speak as operator and agent do.

use std::time::Duration;

use dvm::feedback::{Feedback, Status};
use dvm::input::Start;
use dvm::outcome::{Outcome, Received};
use dvm::payload::Payload;
use dvm::{Keys, Rumor, open, wrap};
use job::{
    Attempt, Attestation, Deployment, Digest, Manifest, Order, PublicKey, Terms, init_data,
    report_data,
};
use relay::{Filter, Inbox, Relays};
use simvendor::Fields;
use tokio::time::timeout;

use crate::world::{World, agent, machine, now};

/// The provider's side of one order.
pub(crate) struct Provider {
    keys: Keys,
    relays: Relays,
    inbox: Inbox,
}

impl Provider {
    pub(crate) async fn of(world: &World) -> Self {
        let relays = world.relays().await;
        let keys = world.provider.clone();
        let inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
        Self {
            keys,
            relays,
            inbox,
        }
    }

    pub(crate) async fn rumor(&mut self) -> Rumor {
        next(&mut self.inbox, &self.keys).await
    }

    /// The order a customer sealed to us.
    pub(crate) async fn order(&mut self) -> Order {
        let rumor = self.rumor().await;
        dvm::order::open_private_order(&rumor).unwrap()
    }

    pub(crate) async fn says(&self, order: &Order, status: Status, text: &str) {
        let feedback = Feedback::new(status, text);
        let message = feedback.to_unsigned(order.id(), order.customer(), now());
        let rumor = Rumor::new(self.keys.public_key(), message);
        send(&self.relays, &rumor, &self.keys, order.customer()).await;
    }

    pub(crate) async fn publishes(&self, order: &Order, status: Status, text: &str) {
        let feedback = Feedback::new(status, text);
        let message = feedback.to_unsigned(order.id(), order.customer(), now());
        self.relays
            .publish(&dvm::sign(&self.keys, message))
            .await
            .unwrap();
    }
}

/// A guest, started with a manifest.
pub(crate) struct Guest {
    pub(crate) keys: Keys,
    pub(crate) order: Order,
    pub(crate) attestation: Attestation,
    relays: Relays,
    inbox: Inbox,
}

impl Guest {
    /// A guest started with what was ordered.
    pub(crate) async fn honest(world: &World, order: &Order) -> Self {
        Self::started_with(world, order, world.terms.clone()).await
    }

    /// A guest started with other terms, which says so: its evidence is genuine.
    pub(crate) async fn started_with(world: &World, order: &Order, terms: Terms) -> Self {
        let relays = world.relays().await;
        let keys = Keys::generate();
        let inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
        let attestation = attest(keys.public_key(), order, terms);
        Self {
            keys,
            order: order.clone(),
            attestation,
            relays,
            inbox,
        }
    }

    pub(crate) fn key(&self) -> PublicKey {
        self.keys.public_key()
    }

    /// Says hello, with evidence.
    pub(crate) async fn hello(&self) {
        self.tell(&dvm::attestation::to_rumor(&self.attestation, now()))
            .await;
    }

    pub(crate) async fn tell(&self, rumor: &Rumor) {
        send(&self.relays, rumor, &self.keys, self.order.customer()).await;
    }

    /// The customer's data.
    pub(crate) async fn start(&mut self) -> Start {
        let rumor = next(&mut self.inbox, &self.keys).await;
        Start::from_rumor(&rumor, &self.order).unwrap()
    }

    pub(crate) async fn feedback(&self, feedback: &Feedback) {
        let message = feedback.to_unsigned(self.order.id(), self.order.customer(), now());
        self.tell(&Rumor::new(self.key(), message)).await;
    }

    pub(crate) async fn accepts(&self, input: Digest) {
        let mut feedback = Feedback::new(Status::Processing, "input accepted");
        feedback.input = Some(input);
        self.feedback(&feedback).await;
    }

    pub(crate) async fn progress(&self, seq: u64, done: u64, of: u64) {
        let mut feedback = Feedback::new(Status::Processing, "columns");
        (feedback.seq, feedback.progress) = (Some(seq), Some((done, of)));
        self.feedback(&feedback).await;
    }

    pub(crate) async fn delivers(&self, payload: Payload, input: Digest) {
        let outcome = Outcome {
            payload,
            input,
            partials: 0,
        };
        self.tell(&outcome.to_rumor(&self.order, self.key(), now()))
            .await;
    }

    /// The customer's word that a result arrived.
    pub(crate) async fn received(&mut self) -> Received {
        loop {
            let rumor = next(&mut self.inbox, &self.keys).await;
            if rumor.kind != self.order.kind() {
                return Received::from_rumor(&rumor, &self.order).unwrap();
            }
        }
    }
}

/// What a guest with this key, started with these terms, shows.
pub(crate) fn attest(key: PublicKey, order: &Order, terms: Terms) -> Attestation {
    let (_, chip) = machine();
    let deployment = Deployment {
        attempt: Attempt::FIRST,
        not_after: order.expiration(),
        agent: agent(),
    };
    let manifest = Manifest::new(order.clone(), terms, deployment).unwrap();
    let bound = report_data(
        key,
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let fields = Fields {
        measurement: simvendor::measurement(2, ""),
        host_data: *init_data(&manifest).unwrap().digest().as_bytes(),
        report_data: *bound.as_bytes(),
        ..Fields::new(chip)
    };
    Attestation {
        author: key,
        recipient: order.customer(),
        job: order.id(),
        report: fields.sign(chip).unwrap(),
        certificate: chip.certificate().to_vec(),
        manifest: manifest.bytes().to_vec(),
    }
}

async fn next(inbox: &mut Inbox, keys: &Keys) -> Rumor {
    let event = timeout(Duration::from_secs(30), inbox.next()).await;
    let event = event
        .expect("a message within 30 s")
        .expect("an open inbox");
    open(&event, keys).unwrap()
}

async fn send(relays: &Relays, rumor: &Rumor, author: &Keys, reader: PublicKey) {
    let event = wrap(rumor, author, reader, now()).unwrap();
    relays.publish(&event).await.unwrap();
}
