//! `cdvm forget`: remove what is kept of jobs. All that are named are looked at
//! before the first is removed, and what would be lost is said.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use anyhow::Result;
use job::{JobId, Timestamp};

use crate::args::jobs as args;
use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::news::{News, Own, tell};
use crate::state::{self, remove, stories};
use crate::text::short_job;

/// Most jobs looked at for `--all-ended`.
const MOST: usize = 10_000;

/// A job that was named, and what is lost with it.
struct Candidate {
    job: JobId,
    loss: Option<String>,
}

/// Forgets jobs.
pub(crate) fn forget(context: &Context<'_>, args: &args::Forget) -> Result<()> {
    let args::Forget {
        jobs,
        all_ended,
        yes,
        force,
    } = args;
    let state = context.settings.state()?;
    let now = clock::now();
    let candidates = if *all_ended {
        ended(&state, now)?
    } else {
        named(&state, jobs, now)?
    };
    if candidates.is_empty() {
        let text = "nothing that is kept is over; see what there is with cdvm jobs".to_owned();
        context.teller.tell(&News::Hint { text });
        return Ok(());
    }
    if !force {
        refuse_losses(&candidates)?;
    }
    if !yes && !agreed(&candidates)? {
        let what = "nothing was forgotten";
        return Err(Problem::usage(what, "answer y, or say --yes").into());
    }
    for Candidate { job, loss: _ } in candidates {
        let removed = remove::remove(&state.join(job.to_string()))?;
        context.teller.tell(&News::Own(Own::Forgotten {
            job,
            files: removed.files,
            key: removed.key,
            left: removed.left,
        }));
    }
    Ok(())
}

fn ended(state: &Path, now: Timestamp) -> Result<Vec<Candidate>> {
    let shelf = stories::newest(state, MOST)?;
    let over = shelf
        .stories
        .into_iter()
        .filter(|story| story.standing(now).loss().is_none());
    Ok(over
        .map(|story| Candidate {
            job: story.job,
            loss: None,
        })
        .collect())
}

fn named(state: &Path, prefixes: &[String], now: Timestamp) -> Result<Vec<Candidate>> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for prefix in prefixes {
        let job = state::find_any(state, prefix)?;
        if candidates.iter().any(|seen| seen.job == job) {
            continue;
        }
        let loss = match stories::read(state, job) {
            Ok(story) => story.standing(now).loss().map(str::to_owned),
            Err(error) => Some(format!(
                "what is kept of it cannot be read, so nobody knows whether it runs ({error:#})"
            )),
        };
        candidates.push(Candidate { job, loss });
    }
    Ok(candidates)
}

/// Jobs that may still bring something are not forgotten by the way.
fn refuse_losses(candidates: &[Candidate]) -> Result<(), Problem> {
    let line = |candidate: &Candidate| {
        let loss = candidate.loss.as_ref()?;
        Some(format!("{}: {loss}", short_job(candidate.job)))
    };
    let lines: Vec<String> = candidates.iter().filter_map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let what = format!("these are not known to be over:\n{}", lines.join("\n"));
    let next =
        "see it with cdvm show JOB, end it with cdvm cancel JOB, or say --force to lose that";
    Err(Problem::new(
        Exit::Usage,
        what,
        "Nothing was forgotten",
        next,
    ))
}

/// Asks at a terminal.
fn agreed(candidates: &[Candidate]) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let what = "forgetting asks first, and nobody is there to answer";
        return Err(Problem::new(
            Exit::Usage,
            what,
            "Nothing was forgotten",
            "in a script, say --yes",
        )
        .into());
    }
    for Candidate { job, loss } in candidates {
        let loss = loss
            .as_deref()
            .map_or_else(String::new, |loss| format!(": {loss}"));
        tell::aside(&format!("{}{loss}", short_job(*job)));
    }
    let number = candidates.len();
    tell::aside(&format!(
        "Remove key, order, evidence and receipt of these {number}? Results that were saved stay. [y/N]"
    ));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
