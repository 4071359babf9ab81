//! One judgement, and what is brought for it: judged first, then with what was
//! lacking, until nothing more helps. What decides is the judgement alone.

use evidence::{Certificate, Generation, RevocationList};
use job::{Check, Timestamp, Trust};

use crate::fetch::Fetcher;
use crate::item::{self, Item, Signer};
use crate::source::Effort;
use crate::subject::Subject;
use crate::told::{From, Listen, Missing, Told, days_old};

/// Evidence on its way to a judgement.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'e> {
    /// The report's bytes.
    pub report: &'e [u8],
    /// DER of the signing key's certificate; empty when it brought none.
    pub certificate: &'e [u8],
}

/// How evidence was judged, as far as collateral is concerned.
#[derive(Clone, Debug)]
pub struct Judgement<T> {
    /// Name of the check that refused; nothing when it is accepted.
    refused_by: Option<String>,
    /// Whether it came to a revocation list.
    used_list: bool,
    /// The judgement itself.
    result: T,
}

impl<T> Judgement<T> {
    /// Of a judgement's checks in order; the last one of a refusal failed.
    pub fn new(checks: &[Check], refused: bool, result: T) -> Self {
        let last = checks.last().filter(|_| refused);
        Self {
            refused_by: last.map(|check| check.name.to_string()),
            used_list: checks.iter().any(|check| check.name == "revocation list"),
            result,
        }
    }

    /// The judgement itself, when nothing is brought for it.
    pub fn into_result(self) -> T {
        self.result
    }
}

/// The last judgement, and what it was made with.
#[derive(Clone, Debug)]
pub struct Judged<T> {
    /// The judgement.
    pub result: T,
    /// The certificate it was made with.
    pub certificate: Vec<u8>,
    /// What was lacking and is not to be had.
    pub missing: Option<Missing>,
}

/// Judges, with what the evidence did not bring if that is all that is missing. For
/// evidence of no `subject`, nothing is fetched: [`Subject::of_hardware`] is the gate.
pub async fn judged<T, L: Listen>(
    fetcher: Fetcher<'_, L>,
    subject: Option<Subject>,
    shown: Shown<'_>,
    trust: &Trust,
    judge: impl Fn(&[u8], &Trust) -> Judgement<T>,
) -> Judged<T> {
    let certificate = shown.certificate.to_vec();
    let Some(subject) = subject else {
        let Judgement { result, .. } = judge(&certificate, trust);
        return Judged {
            result,
            certificate,
            missing: None,
        };
    };
    let supply = Supply::new(fetcher, subject, certificate, trust);
    supply.judged(judge).await
}

/// What can be lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// The certificate of the signing key.
    Key,
    /// The intermediate above a provider's key.
    Chain,
    /// A revocation list, or a newer one.
    List,
}

/// One judgement, and what is brought for it.
pub(crate) struct Supply<'c, L> {
    fetcher: Fetcher<'c, L>,
    subject: Subject,
    trust: Trust,
    /// Date of the list in the trust file.
    own_list: Option<Timestamp>,
    /// Where the list came from, if it is not the trust file's.
    list: From,
    certificate: Vec<u8>,
}

impl<'c, L: Listen> Supply<'c, L> {
    /// For evidence that brought this certificate, or an empty one.
    pub(crate) fn new(
        fetcher: Fetcher<'c, L>,
        subject: Subject,
        certificate: Vec<u8>,
        trust: &Trust,
    ) -> Self {
        Self {
            trust: with_kept_list(fetcher, &subject, trust),
            own_list: list_date(trust, subject.generation),
            list: From::Disk,
            fetcher,
            subject,
            certificate,
        }
    }

    /// Judges until it is accepted, or refused for what no collateral helps: the
    /// last judgement, and the certificate it was made with.
    pub(crate) async fn judged<T>(
        mut self,
        judge: impl Fn(&[u8], &Trust) -> Judgement<T>,
    ) -> Judged<T> {
        loop {
            let Judgement {
                refused_by,
                used_list,
                result,
            } = judge(&self.certificate, &self.trust);
            let brought = match self.lack(refused_by.as_deref()) {
                None => {
                    if used_list {
                        self.tell_list();
                    }
                    return Judged {
                        result,
                        certificate: self.certificate,
                        missing: None,
                    };
                }
                Some(Lack::Key) => self.bring_key().await,
                Some(Lack::Chain) => self.bring_chain().await,
                Some(Lack::List) => self.bring_list().await,
            };
            if let Err(missing) = brought {
                if self.fetcher.effort == Effort::Fetch {
                    let told = Told::Missing(Box::new(missing.clone()));
                    self.fetcher.listener.hear(told);
                }
                return Judged {
                    result,
                    certificate: self.certificate,
                    missing: Some(missing),
                };
            }
        }
    }

    /// What a refusal would need, if it is collateral.
    fn lack(&self, refused_by: Option<&str>) -> Option<Lack> {
        match refused_by? {
            "signing key" if self.certificate.is_empty() => Some(Lack::Key),
            "vendor chain" if self.has_no_chain() => Some(Lack::Chain),
            "revocation list" => Some(Lack::List),
            _ => None,
        }
    }

    /// Whether there is no intermediate for the key that signed: none for
    /// providers' keys is compiled in.
    fn has_no_chain(&self) -> bool {
        let root = self.trust.root(self.subject.generation);
        let has_none = root.is_some_and(|root| root.asvk().is_none());
        has_none && self.subject.signer() == Signer::Vlek
    }

