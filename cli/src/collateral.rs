//! What evidence did not bring: the certificate of the chip's key, and the
//! vendor's revocation list. It comes from the disk, and else from the vendor's
//! key server; it is verified wherever it comes from (`item.rs`), and decides
//! nothing: the judgement is made again with it, by the same function.
//!
//! Nothing is fetched under a simulated root, and nothing before all that needs
//! no collateral was verified: what somebody else sent makes no requests.

mod bundle;
pub(crate) mod command;
pub(crate) mod item;
pub(crate) mod server;
mod store;
mod throttle;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evidence::{Generation, Report, RevocationList, RootClass};
use job::{Timestamp, Trust};

use crate::context::Context;
use crate::news::News;
use crate::tell::Teller;
use crate::verdict::{Finding, Verdict};
use item::{Item, fits};
use server::{Address, Outage, Pace, Server};
use store::Store;
use throttle::{Throttle, Turn};

/// Certificates asked for in one run: a job has one machine, and everybody can
/// answer a public order with another chip's number.
const MAX_KEYS_ASKED: usize = 4;

/// Where collateral may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From the disk, and else from this key server.
    Server(Address),
    /// From the disk alone: `--offline`.
    Offline,
}

/// How much a judgement is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Fetch what is missing, as far as the customer allows it.
    Fetch,
    /// Take what is kept, and say nothing about what is not: for machines that
    /// get no data whatever they are.
    Disk,
}

/// Where an item came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Kept here.
    Disk,
    /// This key server, just now.
    Server(String),
    /// A file that was brought here.
    Bundle(PathBuf),
}

/// An item that a judgement used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// What.
    pub(crate) item: Item,
    /// Where it came from.
    pub(crate) from: From,
    /// When a revocation list was made, and how long ago that is.
    pub(crate) made: Option<(Timestamp, u64)>,
}

/// An item that a judgement wanted and did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// What, if it has a name.
    pub(crate) item: Option<Item>,
    /// Why.
    pub(crate) why: String,
    /// What to do.
    pub(crate) next: String,
}

/// Collateral for one run.
pub(crate) struct Collateral {
    store: Store,
    /// Nothing when there is no place to keep it: then nobody is asked.
    throttle: Option<Throttle>,
    reach: Reach,
    pace: Pace,
    /// What was asked for in this run: nothing is asked for twice.
    asked: RefCell<Vec<Item>>,
}

impl Collateral {
    /// Kept in `dir`, if there is such a place, and fetched as `reach` says.
    pub(crate) fn new(dir: Option<&Path>, reach: Reach) -> Self {
        Self::with_pace(dir, reach, Pace::VENDOR)
    }

    fn with_pace(dir: Option<&Path>, reach: Reach, pace: Pace) -> Self {
        Self {
            store: Store::new(dir),
            throttle: dir.map(|dir| Throttle::new(dir, pace.between)),
            reach,
            pace,
            asked: RefCell::default(),
        }
    }

    /// The trust with the newest list that is kept, if that is newer than its own.
    fn stock(&self, trust: &Trust, report: &Report, subject: Generation, now: Timestamp) -> Trust {
        let Item::List(_, signer) = Item::list_of(report, subject) else {
            return trust.clone();
        };
        let lists = self.store.lists(subject, signer, now);
        let mut good = lists
            .iter()
            .filter_map(|list| trust.clone().with_revocation_list(subject, list).ok());
        good.next().unwrap_or_else(|| trust.clone())
    }

    /// The item as it is kept, not yet verified; of lists the newest until `now`.
    fn kept(&self, item: &Item, now: Timestamp) -> Option<Vec<u8>> {
        match item {
            Item::Key { .. } | Item::Chain(_) => self.store.read(item),
            Item::List(generation, signer) => {
                let lists = self.store.lists(*generation, *signer, now);
                lists.into_iter().next()
            }
        }
    }

