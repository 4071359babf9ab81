//! What evidence did not bring, fetched beside the rounds: a round judges with what is
//! on disk and goes on; a task fetches the rest, one after the other, and wakes the
//! job when it is done. A slow key server delays a condition, never a job.
//!
//! The judgement made with what came is remembered by whose evidence it was; what
//! came is kept on disk, bounded by the chart, for the next machine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use collateral::fetch::Fetcher;
use collateral::server::Servers;
use collateral::source::{Effort, Reach, Source};
use collateral::subject::Subject;
use collateral::supply::{Judged, Judgement, Shown, judged};
use collateral::told::{Listen, Missing, Told};
use job::{JobId, PublicKey, Timestamp, Trust, Verdict};
use tokio::sync::mpsc;

use crate::clock::now;
use crate::pod_state::bounded;

/// Claims of one job that are fetched for: it has one machine, and whoever knows of a
/// public order can make claims with other chips' numbers, each a request.
const MAX_CLAIMS: usize = 4;

/// Claims remembered: jobs that run at once, a few each. One more waits for an end.
const MAX_REMEMBERED: usize = 4096;

/// The first wait before what failed is fetched again; each is twice the one before.
/// One item alone was tried for a minute and a half by then.
const FIRST_WAIT: Duration = Duration::from_mins(1);

/// The longest such wait: most outages are over, and a job lasts hours.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Whose evidence, for which job.
type Claim = (JobId, PublicKey);

/// Fetches for evidence that was judged.
#[derive(Clone)]
pub(crate) struct Fetches(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    servers: Servers,
    /// What reports may be fetched for.
    gate: Gate,
    wake: mpsc::Sender<JobId>,
    claims: Mutex<HashMap<Claim, State>>,
    /// One claim after the other: the next one finds on disk what this one brought.
    turn: tokio::sync::Mutex<()>,
}

/// What a report needs, if anything may be fetched for it.
type Gate = fn(&[u8], &Trust) -> Option<Subject>;

/// What became of fetching for a claim.
#[derive(Clone, Debug)]
enum State {
    /// A task is at it; what is said meanwhile, and how often it failed before.
    Underway { why: String, failed: u32 },
    /// It was judged with what came, and that is its verdict.
    Judged(Verdict),
    /// Not to be had: why, and when it is fetched again.
    Missing {
        why: String,
        failed: u32,
        again: Timestamp,
    },
}

/// A report, and the certificate it brought or none.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    /// The report.
    pub(crate) report: Vec<u8>,
    /// DER of the signing key's certificate.
    pub(crate) certificate: Vec<u8>,
}

impl Fetches {
    /// Keeps in `dir` and asks `servers`; jobs that go on are sent to `wake`.
    pub(crate) fn new(dir: PathBuf, servers: Servers, wake: mpsc::Sender<JobId>) -> Self {
        Self::behind(Subject::of_hardware, dir, servers, wake)
    }

