//! Verifying later what was kept: of a job whose machine has the data already,
//! or from files alone. Nothing is contacted and nothing is committed to.

use std::path::Path;

use anyhow::Result;
use job::{Timestamp, Trust};

use crate::clock;
use crate::context::Context;
use crate::judge::{self, Ordered, judge, not_sent};
use crate::news::News;
use crate::state::records::Evidence;
use crate::state::{Kept, read_offer, read_order, stage};
use crate::verdict::Verdict;

/// A machine that has the data already is verified as on the day it was: jobs
/// end, and so do the dates in a trust file.
pub(super) fn again(context: &Context<'_>, trust: &Trust, kept: &Kept) -> Result<()> {
    let Some(evidence) = Evidence::of_job(&kept.dir)? else {
        anyhow::bail!("no evidence is kept in {}", kept.dir.display());
    };
    let attestation = evidence.attestation()?;
    let (verdict, _) = judge(&attestation, kept.ordered(), trust, evidence.at);
    let path = kept.dir.join(Evidence::FILE);
    show(
        context,
        verdict,
        Some(evidence.at),
        not_sent(stage(&kept.dir)),
        &path,
    )
}

/// Verifies files as they are kept of a job, now or as at another time.
pub(super) fn files(
    context: &Context<'_>,
    trust: &Trust,
    evidence: &Path,
    (order, offer): (&Path, &Path),
    at: Option<Timestamp>,
) -> Result<()> {
    let attestation = Evidence::read(evidence)?.attestation()?;
    let order = read_order(order)?;
    let (offer, offered_at) = read_offer(offer)?;
    let ordered = Ordered {
        order: &order,
        offer: &offer,
        offered_at,
    };
    let (verdict, _) = judge(&attestation, ordered, trust, at.unwrap_or_else(clock::now));
    show(
        context,
        verdict,
        at,
        "Nothing was contacted or sent",
        evidence,
    )
}

fn show(
    context: &Context<'_>,
    verdict: Verdict,
    as_of: Option<Timestamp>,
    meaning: &str,
    path: &Path,
) -> Result<()> {
    context.teller.tell(&News::Machine { key: verdict.key });
    let problem = judge::problem(&verdict, meaning, path);
    let verdict = Box::new(verdict);
    context.teller.tell(&News::Judged { verdict, as_of });
    problem.map_or(Ok(()), |problem| Err(problem.into()))
}