    /// Fetches an item in its turn and verifies it. What is `good` is kept for the
    /// next time, and is taken without asking if it came meanwhile.
    async fn fetch(
        &self,
        teller: &Teller,
        item: &Item,
        trust: &Trust,
        now: Timestamp,
        good: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<u8>, From), Missing> {
        let Reach::Server(address) = &self.reach else {
            return Err(self.missing(item, "--offline: nothing is fetched"));
        };
        let missing =
            |why: &dyn std::fmt::Display| self.missing(item, &format!("{}: {why}", address.name()));
        let Some(throttle) = &self.throttle else {
            return Err(missing(
                &"not asked: there is no place to keep its turns, name one with --state",
            ));
        };
        if !self.may_ask(item) {
            return Err(missing(&"not asked again in this run"));
        }
        let server = Server::new(address.clone(), self.pace);
        let server = server.map_err(|error| missing(&format!("{error:#}")))?;
        let ends = tokio::time::Instant::now() + self.pace.patience;
        let mut outage = None;
        for tries in 1..=self.pace.tries {
            let left = ends.saturating_duration_since(tokio::time::Instant::now());
            match throttle.take(&address.name(), unix_ms(), left) {
                Ok(Turn::In(wait)) => self.wait(teller, address, wait, outage.as_ref()).await,
                Ok(Turn::TooLate(wait)) => {
                    let seconds = wait.as_secs();
                    let why = match &outage {
                        Some(outage) => format!("{outage}; not to be asked for {seconds} s"),
                        None => format!("not to be asked for {seconds} s"),
                    };
                    return Err(missing(&why));
                }
                Err(error) => return Err(missing(&format!("{error:#}"))),
            }
            // Another run may have fetched it meanwhile.
            if let Some(kept) = self.kept(item, now)
                && good(&kept)
            {
                return Ok((kept, From::Disk));
            }
            teller.tell(&News::Asking {
                item: item.clone(),
                server: address.name(),
                url: address.of(item),
            });
            let answer = server.get(item).await;
            // A slow answer moves the next turn: what counts is when they asked last.
            let left = throttle.leave_alone(&address.name(), unix_ms(), self.pace.between);
            left.map_err(|error| missing(&format!("{error:#}")))?;
            match answer {
                Ok(bytes) => {
                    let unfit = |unfit| missing(&format!("it sent what is not one: {unfit}"));
                    let made_at = item.verify(&bytes, trust, now).map_err(unfit)?;
                    if good(&bytes)
                        && let Err(error) = self.store.keep(item, made_at, &bytes)
                    {
                        let text = format!("it is not kept for the next time: {error:#}");
                        teller.tell(&News::Warning { text });
                    }
                    return Ok((bytes, From::Server(address.name())));
                }
                Err(failed) if failed.may_pass() => {
                    let alone = self.alone(&failed, tries);
                    let kept = throttle.leave_alone(&address.name(), unix_ms(), alone);
                    kept.map_err(|error| missing(&format!("{error:#}")))?;
                    outage = Some(failed);
                }
                Err(failed) => return Err(missing(&failed)),
            }
        }
        let why = outage.map_or_else(String::new, |outage| outage.to_string());
        Err(missing(&format!("{why}, {} times", self.pace.tries)))
    }

    /// How long a server in trouble is left alone: twice as long each time, and
    /// as long as it asks for.
    fn alone(&self, outage: &Outage, tries: u32) -> Duration {
        let ours = self.pace.between * 2_u32.saturating_pow(tries.saturating_sub(1));
        match outage {
            Outage::Throttled(Some(asked)) => ours.max(*asked),
            _ => ours,
        }
    }

    async fn wait(
        &self,
        teller: &Teller,
        address: &Address,
        wait: Duration,
        outage: Option<&Outage>,
    ) {
        if wait.is_zero() {
            return;
        }
        let ends = tokio::time::Instant::now() + wait;
        loop {
            let left = ends.saturating_duration_since(tokio::time::Instant::now());
            teller.tell(&News::Waiting {
                server: address.name(),
                seconds: left
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(u64::MAX),
                why: match outage {
                    Some(outage) => outage.to_string(),
                    None => format!("it takes one request in {} s", self.pace.between.as_secs()),
                },
            });
            // A line now and then shows that it still goes on.
            let step = left.min(self.pace.between.min(Duration::from_secs(5)));
            tokio::time::sleep(step).await;
            if step == left {
                return;
            }
        }
    }

