//! What happens during a command, as values. People and programs are told the
//! same: `news/people.rs` and `news/json.rs` write it, `news/tell.rs` prints it. Who
//! tells needs these values and a `Teller`, and knows nothing of how it is written.

pub(crate) mod json;
pub(crate) mod people;
pub(crate) mod tell;

use core::num::NonZeroU16;
use std::path::PathBuf;

use dvm::feedback::Status;
use job::{Digest, JobId, Offer, PublicKey, Timestamp};

use crate::exit::Problem;
use crate::explain::Explanation;
use crate::story::{Standing, Story};
use crate::verdict::{Mark, Verdict};
use collateral::item::Item;
#[cfg(feature = "tdx")]
use collateral::told::From;
use collateral::told::{Missing, Used};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A key of the customer's.
    Key { key: PublicKey, file: PathBuf },
    /// A provider offers something.
    Offered(Box<Offered>),
    /// The order left.
    Requested {
        job: JobId,
        service: String,
        provider: PublicKey,
        /// How many relays took it.
        relays: usize,
        /// Whether everybody can see it.
        public: bool,
    },
    /// The order was written for `kubectl`; nothing left.
    Written { job: JobId, name: String },
    /// The provider says something; it is not trusted with more than that.
    Provider { status: Status, text: String },
    /// The provider says nothing.
    Silence { provider: PublicKey, seconds: u64 },
    /// Somebody claims to be the machine.
    Machine { key: PublicKey },
    /// The claim was checked.
    Judged {
        verdict: Box<Verdict>,
        /// When the evidence was checked, if that is not now.
        as_of: Option<Timestamp>,
    },
    /// A key server is asked for something; it learns which chip it is about.
    Asking {
        item: Item,
        server: String,
        url: String,
    },
    /// The next request to a key server has to wait.
    Waiting {
        server: String,
        seconds: u64,
        why: String,
    },
    /// What the evidence did not bring, and where it came from.
    Collateral(Box<Used>),
    /// So many parts of Intel's collateral for a quote do not verify, so that nobody
    /// knows their age. What that means, the verdict says.
    #[cfg(feature = "tdx")]
    IntelUndated { undated: usize, from: From },
    /// What the evidence did not bring, and is not to be had.
    Missing(Box<Missing>),
    /// Collateral was written to one file.
    Exported {
        items: usize,
        bytes: u64,
        path: PathBuf,
    },
    /// Collateral was taken from a file.
    Imported { items: usize },
    /// Fields of evidence that were not compared with anything, by choice.
    Unbound { fields: Vec<&'static str> },
    /// What a verdict means, in words.
    Explained(Explanation),
    /// Another machine that could be the one: it gets nothing.
    AnotherMachine { key: PublicKey, first: PublicKey },
    /// The data left, sealed to the machine.
    Sent {
        key: PublicKey,
        bytes: u64,
        blobs: usize,
        input: Digest,
        mark: Mark,
    },
    /// The machine has the data.
    InputAccepted { input: Digest },
    /// How far the workload is.
    Progress {
        text: String,
        progress: Option<(u64, u64)>,
    },
    /// A part of the result.
    Part { number: Option<u64>, bytes: u64 },
    /// The workload asks something.
    Question { text: String },
    /// The machine is done; its result is fetched and opened.
    Done { bytes: u64 },
    /// The result is known to have arrived, and waits to be saved.
    Arrived { job: JobId },
    /// The result was saved.
    Saved {
        bytes: u64,
        output: Digest,
        /// Nothing for stdout.
        path: Option<PathBuf>,
        receipt: PathBuf,
        mark: Mark,
    },
    /// The provider says that the machine is gone.
    Destroyed { text: String },
    /// The last word about a job that ran without hardware.
    NothingWasConfidential,
    /// The cancellation left.
    Cancelled { job: JobId },
    /// What hardware reports of a guest with so many processors.
    Measured {
        vcpus: NonZeroU16,
        measurement: [u8; 48],
    },
    /// What is kept here, of jobs and settings.
    Own(Own),
    /// Something to know that ends nothing.
    Warning { text: String },
    /// What one may do next.
    Hint { text: String },
    /// The command ends without what was asked for.
    Stopped(Problem),
}

/// What is kept here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// A job that is kept, in one line.
    Job(Box<Listed>),
    /// A job that is kept, in full.
    Told(Box<Listed>),
    /// Something lies beside the jobs that is none, or none that can be read.
    NoJob { name: String, why: String },
    /// What was kept of a job is gone.
    Forgotten {
        job: JobId,
        files: usize,
        /// Whether its key was among it, and was overwritten.
        key: bool,
        /// What is not of this program, and stays.
        left: Vec<String>,
    },
    /// What holds of a setting.
    Setting {
        name: &'static str,
        /// None for what this program does by itself.
        values: Vec<String>,
        /// `option`, `environment`, `file` or `default`.
        from: &'static str,
        /// Which option or variable, or where in the file.
        place: Option<String>,
    },
}

/// A job, and what it means at this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What is known of it.
    pub(crate) story: Story,
    /// How it stands.
    pub(crate) standing: Standing,
    /// How it ended, in a word; empty otherwise.
    pub(crate) class: &'static str,
    /// Why it ended; empty otherwise.
    pub(crate) why: String,
    /// Since it was ordered.
    pub(crate) age_seconds: u64,
    /// Whether its time is over.
    pub(crate) expired: bool,
}

/// An offer with what only its event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    /// The offer.
    pub(crate) offer: Offer,
    /// When its provider says to have written it.
    pub(crate) created_at: Timestamp,
}
