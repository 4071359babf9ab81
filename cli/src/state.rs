//! What is kept of a job, so that every step can go on where another ended:
//! `<state>/<J>/`, for its owner alone. What must never change is written once.

pub(crate) mod commitment;
mod find;
pub(crate) mod notes;
pub(crate) mod records;
pub(crate) mod remove;
pub(crate) mod stories;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use dvm::Keys;
use job::{Digest, Event, JobId, Offer, Order, Subject, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exit::Problem;
use crate::{files, keys};
use find::Whole;

/// Longest order or offer file: an event of the protocol.
const MAX_EVENT: u64 = dvm::event::MAX_EVENT as u64;

/// The key of one job, in its folder.
const KEY: &str = "key.nsec";

/// A job as it is kept.
pub(crate) struct Kept {
    /// Where.
    pub(crate) dir: PathBuf,
    /// What the customer signed.
    pub(crate) order: Order,
    /// The offer it names, as the provider signed it.
    pub(crate) offer: Offer,
    /// When the provider says to have signed it.
    pub(crate) offered_at: Timestamp,
    /// C.
    pub(crate) keys: Keys,
    /// How the order travels.
    pub(crate) route: Route,
}

/// What a machine is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered<'o> {
    /// What the customer signed.
    pub(crate) order: &'o Order,
    /// The offer it names.
    pub(crate) offer: &'o Offer,
    /// When the provider says to have signed that.
    pub(crate) offered_at: Timestamp,
}

/// How an order reaches its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Route {
    /// Sealed to the provider.
    Private,
    /// Published for everybody.
    Public,
    /// Through Kubernetes, by `kubectl apply`.
    Kubectl,
}

impl Route {
    /// In words.
    const fn words(self) -> &'static str {
        match self {
            Self::Private => "sealed to the provider",
            Self::Public => "published for everybody",
            Self::Kubectl => "written for kubectl",
        }
    }
}

/// Whose key signs the order.
pub(crate) enum Signer {
    /// A fresh one, kept with the job.
    Fresh(Keys),
    /// The customer's own, which stays where it is.
    Own(Keys, PathBuf),
}

impl Signer {
    /// The key.
    pub(crate) const fn keys(&self) -> &Keys {
        match self {
            Self::Fresh(keys) | Self::Own(keys, _) => keys,
        }
    }
}

/// How far a job is, by what is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No machine was verified yet.
    Ordered,
    /// A machine was verified; the data are still here.
    Committed,
    /// The data left.
    Started,
    /// The result was saved.
    Saved,
}

/// `how.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    route: Route,
    /// The customer's own key file; `key.nsec` beside this file otherwise.
    key: Option<PathBuf>,
}

impl Kept {
    /// Keeps a new job.
    pub(crate) fn create(
        state: &Path,
        order: Order,
        (offer, event): (Offer, &Event),
        signer: Signer,
        route: Route,
    ) -> Result<Self> {
        let dir = state.join(order.id().to_string());
        files::make_dir(&dir)?;
        let (keys, own) = match signer {
            Signer::Fresh(keys) => {
                keys::write(&dir.join(KEY), &keys)?;
                (keys, None)
            }
            Signer::Own(keys, path) => (keys, Some(path)),
        };
        let how = serde_json::to_vec(&How { route, key: own })?;
        files::write_new(&dir.join("how.json"), &how)?;
        let json = dvm::event::to_json(event);
        files::write_new(&dir.join("offer.json"), json.as_bytes())?;
        // Last: a directory with an order is a job.
        files::write_new(&dir.join("order.json"), order.bytes())?;
        Ok(Self {
            dir,
            order,
            offer,
            offered_at: Timestamp::from_secs(event.created_at),
            keys,
            route,
        })
    }

    /// The job whose id starts with `prefix`, or the newest.
    pub(crate) fn find(state: &Path, prefix: Option<&str>, key: Option<&Path>) -> Result<Self> {
        let dir = state.join(find(state, prefix)?.to_string());
        let Papers {
            order,
            offer,
            offered_at,
            route,
            own,
        } = papers(&dir)?;
        let keys = match (key, own) {
            (Some(key), _) => keys::read("--key", key)?,
            (None, Some(own)) => keys::read("the key this job was ordered with", &own)?,
            (None, None) => keys::read("the key of this job", &dir.join(KEY))?,
        };
        if keys.public_key() != order.customer() {
            let next = "name the key the order was signed with: --key FILE";
            return Err(Problem::usage("this order was signed with another key", next).into());
        }
        Ok(Self {
            dir,
            order,
            offer,
            offered_at,
            keys,
            route,
        })
    }

