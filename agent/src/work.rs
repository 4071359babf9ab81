//! Working: the workload runs in its sandbox, its result and the end of its
//! stderr are read, and the customer hears at a steady beat how far it is.

use std::time::Duration;

use dvm::feedback::{Feedback, Status};
use job::{AgentExit, OutputFrom, Terms};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::receive::Material;
use crate::sandbox::{Ended, Event, File, Sandbox, Spec};
use crate::stop::Stop;

/// The beat of progress reports. They leave at this pace whatever the workload
/// does, so that their times say nothing but how long it runs.
const BEAT: Duration = Duration::from_secs(2);

/// How much of the end of stderr the customer gets.
const STDERR_TAIL: usize = 2048;

/// Longest text of a progress report.
const MAX_WHAT: usize = 64;

/// A workload that ended well.
pub(crate) struct Done {
    /// Its result.
    pub(crate) output: Zeroizing<Vec<u8>>,
    /// Partial results that went before.
    pub(crate) partials: u64,
}

/// Most text of one partial result: with every character escaped (six bytes each)
/// it still fits into one message (`dvm::seal::MAX_RUMOR`).
const MAX_PART: usize = 4096;

/// What a workload says over its socket, one JSON object per line.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Said {
    Progress { done: u64, of: u64, what: String },
    Partial(String),
}

/// How far the workload says it is.
#[derive(Default)]
struct Story {
    progress: Option<(u64, u64, String)>,
    partial: Option<String>,
    seq: u64,
    partials: u64,
}

/// Runs the workload on `material` until it ends or its time is over.
pub(crate) async fn work(
    terms: &Terms,
    material: Material,
    channel: &Channel,
) -> Result<Done, Stop> {
    let defect = |text: String| Stop::new(AgentExit::Defect, text);
    let spec = spec(terms);
    let mut sandbox = Sandbox::start(&spec, files(material))
        .map_err(|error| defect(format!("the sandbox did not start: {error}")))?;
    let most = usize::try_from(terms.output.max_bytes).unwrap_or(usize::MAX);
    let stdout = sandbox.stdout.take();
    let stderr = sandbox.stderr.take();
    let output = tokio::spawn(read_at_most(stdout, most));
    let tail = tokio::spawn(read_tail(stderr));

    let deadline = Instant::now() + Duration::from_secs(terms.timeout_seconds);
    let mut beat = interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut story = Story::default();
    let ended = loop {
        tokio::select! {
            event = sandbox.next() => match event {
                Event::Said(line) => story.hear(&line),
                Event::Ended(ended) => break ended,
            },
            _ = beat.tick() => channel.tell(&story.tell()).await,
            () = sleep_until(deadline) => {
                let text = format!("the workload ran out of its {} seconds", terms.timeout_seconds);
                return Err(Stop::new(AgentExit::Timeout, text));
            }
        }
    };
    let output = output.await.unwrap_or(None);
    let tail = tail.await.unwrap_or_default();
    let failed = |what: String| {
        Err(Stop::new(
            AgentExit::WorkloadFailed,
            format!("{what}{tail}"),
        ))
    };
    match (ended, output) {
        (Ended::Exited(0), Some(output)) => Ok(Done {
            output,
            partials: story.partials,
        }),
        (Ended::Exited(0), None) => failed(format!("its result is longer than {most} bytes")),
        (Ended::Exited(code), _) => failed(format!("it ended with code {code}")),
        (Ended::Killed(signal), _) => failed(format!("it was killed by signal {signal}")),
        (Ended::NoResult, _) => failed("it ended without writing its result file".to_owned()),
        (Ended::NotStarted(why), _) => Err(defect(format!("the sandbox failed: {why}"))),
    }
}

fn spec(terms: &Terms) -> Spec {
    let workload = &terms.workload;
    let env = workload.env.iter();
    Spec {
        argv: workload.argv.clone(),
        env: env
            .map(|var| (var.name.clone(), var.value.clone()))
            .collect(),
        result_file: terms.output.from == OutputFrom::File,
    }
}

/// The files below `/cdvm/job`.
fn files(material: Material) -> Vec<File> {
    let Material {
        inputs,
        params,
        secrets,
        digest: _,
    } = material;
    let inputs = inputs.into_iter().enumerate().map(|(i, data)| File {
        path: format!("input/{i}"),
        data,
    });
    let params = params.into_iter().map(|(name, values)| File {
        path: format!("params/{name}"),
        data: Zeroizing::new(values.join("\n").into_bytes()),
    });
    let secrets = secrets.into_iter().map(|(name, data)| File {
        path: format!("secrets/{name}"),
        data,
    });
    inputs.chain(params).chain(secrets).collect()
}

impl Story {
    /// What the workload said; what it should not have said is dropped.
    fn hear(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Said::Progress { done, of, what }) => {
                let what = what.chars().filter(|c| !c.is_control()).take(MAX_WHAT);
                self.progress = Some((done, of, what.collect()));
            }
            // Partial results are for looking at: what comes faster than it leaves
            // is dropped, and the result has all of it.
            Ok(Said::Partial(text)) => {
                let part = self.partial.get_or_insert_default();
                let room = MAX_PART.saturating_sub(part.len());
                let whole = text.floor_char_boundary(room);
                part.push_str(text.get(..whole).unwrap_or_default());
            }
            Err(_) => {}
        }
    }

    /// What the customer hears at this beat.
    fn tell(&mut self) -> Feedback {
        self.seq += 1;
        let mut feedback = match self.partial.take() {
            Some(part) => {
                self.partials += 1;
                let mut feedback = Feedback::new(Status::Partial, "");
                feedback.part = Some(part);
                feedback
            }
            None => Feedback::new(Status::Processing, "running"),
        };
        if let Some((done, of, what)) = &self.progress {
            feedback.progress = Some((*done, *of));
            feedback.text.clone_from(what);
        }
        feedback.seq = Some(self.seq);
        feedback
    }
}

/// All of it, unless it is longer than `most`.
async fn read_at_most(
    from: Option<impl AsyncRead + Unpin>,
    most: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut all = Zeroizing::new(Vec::new());
    let limit = (most as u64).saturating_add(1);
    from?.take(limit).read_to_end(&mut all).await.ok()?;
    (all.len() <= most).then_some(all)
}

/// The last bytes of it, as text behind a heading; empty when there are none.
async fn read_tail(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut tail: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
    match String::from_utf8_lossy(&tail).trim() {
        "" => String::new(),
        text => format!("; the end of its stderr:\n{text}"),
    }
}
