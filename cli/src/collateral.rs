//! What evidence did not bring: the certificate of the chip's key, the chain above
//! a provider's key, and the vendor's revocation list. It comes from the disk, and
//! else from the vendor's key server (`fetch.rs`); it is verified wherever it comes
//! from (`item.rs`), and decides nothing: the judgement is made again with it, by
//! the same function (`supply.rs`).
//!
//! Nothing is fetched under a simulated root, and nothing before all that needs
//! no collateral was verified: what somebody else sent makes no requests.

mod bundle;
pub(crate) mod command;
mod fetch;
mod gather;
#[cfg(feature = "tdx")]
pub(crate) mod intel;
pub(crate) mod item;
#[cfg(feature = "tdx")]
pub(crate) mod quote;
mod retry_after;
pub(crate) mod server;
mod store;
mod subject;
mod supply;
mod throttle;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use job::{Timestamp, Trust};

use crate::context::Context;
use crate::verdict::Verdict;
use fetch::Fetcher;
use item::Item;
use server::{Pace, Servers};
use store::Store;
use subject::Subject;
use supply::Supply;
use throttle::Throttle;

/// Where collateral may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From the disk, and else from these servers.
    Servers(Servers),
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
    /// This server, just now.
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
    /// When a dated item was made, and how long ago that is.
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
        Self::with_pace(dir, reach, Pace::AMD)
    }

    fn with_pace(dir: Option<&Path>, reach: Reach, pace: Pace) -> Self {
        Self {
            store: Store::new(dir),
            throttle: dir.map(Throttle::new),
            reach,
            pace,
            asked: RefCell::default(),
        }
    }

    /// The item as it is kept, not yet verified; of dated ones the newest until `now`.
    fn kept(&self, item: &Item, now: Timestamp) -> Option<Vec<u8>> {
        if item.is_dated() {
            self.store.dated(item, now).into_iter().next()
        } else {
            self.store.read(item)
        }
    }

    /// How its server is asked for an item. Intel's names no limit: it is asked ten
    /// times as often as AMD's.
    fn pace(&self, item: &Item) -> Pace {
        match item {
            Item::Key { .. } | Item::Chain(..) | Item::List(..) => self.pace,
            #[cfg(feature = "tdx")]
            Item::Intel(_) => Pace {
                between: self.pace.between / 10,
                ..self.pace
            },
        }
    }

    /// An item that is not to be had: why, and what to do.
    fn missing(&self, item: &Item, why: &str) -> Missing {
        let next = match &self.reach {
            Reach::Servers(_) => {
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
    let Some(subject) = Subject::of_hardware(shown.report, trust) else {
        let (verdict, result) = judge(&certificate, trust);
        return (verdict, result, certificate);
    };
    let fetcher = Fetcher {
        teller: context.teller,
        collateral: &context.collateral,
        effort,
        now,
    };
    let supply = Supply::new(fetcher, subject, certificate, trust);
    supply.judged(judge).await
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

#[cfg(test)]
pub(crate) mod tests;
