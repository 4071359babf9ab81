//! What the planner knows of a job: the validated job and what was recorded of
//! its life. A record is only ever replaced as a whole.

use crate::{
    Attempt, Digest, Ending, ImageRef, Order, Phase, PublicKey, Rejected, Terms, Timestamp, Wait,
    WaitingFor,
};

/// A job as the planner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whether it is the object that speaks for its order.
    pub object: Object,
    /// What validation said.
    pub admission: Admission,
    /// What the customer, or who may delete, wants.
    pub wish: Wish,
    /// What was recorded.
    pub record: Record,
}

/// Whose the object is. What is told about an order comes from one object alone:
/// anybody who may create objects can copy a signed order into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// It has the order's name, and the order is for this provider.
    Own,
    /// It has not, or no order can be read in it: what becomes of it stays in the
    /// cluster.
    Alien,
}

/// What validation said about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It can be run.
    Admitted(Box<Admitted>),
    /// It cannot, and never will be: an ending with a reason.
    Rejected(Rejected),
}

/// Everything a pod follows from, but the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The customer's order.
    pub order: Order,
    /// Name of the service whose offer it names.
    pub service: String,
    /// Terms of that offer.
    pub terms: Terms,
    /// Image of the agent.
    pub agent: ImageRef,
    /// Seconds from the first recorded attempt until something must run.
    pub start_within_secs: u64,
}

/// What is wanted of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// That it runs.
    Run,
    /// That it stops: `spec.cancel`.
    Cancel(By),
    /// That it is gone: the object is being deleted.
    Delete,
}

/// Who cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The customer: their signed cancellation is with the object and was verified.
    Customer,
    /// Somebody who may change the object, and no word of the customer's is with it.
    Cluster,
}

/// What was recorded of a job's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The current attempt, once there is one.
    pub attempt: Option<AttemptRecord>,
    /// Why and when it ended, once it has.
    pub ended: Option<Ended>,
    /// When everything of it was seen gone.
    pub destroyed: Option<Timestamp>,
    /// What relays took, in this order.
    pub announced: Vec<Announcement>,
}

/// What was recorded of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttemptRecord {
    /// Its number.
    pub number: Attempt,
    /// When the first attempt was recorded.
    pub started: Timestamp,
    /// When something must run.
    pub start_by: Timestamp,
    /// When the job is over, whatever its state.
    pub not_after: Timestamp,
    /// SHA-256 of the init data its guest is started with: what HOST_DATA must be,
    /// also when the service changed meanwhile.
    pub host_data: Digest,
    /// Names of the secrets that were, or are being, put into the broker for it alone.
    pub secrets: Vec<String>,
    /// What it waits for, when nothing runs yet and somebody said why.
    pub waiting: Option<Waiting>,
    /// UID of its pod, once it was seen.
    pub pod: Option<String>,
    /// What the operator lacks to verify its evidence, while it lacks something. The
    /// job does not wait for it.
    pub lacking: Option<String>,
    /// A, once its evidence was verified by the operator.
    pub attested: Option<Attested>,
    /// When the guest said that it accepted the input.
    pub input_accepted: Option<Timestamp>,
}

/// Why nothing runs yet, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// What for.
    pub wait: Wait,
    /// When that was recorded.
    pub at: Timestamp,
}

/// Evidence the operator verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attested {
    /// A.
    pub key: PublicKey,
    /// When.
    pub at: Timestamp,
    /// Whether it was made without hardware.
    pub simulated: bool,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// Why.
    pub ending: Ending,
    /// When.
    pub at: Timestamp,
    /// More for people: the guest's message, the last event's reason.
    pub message: String,
}

/// What the customer is told, each at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Announcement {
    /// Heard; a machine is starting.
    Starting,
    /// Nothing runs yet, and what that waits for.
    Waiting(WaitingFor),
    /// Over, and why.
    Ended,
    /// Nothing of it is left.
    Destroyed,
}

impl Record {
    /// The phase that follows from what was recorded.
    pub fn phase(&self) -> Phase {
        match (&self.ended, &self.attempt) {
            (Some(ended), _) => ended.ending.phase(),
            (None, None) => Phase::Pending,
            (None, Some(attempt)) if attempt.input_accepted.is_some() => Phase::Running,
            (None, Some(attempt)) if attempt.attested.is_some() => Phase::Attested,
            (None, Some(_)) => Phase::Starting,
        }
    }

    /// When the fact an announcement tells was recorded; `None` when it was not,
    /// and then there is nothing to announce.
    pub fn recorded_at(&self, announcement: Announcement) -> Option<Timestamp> {
        match announcement {
            Announcement::Starting => self.attempt.as_ref().map(|attempt| attempt.started),
            Announcement::Waiting(what) => {
                let waiting = self.attempt.as_ref()?.waiting.as_ref()?;
                (waiting.wait.what == what).then_some(waiting.at)
            }
            Announcement::Ended => self.ended.as_ref().map(|ended| ended.at),
            Announcement::Destroyed => self.destroyed,
        }
    }
}
