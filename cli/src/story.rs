//! One job as far as it is known here: what was kept of it, as values. Lists and
//! stories are told of it, and forgetting asks it what would be lost. Pure.

use std::path::PathBuf;

use job::{Digest, JobId, OfferId, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};

/// A job as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    /// J.
    pub(crate) job: JobId,
    /// Where it is kept.
    pub(crate) dir: PathBuf,
    /// The offer that was ordered.
    pub(crate) offer: OfferId,
    /// Its name.
    pub(crate) service: String,
    /// When its provider says to have signed it.
    pub(crate) offered_at: Timestamp,
    /// The program it names.
    pub(crate) image: String,
    /// Whose it is.
    pub(crate) provider: PublicKey,
    /// When the customer signed the order.
    pub(crate) ordered_at: Timestamp,
    /// After which nobody answers it.
    pub(crate) expiration: Timestamp,
    /// How it travels.
    pub(crate) route: &'static str,
    /// The key that opens the result.
    pub(crate) key: Key,
    /// The last machine that showed evidence.
    pub(crate) machine: Option<Machine>,
    /// The machine that may have the data.
    pub(crate) committed: Option<PublicKey>,
    /// Digest of the data, once they left.
    pub(crate) sent: Option<Digest>,
    /// What came back and was believed.
    pub(crate) receipt: Option<Receipt>,
    /// What was heard of its end.
    pub(crate) notes: Notes,
}

/// The key an order was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A fresh one, kept with the job.
    OfTheJob,
    /// The customer's own, in this file.
    Own(PathBuf),
}

/// A machine that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Its key.
    pub(crate) key: PublicKey,
    /// When it was judged.
    pub(crate) at: Timestamp,
    /// Whether nothing is confidential there.
    pub(crate) simulated: bool,
    /// Why it was refused.
    pub(crate) refused: Option<Refused>,
}

/// Why a machine was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The check that failed.
    pub(crate) check: String,
    /// What that means.
    pub(crate) meaning: String,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Where it is.
    pub(crate) file: PathBuf,
    /// Digest of the result.
    pub(crate) output: Digest,
}

/// What was heard of a job's end. Others said it: it is believed no further than
/// for a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Why it is over.
    pub(crate) ended: Option<Ended>,
    /// When the customer cancelled it.
    pub(crate) cancelled: Option<Noted>,
    /// When a result was heard of.
    pub(crate) arrived: Option<Noted>,
    /// Where the result was saved.
    pub(crate) saved: Option<Saved>,
    /// The provider's word that the machine is gone.
    pub(crate) destroyed: Option<Destroyed>,
}

/// Who says that a job is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// The machine itself.
    Machine,
    /// The provider.
    Provider,
}

/// `ended.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    pub(crate) by: By,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// `cancelled.json`, `arrived.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noted {
    pub(crate) at: Timestamp,
}

/// `saved.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    /// Nothing for stdout.
    pub(crate) path: Option<PathBuf>,
    pub(crate) bytes: u64,
    pub(crate) at: Timestamp,
}

/// `destroyed.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destroyed {
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The result was saved.
    Saved,
    /// There is a result, and it was not saved.
    Arrived,
    /// Over without a result, says the machine or the provider.
    Ended,
    /// The customer cancelled it.
    Cancelled,
    /// The data left, and nothing was heard of an end.
    Sent,
    /// The machine was refused; it got nothing.
    Refused,
    /// Its time is over, and no data left.
    Expired,
    /// A machine was verified, and no data left.
    Verified,
    /// No machine was judged yet.
    Ordered,
}

impl Story {
    /// How it stands at this time.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let refused = |machine: &Machine| machine.refused.is_some();
        if self.receipt.is_some() {
            Standing::Saved
        } else if self.notes.arrived.is_some() && self.sent.is_some() {
            Standing::Arrived
        } else if self.notes.ended.is_some() {
            Standing::Ended
        } else if self.notes.cancelled.is_some() {
            Standing::Cancelled
        } else if self.sent.is_some() {
            Standing::Sent
        } else if self.committed.is_none() && self.machine.as_ref().is_some_and(refused) {
            Standing::Refused
        } else if self.expiration < now {
            Standing::Expired
        } else if self.committed.is_some() {
            Standing::Verified
        } else {
            Standing::Ordered
        }
    }
}

