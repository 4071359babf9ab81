//! Verifying the machine: the evidence somebody sent, held against the order
//! and the offer the customer keeps. Only here a job is committed to a machine.

mod bare;
mod binding;
mod bring;
pub(crate) mod input;
mod later;
// Intel's verification, or what this build says instead.
#[cfg_attr(not(feature = "tdx"), path = "verify/no_tdx.rs")]
mod tdx;

#[cfg(not(feature = "tdx"))]
pub(crate) use tdx::without_tdx;

use anyhow::{Context as _, Result};
use collateral::item::Signer;
use collateral::source::Effort;
use collateral::supply::Shown;
use job::{Accepted, Attestation, Timestamp, Trust};

use crate::args;
use crate::clock;
use crate::context::Context;
use crate::date;
use crate::exit::Problem;
use crate::explain::{Outcome, Subject, explain};
use crate::given::{self, Kind};
use crate::judge::{self, judge, not_sent};
use crate::line::known::Known;
use crate::line::{Line, ending};
use crate::news::News;
use crate::state::commitment::{Commitment, Committed};
use crate::state::records::Evidence;
use crate::state::{Kept, Ordered, Route, Stage, stage};
use crate::verdict::{Mark, Verdict};
use bring::judged;
use input::Alone;

/// `cdvm verify`: a job's machine, or what a file holds.
pub(crate) async fn verify(context: &Context<'_>, args: args::Verify) -> Result<()> {
    let trust = context.settings.trust()?;
    let words = args.explain;
    let Conclusion { outcome, refusal } = what_is_named(context, &trust, args).await?;
    if words {
        context.teller.tell(&News::Explained(explain(outcome)));
    }
    refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// What came of verifying. What could not be verified has none.
struct Conclusion {
    outcome: Outcome,
    /// How the command ends, unless the machine is accepted.
    refusal: Option<Problem>,
}

async fn what_is_named(
    context: &Context<'_>,
    trust: &Trust,
    args: args::Verify,
) -> Result<Conclusion> {
    let args::Verify {
        job,
        attestation,
        evidence,
        event,
        order,
        offer,
        binding,
        collateral,
        at,
        explain: _,
        patience,
        summary: _,
    } = args;
    let at = at.as_deref().map(|text| date::utc_or_seconds("--at", text));
    let at = at.transpose()?;
    given::look_at([
        ("--attestation", &attestation, Kind::File),
        ("--evidence", &evidence, Kind::FileOrFolder),
        ("--event", &event, Kind::File),
        ("--order", &order, Kind::File),
        ("--offer", &offer, Kind::File),
        ("--collateral", &collateral, Kind::File),
    ])?;
    let papers = order.as_deref().zip(offer.as_deref());
    let alone = evidence.as_deref().map(input::alone).transpose()?;
    let alone = evidence.as_deref().zip(alone);
    match (attestation, alone, event, papers) {
        (Some(path), _, _, Some(papers)) => later::file(context, trust, &path, papers, at).await,
        (_, Some((_, Alone::Report(report))), _, _) => {
            if collateral.is_some() {
                let what = "--collateral is Intel's, and this is a report of AMD SEV-SNP";
                let next = "leave it out; AMD's is brought by `cdvm collateral import`";
                return Err(Problem::usage(what, next).into());
            }
            bare::verify(context, trust, &report, binding, at).await
        }
        (_, Some((path, Alone::Quote(quoted))), _, _) => {
            let collateral = collateral.as_deref();
            tdx::verify(context, trust, path, quoted, binding, collateral, at).await
        }
        (_, _, Some(path), papers) => later::event(context, trust, &path, papers, at).await,
        (_, None, None, None) if at.is_none() => {
            job_machine(context, trust, job.as_deref(), patience.timeout).await
        }
        (_, None, None, _) => {
            let what = "--at, --order and --offer are about files";
            let next = "name the evidence too: --attestation FILE, --event FILE or --evidence FILE";
            Err(Problem::usage(what, next).into())
        }
    }
}

/// The machine of a job that is kept here.
async fn job_machine(
    context: &Context<'_>,
    trust: &Trust,
    job: Option<&str>,
    timeout: Option<u64>,
) -> Result<Conclusion> {
    let state = context.settings.state()?;
    let kept = Kept::find(&state, job, context.settings.key.as_deref())?;
    if matches!(stage(&kept.dir), Stage::Started | Stage::Saved) {
        return later::again(context, trust, &kept).await;
    }
    let mut line = Line::resume(context, kept, timeout).await?;
    let Decision { machine, outcome } = decision(context, &mut line, trust).await?;
    let refusal = machine.err();
    if refusal.is_none() && stage(&line.kept.dir) == Stage::Committed {
        let (_, text) = ending::where_it_stands(Stage::Committed, line.kept.order.id());
        context.teller.tell(&News::Hint { text });
    }
    Ok(Conclusion { outcome, refusal })
}

/// A judgement, and the attestation with the certificate it was made with.
struct Examined {
    verdict: Verdict,
    accepted: Option<Accepted>,
    attestation: Attestation,
}

/// Judges an attestation, with what it did not bring.
async fn examine(
    context: &Context<'_>,
    attestation: &Attestation,
    ordered: Ordered<'_>,
    trust: &Trust,
    now: Timestamp,
    effort: Effort,
) -> Examined {
    let with = |certificate: &[u8]| Attestation {
        certificate: certificate.to_vec(),
        ..attestation.clone()
    };
    let shown = Shown {
        report: &attestation.report,
        certificate: &attestation.certificate,
    };
    let judge = |certificate: &[u8], trust: &Trust| judge(&with(certificate), ordered, trust, now);
    let judged = judged(context, shown, trust, now, effort, judge);
    let (verdict, accepted, certificate) = judged.await;
    Examined {
        verdict,
        accepted,
        attestation: with(&certificate),
    }
}

/// A machine that was verified and committed to: it may have the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// The commitment.
    pub(crate) committed: Committed,
    /// What vouches for it.
    pub(crate) mark: Mark,
}

