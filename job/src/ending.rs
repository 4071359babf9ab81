//! Why a job is over, and the exit codes of the agent that say so
//! (`docs/protocol.md`, 8). The words are constants a user can search for.

use core::fmt;
use core::str::FromStr;

/// What the agent's exit code means. Everything else it knows goes sealed to the
/// customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentExit {
    /// The customer has the result.
    Received,
    /// The workload failed.
    WorkloadFailed,
    /// The workload ran out of time.
    Timeout,
    /// No input came.
    NoInput,
    /// The guest gave no evidence, or none that fits; each reason has a code.
    NoEvidence(NoEvidence),
    /// No quorum of relays took the result.
    Undeliverable,
    /// Manifest or order are wrong.
    BadManifest,
    /// A secret was refused.
    SecretRefused,
    /// The input was refused.
    BadInput,
    /// Told to stop before the end.
    Stopped,
    /// A quorum of relays has the result; the customer did not acknowledge it.
    Unacknowledged,
    /// A defect of the agent.
    Defect,
}

impl AgentExit {
    const ALL: [Self; 19] = [
        Self::Received,
        Self::WorkloadFailed,
        Self::Timeout,
        Self::NoInput,
        Self::Undeliverable,
        Self::BadManifest,
        Self::SecretRefused,
        Self::BadInput,
        Self::Stopped,
        Self::Unacknowledged,
        Self::NoEvidence(NoEvidence::NoGuestApi),
        Self::NoEvidence(NoEvidence::RefusedByGuestApi),
        Self::NoEvidence(NoEvidence::FailedGuestApi),
        Self::NoEvidence(NoEvidence::NotJson),
        Self::NoEvidence(NoEvidence::NoReport),
        Self::NoEvidence(NoEvidence::OtherHostData),
        Self::NoEvidence(NoEvidence::OtherReportData),
        Self::NoEvidence(NoEvidence::OtherPrivilegeLevel),
        Self::Defect,
    ];

    /// The code (`docs/protocol.md`, 8).
    pub const fn code(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::WorkloadFailed => 10,
            Self::Timeout => 11,
            Self::NoInput => 12,
            Self::Undeliverable => 14,
            Self::BadManifest => 15,
            Self::SecretRefused => 16,
            Self::BadInput => 17,
            Self::Stopped => 18,
            Self::Unacknowledged => 19,
            Self::NoEvidence(NoEvidence::NoGuestApi) => 20,
            Self::NoEvidence(NoEvidence::RefusedByGuestApi) => 21,
            Self::NoEvidence(NoEvidence::FailedGuestApi) => 22,
            Self::NoEvidence(NoEvidence::NotJson) => 23,
            Self::NoEvidence(NoEvidence::NoReport) => 24,
            Self::NoEvidence(NoEvidence::OtherHostData) => 25,
            Self::NoEvidence(NoEvidence::OtherReportData) => 26,
            Self::NoEvidence(NoEvidence::OtherPrivilegeLevel) => 27,
            Self::Defect => 70,
        }
    }

    /// The meaning of a code; any code nobody documented is a defect.
    pub fn from_code(code: i32) -> Self {
        Self::ALL
            .into_iter()
            .find(|exit| i32::from(exit.code()) == code)
            .unwrap_or(Self::Defect)
    }
}

/// Why a guest has no evidence to show. A closed list: the agent has no other way
/// to speak before anybody hears it, and no text of the guest passes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEvidence {
    /// Nothing answers at the guest's API, or it breaks off.
    NoGuestApi,
    /// The guest's API answered with a status of class 4xx (or one that is neither
    /// success nor an error of its own).
    RefusedByGuestApi,
    /// The guest's API answered with a status of class 5xx.
    FailedGuestApi,
    /// Its answer is not JSON.
    NotJson,
    /// Its answer holds no SNP report.
    NoReport,
    /// The report's HOST_DATA is not this job's.
    OtherHostData,
    /// The report's REPORT_DATA is not this key's.
    OtherReportData,
    /// The report is of another privilege level than 0.
    OtherPrivilegeLevel,
}