    async fn bring_key(&mut self) -> Result<(), Missing> {
        let item = self.subject.key()?;
        let report = &self.subject.report;
        // A certificate that does not fit is judged with all the same: the report may
        // be the one that is not genuine.
        let good = |der: &[u8]| is_key_of(der, report);
        let brought = self.fetcher.bring(&item, &self.trust, good).await?;
        self.certificate = brought.bytes;
        self.fetcher.tell(item, brought.from, None);
        Ok(())
    }

    async fn bring_chain(&mut self) -> Result<(), Missing> {
        let (item, generation) = (self.subject.chain(), self.subject.generation);
        // As above: this key's certificate may be the one that is not genuine.
        let good = |pem: &[u8]| is_above(pem, &self.certificate, &self.trust, generation);
        let brought = self.fetcher.bring(&item, &self.trust, good).await?;
        let intermediate = item::intermediate(&brought.bytes);
        let trust = self.trust.clone();
        let with = trust.with_vlek_intermediate(generation, &intermediate);
        self.trust = with.map_err(|error| self.unfit(&item, &error))?;
        self.fetcher.tell(item, brought.from, None);
        Ok(())
    }

    async fn bring_list(&mut self) -> Result<(), Missing> {
        let (item, generation) = (self.subject.list(), self.subject.generation);
        if let (From::Server(_), Some(list)) = (&self.list, list(&self.trust, generation)) {
            return Err(self.not_good(item, list));
        }
        let before = list_date(&self.trust, generation);
        let now = self.fetcher.now;
        let newer = |bytes: &[u8]| item.is_newer(bytes, before, &self.trust, now);
        let brought = self.fetcher.fetch(&item, &self.trust, newer).await?;
        let trust = self.trust.clone();
        let with = trust.with_revocation_list(generation, &brought.bytes);
        self.trust = with.map_err(|error| self.unfit(&item, &error))?;
        self.list = brought.from;
        Ok(())
    }

    fn unfit(&self, item: &Item, error: &dyn std::error::Error) -> Missing {
        let source = self.fetcher.source;
        source.missing(item, &item::causes(error))
    }

    /// The newest list there is, and still refused: a setting helps against its age
    /// alone.
    fn not_good(&self, item: Item, list: &RevocationList) -> Missing {
        let (now, made_at) = (self.fetcher.now, list.made_at());
        let (when, next) = if made_at > now {
            (
                format!("not made yet on {now}"),
                "set the clock right; to verify as on another day, keep a list of that day, and \
                 have none in your trust file that is newer",
            )
        } else if let Some(until) = list.replaced_at()
            && until >= now
        {
            let age = days_old(now.since(made_at));
            (
                format!(
                    "{age}, in force until {until}: the vendor has no list as new as your trust \
                     file asks for"
                ),
                "wait for the vendor's next one, or ask for less: raise revocation_max_age_days in \
                 your trust file above that age, or leave it out, and the vendor's own date counts",
            )
        } else {
            let until = list.replaced_at();
            let until = until.map_or_else(
                || "names no end".to_owned(),
                |until| format!("in force until {until} only"),
            );
            (
                until,
                "wait for the vendor's next one: no setting accepts a list that is over",
            )
        };
        let why = format!("the newest there is was made {made_at}, {when}");
        Missing {
            item: Some(item),
            why,
            next: next.to_owned(),
        }
    }

    /// The list that a judgement used, if it is not the trust file's own.
    fn tell_list(&self) {
        let made_at = list_date(&self.trust, self.subject.generation);
        if made_at != self.own_list {
            let (item, from) = (self.subject.list(), self.list.clone());
            self.fetcher.tell(item, from, made_at);
        }
    }
}

/// Whether this is the certificate of the key that signed this report.
pub(crate) fn is_key_of(der: &[u8], report: &evidence::Report) -> bool {
    Certificate::parse(der).is_ok_and(|certificate| certificate.has_signed_report(report))
}

/// Whether the intermediate in this chain signed that key's certificate.
pub(crate) fn is_above(
    chain: &[u8],
    certificate: &[u8],
    trust: &Trust,
    generation: Generation,
) -> bool {
    let root = trust.root(generation).cloned();
    let root = root.and_then(|root| root.with_asvk(&item::intermediate(chain)).ok());
    root.is_some_and(|root| root.with_endorsement_key(certificate).is_ok())
}

/// The trust with the newest list that is kept, if that is newer than its own.
fn with_kept_list<L>(fetcher: Fetcher<'_, L>, subject: &Subject, trust: &Trust) -> Trust {
    let (generation, signer) = (subject.generation, subject.signer());
    let store = &fetcher.source.store;
    let lists = store.dated(&Item::List(generation, signer), fetcher.now);
    let mut good = lists
        .iter()
        .filter_map(|list| trust.clone().with_revocation_list(generation, list).ok());
    good.next().unwrap_or_else(|| trust.clone())
}

fn list(trust: &Trust, generation: Generation) -> Option<&RevocationList> {
    trust.root(generation)?.revocation_list()
}

fn list_date(trust: &Trust, generation: Generation) -> Option<Timestamp> {
    list(trust, generation).map(RevocationList::made_at)
}
