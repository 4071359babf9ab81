//! Orders and pods without bridge and operator: the customer's and the provider's
//! parts made of the product's own functions. A hostile provider is this with one
//! change.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use crds::ConfidentialService;
use dvm::feedback::Feedback;
use dvm::input::Start;
use dvm::order::{NewOrder, sign_order};
use dvm::outcome::{Outcome, Received};
use dvm::payload::Payload;
use dvm::{Keys, Rumor, open, wrap};
use job::{
    Accepted, Attempt, Attestation, Deployment, Event, Manifest, Offer, Order, PublicKey,
    Simulated, Timestamp, Trust, accept,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PostParams;
use relay::{Filter, Inbox, Plain, Relays};

use crate::provider::Provider;
use crate::wait::until;
use crate::world::World;

/// The time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}

impl Provider {
    /// The signed offer of a service, as its own operator would make it.
    pub fn offer(&self, service: &ConfidentialService) -> anyhow::Result<(Event, Offer)> {
        let name = service.metadata.name.as_deref().context("no name")?;
        let content = service.offer_content().map_err(anyhow::Error::msg)?;
        let kind = u16::try_from(service.spec.kind)?;
        let shown = dvm::offer::Shown::default();
        let event = dvm::offer::sign_offer(&self.keys, name, kind, &content, &shown, now());
        let offer = dvm::offer::parse_offer(&event)?;
        Ok((event, offer))
    }

    /// An order of `customer` for an offer.
    pub fn order(&self, customer: &Keys, offer: &Offer) -> anyhow::Result<Order> {
        let new = NewOrder {
            kind: offer.kind,
            provider: self.keys.public_key(),
            offer: offer.id,
            relays: self.servers.relays.clone(),
            expiration: now().plus(600),
            params: Vec::new(),
        };
        sign_order(customer, new, now()).context("failed to sign the order")
    }

    /// The honest manifest of an order.
    pub fn manifest(&self, order: &Order, offer: &Offer, attempt: u32) -> anyhow::Result<Manifest> {
        let deployment = Deployment {
            attempt: Attempt::try_from(attempt)?,
            not_after: now().plus(300),
            agent: self.world.image("agent")?.parse()?,
        };
        let terms = offer.content.cdvm.clone();
        Manifest::new(order.clone(), terms, deployment).context("failed to make the manifest")
    }

    /// The honest pod of a manifest, without an owner.
    pub fn pod(&self, manifest: &Manifest) -> anyhow::Result<Pod> {
        let owner = OwnerReference::default();
        let mut pod = operator::pod::pod(manifest, "kata-qemu-snp", owner)?;
        pod.metadata.owner_references = None;
        Ok(pod)
    }

    /// Creates a pod.
    pub async fn launch(&self, pod: &Pod) -> anyhow::Result<Pod> {
        let created = self.pods().create(&PostParams::default(), pod).await;
        created.context("failed to create the pod")
    }
}

/// A customer in this process, up to the result: for scenarios that look at the
/// provider's side.
pub struct HandCustomer {
    /// C.
    pub keys: Keys,
    /// The order.
    pub order: Order,
    /// What the customer hears.
    pub ears: Ears,
    offer: Offer,
}

impl HandCustomer {
    /// Signs an order for an offer and listens.
    pub async fn new(provider: &Provider, offer: &Offer) -> anyhow::Result<Self> {
        let keys = Keys::generate();
        Ok(Self {
            order: provider.order(&keys, offer)?,
            ears: Ears::new(provider, &keys).await?,
            offer: offer.clone(),
            keys,
        })
    }

    /// Sends the order, sealed to the provider.
    pub async fn send_order(&self, provider: &Provider) -> anyhow::Result<()> {
        let rumor = dvm::order::private_order(&self.order, now());
        self.tell(&rumor, provider.keys.public_key()).await
    }

    /// Waits for a machine and accepts it.
    pub async fn accept(&mut self, world: &World, limit: Duration) -> anyhow::Result<Accepted> {
        let attestation = self.ears.attestation(limit).await?;
        let trust = std::fs::read_to_string(world.trust())?;
        let trust = Trust::parse(&trust, Simulated::Accepted)?;
        Ok(accept(
            &attestation,
            &self.order,
            &self.offer,
            &trust,
            now(),
        )?)
    }

    /// Waits until the provider has said something that starts with `what`.
    pub async fn hears(
        &self,
        provider: &Provider,
        what: &str,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let look = || async { Ok(self.told_by_provider(provider).await) };
        let told = |words: &Vec<Feedback>| words.iter().any(|it| it.text.starts_with(what));
        until(what, limit, look, told).await.map(drop)
    }

    /// Everything the provider has said of the order so far, from its relays.
    pub async fn told_by_provider(&self, provider: &Provider) -> Vec<Feedback> {
        let events = provider.events().await;
        let rumors = events
            .iter()
            .filter_map(|event| open(event, &self.keys).ok());
        let said = rumors.filter(|rumor| {
            rumor.pubkey == self.order.provider() && rumor.kind == dvm::kind::FEEDBACK
        });
        said.filter_map(|rumor| Feedback::parse(&rumor.tags, &rumor.content, self.order.id()).ok())
            .collect()
    }

    /// Seals data to a machine.
    pub async fn send(&self, key: PublicKey, data: &[u8]) -> anyhow::Result<Start> {
        let start = Start {
            inputs: vec![Payload::inline(data)],
            params: Vec::new(),
        };
        self.tell(&start.to_rumor(&self.order, key, now()), key)
            .await?;
        Ok(start)
    }

    /// Waits for the result and acknowledges it.
    pub async fn receive(&mut self, limit: Duration) -> anyhow::Result<Vec<u8>> {
        let rumor = self.ears.hear(self.order.kind() + 1000, limit).await?;
        let outcome = Outcome::from_rumor(&rumor, &self.order)?;
        let received = Received {
            output: outcome.payload.digest(),
        };
        let receipt = received.to_rumor(&self.order, rumor.pubkey, now());
        self.tell(&receipt, rumor.pubkey).await?;
        match outcome.payload {
            Payload::Inline(data) => Ok(data.to_vec()),
            Payload::Blob(_) => anyhow::bail!("the result is a blob"),
        }
    }

    async fn tell(&self, rumor: &Rumor, reader: PublicKey) -> anyhow::Result<()> {
        let event = wrap(rumor, &self.keys, reader, now())?;
        self.ears.relays.publish(&event).await?;
        Ok(())
    }
}

/// Somebody's ears: rumors sealed to a key.
pub struct Ears {
    keys: Keys,
    inbox: Inbox,
    /// Connections to speak on.
    pub relays: Relays,
}

impl Ears {
    /// Listens for `keys` on the provider's relays.
    pub async fn new(provider: &Provider, keys: &Keys) -> anyhow::Result<Self> {
        let relays = Relays::connect(&provider.servers.relays, Plain::Allowed).await?;
        let inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
        Ok(Self {
            keys: keys.clone(),
            inbox,
            relays,
        })
    }

    /// The next rumor of a kind, at most for `limit`.
    pub async fn hear(&mut self, kind: u16, limit: Duration) -> anyhow::Result<Rumor> {
        let mut others = Vec::new();
        let next = async {
            loop {
                let event = self.inbox.next().await.context("the relays are gone")?;
                match open(&event, &self.keys) {
                    Ok(rumor) if rumor.kind == kind => return anyhow::Ok(rumor),
                    Ok(rumor) => others.push((rumor.kind, rumor.tags)),
                    Err(_) => {}
                }
            }
        };
        let heard = tokio::time::timeout(limit, next).await;
        heard.with_context(|| {
            format!("no message of kind {kind} within {limit:?}; others: {others:#?}")
        })?
    }

    /// The next attestation, unverified.
    pub async fn attestation(&mut self, limit: Duration) -> anyhow::Result<Attestation> {
        let rumor = self.hear(dvm::kind::ATTESTATION, limit).await?;
        Ok(dvm::attestation::from_rumor(&rumor)?)
    }
}
