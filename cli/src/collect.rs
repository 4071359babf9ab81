//! Collecting the result: believe it only for the input that was sent, put it
//! safely on disk, and only then let the machine go.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dvm::outcome::{Outcome, Received};
use dvm::payload::Payload;
use job::{Digest, Trust};
use relay::Blobs;
use zeroize::Zeroizing;

use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::line::known::Known;
use crate::line::{Line, ending};
use crate::news::News;
use crate::state::commitment::Committed;
use crate::state::records::{Evidence, Receipt, Times};
use crate::state::{Kept, notes, stage};
use crate::verdict::Mark;
use crate::{args, files, verify};

/// When the provider says that it is over, the machine's own word, or even the
/// result, may still be on its way.
const GRACE: Duration = Duration::from_secs(5);

/// A machine is gone seconds after its work is done; nobody waits longer.
const DESTROYED_WITHIN: Duration = Duration::from_secs(20);

/// Where the result goes.
pub(crate) struct Target {
    /// Nothing for stdout.
    file: Option<PathBuf>,
    wait: Wait,
}

/// Whether to wait for the provider's word that the machine is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    ForTheEnd,
    No,
}

impl Target {
    /// Takes what was typed, and looks whether a file can be written there:
    /// better now than after the work.
    pub(crate) fn new(args: args::Target) -> Result<Self> {
        let args::Target { output, no_wait } = args;
        let wait = if no_wait { Wait::No } else { Wait::ForTheEnd };
        if output == Path::new("-") {
            return Ok(Self { file: None, wait });
        }
        let parent = output
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if output.is_dir() || !parent.unwrap_or(Path::new(".")).is_dir() {
            let what = format!("no file can be written at {}", output.display());
            return Err(Problem::usage(what, "name another one with --output").into());
        }
        Ok(Self {
            file: Some(output),
            wait,
        })
    }
}

/// `cdvm result`.
pub(crate) async fn step(context: &Context<'_>, args: args::ResultArgs) -> Result<()> {
    let args::ResultArgs {
        job,
        target,
        patience,
    } = args;
    let target = Target::new(target)?;
    let trust = context.settings.trust()?;
    let state = context.settings.state()?;
    let kept = Kept::find(&state, job.as_deref(), context.settings.key.as_deref())?;
    let mut line = Line::resume(context, kept, patience.timeout).await?;
    collect(context, &mut line, &trust, &target).await
}

/// Waits for the result of a job whose data were sent, and saves it.
pub(crate) async fn collect(
    context: &Context<'_>,
    line: &mut Line,
    trust: &Trust,
    target: &Target,
) -> Result<()> {
    let sent = line.kept.started()?;
    let (Some(input), Some(committed)) = (sent, Committed::read(&line.kept.dir)?) else {
        let next = ending::where_it_stands(stage(&line.kept.dir), line.kept.order.id()).1;
        return Err(Problem::usage("no data were sent for this job yet", next).into());
    };
    let outcome = outcome(context, line, trust).await?;
    if outcome.input != input {
        return Err(wrong_input().into());
    }
    let bytes = outcome.payload.len();
    context.teller.tell(&News::Done { bytes });
    let data = data(context, &line.kept, &outcome.payload).await?;
    save(target, &data)?;

    let output = Digest::of(&data);
    let received = Received { output }.to_rumor(&line.kept.order, committed.key(), clock::now());
    if let Err(error) = line.to_machine(committed, &received).await {
        let text = format!("the machine could not be told that its result arrived: {error:#}");
        context.teller.tell(&News::Warning { text });
    }
    let receipt = receipt(&line.kept, committed, input, output)?;
    let noted = notes::saved(&line.kept.dir, target.file.as_deref(), bytes, clock::now());
    if let Err(error) = noted {
        let text = format!("where it was saved is not noted for cdvm jobs: {error:#}");
        context.teller.tell(&News::Warning { text });
    }
    context.teller.tell(&News::Saved {
        bytes: data.len() as u64,
        output,
        path: target.file.clone(),
        receipt: receipt.keep(&line.kept.dir)?,
        mark: Mark::of(receipt.simulated),
    });
    if target.wait == Wait::ForTheEnd {
        // Told when it is heard; the result is safe without it.
        line.within(context, DESTROYED_WITHIN, |known| known.destroyed.is_some())
            .await?;
    }
    if receipt.simulated {
        context.teller.tell(&News::NothingWasConfidential);
    }
    Ok(())
}

/// Waits for the machine's result, or for a reason why there is none.
async fn outcome(context: &Context<'_>, line: &mut Line, trust: &Trust) -> Result<Outcome> {
    verify::until(context, line, trust, Known::is_over).await?;
    line.within(context, GRACE, Known::machine_is_done).await?;
    let outcome = line.known.outcome.take();
    outcome.ok_or_else(|| line.why_over().into())
}

fn wrong_input() -> Problem {
    let what = "the result is not for the data that were sent";
    let meaning = "It was not saved, and the machine was not told that it arrived";
    Problem::new(
        Exit::JobFailed,
        what,
        meaning,
        "order again; if it happens again, tell the provider",
    )
}

async fn data(context: &Context<'_>, kept: &Kept, payload: &Payload) -> Result<Zeroizing<Vec<u8>>> {
    let most = kept.offer.content.cdvm.output.max_bytes;
    if payload.len() > most {
        let what = format!(
            "the result has {} bytes, and the offer says at most {most}",
            payload.len()
        );
        return Err(Problem::new(
            Exit::JobFailed,
            what,
            "It was not saved",
            "tell the provider",
        )
        .into());
    }
    match payload {
        Payload::Inline(data) => Ok(data.clone()),
        Payload::Blob(blob) => {
            let blobs = Blobs::new(context.settings.plain)?;
            let fetched = blobs.fetch(blob, most).await;
            fetched.context("failed to fetch the result; try again with cdvm result")
        }
    }
}

fn save(target: &Target, data: &[u8]) -> Result<()> {
    match &target.file {
        // A device or pipe cannot be replaced by a file, and must not be.
        Some(file) if file.exists() && !file.is_file() => std::fs::write(file, data)
            .with_context(|| format!("failed to write to {}", file.display())),
        Some(file) => files::replace(file, data),
        None => {
            let mut stdout = std::io::stdout().lock();
            let written = stdout.write_all(data).and_then(|()| stdout.flush());
            written.context("failed to write the result to stdout")
        }
    }
}

fn receipt(kept: &Kept, committed: Committed, input: Digest, output: Digest) -> Result<Receipt> {
    let evidence = Evidence::of_job(&kept.dir)?;
    let evidence = evidence.context("failed to find the evidence kept of this job")?;
    Ok(Receipt {
        order: kept.order.id(),
        offer: kept.offer.id,
        service: kept.offer.service.clone(),
        provider: kept.order.provider(),
        customer: kept.order.customer(),
        key: committed.key(),
        manifest: Digest::of(&evidence.attestation()?.manifest),
        input,
        output,
        simulated: evidence.simulated,
        checks: evidence.checks().to_vec(),
        times: Times {
            ordered: kept.order.created_at(),
            verified: evidence.at,
            saved: clock::now(),
        },
    })
}
