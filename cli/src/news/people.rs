//! News as lines for people. Pure: no clock, no terminal.

mod collateral;
pub(crate) mod jobs;
pub(crate) mod offers;

use std::path::Path;

use dvm::feedback::Status;
use job::{JobId, PublicKey, Timestamp};

use super::News;
use crate::exit::{Exit, Problem};
use crate::text::{cut, short_job, short_key, size};
use crate::verdict::{self, Finding, Mark, Verdict};

/// A line, and how it stands on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// With the time since the start behind it.
    Timed(String),
    /// As it is.
    Plain(String),
    /// The next line takes its place.
    Passing(String),
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What the checks mean.
    Summary,
    /// Every check.
    Full,
}

/// The lines for one piece of news.
pub(crate) fn rows(news: &News, detail: Detail) -> Vec<Row> {
    let row = match news {
        News::Offered(offered) => return offers::rows(offered, detail),
        News::Own(own) => return jobs::own(own),
        News::Judged { verdict, as_of } => return judged(verdict, *as_of, detail),
        News::Stopped(problem) => return stopped(problem),
        News::AnotherMachine { key, first } => return another(*key, *first),
        News::Explained(explanation) => return collateral::explained(explanation),
        News::Unbound { fields } => return collateral::unbound(fields),
        News::Asking { item, server, .. } => {
            timed("collateral", format!("asking {server} for the {item}"))
        }
        News::Waiting {
            server,
            seconds,
            why,
        } => waiting(server, *seconds, why),
        News::Collateral(used) => timed("collateral", collateral::used(used)),
        #[cfg(feature = "tdx")]
        News::IntelUndated { undated, from } => {
            timed("collateral", collateral::undated(*undated, from))
        }
        News::Missing(missing) => Row::Plain(label("collateral", &collateral::missing(missing))),
        News::Exported { items, bytes, path } => {
            timed("collateral", collateral::exported(*items, *bytes, path))
        }
        News::Imported { items } => timed("collateral", collateral::imported(*items)),
        News::Key { key, file: _ } => Row::Plain(dvm::keys::npub(*key)),
        News::Requested {
            job,
            service,
            provider,
            relays,
            public,
        } => {
            let how = if *public { "published on" } else { "sent to" };
            let (job, provider) = (short_job(*job), short_key(*provider));
            let relays = counted(*relays, "relay");
            timed(
                "request",
                format!("{job} for {service} by {provider} {how} {relays}"),
            )
        }
        News::Written { job, name } => {
            timed("request", format!("{} written as {name}", short_job(*job)))
        }
        News::Provider { status, text } => timed("provider", provider(*status, text)),
        News::Silence { provider, seconds } => {
            let provider = short_key(*provider);
            timed(
                "provider",
                format!("no answer yet from {provider} after {seconds} s; it may be offline"),
            )
        }
        News::Machine { key } => timed(
            "machine",
            format!("{} says hello, with evidence", short_key(*key)),
        ),
        News::Sent {
            key,
            bytes,
            blobs,
            input: _,
            mark,
        } => timed("data", sent(*key, *bytes, *blobs, *mark)),
        News::InputAccepted { input: _ } => timed("running", "the machine has the data"),
        News::Progress { text, progress } => progress_row(text, *progress),
        News::Part { number, bytes } => {
            let number = number.map_or_else(String::new, |number| format!(" {number}"));
            Row::Passing(label("running", &format!("part{number}, {}", size(*bytes))))
        }
        News::Question { text } => Row::Plain(label("question", text)),
        News::Done { bytes } => Row::Passing(label("result", &format!("{} to open", size(*bytes)))),
        News::Arrived { job } => timed(
            "result",
            format!("{} has one; it is not saved yet", short_job(*job)),
        ),
        News::Saved {
            bytes,
            output: _,
            path,
            receipt,
            mark,
        } => timed("result", saved(*bytes, path.as_deref(), receipt, *mark)),
        News::Destroyed { text } => {
            let note = text.strip_prefix("destroyed").unwrap_or(text);
            timed("machine", format!("destroyed, says the provider{note}"))
        }
        News::NothingWasConfidential => Row::Plain(format!(
            "! {}no hardware vouched for this machine: NOTHING was confidential",
            Mark::Simulated.prefix()
        )),
        News::Cancelled { job } => cancelled(*job),
        News::Measured { vcpus, measurement } => {
            Row::Plain(format!("{vcpus} {}", hex::encode(measurement)))
        }
        News::Warning { text } => Row::Plain(label("note", text)),
        News::Hint { text } => Row::Plain(format!("Next: {text}")),
    };
    vec![row]
}

fn cancelled(job: JobId) -> Row {
    timed("cancelled", format!("{}, if it still ran", short_job(job)))
}

fn waiting(server: &str, seconds: u64, why: &str) -> Row {
    Row::Passing(label(
        "waiting",
        &format!("{seconds} s for {server}: {why}"),
    ))
}

