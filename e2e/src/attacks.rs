//! What a hostile provider tries, one change each. In all of them a machine
//! answers the customer; in none may it get the data.

use anyhow::Context as _;
use dvm::Keys;
use job::{EnvVar, Order, TermsForm};
use simvendor::{Chip, ChipSpec, Generation, Vendor};

use crate::bare::{HandCustomer, now};
use crate::hostile::{Hostile, Shown};

/// An attack on the next order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Another workload image than the offer's.
    Image,
    /// Another command.
    Command,
    /// One more variable.
    Environment,
    /// Other terms besides: a blob server.
    Terms,
    /// Rules that allow everything, over the right manifest.
    Rules,
    /// Evidence of the guest of somebody else's order.
    OtherJob,
    /// Right evidence, for another key.
    OtherKey,
    /// Right evidence, under a root of the provider's own.
    OtherRoot,
    /// A guest the host may debug.
    Debug,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Image,
        Self::Command,
        Self::Environment,
        Self::Terms,
        Self::Rules,
        Self::OtherJob,
        Self::OtherKey,
        Self::OtherRoot,
        Self::Debug,
    ];

    /// Its name, in lower case.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// The check by which the customer must refuse it.
    pub const fn refused_by(self) -> &'static str {
        match self {
            Self::Image => "workload image",
            Self::Command => "workload command",
            Self::Environment => "workload environment",
            Self::Terms => "terms",
            Self::Rules | Self::OtherJob => "HOST_DATA",
            Self::OtherKey => "REPORT_DATA",
            Self::OtherRoot => "signing key",
            Self::Debug => "debug",
        }
    }

    /// Answers an order.
    pub async fn answer(self, hostile: &mut Hostile, order: &Order) -> anyhow::Result<()> {
        match self {
            Self::Image => {
                let image = hostile.provider.world.image("rogue")?.parse()?;
                let change = |terms: &mut TermsForm| terms.workload.image = image;
                launch_with(hostile, order, change).await
            }
            Self::Command => {
                let more = |terms: &mut TermsForm| terms.workload.argv.push("--verbose".to_owned());
                launch_with(hostile, order, more).await
            }
            Self::Environment => {
                let more = EnvVar {
                    name: "LD_PRELOAD".to_owned(),
                    value: "/x.so".to_owned(),
                };
                launch_with(hostile, order, |terms| terms.workload.env.push(more)).await
            }
            Self::Terms => {
                let elsewhere = hostile.provider.servers.blobs.replace("http:", "https:");
                launch_with(hostile, order, |terms| terms.blob_servers = vec![elsewhere]).await
            }
            Self::Rules => hostile
                .launch_rogue(&hostile.manifest(order)?)
                .await
                .map(drop),
            Self::OtherJob => {
                let other = shown_to_another(hostile).await?;
                let manifest = hostile.manifest(order)?.bytes().to_vec();
                let shown = Shown { manifest, ..other };
                hostile.claim(order, &Keys::generate(), shown).await
            }
            Self::OtherKey => {
                let chip = hostile.provider.world.simulated_chip(now())?;
                let other = Keys::generate().public_key();
                let shown = hostile.evidence_by(&chip, other, &hostile.manifest(order)?)?;
                hostile.claim(order, &Keys::generate(), shown).await
            }
            Self::OtherRoot => {
                let secs = now().as_secs();
                let vendor = Vendor::generate(Generation::Genoa, secs)?;
                let chip: Chip = vendor.chip(&ChipSpec::new(Generation::Genoa, secs))?;
                let keys = Keys::generate();
                let manifest = hostile.manifest(order)?;
                let shown = hostile.evidence_by(&chip, keys.public_key(), &manifest)?;
                hostile.claim(order, &keys, shown).await
            }
            Self::Debug => {
                let mut pod = hostile.provider.pod(&hostile.manifest(order)?)?;
                let spec = pod.spec.as_mut().context("a pod has a spec")?;
                spec.runtime_class_name = Some("kata-qemu-snp-debug".to_owned());
                hostile.provider.launch(&pod).await.map(drop)
            }
        }
    }
}

/// Starts a guest of other terms than the offer's.
async fn launch_with(
    hostile: &Hostile,
    order: &Order,
    change: impl FnOnce(&mut TermsForm),
) -> anyhow::Result<()> {
    let manifest = hostile.manifest_with(order, change)?;
    hostile.launch(&manifest).await.map(drop)
}

/// The guest of somebody else's order shows what it is; the provider shows it on.
async fn shown_to_another(hostile: &mut Hostile) -> anyhow::Result<Shown> {
    let other = HandCustomer::new(&hostile.provider, &hostile.offer).await?;
    hostile.launch(&hostile.manifest(&other.order)?).await?;
    Ok(hostile.attestation().await?.into())
}
