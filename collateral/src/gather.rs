//! Collecting for an export: everything that is kept, or what some evidence or
//! some processors need, kept or fetched. Whether anything may be asked for was
//! decided before (`subject.rs`).

use evidence::Generation;
#[cfg(feature = "tdx")]
use evidence::tdx::Platform;
use job::Trust;

use crate::fetch::{Brought, Fetcher};
use crate::item::{Item, Signer};
use crate::source::Reach;
use crate::subject::Subject;
use crate::supply::{is_above, is_key_of};
use crate::told::{From, Listen, Missing};

/// What was collected.
pub struct Gathering<'c, L> {
    fetcher: Fetcher<'c, L>,
    trust: &'c Trust,
    items: Vec<(Item, Vec<u8>)>,
}

impl<'c, L: Listen> Gathering<'c, L> {
    /// Nothing yet.
    pub const fn new(fetcher: Fetcher<'c, L>, trust: &'c Trust) -> Self {
        Self {
            fetcher,
            trust,
            items: Vec::new(),
        }
    }

    /// Each item once, as it was verified.
    pub fn items(&self) -> &[(Item, Vec<u8>)] {
        &self.items
    }

    /// Everything that is kept and verifies.
    pub fn all_kept(&mut self) {
        for entry in self.fetcher.source.store.entries() {
            let Some(bytes) = entry.read() else { continue };
            if let Ok(made_at) = entry.item.verify(&bytes, self.trust, self.fetcher.now) {
                let from = From::Disk;
                self.add(
                    entry.item,
                    Brought {
                        bytes,
                        from,
                        made_at,
                    },
                );
            }
        }
    }

    /// What this evidence, which brought this certificate or an empty one, needs:
    /// the certificate, the chain above a provider's key, the revocation list.
    ///
    /// # Errors
    /// What is not to be had.
    pub async fn for_evidence(
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
    pub async fn for_generation(&mut self, generation: Generation) -> Result<(), Missing> {
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
    pub async fn for_platform(&mut self, platform: Platform) -> Result<(), Missing> {
        for part in crate::quote::parts_of(platform) {
            self.newest(Item::Intel(part)).await?;
        }
        Ok(())
    }

    async fn bring(&mut self, item: Item, good: impl Fn(&[u8]) -> bool) -> Result<(), Missing> {
        if !self.has(&item) {
            let brought = self.fetcher.bring(&item, self.trust, good).await?;
            self.add(item, brought);
        }
        Ok(())
    }

    /// What is exported should be good for long: a dated item as new as can be, unless
    /// nothing may be fetched and one is kept.
    async fn newest(&mut self, item: Item) -> Result<(), Missing> {
        if self.has(&item) {
            return Ok(());
        }
        let (fetcher, trust) = (self.fetcher, self.trust);
        let kept = fetcher.kept(&item, trust, |_| true);
        let brought = match (&fetcher.source.reach, kept) {
            (Reach::Offline, Some(kept)) => kept,
            (Reach::Offline | Reach::Servers(_), kept) => {
                // What is kept is no reason not to ask: it may be old. Nor does an
                // older one take its place.
                let kept_of = kept.as_ref().and_then(|kept| kept.made_at);
                let newer = |bytes: &[u8]| item.is_newer(bytes, kept_of, trust, fetcher.now);
                let fetched = fetcher.fetch(&item, trust, newer).await?;
                match kept {
                    Some(kept) if fetched.made_at < kept.made_at => kept,
                    Some(_) | None => fetched,
                }
            }
        };
        self.add(item, brought);
        Ok(())
    }

    fn has(&self, item: &Item) -> bool {
        self.items.iter().any(|(listed, _)| listed == item)
    }

    fn add(&mut self, item: Item, brought: Brought) {
        let Brought {
            bytes,
            from,
            made_at,
        } = brought;
        self.fetcher.tell(item.clone(), from, made_at);
        self.items.push((item, bytes));
    }
}
