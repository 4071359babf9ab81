//! Where the collateral of one run comes from: the disk, and servers in turn, each
//! item asked for once.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use job::{Timestamp, Trust};

use crate::item::{Item, Unfit};
use crate::server::{Pace, Servers};
use crate::store::Store;
use crate::throttle::Throttle;
use crate::told::Missing;

/// Certificates asked for in one run: a job has one machine, and everybody can
/// answer a public order with another chip's number.
const MAX_KEYS_ASKED: usize = 4;

/// Where collateral may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From the disk, and else from these servers.
    Servers(Servers),
    /// From the disk alone: `--offline`.
    Offline,
}

/// How much a judgement is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Fetch what is missing, as far as the customer allows it.
    Fetch,
    /// Take what is kept, and say nothing about what is not: for machines that
    /// get no data whatever they are.
    Disk,
}

/// Collateral for one run.
pub struct Source {
    pub(crate) store: Store,
    /// Nothing when there is no place to keep it: then nobody is asked.
    pub(crate) throttle: Option<Throttle>,
    pub(crate) reach: Reach,
    pace: Pace,
    /// What was asked for in this run: nothing is asked for twice.
    asked: Mutex<Vec<Item>>,
}

impl Source {
    /// Kept in `dir`, if there is such a place, and fetched as `reach` says.
    pub fn new(dir: Option<&Path>, reach: Reach) -> Self {
        Self::with_pace(dir, reach, Pace::AMD)
    }

    pub(crate) fn with_pace(dir: Option<&Path>, reach: Reach, pace: Pace) -> Self {
        Self {
            store: Store::new(dir),
            throttle: dir.map(Throttle::new),
            reach,
            pace,
            asked: Mutex::default(),
        }
    }

    /// What is kept, in the order of names: each item with its date if it verifies now,
    /// or why it does not.
    pub fn listed(
        &self,
        trust: &Trust,
        now: Timestamp,
    ) -> Vec<(Item, Result<Option<Timestamp>, Unfit>)> {
        let entries = self.store.entries().into_iter();
        let listed = entries.map(|entry| {
            let bytes = entry.read().unwrap_or_default();
            let verified = entry.item.verify(&bytes, trust, now);
            (entry.item, verified)
        });
        listed.collect()
    }

    /// The item as it is kept, not yet verified; of dated ones the newest until `now`.
    pub(crate) fn kept(&self, item: &Item, now: Timestamp) -> Option<Vec<u8>> {
        if item.is_dated() {
            self.store.dated(item, now).into_iter().next()
        } else {
            self.store.read(item)
        }
    }

    /// How its server is asked for an item. Intel's names no limit: it is asked ten
    /// times as often as AMD's.
    pub(crate) fn pace(&self, item: &Item) -> Pace {
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
    pub(crate) fn missing(&self, item: &Item, why: &str) -> Missing {
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

    /// Nothing is asked for twice in a run.
    pub(crate) fn may_ask(&self, item: &Item) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = asked.iter().filter(|item| matches!(item, Item::Key { .. }));
        let one_key_more = matches!(item, Item::Key { .. }) && keys.count() >= MAX_KEYS_ASKED;
        let ask = !one_key_more && !asked.contains(item);
        if ask {
            asked.push(item.clone());
        }
        ask
    }
}