    fn behind(gate: Gate, dir: PathBuf, servers: Servers, wake: mpsc::Sender<JobId>) -> Self {
        Self(Arc::new(Shared {
            dir,
            servers,
            gate,
            wake,
            claims: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// What is to be said of a claim now: judged with what is kept; when something is
    /// lacking, it is fetched from now on. Asks nobody itself.
    pub(crate) async fn judge<J>(
        &self,
        claim: Claim,
        brought: Brought,
        trust: &Trust,
        judge: J,
    ) -> Verdict
    where
        J: Fn(&[u8], &Trust) -> Judgement<Verdict> + Send + Sync + 'static,
    {
        let shared = &self.0;
        if let Some(State::Judged(verdict)) = shared.claims().get(&claim) {
            return verdict.clone();
        }
        let source = Source::new(Some(&shared.dir), Reach::Offline);
        let kept = shared.judged(&source, Effort::Disk, &brought, trust, &judge);
        let Judged {
            result, missing, ..
        } = kept.await;
        let Some(missing) = missing else {
            return result;
        };
        let Some(item) = &missing.item else {
            // Nobody has it for asking.
            return lacking(&missing);
        };
        match self.start(claim, &item.to_string()) {
            Start::Not(why) => Verdict::Lacking { why },
            Start::Now(why) => {
                let (trust, shared) = (trust.clone(), Arc::clone(shared));
                tokio::spawn(async move { shared.fetch(claim, brought, trust, judge).await });
                Verdict::Lacking { why }
            }
        }
    }

    /// Nothing is to be remembered of a job that is over.
    pub(crate) fn forget(&self, job: JobId) {
        self.0.claims().retain(|(of, _), _| *of != job);
    }

    /// Takes the place of a fetch, if one is to start; what is said meanwhile.
    fn start(&self, claim: Claim, what: &str) -> Start {
        let mut claims = self.0.claims();
        let of_job = claims.keys().filter(|(job, _)| *job == claim.0).count();
        let (why, failed) = match claims.get(&claim) {
            Some(State::Underway { why, .. }) => return Start::Not(why.clone()),
            Some(State::Missing { why, again, .. }) if now() < *again => {
                return Start::Not(why.clone());
            }
            // What was said last is said until there is something new.
            Some(State::Missing { why, failed, .. }) => (why.clone(), *failed),
            None if of_job >= MAX_CLAIMS || claims.len() >= MAX_REMEMBERED => {
                return Start::Not(format!("{what}: not fetched, for too many claim to be it"));
            }
            None | Some(State::Judged(_)) => (format!("{what}: it is being fetched"), 0),
        };
        let state = State::Underway {
            why: why.clone(),
            failed,
        };
        claims.insert(claim, state);
        Start::Now(why)
    }
}

/// Whether a fetch starts, and what is said of it.
enum Start {
    Now(String),
    Not(String),
}

impl Shared {
    fn claims(&self) -> MutexGuard<'_, HashMap<Claim, State>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches for a claim, in its turn, and judges it; wakes its job then, and once
    /// more when what failed may be tried again.
    async fn fetch<J>(self: Arc<Self>, claim: Claim, brought: Brought, trust: Trust, judge: J)
    where
        J: Fn(&[u8], &Trust) -> Judgement<Verdict> + Send + Sync,
    {
        let turn = self.turn.lock().await;
        let source = Source::new(Some(&self.dir), Reach::Servers(self.servers.clone()));
        let judged = self.judged(&source, Effort::Fetch, &brought, &trust, &judge);
        let Judged {
            result, missing, ..
        } = judged.await;
        drop(turn);
        let wait = self.note(claim, result, missing.as_ref());
        // Who does not listen any more ends.
        let _ = self.wake.send(claim.0).await;
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
            let _ = self.wake.send(claim.0).await;
        }
    }

    /// Notes what came of a fetch; how long until the next, if there is to be one. A job
    /// that is over by now was forgotten, and stays so.
    fn note(&self, claim: Claim, verdict: Verdict, missing: Option<&Missing>) -> Option<Duration> {
        let mut claims = self.claims();
        let state = claims.get_mut(&claim)?;
        let Some(missing) = missing else {
            *state = State::Judged(verdict);
            return None;
        };
        let failed = match state {
            State::Underway { failed, .. } | State::Missing { failed, .. } => *failed,
            State::Judged(_) => 0,
        };
        let wait = FIRST_WAIT * 2_u32.saturating_pow(failed);
        let wait = wait.min(LONGEST_WAIT);
        let why = words(missing);
        tracing::warn!(job = %claim.0, why, ?wait, "failed to fetch what evidence did not bring");
        *state = State::Missing {
            why,
            failed: failed.saturating_add(1).min(u32::BITS),
            again: now().plus(wait.as_secs()),
        };
        Some(wait)
    }

    async fn judged<J>(
        &self,
        source: &Source,
        effort: Effort,
        brought: &Brought,
        trust: &Trust,
        judge: &J,
    ) -> Judged<Verdict>
    where
        J: Fn(&[u8], &Trust) -> Judgement<Verdict>,
    {
        let fetcher = Fetcher {
            listener: &Log,
            source,
            effort,
            now: now(),
        };
        let shown = Shown {
            report: &brought.report,
            certificate: &brought.certificate,
        };
        let subject = (self.gate)(shown.report, trust);
        judged(fetcher, subject, shown, trust, judge).await
    }
}

fn lacking(missing: &Missing) -> Verdict {
    let why = words(missing);
    Verdict::Lacking { why }
}

/// What is missing, why and what to do, as it stands in the status.
fn words(missing: &Missing) -> String {
    let Missing { item, why, next: _ } = missing;
    bounded(&match item {
        Some(item) => format!("{item}: {why}"),
        None => why.clone(),
    })
}

/// What happens, in the log.
struct Log;

impl Listen for Log {
    fn hear(&self, told: Told) {
        match told {
            Told::Asking { item, url, .. } => tracing::info!(%item, url, "asks a key server"),
            Told::Waiting {
                server,
                seconds,
                why,
            } => tracing::debug!(server, seconds, why, "waits for a key server"),
            Told::Used(used) => tracing::debug!(item = %used.item, from = ?used.from, "used"),
            // Noted with its claim.
            Told::Missing(_) => {}
            Told::NotKept(why) => tracing::warn!(why, "collateral is not kept"),
        }
    }
}

#[cfg(test)]
mod tests;