    /// What the job's machine is held against.
    pub(crate) const fn ordered(&self) -> Ordered<'_> {
        Ordered {
            order: &self.order,
            offer: &self.offer,
            offered_at: self.offered_at,
        }
    }

    /// Digest of the data that were sent, once they were.
    pub(crate) fn started(&self) -> Result<Option<Digest>> {
        started(&self.dir)
    }

    /// Records which data are about to leave. A job takes one input: the same
    /// again is as good, another one is refused.
    pub(crate) fn start(&self, input: Digest) -> Result<()> {
        let contents = format!("{input}\n");
        match files::write_new(&self.dir.join("started"), contents.as_bytes()) {
            Err(error) if files::is_taken(&error) => {}
            written => return written,
        }
        if self.started()? == Some(input) {
            return Ok(());
        }
        let what = "other data were sent for this job already";
        Err(Problem::usage(what, "order again for these data: a job takes one input").into())
    }
}

/// The job whose id starts with `prefix`, or the newest.
pub(crate) fn find(state: &Path, prefix: Option<&str>) -> Result<JobId> {
    find::find(state, prefix, Whole::Yes)
}

/// As [`find`], also of what is no whole job.
pub(crate) fn find_any(state: &Path, prefix: &str) -> Result<JobId> {
    find::find(state, Some(prefix), Whole::OrNot)
}

/// What is kept of a job on paper, without its key.
struct Papers {
    order: Order,
    offer: Offer,
    offered_at: Timestamp,
    route: Route,
    /// The customer's own key file.
    own: Option<PathBuf>,
}

fn papers(dir: &Path) -> Result<Papers> {
    let order = read_order(&dir.join("order.json"))?;
    let (offer, offered_at) = read_offer(&dir.join("offer.json"))?;
    if *order.subject() != Subject::Offer(offer.id) {
        anyhow::bail!(
            "{} does not hold the offer that its order names",
            dir.display()
        );
    }
    let how = files::read_text(&dir.join("how.json"), MAX_EVENT)?;
    let How { route, key: own } = serde_json::from_str(&how)
        .with_context(|| format!("failed to read how.json in {}", dir.display()))?;
    Ok(Papers {
        order,
        offer,
        offered_at,
        route,
        own,
    })
}

/// JSON that is kept, if it is there.
fn json<T: DeserializeOwned>(path: &Path, most: u64) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = files::read_text(path, most)?;
    let kept = serde_json::from_str(&text);
    kept.map(Some)
        .with_context(|| format!("failed to read {}", path.display()))
}

fn started(dir: &Path) -> Result<Option<Digest>> {
    let path = dir.join("started");
    if !path.exists() {
        return Ok(None);
    }
    let text = files::read_text(&path, MAX_EVENT)?;
    let digest = text.trim_end().parse();
    digest
        .map(Some)
        .with_context(|| format!("failed to read a digest in {}", path.display()))
}

/// How far the job in `dir` is.
pub(crate) fn stage(dir: &Path) -> Stage {
    let has = |name: &str| dir.join(name).exists();
    if has("receipt.json") {
        Stage::Saved
    } else if has("started") {
        Stage::Started
    } else if has("committed") {
        Stage::Committed
    } else {
        Stage::Ordered
    }
}

/// Reads and verifies a signed order.
pub(crate) fn read_order(path: &Path) -> Result<Order> {
    let json = files::read_text(path, MAX_EVENT)?;
    dvm::order::parse_order(&json).with_context(|| format!("failed to read {}", path.display()))
}

/// Reads and verifies a signed offer, with its date.
pub(crate) fn read_offer(path: &Path) -> Result<(Offer, Timestamp)> {
    let json = files::read_text(path, MAX_EVENT)?;
    let read = || {
        let event = dvm::parse_event(&json)?;
        let offer = dvm::offer::parse_offer(&event)?;
        anyhow::Ok((offer, Timestamp::from_secs(event.created_at)))
    };
    read().with_context(|| format!("failed to read {}", path.display()))
}