impl Standing {
    /// Its word for programs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Arrived => "result-waits",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
            Self::Sent => "data-sent",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Verified => "verified",
            Self::Ordered => "waiting",
        }
    }

    /// What is lost for ever with what is kept of such a job; nothing if it is over.
    pub(crate) const fn loss(self) -> Option<&'static str> {
        match self {
            Self::Saved | Self::Ended | Self::Cancelled | Self::Refused | Self::Expired => None,
            Self::Arrived => {
                Some("its result is there and not saved; nobody could open it any more")
            }
            // Also behind the order's end: relays may hold a result.
            Self::Sent => Some("your data was sent; nobody could open the result any more"),
            Self::Verified | Self::Ordered => {
                Some("the order stands; nobody could send it data or cancel it any more")
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{By, Ended, Key, Machine, Noted, Notes, Receipt, Refused, Saved, Standing, Story};
    use job::{Digest, JobId, OfferId, PublicKey, Timestamp};

    pub(crate) const ORDERED: Timestamp = Timestamp::from_secs(1_790_000_000);

    /// An order nobody answered yet.
    pub(crate) fn story() -> Story {
        Story {
            job: JobId::from_bytes([0x4f; 32]),
            dir: "/jobs/4f".into(),
            offer: OfferId::from_bytes([0x0f; 32]),
            service: "analyse".to_owned(),
            offered_at: ORDERED,
            image: "registry.example/analyse@sha256:91".to_owned(),
            provider: PublicKey::from_bytes([4; 32]),
            ordered_at: ORDERED,
            expiration: ORDERED.plus(3600),
            route: "sealed to the provider",
            key: Key::OfTheJob,
            machine: None,
            committed: None,
            sent: None,
            receipt: None,
            notes: Notes::default(),
        }
    }

    #[test]
    fn what_is_known_last_is_how_it_stands_and_no_result_is_lost_unasked() {
        let soon = ORDERED.plus(60);
        let late = ORDERED.plus(7200);
        let mut story = story();
        let expect = |story: &Story, at: Timestamp, standing: Standing, lost: bool| {
            assert_eq!(story.standing(at), standing);
            assert_eq!(standing.loss().is_some(), lost, "{standing:?}");
        };
        expect(&story, soon, Standing::Ordered, true);
        expect(&story, late, Standing::Expired, false);
        story.machine = Some(Machine {
            key: PublicKey::from_bytes([5; 32]),
            at: soon,
            simulated: false,
            refused: Some(Refused {
                check: "workload".to_owned(),
                meaning: "another program".to_owned(),
            }),
        });
        expect(&story, late, Standing::Refused, false);
        story.committed = Some(PublicKey::from_bytes([5; 32]));
        expect(&story, soon, Standing::Verified, true);
        expect(&story, late, Standing::Expired, false);
        story.sent = Some(Digest::of(b"data"));
        // Relays may hold its result when its time is over.
        expect(&story, late, Standing::Sent, true);
        story.notes.cancelled = Some(Noted { at: soon });
        expect(&story, soon, Standing::Cancelled, false);
        story.notes.ended = Some(Ended {
            by: By::Provider,
            text: "Failed/PodLost".to_owned(),
            at: soon,
        });
        expect(&story, soon, Standing::Ended, false);
        story.notes.arrived = Some(Noted { at: soon });
        expect(&story, late, Standing::Arrived, true);
        story.notes.saved = Some(Saved {
            path: None,
            bytes: 1,
            at: soon,
        });
        story.receipt = Some(Receipt {
            file: "/jobs/4f/receipt.json".into(),
            output: Digest::of(b"result"),
        });
        expect(&story, late, Standing::Saved, false);
    }
}
