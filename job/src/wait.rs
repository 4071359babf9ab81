//! What a job waits for before anything runs. The provider reads the scheduler's or
//! the kubelet's own words; the customer reads one of five constants
//! (`docs/protocol.md`, 6 and 8).

use core::fmt;
use core::str::FromStr;

/// What a job waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// In one word.
    pub what: WaitingFor,
    /// What the cluster says, for its provider.
    pub text: String,
}

/// What a job waits for, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitingFor {
    /// A quota is used up, or no node has room.
    Room,
    /// An image is not there yet.
    Image,
    /// Sandbox or container cannot be made.
    Machine,
    /// The cluster takes no pod: runtime class, webhook, policy, API server.
    Cluster,
    /// The key broker does not take the job's secrets, or they are not there.
    Broker,
}

impl WaitingFor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Room,
        Self::Image,
        Self::Machine,
        Self::Cluster,
        Self::Broker,
    ];

    /// The word users search for: in status, events and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Room => "WaitingForRoom",
            Self::Image => "WaitingForImage",
            Self::Machine => "WaitingForMachine",
            Self::Cluster => "WaitingForCluster",
            Self::Broker => "WaitingForBroker",
        }
    }

    /// What the customer reads: nothing in it is the cluster's own.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Room => "waiting for room",
            Self::Image => "waiting for an image",
            Self::Machine => "waiting for the machine to be made",
            Self::Cluster => "waiting for the cluster to take the job",
            Self::Broker => "waiting for the key broker",
        }
    }
}

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Not the word for what is waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the word for what a job waits for")]
pub struct WaitError(String);

impl FromStr for WaitingFor {
    type Err = WaitError;

    fn from_str(word: &str) -> Result<Self, WaitError> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|waiting| waiting.word() == word);
        found.ok_or_else(|| WaitError(word.to_owned()))
    }
}