fn provider(status: Status, text: &str) -> String {
    match (status, text) {
        (Status::PaymentRequired, "") => "wants to be paid before it goes on".to_owned(),
        (Status::PaymentRequired, text) => format!("wants to be paid before it goes on: {text}"),
        (Status::Processing, "") => "is working on it".to_owned(),
        (Status::Error, text) => format!("says that it is over: {text}"),
        (Status::Success, "") => "says that it is done".to_owned(),
        (Status::Processing | Status::Success | Status::Partial, text) => text.to_owned(),
    }
}

fn judged(verdict: &Verdict, as_of: Option<Timestamp>, detail: Detail) -> Vec<Row> {
    let lines = match detail {
        Detail::Summary => verdict::summary(verdict),
        Detail::Full => verdict::in_full(verdict),
    };
    let mut rows: Vec<Row> = lines.into_iter().map(Row::Plain).collect();
    let prefix = verdict.mark.prefix();
    if let Some(as_of) = as_of {
        rows.push(Row::Plain(format!("  {prefix}verified as on {as_of}")));
    }
    match (&verdict.finding, verdict.mark) {
        (Finding::Accepted, Mark::Simulated | Mark::Either) => rows.push(Row::Plain(format!(
            "  ! {prefix}no hardware vouches for this machine: NOTHING is confidential"
        ))),
        (Finding::Accepted, Mark::Hardware) | (Finding::Refused { .. }, _) => {}
    }
    rows
}

fn another(key: PublicKey, first: PublicKey) -> Vec<Row> {
    let (key, first) = (short_key(key), short_key(first));
    let meaning = format!(
        "  another machine answers for this order; your data go to the first one, {first}, only"
    );
    vec![
        timed("machine", format!("{key} says hello too, and is refused")),
        Row::Plain(meaning),
    ]
}

fn sent(key: PublicKey, bytes: u64, blobs: usize, mark: Mark) -> String {
    let (prefix, size, key) = (mark.prefix(), size(bytes), short_key(key));
    match blobs {
        0 => format!("{prefix}{size} sealed to {key}"),
        blobs => format!(
            "{prefix}{size} sealed to {key}, {} of it",
            counted(blobs, "blob")
        ),
    }
}

fn progress_row(text: &str, progress: Option<(u64, u64)>) -> Row {
    match progress {
        Some((done, of)) => {
            let text = cut(text, 40);
            Row::Passing(label(
                "running",
                &format!("{} {done} of {of} {text}", bar(done, of)),
            ))
        }
        None if text.is_empty() || text == "running" => Row::Passing(label("running", "at work")),
        None => Row::Passing(label("running", text)),
    }
}

/// `▕██████      ▏`.
fn bar(done: u64, of: u64) -> String {
    const CELLS: u64 = 12;
    // Numbers come from the workload: any pair of them is one.
    let full = u128::from(done.min(of)) * u128::from(CELLS) / u128::from(of.max(1));
    let full = usize::try_from(full).unwrap_or_default();
    let empty = usize::try_from(CELLS)
        .unwrap_or_default()
        .saturating_sub(full);
    format!("▕{}{}▏", "█".repeat(full), " ".repeat(empty))
}

fn saved(bytes: u64, path: Option<&Path>, receipt: &Path, mark: Mark) -> String {
    let to = path.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
    let (prefix, size) = (mark.prefix(), size(bytes));
    format!(
        "{prefix}{size}, opened and saved to {to}; receipt in {}",
        receipt.display()
    )
}

fn stopped(problem: &Problem) -> Vec<Row> {
    let heading = match problem.exit {
        Exit::Done => "Done",
        Exit::Failed => "Failed here",
        Exit::Usage => "Not done",
        Exit::Refused => "Refused",
        Exit::Rejected => "Rejected",
        Exit::JobFailed => "Failed",
        Exit::Late => "Gave up",
        Exit::Unreadable => "Unreadable",
        Exit::Interrupted => "Interrupted",
    };
    // What others wrote may have several lines: none of them looks like ours.
    let what = sentence(&problem.what);
    let mut lines = what.lines();
    let first = format!("{heading}: {}", lines.next().unwrap_or_default());
    let mut rows: Vec<String> = vec![first];
    rows.extend(lines.map(|line| format!("  | {line}")));
    match rows.as_mut_slice() {
        _ if problem.meaning.is_empty() => {}
        [only] => *only = format!("{only} {}", sentence(&problem.meaning)),
        _ => rows.push(sentence(&problem.meaning)),
    }
    if !problem.next.is_empty() {
        rows.push(format!("Next: {}", problem.next));
    }
    rows.into_iter().map(Row::Plain).collect()
}

/// With a full stop, unless it ends with something of the kind.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ':', '…']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn timed(name: &str, text: impl AsRef<str>) -> Row {
    Row::Timed(label(name, text.as_ref()))
}

fn label(name: &str, text: &str) -> String {
    format!("{name:<10} {text}")
}

#[cfg(test)]
mod tests;
