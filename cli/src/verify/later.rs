//! Verifying what was kept or given: a job whose machine has the data already,
//! or files alone. No relay is contacted and nothing is committed to.

use std::path::Path;

use anyhow::Result;
use job::{Attestation, Timestamp, Trust};

use super::examine;
use super::input::{self, Author, readable};
use crate::clock;
use crate::collateral::Effort;
use crate::context::Context;
use crate::explain::Subject;
use crate::judge::{self, Ordered, not_sent};
use crate::news::News;
use crate::state::records::Evidence;
use crate::state::{Kept, read_offer, read_order, stage};
use crate::verdict::Verdict;
use crate::{exit::Problem, keys};

/// Signed order and signed offer, as files.
pub(super) type Papers<'p> = (&'p Path, &'p Path);

/// A machine that has the data already is verified as on the day it was: jobs
/// end, and so do the dates in a trust file.
pub(super) async fn again(context: &Context<'_>, trust: &Trust, kept: &Kept) -> Result<Subject> {
    let Some(evidence) = Evidence::of_job(&kept.dir)? else {
        anyhow::bail!("no evidence is kept in {}", kept.dir.display());
    };
    let attestation = evidence.attestation()?;
    let (at, ordered) = (evidence.at, kept.ordered());
    let examined = examine(context, &attestation, ordered, trust, at, Effort::Fetch).await;
    let path = kept.dir.join(Evidence::FILE);
    told(context, &examined.verdict);
    let meaning = not_sent(stage(&kept.dir));
    conclude(
        context,
        examined.verdict,
        Some(at),
        meaning,
        &path,
        Subject::Job,
        None,
    )
}

/// Verifies evidence as it is kept of a job, now or as at another time.
pub(super) async fn file(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    papers: Papers<'_>,
    at: Option<Timestamp>,
) -> Result<Subject> {
    let attestation = readable(path, || Evidence::read(path)?.attestation())?;
    held_against(context, trust, path, &attestation, papers, at).await
}

/// Verifies evidence as an event brought it. Without order and offer, those of
/// the job that is kept here count.
pub(super) async fn event(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    papers: Option<Papers<'_>>,
    at: Option<Timestamp>,
) -> Result<Subject> {
    let key = context.settings.key.as_deref();
    let keys = key.map(keys::read).transpose()?;
    let heard = input::event(path, keys.as_ref())?;
    if heard.author == Author::Claimed {
        let text = "a rumor is not signed: that its author made it, REPORT_DATA alone can show";
        context.teller.tell(&News::Warning {
            text: text.to_owned(),
        });
    }
    let attestation = heard.attestation;
    if let Some(papers) = papers {
        return held_against(context, trust, path, &attestation, papers, at).await;
    }
    let dir = context.settings.state()?.join(attestation.job.to_string());
    let (order, offer) = (dir.join("order.json"), dir.join("offer.json"));
    if !order.exists() {
        let what = format!("the order {} is not kept here", attestation.job);
        let next = "name it, and the offer: --order FILE --offer FILE";
        return Err(Problem::usage(what, next).into());
    }
    held_against(context, trust, path, &attestation, (&order, &offer), at).await
}

async fn held_against(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    attestation: &Attestation,
    (order, offer): Papers<'_>,
    at: Option<Timestamp>,
) -> Result<Subject> {
    let order = readable(order, || read_order(order))?;
    let (offer, offered_at) = readable(offer, || read_offer(offer))?;
    let ordered = Ordered {
        order: &order,
        offer: &offer,
        offered_at,
    };
    let now = at.unwrap_or_else(clock::now);
    let examined = examine(context, attestation, ordered, trust, now, Effort::Fetch).await;
    told(context, &examined.verdict);
    let meaning = "Nothing was sent";
    conclude(
        context,
        examined.verdict,
        at,
        meaning,
        path,
        Subject::Job,
        None,
    )
}

fn told(context: &Context<'_>, verdict: &Verdict) {
    if let Some(key) = verdict.key {
        context.teller.tell(&News::Machine { key });
    }
}

/// Tells a verdict, and what it leaves open. A refusal is an error.
pub(super) fn conclude(
    context: &Context<'_>,
    verdict: Verdict,
    as_of: Option<Timestamp>,
    meaning: &str,
    path: &Path,
    subject: Subject,
    open: Option<News>,
) -> Result<Subject> {
    let problem = judge::problem(&verdict, meaning, path);
    let verdict = Box::new(verdict);
    context.teller.tell(&News::Judged { verdict, as_of });
    if let (None, Some(open)) = (&problem, open) {
        context.teller.tell(&open);
    }
    problem.map_or(Ok(subject), |problem| Err(problem.into()))
}
