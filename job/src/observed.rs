//! Everything the planner may see of the world. What is not here cannot
//! influence a decision.

use crate::{Attempt, PublicKey, Timestamp, Wait};

/// What was seen, read live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Every pod of this job, of whatever attempt.
    pub pods: Vec<Pod>,
    /// What came of the last try to create a pod, when that was no pod.
    pub tried: Option<Tried>,
    /// What the operator's own verification of the evidence said.
    pub verdict: Verdict,
    /// Whether the guest with the accepted key said that it accepted the input.
    pub input_accepted: bool,
    /// Whether the broker may hold secrets of this job's last attempt.
    pub granted: bool,
    /// Whether this provider is being removed from the cluster.
    pub removal: Removal,
}

/// Whether a provider is being removed, and what becomes of its jobs then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Removal {
    /// It stays.
    #[default]
    No,
    /// It goes when the machines that exist are done; no other is started.
    AfterJobs,
    /// It goes now: what runs ends.
    Now,
}

/// A try to create a pod that gave none. It is remembered by the process that tried,
/// and by nobody else: after a crash nobody knows, and the number is lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tried {
    /// Of which attempt.
    pub attempt: Attempt,
    /// How many tries in a row gave no pod.
    pub tries: u32,
    /// When the last one was.
    pub at: Timestamp,
    /// Whether a pod of it may exist all the same.
    pub answer: Answer,
    /// What it waits for.
    pub wait: Wait,
}

/// How a request to create a pod that gave none was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Refused: there is no pod, and there will be none. The number can be used again.
    Refused,
    /// Not at all, or by an error behind which a pod may come to be.
    Unclear,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// UID: a deletion names it, so that it never hits another.
    pub uid: String,
    /// Which attempt it is.
    pub attempt: Attempt,
    /// What became of it.
    pub state: PodState,
}

/// What became of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PodState {
    /// Nothing runs yet; what it waits for, once somebody says so.
    Waiting(Option<Wait>),
    /// The agent runs.
    Running,
    /// The agent ended with this exit code.
    Exited(i32),
    /// The guest refused a container; its message.
    Refused(String),
    /// Ended by something else than the agent; what it was.
    Killed(String),
    /// Somebody deletes it while it has not ended.
    Terminating,
}

/// What the operator's own verification of the evidence said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// No evidence yet.
    #[default]
    NotSeen,
    /// It is the machine that was ordered.
    Accepted {
        /// A.
        key: PublicKey,
        /// Whether it was made without hardware.
        simulated: bool,
    },
    /// Nothing was found wrong, and what it takes to be sure is not here: certificates or
    /// lists of the vendor's that the evidence did not bring.
    Lacking {
        /// What is lacking, and why.
        why: String,
    },
    /// It is not.
    Refused {
        /// The check that failed, with what was expected and seen.
        check: String,
    },
}
