//! Collecting for an export: everything that is kept, or what some evidence or
//! some processors need, kept or fetched. Whether anything may be asked for was
//! decided before (`subject.rs`).

use evidence::Generation;
#[cfg(feature = "tdx")]
use evidence::tdx::Platform;
use job::{Timestamp, Trust};

use super::fetch::Fetcher;
use super::item::{Item, Signer};
use super::subject::Subject;
use super::supply::{is_above, is_key_of};
use super::{From, Missing, Reach};

/// What was collected.
pub(super) struct Gathering<'c> {
    fetcher: Fetcher<'c>,
    trust: &'c Trust,
    items: Vec<(Item, Vec<u8>)>,
}

impl<'c> Gathering<'c> {
    /// Nothing yet.
    pub(super) const fn new(fetcher: Fetcher<'c>, trust: &'c Trust) -> Self {
        Self {
            fetcher,
            trust,
            items: Vec::new(),
        }
    }

    /// Each item once, as it was verified.
    pub(super) fn items(&self) -> &[(Item, Vec<u8>)] {
        &self.items
    }

    /// Everything that is kept and verifies.
    pub(super) fn all_kept(&mut self) {
        for entry in self.fetcher.collateral.store.entries() {
            let Some(bytes) = entry.read() else { continue };
            if let Ok(made_at) = entry.item.verify(&bytes, self.trust, self.fetcher.now) {
                self.add(entry.item, bytes, From::Disk, made_at);
            }
        }
    }

    /// What this evidence, which brought this certificate or an empty one, needs:
    /// the certificate, the chain above a provider's key, the revocation list.
    ///
    /// # Errors
    /// What is not to be had.
    pub(super) async fn for_evidence(
        &mut self,
        subject: &Subject,
        certificate: &[u8],
    ) -> Result<(), Missing> {
        if certificate.is_empty() {
            let good = |der: &[u8]| is_key_of(der, &subject.report);
            self.bring(subject.key()?, good).await?;
        }
        if subject.signer() == Signer::Vlek {
            let (trust, generation) = (self.trust, subject.generation);
            let good = |pem: &[u8]| is_above(pem, certificate, trust, generation);
            self.bring(subject.chain(), good).await?;
        }
        self.newest(subject.list()).await
    }

    /// Everything above the keys of these processors, the chips' own and those
    /// lent to providers.
    ///
    /// # Errors
    /// What is not to be had.
    pub(super) async fn for_generation(&mut self, generation: Generation) -> Result<(), Missing> {
        for signer in Signer::ALL {
            self.bring(Item::Chain(generation, signer), |_| true)
                .await?;
            self.newest(Item::List(generation, signer)).await?;
        }
        Ok(())
    }

    /// What quotes of this platform need.
    ///
    /// # Errors
    /// What is not to be had.
    #[cfg(feature = "tdx")]
    pub(super) async fn for_platform(&mut self, platform: Platform) -> Result<(), Missing> {
        for part in super::quote::parts_of(platform) {
            self.newest(Item::Intel(part)).await?;
        }
        Ok(())
    }

    async fn bring(&mut self, item: Item, good: impl Fn(&[u8]) -> bool) -> Result<(), Missing> {
        if !self.has(&item) {
            let (bytes, from) = self.fetcher.bring(&item, self.trust, good).await?;
            self.add(item, bytes, from, None);
        }
        Ok(())
    }

    /// What is exported should be good for long: a dated item as new as can be, unless
    /// nothing may be fetched and one is kept.
    async fn newest(&mut self, item: Item) -> Result<(), Missing> {
        if self.has(&item) {
            return Ok(());
        }
        let Fetcher {
            collateral, now, ..
        } = self.fetcher;
        let trust = self.trust;
        let date = |bytes: &[u8]| item.verify(bytes, trust, now).ok().flatten();
        let kept = collateral.kept(&item, now);
        let kept = kept.and_then(|kept| Some((date(&kept)?, kept)));
        let kept_of = kept.as_ref().map(|(made_at, _)| *made_at);
        let (bytes, from) = match (&collateral.reach, kept) {
            (Reach::Offline, Some((_, kept))) => (kept, From::Disk),
            (Reach::Offline | Reach::Servers(_), kept) => {
                // What is kept is no reason not to ask: it may be old. Nor does an
                // older one take its place.
                let newer = |bytes: &[u8]| date(bytes) > kept_of;
                let (bytes, from) = self.fetcher.fetch(&item, trust, newer).await?;
                match kept {
                    Some((made_at, kept)) if date(&bytes) < Some(made_at) => (kept, From::Disk),
                    Some(_) | None => (bytes, from),
                }
            }
        };
        let made_at = date(&bytes);
        self.add(item, bytes, from, made_at);
        Ok(())
    }

    fn has(&self, item: &Item) -> bool {
        self.items.iter().any(|(listed, _)| listed == item)
    }

    fn add(&mut self, item: Item, bytes: Vec<u8>, from: From, made_at: Option<Timestamp>) {
        self.fetcher.tell(item.clone(), from, made_at);
        self.items.push((item, bytes));
    }
}
