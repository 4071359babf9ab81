//! A hostile provider: the product's own functions with one change per attack. It
//! makes offers, hears orders and starts guests by hand, without operator.

use std::time::Duration;

use anyhow::Context as _;
use crds::ConfidentialService;
use dvm::order::open_private_order;
use dvm::{Keys, wrap};
use job::{
    Attestation, Manifest, Offer, Order, PublicKey, Terms, TermsForm, encode_annotation,
    policy_text, report_data,
};
use k8s_openapi::api::core::v1::Pod;
use operator::pod::INIT_DATA;
use simvendor::{Chip, Fields};

use crate::bare::{Ears, now};
use crate::provider::Provider;

/// How long a customer or a guest may take to speak.
const SOON: Duration = Duration::from_secs(30);

/// A policy that lets everything happen, as its author would write it.
const ALLOW_ALL: &str = include_str!("../simtee/src/allow-all.rego");

/// A provider without operator that offers one service.
pub struct Hostile {
    /// Its namespace, keys and relays.
    pub provider: Provider,
    /// What it offers.
    pub offer: Offer,
    ears: Ears,
}

impl Hostile {
    /// Offers an example.
    pub async fn start(name: &str, service: &str) -> anyhow::Result<Self> {
        let provider = Provider::bare(name).await?;
        let service = provider.example(service)?;
        Self::offering(provider, &service).await
    }

    /// Offers a service.
    pub async fn offering(
        provider: Provider,
        service: &ConfidentialService,
    ) -> anyhow::Result<Self> {
        let (event, offer) = provider.offer(service)?;
        let ears = Ears::new(&provider, &provider.keys).await?;
        ears.relays.publish(&event).await?;
        Ok(Self {
            provider,
            offer,
            ears,
        })
    }

    /// The next order somebody seals to it.
    pub async fn order(&mut self) -> anyhow::Result<Order> {
        let rumor = self.ears.hear(dvm::kind::PRIVATE_ORDER, SOON).await?;
        Ok(open_private_order(&rumor)?)
    }

    /// What the next guest shows to its provider.
    pub async fn attestation(&mut self) -> anyhow::Result<Attestation> {
        self.ears.attestation(SOON).await
    }

    /// The manifest as it should be.
    pub fn manifest(&self, order: &Order) -> anyhow::Result<Manifest> {
        self.provider.manifest(order, &self.offer, 1)
    }

    /// A manifest with other terms than the offer's.
    pub fn manifest_with(
        &self,
        order: &Order,
        change: impl FnOnce(&mut TermsForm),
    ) -> anyhow::Result<Manifest> {
        let mut terms = TermsForm::from(self.offer.content.cdvm.clone());
        change(&mut terms);
        let terms = Terms::try_from(terms)?;
        let deployment = self.manifest(order)?.deployment().clone();
        Ok(Manifest::new(order.clone(), terms, deployment)?)
    }

    /// Starts the guest of a manifest, whatever it says.
    pub async fn launch(&self, manifest: &Manifest) -> anyhow::Result<Pod> {
        self.provider.launch(&self.provider.pod(manifest)?).await
    }

    /// Starts a guest that claims to be that of a manifest: everything is allowed
    /// in it, and a lying agent speaks for it.
    pub async fn launch_rogue(&self, manifest: &Manifest) -> anyhow::Result<Pod> {
        let mut pod = self.provider.pod(manifest)?;
        let honest = policy_text(manifest);
        let data = honest.lines().last().context("the policy has no data")?;
        let toml = job::init_data(manifest)?.as_str().to_owned();
        let rogue = self.provider.world.image("rogue")?.to_owned();
        // Both policies: the agent's, and that of images.
        let workload = manifest.terms().workload.image.to_string();
        let toml = toml.replace(&honest, &format!("{ALLOW_ALL}\n{data}\n"));
        let toml = toml.replace(&workload, &rogue);
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(INIT_DATA.to_owned(), encode_annotation(&toml));
        let spec = pod.spec.as_mut().context("a pod has a spec")?;
        let main = &mut spec.containers[0];
        main.image = Some(rogue);
        main.command = Some(vec!["/rogue".to_owned()]);
        self.provider.launch(&pod).await
    }

    /// Evidence for a key, signed with a chip of one's own choice: everything in it
    /// is as it should be.
    pub fn evidence_by(
        &self,
        chip: &Chip,
        key: PublicKey,
        manifest: &Manifest,
    ) -> anyhow::Result<Shown> {
        let order = manifest.order();
        let mut fields = Fields::new(chip);
        let vcpus = manifest.terms().resources.vcpus;
        fields.measurement = simvendor::measurement(vcpus, operator::pod::GUEST_API);
        fields.host_data = *job::init_data(manifest)?.digest().as_bytes();
        let bound = report_data(
            key,
            order.id(),
            order.customer(),
            order.provider(),
            order.challenge(),
            manifest.digest(),
        );
        fields.report_data = *bound.as_bytes();
        Ok(Shown {
            report: fields.sign(chip)?,
            certificate: chip.certificate().to_vec(),
            manifest: manifest.bytes().to_vec(),
        })
    }

    /// Says hello to a customer in the name of `keys`.
    pub async fn claim(&self, order: &Order, keys: &Keys, shown: Shown) -> anyhow::Result<()> {
        let Shown {
            report,
            certificate,
            manifest,
        } = shown;
        let claim = Attestation {
            author: keys.public_key(),
            recipient: order.customer(),
            job: order.id(),
            report,
            certificate,
            manifest,
        };
        let rumor = dvm::attestation::to_rumor(&claim, now());
        let event = wrap(&rumor, keys, order.customer(), now())?;
        self.ears.relays.publish(&event).await?;
        Ok(())
    }
}

/// What a guest shows besides its key.
pub struct Shown {
    /// The report's bytes.
    pub report: Vec<u8>,
    /// DER of the signing key's certificate.
    pub certificate: Vec<u8>,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
}

impl From<Attestation> for Shown {
    fn from(attestation: Attestation) -> Self {
        Self {
            report: attestation.report,
            certificate: attestation.certificate,
            manifest: attestation.manifest,
        }
    }
}