impl fmt::Display for NoEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGuestApi => "no guest API",
            Self::RefusedByGuestApi => "the guest API answered 4xx",
            Self::FailedGuestApi => "the guest API answered 5xx",
            Self::NotJson => "not JSON",
            Self::NoReport => "no report in it",
            Self::OtherHostData => "other host data",
            Self::OtherReportData => "other report data",
            Self::OtherPrivilegeLevel => "other privilege level",
        })
    }
}

/// Where a job is in its life.
///
/// ```text
///            ┌─> Rejected
/// Pending ───┤
///            └─> Starting ──> Attested ──> Running ──┬─> Succeeded
///                    │            │           │      │
///                    └────────────┴───────────┴──────┼─> Failed
///                                                    └─> Cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing happened yet.
    Pending,
    /// A pod is starting.
    Starting,
    /// Its evidence was verified by the operator.
    Attested,
    /// The customer's input was accepted.
    Running,
    /// The customer, or a quorum of relays, has the result.
    Succeeded,
    /// It did not work.
    Failed,
    /// It was stopped on request.
    Cancelled,
    /// It was never started.
    Rejected,
}

impl Phase {
    /// Whether nothing follows.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Starting | Self::Attested | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Rejected => true,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a job is over. One word each; the phase follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// The customer has the result.
    Received,
    /// A quorum of relays has the result; the customer did not acknowledge it.
    Unacknowledged,
    /// The workload failed.
    WorkloadFailed,
    /// The workload ran out of time.
    Timeout,
    /// No input came.
    NoInput,
    /// The guest gave no evidence, or none that fits.
    NoEvidence,
    /// No quorum of relays took the result.
    Undeliverable,
    /// Manifest or order are wrong.
    BadManifest,
    /// A secret was refused.
    SecretRefused,
    /// The input was refused.
    BadInput,
    /// A defect of the agent.
    AgentDefect,
    /// The guest refused a container: the pod is not the manifest's.
    GuestRefused,
    /// Nothing ran in time.
    NeverStarted,
    /// Killed without our asking: a signal, or out of memory.
    Killed,
    /// The pod was deleted or evicted by others.
    PodLost,
    /// Stopped by others: its node was drained.
    Drained,
    /// The job reached its end before its work did.
    Deadline,
    /// Cancelled by its customer's signed word.
    ByCustomer,
    /// Cancelled in the provider's cluster, without the customer's signed word.
    ByCluster,
    /// The `ConfidentialJob` was deleted.
    Deleted,
    /// The provider is being removed from its cluster.
    ProviderRemoved,
    /// The order cannot be used.
    BadOrder,
    /// No service makes the offer the order names.
    NoSuchOffer,
    /// The offer the order names is no longer current.
    OfferChanged,
    /// The object does not have the order's name.
    NameMismatch,
    /// The service needs secrets, and no broker is configured.
    SecretsNotConfigured,
    /// Order and terms together are too long.
    TooLarge,
    /// The order expired before anything started.
    Expired,
    /// The provider does not take such orders.
    NotAdmitted,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::Received,
        Self::Unacknowledged,
        Self::WorkloadFailed,
        Self::Timeout,
        Self::NoInput,
        Self::NoEvidence,
        Self::Undeliverable,
        Self::BadManifest,
        Self::SecretRefused,
        Self::BadInput,
        Self::AgentDefect,
        Self::GuestRefused,
        Self::NeverStarted,
        Self::Killed,
        Self::PodLost,
        Self::Drained,
        Self::Deadline,
        Self::ByCustomer,
        Self::ByCluster,
        Self::Deleted,
        Self::ProviderRemoved,
        Self::BadOrder,
        Self::NoSuchOffer,
        Self::OfferChanged,
        Self::NameMismatch,
        Self::SecretsNotConfigured,
        Self::TooLarge,
        Self::Expired,
        Self::NotAdmitted,
    ];

    /// The phase a job with this ending is in, for ever.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Received | Self::Unacknowledged => Phase::Succeeded,
            Self::WorkloadFailed
            | Self::Timeout
            | Self::NoInput
            | Self::NoEvidence
            | Self::Undeliverable
            | Self::BadManifest
            | Self::SecretRefused
            | Self::BadInput
            | Self::AgentDefect
            | Self::GuestRefused
            | Self::NeverStarted
            | Self::Killed
            | Self::PodLost
            | Self::Drained
            | Self::Deadline => Phase::Failed,
            Self::ByCustomer | Self::ByCluster | Self::Deleted | Self::ProviderRemoved => {
                Phase::Cancelled
            }
            Self::BadOrder
            | Self::NoSuchOffer
            | Self::OfferChanged
            | Self::NameMismatch
            | Self::SecretsNotConfigured
            | Self::TooLarge
            | Self::Expired
            | Self::NotAdmitted => Phase::Rejected,
        }
    }

    /// What an exit of the agent means, when we did not ask for it.
    pub const fn of_exit(exit: AgentExit) -> Self {
        match exit {
            AgentExit::Received => Self::Received,
            AgentExit::WorkloadFailed => Self::WorkloadFailed,
            AgentExit::Timeout => Self::Timeout,
            AgentExit::NoInput => Self::NoInput,
            AgentExit::NoEvidence(_) => Self::NoEvidence,
            AgentExit::Undeliverable => Self::Undeliverable,
            AgentExit::BadManifest => Self::BadManifest,
            AgentExit::SecretRefused => Self::SecretRefused,
            AgentExit::BadInput => Self::BadInput,
            AgentExit::Stopped => Self::Drained,
            AgentExit::Unacknowledged => Self::Unacknowledged,
            AgentExit::Defect => Self::AgentDefect,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Not the word for an ending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the word for an ending")]
pub struct EndingError(String);

impl FromStr for Ending {
    type Err = EndingError;

    fn from_str(word: &str) -> Result<Self, EndingError> {
        Self::ALL
            .into_iter()
            .find(|ending| ending.to_string() == word)
            .ok_or_else(|| EndingError(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{AgentExit, Ending, Phase};

    #[test]
    fn every_exit_code_has_the_ending_the_protocol_names() {
        for (code, phase, ending) in [
            (0, Phase::Succeeded, Ending::Received),
            (19, Phase::Succeeded, Ending::Unacknowledged),
            (10, Phase::Failed, Ending::WorkloadFailed),
            (11, Phase::Failed, Ending::Timeout),
            (12, Phase::Failed, Ending::NoInput),
            (20, Phase::Failed, Ending::NoEvidence),
            (21, Phase::Failed, Ending::NoEvidence),
            (22, Phase::Failed, Ending::NoEvidence),
            (23, Phase::Failed, Ending::NoEvidence),
            (24, Phase::Failed, Ending::NoEvidence),
            (25, Phase::Failed, Ending::NoEvidence),
            (26, Phase::Failed, Ending::NoEvidence),
            (27, Phase::Failed, Ending::NoEvidence),
            (13, Phase::Failed, Ending::AgentDefect),
            (28, Phase::Failed, Ending::AgentDefect),
            (14, Phase::Failed, Ending::Undeliverable),
            (15, Phase::Failed, Ending::BadManifest),
            (16, Phase::Failed, Ending::SecretRefused),
            (17, Phase::Failed, Ending::BadInput),
            (70, Phase::Failed, Ending::AgentDefect),
            (1, Phase::Failed, Ending::AgentDefect),
            (-1, Phase::Failed, Ending::AgentDefect),
            (255, Phase::Failed, Ending::AgentDefect),
        ] {
            let seen = Ending::of_exit(AgentExit::from_code(code));
            assert_eq!((seen, seen.phase()), (ending, phase), "{code}");
        }
    }

    #[test]
    fn every_word_is_read_back_and_every_phase_is_terminal() {
        for ending in Ending::ALL {
            assert_eq!(ending.to_string().parse(), Ok(ending));
            assert!(ending.phase().is_terminal());
        }
        assert!("Unknown".parse::<Ending>().is_err());
    }
}