/// What was decided about a claim.
struct Decision {
    machine: Result<Machine, Problem>,
    outcome: Outcome,
}

/// Waits for the machine of a job, verifies it and commits to it. Whoever comes
/// back from here may send the data.
///
/// # Errors
/// When the machine is refused: then nothing was sent to it.
pub(crate) async fn machine(
    context: &Context<'_>,
    line: &mut Line,
    trust: &Trust,
) -> Result<Machine> {
    let decision = decision(context, line, trust).await?;
    Ok(decision.machine?)
}

/// As [`machine`]; a refusal is no error yet.
async fn decision(context: &Context<'_>, line: &mut Line, trust: &Trust) -> Result<Decision> {
    // What was verified before is verified again: the trust file may be another.
    let mut kept = kept_claim(&line.kept)?;
    let mut refusal = None;
    loop {
        let attestation = match kept.take() {
            Some(attestation) => attestation,
            None => match claim(context, line).await {
                Ok(attestation) => attestation,
                Err(error) => return refusal.ok_or(error),
            },
        };
        let decided = decide(context, &line.kept, trust, &attestation).await?;
        if decided.machine.is_ok() || line.kept.route != Route::Public {
            return Ok(decided);
        }
        // Everybody can see a public order and answer it: that must not be enough to
        // end it.
        let text = "anybody can answer a public order; waiting for another machine".into();
        context.teller.tell(&News::Warning { text });
        refusal = Some(decided);
    }
}

/// The evidence that is kept of a job, unless it is of another machine than the
/// one it is committed to.
fn kept_claim(kept: &Kept) -> Result<Option<Attestation>> {
    let committed = Committed::read(&kept.dir)?;
    let evidence = Evidence::of_job(&kept.dir)?;
    let attestation = evidence
        .map(|evidence| evidence.attestation())
        .transpose()?;
    Ok(attestation.filter(|kept| committed.is_none_or(|first| first.key() == kept.author)))
}

