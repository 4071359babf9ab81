//! The workload's sandbox: own user, mount, process and network namespace, a
//! read-only root, no capabilities, a filter on system calls, and Landlock where
//! the kernel has it. No privilege is needed to build it.
//!
//! ```text
//! agent ── outer: new namespaces, a root of its own, the job's files
//!            └─ inner: process 1 inside; the socket, Landlock, seccomp
//!                 └─ workload
//! ```
//! Outer and inner are this same program, started again: no step between two
//! programs shares memory with the agent's keys. What they say travels over one
//! socket pair, the outer process's standard input.

mod control;
mod inner;
mod outer;
mod restrict;
mod root;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

pub(crate) use control::{Ended, Spec};
pub(crate) use inner::inner;
pub(crate) use outer::outer;

use control::{Head, Report};

/// Argument that makes this program the outer process.
pub(crate) const OUTER: &str = "sandbox-outer";

/// Argument that makes this program the inner process.
pub(crate) const INNER: &str = "sandbox-inner";

/// Longest line a workload may say: a part of a result.
const MAX_LINE: usize = 16 * 1024;

/// Reports that wait; a workload that says more waits itself.
const QUEUE: usize = 64;

/// A file below `/cdvm/job`.
pub(crate) struct File {
    /// Relative path of two parts.
    pub(crate) path: String,
    /// Content.
    pub(crate) data: Zeroizing<Vec<u8>>,
}

/// A running sandbox. Dropping it kills everything in it.
pub(crate) struct Sandbox {
    /// What the workload prints, or its result file.
    pub(crate) stdout: Option<ChildStdout>,
    /// Its diagnostics.
    pub(crate) stderr: Option<ChildStderr>,
    events: mpsc::Receiver<Event>,
    _outer: Child,
}

/// What comes out of a sandbox, besides the workload's streams.
pub(crate) enum Event {
    /// A line of the workload's socket.
    Said(String),
    /// The workload, or the sandbox, ended.
    Ended(Ended),
}

impl Sandbox {
    /// Starts the workload with these files.
    pub(crate) fn start(spec: &Spec, files: Vec<File>) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let mut outer = Command::new("/proc/self/exe")
            .arg(OUTER)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        ours.set_nonblocking(true)?;
        let (read, mut write) = UnixStream::from_std(ours)?.into_split();
        let head = Head::new(spec, &files).to_bytes()?;
        // Written beside everything else: the sandbox reads at its own pace.
        tokio::spawn(async move {
            write.write_all(&head).await?;
            for file in files {
                write.write_all(&file.data).await?;
            }
            // Kept open: its end would look like the agent's.
            std::future::pending::<io::Result<()>>().await
        });
        let (send, events) = mpsc::channel(QUEUE);
        tokio::spawn(read_reports(read, send));
        Ok(Self {
            stdout: outer.stdout.take(),
            stderr: outer.stderr.take(),
            events,
            _outer: outer,
        })
    }

    /// What happens next.
    pub(crate) async fn next(&mut self) -> Event {
        let gone = || Event::Ended(Ended::NotStarted("it ended without a word".to_owned()));
        self.events.recv().await.unwrap_or_else(gone)
    }
}

/// Reads reports until the sandbox closes its end. In a task of its own: a line
/// that is half read must not be lost when the agent looks elsewhere.
async fn read_reports(from: OwnedReadHalf, events: mpsc::Sender<Event>) {
    let mut lines = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        match lines.read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let event = match Report::parse(&line) {
            Some(Report::Said(line)) => Event::Said(line),
            Some(Report::Ended(ended)) => Event::Ended(ended),
            None => continue,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}
