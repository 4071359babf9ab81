//! What happens while collateral is brought, as values: what was used and from
//! where, what is missing and why. Who asked tells it to people, or logs it.

use std::path::PathBuf;

use job::Timestamp;

use crate::item::Item;

/// Where an item came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Kept here.
    Disk,
    /// This server, just now.
    Server(String),
    /// A file that was brought here.
    Bundle(PathBuf),
}

/// An item that a judgement used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// What.
    pub item: Item,
    /// Where it came from.
    pub from: From,
    /// When a dated item was made, and how long ago that is.
    pub made: Option<(Timestamp, u64)>,
}

/// An item that a judgement wanted and did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What, if it has a name.
    pub item: Option<Item>,
    /// Why.
    pub why: String,
    /// What to do.
    pub next: String,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A server is asked for something; it learns which chip it is about.
    Asking {
        /// What for.
        item: Item,
        /// Whom.
        server: String,
        /// Where.
        url: String,
    },
    /// The next request to a server has to wait.
    Waiting {
        /// Which server.
        server: String,
        /// For how long.
        seconds: u64,
        /// Why.
        why: String,
    },
    /// What the evidence did not bring, and where it came from.
    Used(Box<Used>),
    /// What the evidence did not bring, and is not to be had.
    Missing(Box<Missing>),
    /// It is used this time, and could not be kept for the next: why.
    NotKept(String),
}

/// Who is told what happens.
pub trait Listen {
    /// Something happened.
    fn hear(&self, told: Told);
}

impl Used {
    /// An item as it is used `now`.
    pub fn new(item: Item, from: From, made_at: Option<Timestamp>, now: Timestamp) -> Self {
        let made = made_at.map(|made_at| (made_at, now.since(made_at)));
        Self { item, from, made }
    }
}

/// `12 days old`.
pub fn days_old(secs: u64) -> String {
    match secs / 86_400 {
        1 => "1 day old".to_owned(),
        days => format!("{days} days old"),
    }
}
