//! Everything the planner may ask for. Each action is idempotent or names what
//! it acts on; the executor carries them out in order and decides nothing.

use crate::{Announcement, Attempt, Digest, Ending, Manifest, Phase, Record, Timestamp};

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Replace the recorded status; fails when somebody else wrote since.
    Record(Box<Record>),
    /// Put an attempt's own secrets into the broker; only then may its pod be created.
    Grant(JobSecrets),
    /// Put them there again, once a minute at most, in case it came back empty.
    GrantAgain(JobSecrets),
    /// Create the pod of this manifest; that it exists is as good.
    CreatePod(Box<Manifest>),
    /// Delete exactly this pod.
    DeletePod {
        /// Its UID.
        uid: String,
    },
    /// Take them out again; that they are not there is as good.
    Revoke(JobSecrets),
    /// Tell the customer; a projection of what is recorded.
    Announce(Announcement),
    /// Record that relays took it.
    RecordAnnounced(Announcement),
}

/// Secrets of one attempt: the broker has each for the guest with this HOST_DATA alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSecrets {
    /// Which attempt.
    pub attempt: Attempt,
    /// SHA-256 of its guest's init data.
    pub host_data: Digest,
    /// The service that says where the provider has them; empty when that is not asked.
    pub service: String,
    /// Their names in the terms.
    pub names: Vec<String>,
}

/// What to do, when to look again, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order; the first that fails ends the round.
    pub actions: Vec<Action>,
    /// When to look again if nothing else happens.
    pub wake: Option<Timestamp>,
    /// Why: becomes condition, event and log line.
    pub why: Vec<Reason>,
}

/// One sentence of the story, with the word users search for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The word.
    pub word: &'static str,
    /// The sentence.
    pub text: String,
    /// Whether somebody should look.
    pub weight: Weight,
}

/// How much a reason weighs: the type of its Kubernetes event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The story goes on.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Reason {
    /// A reason that weighs what its word says.
    pub(crate) fn new(word: &'static str, text: impl Into<String>) -> Self {
        Self {
            word,
            text: text.into(),
            weight: Weight::of(word),
        }
    }

    /// The same, and nobody need look.
    pub(crate) fn quiet(self) -> Self {
        Self {
            weight: Weight::Normal,
            ..self
        }
    }

    pub(crate) fn warning(word: &'static str, text: impl Into<String>) -> Self {
        Self {
            weight: Weight::Warning,
            ..Self::new(word, text)
        }
    }
}

impl Weight {
    /// Whether something went wrong, or the story goes as it should. What somebody
    /// asked for, as a cancellation, is not wrong.
    fn of(word: &str) -> Self {
        let wrong = match word.parse().map(Ending::phase) {
            Ok(phase) => matches!(phase, Phase::Failed | Phase::Rejected),
            Err(_) => matches!(word, "AttemptLost" | "StrayPod"),
        };
        if wrong { Self::Warning } else { Self::Normal }
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;
    use crate::{Ending, Phase};

    #[test]
    fn what_went_wrong_is_told_from_what_should_be() {
        for ending in Ending::ALL {
            // Words are constants; the test has them as texts alone.
            let word: &'static str = Box::leak(ending.to_string().into_boxed_str());
            let wrong = matches!(ending.phase(), Phase::Failed | Phase::Rejected);
            assert_eq!(Weight::of(word) == Weight::Warning, wrong, "{ending}");
        }
        for word in [
            "Admitted",
            "PodCreated",
            "EvidenceVerified",
            "InputAccepted",
            "Destroyed",
        ] {
            assert_eq!(Weight::of(word), Weight::Normal, "{word}");
        }
        assert_eq!(Weight::of("AttemptLost"), Weight::Warning);
        assert_eq!(Weight::of("StrayPod"), Weight::Warning);
    }
}
