//! What guests tell the provider: evidence, and a few constants. Kept in memory:
//! relays hold it, and after a restart it is heard again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use dvm::feedback::GuestNote;
use dvm::{Keys, Rumor, kind, open};
use job::{Attestation, JobId, PublicKey};
use relay::{Filter, Relays};
use tokio::sync::mpsc;

/// Jobs remembered; the oldest goes first. A job needs its entry for minutes.
const MAX_JOBS: usize = 10_000;

/// Messages kept per job: anybody who knows the order can send some.
const MAX_PER_JOB: usize = 8;

/// What was heard about one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Evidence, unverified, in the order it came.
    pub(crate) attestations: Vec<Attestation>,
    /// Keys that said their guest accepted the input, unverified.
    pub(crate) input_accepted: Vec<PublicKey>,
}

/// Everything heard, shared between the listening tasks and the reconciler.
#[derive(Clone)]
pub(crate) struct Inbox {
    keys: Keys,
    heard: Arc<Mutex<Store>>,
    news: mpsc::Sender<JobId>,
}

#[derive(Default)]
struct Store {
    jobs: BTreeMap<JobId, Heard>,
    order: VecDeque<JobId>,
}

impl Inbox {
    /// An inbox for the provider's key; each job there is news about is sent.
    pub(crate) fn new(keys: Keys, news: mpsc::Sender<JobId>) -> Self {
        Self {
            keys,
            heard: Arc::default(),
            news,
        }
    }

    /// Listens on these relays until they are closed.
    pub(crate) async fn listen(self, relays: Relays) {
        let filter = Filter::sealed_to(self.keys.public_key());
        let mut events = relays.inbox(filter).await;
        while let Some(event) = events.next().await {
            let Ok(rumor) = open(&event, &self.keys) else {
                continue;
            };
            if let Some(job) = self.keep(&rumor)
                && self.news.send(job).await.is_err()
            {
                return;
            }
        }
    }

    /// Forgets a job whose object is gone: of another object of its order, another machine
    /// will speak.
    pub(crate) fn forget(&self, job: JobId) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.jobs.remove(&job);
        heard.order.retain(|kept| *kept != job);
    }

    /// What was heard about a job.
    pub(crate) fn about(&self, job: JobId) -> Heard {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.jobs.get(&job).cloned().unwrap_or_default()
    }

    /// Keeps what a guest would say; the job it is about, when it was news.
    fn keep(&self, rumor: &Rumor) -> Option<JobId> {
        match rumor.kind {
            kind::ATTESTATION => {
                let attestation = dvm::attestation::from_rumor(rumor).ok()?;
                let job = attestation.job;
                self.store(job, |heard| {
                    add(&mut heard.attestations, attestation.clone())
                })
            }
            kind::FEEDBACK => match GuestNote::from_rumor(rumor).ok()? {
                (job, GuestNote::InputAccepted) => {
                    self.store(job, |heard| add(&mut heard.input_accepted, rumor.pubkey))
                }
                // Kubernetes says the rest, and more reliably.
                (_, GuestNote::Attested | GuestNote::Ended(_)) => None,
            },
            _ => None,
        }
    }

    fn store(&self, job: JobId, add: impl FnOnce(&mut Heard) -> bool) -> Option<JobId> {
        let mut store = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if !store.jobs.contains_key(&job) {
            store.order.push_back(job);
            if store.order.len() > MAX_JOBS
                && let Some(oldest) = store.order.pop_front()
            {
                store.jobs.remove(&oldest);
            }
        }
        add(store.jobs.entry(job).or_default()).then_some(job)
    }
}

/// Adds what is new, up to the bound; whether it was.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T) -> bool {
    let new = list.len() < MAX_PER_JOB && !list.contains(&item);
    if new {
        list.push(item);
    }
    new
}