    fn may_ask(&self, item: &Item) -> bool {
        let mut asked = self.asked.borrow_mut();
        let keys = asked.iter().filter(|item| matches!(item, Item::Key { .. }));
        let one_key_more = matches!(item, Item::Key { .. }) && keys.count() >= MAX_KEYS_ASKED;
        let ask = !one_key_more && !asked.contains(item);
        if ask {
            asked.push(item.clone());
        }
        ask
    }

    fn missing(&self, item: &Item, why: &str) -> Missing {
        let next = match &self.reach {
            Reach::Server(_) => {
                "try again later; every step goes on where another ended. Or bring it from \
                 elsewhere: cdvm collateral import FILE"
            }
            Reach::Offline => {
                "leave out --offline, or bring it: where there is a network, cdvm collateral \
                 export --evidence FILE --output BUNDLE, and here, cdvm collateral import BUNDLE"
            }
        };
        Missing {
            item: Some(item.clone()),
            why: why.to_owned(),
            next: next.to_owned(),
        }
    }
}

/// Evidence on its way to a judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'e> {
    /// The report's bytes.
    pub(crate) report: &'e [u8],
    /// DER of the signing key's certificate; empty when it brought none.
    pub(crate) certificate: &'e [u8],
}

/// Judges, with what the evidence did not bring if that is all that is missing:
/// the last judgement, and the certificate it was made with.
pub(crate) async fn judged<T>(
    context: &Context<'_>,
    shown: Shown<'_>,
    trust: &Trust,
    now: Timestamp,
    effort: Effort,
    judge: impl Fn(&[u8], &Trust) -> (Verdict, T),
) -> (Verdict, T, Vec<u8>) {
    let certificate = shown.certificate.to_vec();
    let Some((report, generation)) = subject(shown.report, trust) else {
        let (verdict, result) = judge(&certificate, trust);
        return (verdict, result, certificate);
    };
    let supply = Supply {
        teller: context.teller,
        collateral: &context.collateral,
        effort,
        trust: context.collateral.stock(trust, &report, generation, now),
        own_list: list_date(trust, generation),
        list: From::Disk,
        report,
        generation,
        certificate,
        now,
    };
    supply.judged(judge).await
}

/// The report and its generation, if hardware could vouch for it: under a
/// simulated root nothing is asked for.
fn subject(report: &[u8], trust: &Trust) -> Option<(Report, Generation)> {
    let report = Report::parse(report).ok()?;
    let (family, model) = report.cpuid()?;
    let generation = Generation::from_cpuid(family, model)?;
    let root = trust.root(generation)?;
    (root.class() == RootClass::Vendor).then_some((report, generation))
}

fn list_date(trust: &Trust, generation: Generation) -> Option<Timestamp> {
    let list = trust.root(generation)?.revocation_list();
    list.map(RevocationList::made_at)
}

/// Two sorts of things can be lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Key,
    List,
}

/// One judgement, and what is brought for it.
struct Supply<'c> {
    teller: &'c Teller,
    collateral: &'c Collateral,
    effort: Effort,
    trust: Trust,
    /// Date of the list in the trust file.
    own_list: Option<Timestamp>,
    /// Where the list came from, if it is not the trust file's.
    list: From,
    report: Report,
    generation: Generation,
    certificate: Vec<u8>,
    now: Timestamp,
}