/// Verifies one claim and, if it is the machine, commits to it.
async fn decide(
    context: &Context<'_>,
    kept: &Kept,
    trust: &Trust,
    attestation: &Attestation,
) -> Result<Decision> {
    let key = attestation.author;
    context.teller.tell(&News::Machine { key });
    let now = clock::now();
    let examined = examine(
        context,
        attestation,
        kept.ordered(),
        trust,
        now,
        Effort::Fetch,
    )
    .await;
    let Examined {
        verdict,
        accepted,
        attestation,
    } = examined;
    let evidence = Evidence::new(&attestation, &verdict, now);
    let path = evidence.keep(&kept.dir, Committed::read(&kept.dir)?)?;
    let meaning = not_sent(stage(&kept.dir));
    let refusal = judge::problem(&verdict, meaning, Some(&path));
    let (mark, subject) = (verdict.mark, Subject::Job(signer(&attestation.report)));
    let outcome = Outcome::of(&verdict, subject);
    context.teller.tell(&News::Judged {
        verdict: Box::new(verdict),
        as_of: None,
    });
    if let Some(refusal) = refusal {
        let machine = Err(refusal);
        return Ok(Decision { machine, outcome });
    }
    let accepted = accepted.context("failed to decide about the machine")?;
    Ok(match Committed::make(&kept.dir, &accepted)? {
        Commitment::Made(committed) => Decision {
            machine: Ok(Machine { committed, mark }),
            outcome,
        },
        Commitment::AnotherFirst(first) => {
            let first = first.key();
            context.teller.tell(&News::AnotherMachine { key, first });
            Decision {
                machine: Err(ending::another_machine(meaning)),
                outcome: Outcome::Refused(subject, mark),
            }
        }
    })
}

/// The kind of key that this report says signed it.
fn signer(report: &[u8]) -> Signer {
    evidence::Report::parse(report).map_or(Signer::Vcek, |report| Signer::of(&report))
}

/// Waits for somebody who claims to be the machine.
async fn claim(context: &Context<'_>, line: &mut Line) -> Result<Attestation> {
    line.until(context, |known| !known.claims.is_empty() || known.is_over())
        .await?;
    let claim = line.next_claim();
    claim.ok_or_else(|| line.why_over().into())
}

/// Waits until `ready`, and meanwhile shows other machines that answer for the
/// order: a job has one.
pub(crate) async fn until(
    context: &Context<'_>,
    line: &mut Line,
    trust: &Trust,
    ready: impl Fn(&Known) -> bool,
) -> Result<()> {
    loop {
        line.until(context, |known| ready(known) || !known.claims.is_empty())
            .await?;
        show_others(context, line, trust).await?;
        if ready(&line.known) {
            return Ok(());
        }
    }
}

/// Tells of machines that could be the one, but were not the first.
pub(crate) async fn show_others(
    context: &Context<'_>,
    line: &mut Line,
    trust: &Trust,
) -> Result<()> {
    let Some(committed) = Committed::read(&line.kept.dir)? else {
        return Ok(());
    };
    let first = committed.key();
    while let Some(claim) = line.next_claim() {
        // The first one says it again, or somebody says what is not even true.
        if claim.author == first {
            continue;
        }
        let now = clock::now();
        let ordered = line.kept.ordered();
        let Examined {
            verdict,
            accepted,
            attestation,
        } = examine(context, &claim, ordered, trust, now, Effort::Disk).await;
        if accepted.is_some() {
            Evidence::new(&attestation, &verdict, now).keep(&line.kept.dir, Some(committed))?;
            let key = claim.author;
            context.teller.tell(&News::AnotherMachine { key, first });
            line.known.another = true;
        }
    }
    Ok(())
}
