//! The audit log: what it says, and the chain that shows whether a line was taken out,
//! put in or changed. Pure; where it is kept is `store`.

use aws_lc_rs::digest::{Context, SHA256};
use job::Check;
use serde::{Deserialize, Serialize};

use crate::guest::Guest;

/// Longest text of a line: a check may show a whole command line.
const MAX_TEXT: usize = 2048;

/// The hash before the first line.
pub const START: [u8; 32] = [0; 32];

/// One line. Owners read all of it; guests none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A secret was released.
    Released {
        /// Which.
        resource: String,
        /// By which grant.
        grant: String,
        /// Whether this guest had it before: no further run was counted.
        again: bool,
        /// To whom.
        guest: Who,
    },
    /// A secret was refused to an attested guest.
    Refused {
        /// Which it asked for.
        resource: String,
        /// What each grant for it says; empty when there is none.
        reasons: Vec<Why>,
        /// To whom.
        guest: Who,
    },
    /// A guest's evidence was refused. Nothing it says of itself is known to be true.
    NotAttested {
        /// The check that failed.
        reason: Why,
    },
    /// So many refusals are not in the log: there were more than it takes.
    Unlogged {
        /// How many.
        refusals: u64,
    },
    /// A secret was put there, or another in its place.
    Written {
        /// Which.
        resource: String,
        /// By whom: a role, or the broker's own machine.
        by: String,
    },
    /// A secret was removed.
    Deleted {
        /// Which.
        resource: String,
        /// By whom.
        by: String,
    },
    /// A grant ended for good.
    Revoked {
        /// Which.
        grant: String,
        /// By whom.
        by: String,
    },
    /// An owner's grants were read anew.
    Grants {
        /// Whose.
        owner: String,
        /// How many.
        grants: u64,
        /// SHA-256 of the file.
        digest: String,
    },
    /// The broker started.
    Started {
        /// Its version.
        version: String,
        /// Whether simulated evidence is accepted: then nothing is confidential.
        simulated: bool,
    },
    /// The master key was changed.
    Rotated {
        /// How many secrets are sealed anew.
        secrets: u64,
    },
    /// A state that is older than one seen before was accepted by hand.
    Restored {
        /// The last line that was known before.
        known: u64,
        /// The last line of what was put back.
        found: u64,
    },
}

/// A guest, for an owner's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// J.
    pub order: String,
    /// Which pod for it.
    pub attempt: u32,
    /// C, as npub.
    pub customer: String,
    /// O, as npub.
    pub provider: String,
    /// The chip.
    pub chip: String,
    /// The launch measurement.
    pub measurement: String,
    /// This one machine.
    pub instance: String,
    /// Whether it was simulated.
    pub simulated: bool,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The grant that says so; empty when it is about no grant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub grant: String,
    /// The check that failed.
    pub check: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

impl Who {
    /// What is logged of `guest`.
    pub fn of(guest: &Guest) -> Self {
        Self {
            order: guest.order().to_string(),
            attempt: guest.manifest.deployment().attempt.get(),
            customer: dvm::keys::npub(guest.customer()),
            provider: dvm::keys::npub(guest.manifest.order().provider()),
            chip: guest.chip.clone(),
            measurement: guest.measurement.clone(),
            instance: guest.instance.clone(),
            simulated: guest.simulated,
        }
    }
}

impl Why {
    /// A failed check of a grant.
    pub fn of(grant: &str, check: &Check) -> Self {
        Self::new(grant, &check.name, &check.expected, &check.seen)
    }

    /// The same from texts.
    pub fn new(grant: &str, check: &str, expected: &str, seen: &str) -> Self {
        Self {
            grant: grant.to_owned(),
            check: check.to_owned(),
            expected: cut(expected),
            seen: cut(seen),
        }
    }
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            grant,
            check,
            expected,
            seen,
        } = self;
        if !grant.is_empty() {
            write!(f, "{grant}: ")?;
        }
        write!(f, "{check}: expected {expected}, seen {seen}")
    }
}

fn cut(text: &str) -> String {
    let mut out: String = text.chars().take(MAX_TEXT).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// Hash of the line `seq` with this text and time (Unix seconds), behind a line with the
/// hash `before`.
pub fn chain(before: &[u8; 32], seq: u64, at: u64, text: &str) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(b"cdvm-kbs/log/1\n");
    hash.update(before);
    hash.update(&seq.to_be_bytes());
    hash.update(&at.to_be_bytes());
    hash.update(text.as_bytes());
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    out
}

/// The end of the log: what a later state must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last line; 0 when there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// Of an empty log.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: START,
    };

    /// `12 9f…`, as it is kept beside the state.
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.trim_end().split_once(' ')?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes).ok()?;
        Some(Self {
            seq: seq.parse().ok()?,
            hash: bytes,
        })
    }
}

impl core::fmt::Display for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.seq, hex::encode(self.hash))
    }
}
