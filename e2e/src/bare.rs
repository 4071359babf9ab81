//! Orders and pods without bridge and operator: the customer's and the provider's
//! parts made of the product's own functions. A hostile provider is this with one
//! change.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use dvm::order::{NewOrder, sign_order};
use dvm::{Keys, Rumor, open};
use job::{Attempt, Attestation, Deployment, Event, Manifest, Offer, Order, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PostParams;
use relay::{Filter, Inbox, Plain, Relays};

use crate::provider::Provider;

/// The time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}

impl Provider {
    /// The signed offer of an example, as its own operator would make it.
    pub fn offer(&self, name: &str) -> anyhow::Result<(Event, Offer)> {
        let service = self.example(name)?;
        let content = service.offer_content().map_err(anyhow::Error::msg)?;
        let kind = u16::try_from(service.spec.kind)?;
        let event = dvm::offer::sign_offer(&self.keys, name, kind, &content, now());
        let offer = dvm::offer::parse_offer(&event)?;
        Ok((event, offer))
    }

    /// An order of `customer` for an offer.
    pub fn order(&self, customer: &Keys, offer: &Offer) -> anyhow::Result<Order> {
        let new = NewOrder {
            kind: offer.kind,
            provider: self.keys.public_key(),
            offer: offer.id,
            relays: self.relay_urls(),
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
        let relays = Relays::connect(&provider.relay_urls(), Plain::Allowed).await?;
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
        let value = |name: &str| {
            let mut tags = rumor.tags.iter();
            let tag = tags
                .find(|tag| tag[0] == name)
                .context("a tag is missing")?;
            anyhow::Ok(tag[1].clone())
        };
        let (recipient, job) = (value("p")?.parse()?, value("e")?.parse()?);
        Ok(Attestation::from_content(
            rumor.pubkey,
            recipient,
            job,
            &rumor.content,
        )?)
    }
}