impl Supply<'_> {
    async fn judged<T>(
        mut self,
        judge: impl Fn(&[u8], &Trust) -> (Verdict, T),
    ) -> (Verdict, T, Vec<u8>) {
        loop {
            let (mut verdict, result) = judge(&self.certificate, &self.trust);
            let brought = match self.lack(&verdict) {
                None => {
                    self.tell_list(&verdict);
                    return (verdict, result, self.certificate);
                }
                Some(Lack::Key) => self.bring_key().await,
                Some(Lack::List) => self.bring_list().await,
            };
            if let Err(missing) = brought {
                if self.effort == Effort::Fetch {
                    advise(&mut verdict, &missing);
                    self.teller.tell(&News::Missing(Box::new(missing)));
                }
                return (verdict, result, self.certificate);
            }
        }
    }

    /// What a refusal would need, if it is collateral.
    fn lack(&self, verdict: &Verdict) -> Option<Lack> {
        let Finding::Refused { .. } = verdict.finding else {
            return None;
        };
        match &*verdict.checks.last()?.name {
            "signing key" if self.certificate.is_empty() => Some(Lack::Key),
            "revocation list" => Some(Lack::List),
            _ => None,
        }
    }

    async fn bring_key(&mut self) -> Result<(), Missing> {
        let item = Item::key_of(&self.report, self.generation).map_err(|why| Missing {
            item: None,
            why: why.to_owned(),
            next: "ask the provider to have the machine send it with its evidence".to_owned(),
        })?;
        let (report, now) = (self.report.bytes(), self.now);
        // A certificate that does not fit is judged with all the same: the report may
        // be the one that is not genuine.
        let good = |bytes: &[u8]| fits(report, bytes, &self.trust, now);
        let kept = self.collateral.kept(&item, now).filter(|kept| good(kept));
        let (bytes, from) = match kept {
            Some(kept) => (kept, From::Disk),
            None => self.fetch(&item, good).await?,
        };
        self.certificate = bytes;
        self.tell_used(item, from, None);
        Ok(())
    }

    async fn bring_list(&mut self) -> Result<(), Missing> {
        let item = Item::list_of(&self.report, self.generation);
        let before = list_date(&self.trust, self.generation);
        if let (From::Server(_), Some(made_at)) = (&self.list, before) {
            return Err(self.stale(item, made_at));
        }
        let newer = |bytes: &[u8]| {
            let made_at = item.verify(bytes, &self.trust, self.now);
            made_at.is_ok_and(|made_at| made_at > before)
        };
        let (bytes, from) = self.fetch(&item, newer).await?;
        let trust = self.trust.clone();
        let with = trust.with_revocation_list(self.generation, &bytes);
        let with = with.map_err(|error| self.collateral.missing(&item, &item::chain(&error)));
        (self.trust, self.list) = (with?, from);
        Ok(())
    }

    async fn fetch(
        &self,
        item: &Item,
        good: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<u8>, From), Missing> {
        match self.effort {
            Effort::Fetch => {
                let fetched = self
                    .collateral
                    .fetch(self.teller, item, &self.trust, self.now, good);
                fetched.await
            }
            Effort::Disk => Err(self.collateral.missing(item, "not kept here")),
        }
    }

    /// The newest list there is, and not new enough for the trust file.
    fn stale(&self, item: Item, made_at: Timestamp) -> Missing {
        let why = format!(
            "the newest the vendor has was made {made_at}, {}",
            days_old(self.now.since(made_at))
        );
        let next = "wait for the vendor's next one, or accept older ones: \
                    revocation_max_age_days in your trust file";
        Missing {
            item: Some(item),
            why,
            next: next.to_owned(),
        }
    }

    /// The list that a judgement used, if it is not the trust file's own.
    fn tell_list(&self, verdict: &Verdict) {
        let mut checks = verdict.checks.iter();
        let made_at = list_date(&self.trust, self.generation);
        if checks.any(|check| check.name == "revocation list") && made_at != self.own_list {
            let item = Item::list_of(&self.report, self.generation);
            self.tell_used(item, self.list.clone(), made_at);
        }
    }

    fn tell_used(&self, item: Item, from: From, made_at: Option<Timestamp>) {
        if self.effort == Effort::Fetch {
            let used = Used::new(item, from, made_at, self.now);
            self.teller.tell(&News::Collateral(Box::new(used)));
        }
    }
}

impl Used {
    fn new(item: Item, from: From, made_at: Option<Timestamp>, now: Timestamp) -> Self {
        let made = made_at.map(|made_at| (made_at, now.since(made_at)));
        Self { item, from, made }
    }
}

/// `12 days old`.
pub(crate) fn days_old(secs: u64) -> String {
    match secs / 86_400 {
        1 => "1 day old".to_owned(),
        days => format!("{days} days old"),
    }
}

/// A refusal for want of collateral says how to get it.
fn advise(verdict: &mut Verdict, missing: &Missing) {
    if let Finding::Refused { advice, .. } = &mut verdict.finding {
        advice.clone_from(&missing.next);
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
