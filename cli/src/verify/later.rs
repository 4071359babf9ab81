//! Verifying what was kept or given: a job whose machine has the data already,
//! or files alone. No relay is contacted and nothing is committed to.

use std::path::Path;

use anyhow::Result;
use collateral::source::Effort;
use job::{Attestation, Timestamp, Trust};

use super::input::{self, Author, readable};
use super::{Conclusion, examine, signer};
use crate::clock;
use crate::context::Context;
use crate::explain::{Outcome, Subject};
use crate::judge::{self, not_sent};
use crate::news::News;
use crate::state::records::Evidence;
use crate::state::{Kept, Ordered, read_offer, read_order, stage};
use crate::verdict::Verdict;
use crate::{exit::Problem, keys};

/// Signed order and signed offer, as files.
pub(super) type Papers<'p> = (&'p Path, &'p Path);

/// A machine that has the data already is verified as on the day it was: jobs
/// end, and so do the dates in a trust file.
pub(super) async fn again(context: &Context<'_>, trust: &Trust, kept: &Kept) -> Result<Conclusion> {
    let Some(evidence) = Evidence::of_job(&kept.dir)? else {
        anyhow::bail!("no evidence is kept in {}", kept.dir.display());
    };
    let attestation = evidence.attestation()?;
    let (at, ordered) = (evidence.at, kept.ordered());
    let examined = examine(context, &attestation, ordered, trust, at, Effort::Fetch).await;
    told(context, &examined.verdict);
    let meaning = not_sent(stage(&kept.dir));
    let subject = Subject::Job(signer(&attestation.report));
    let (verdict, path) = (examined.verdict, kept.dir.join(Evidence::FILE));
    let problem = judge::problem(&verdict, meaning, Some(&path));
    Ok(concluded(context, verdict, Some(at), problem, subject))
}

/// Verifies evidence as it is kept of a job, now or as at another time.
pub(super) async fn file(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    papers: Papers<'_>,
    at: Option<Timestamp>,
) -> Result<Conclusion> {
    let attestation = readable(path, || Evidence::read(path)?.attestation())?;
    held_against(context, trust, &attestation, papers, at).await
}

/// Verifies evidence as an event brought it. Without order and offer, those of
/// the job that is kept here count.
pub(super) async fn event(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    papers: Option<Papers<'_>>,
    at: Option<Timestamp>,
) -> Result<Conclusion> {
    let key = context.settings.own_key.as_ref();
    let keys = key.map(|key| keys::read(&key.by, &key.path)).transpose()?;
    let heard = input::event(path, keys.as_ref())?;
    if heard.author == Author::Claimed {
        let text = "a rumor is not signed: that its author made it, REPORT_DATA alone can show";
        context.teller.tell(&News::Warning {
            text: text.to_owned(),
        });
    }
    let attestation = heard.attestation;
    if let Some(papers) = papers {
        return held_against(context, trust, &attestation, papers, at).await;
    }
    let dir = context.settings.state()?.join(attestation.job.to_string());
    let (order, offer) = (dir.join("order.json"), dir.join("offer.json"));
    if !order.exists() {
        let what = format!("the order {} is not kept here", attestation.job);
        let next = "name it, and the offer: --order FILE --offer FILE";
        return Err(Problem::usage(what, next).into());
    }
    held_against(context, trust, &attestation, (&order, &offer), at).await
}

async fn held_against(
    context: &Context<'_>,
    trust: &Trust,
    attestation: &Attestation,
    (order, offer): Papers<'_>,
    at: Option<Timestamp>,
) -> Result<Conclusion> {
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
    let subject = Subject::Job(signer(&attestation.report));
    Ok(conclude(context, examined.verdict, at, subject, None))
}

fn told(context: &Context<'_>, verdict: &Verdict) {
    if let Some(key) = verdict.key {
        context.teller.tell(&News::Machine { key });
    }
}

/// Tells a verdict about a file, and what it leaves open.
pub(super) fn conclude(
    context: &Context<'_>,
    verdict: Verdict,
    as_of: Option<Timestamp>,
    subject: Subject,
    open: Option<News>,
) -> Conclusion {
    let problem = judge::problem(&verdict, "Nothing was sent", None);
    let conclusion = concluded(context, verdict, as_of, problem, subject);
    if let (None, Some(open)) = (&conclusion.refusal, open) {
        context.teller.tell(&open);
    }
    conclusion
}

fn concluded(
    context: &Context<'_>,
    verdict: Verdict,
    as_of: Option<Timestamp>,
    refusal: Option<Problem>,
    subject: Subject,
) -> Conclusion {
    let outcome = Outcome::of(&verdict, subject);
    let verdict = Box::new(verdict);
    context.teller.tell(&News::Judged { verdict, as_of });
    Conclusion { outcome, refusal }
}
