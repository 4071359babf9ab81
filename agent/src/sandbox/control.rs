//! What agent and sandbox say to each other: a head and file contents in, lines
//! of reports out.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::File;

/// Longest head: argv, environment and file names come out of a manifest.
const MAX_HEAD: u64 = 64 * 1024;

/// What is run, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Command line.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: Vec<(String, String)>,
    /// Whether the result is the file `/cdvm/job/out/result`, not stdout.
    pub(crate) result_file: bool,
}

/// What precedes the files.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) spec: Spec,
    pub(super) files: Vec<(String, u64)>,
}

impl Head {
    pub(super) fn new(spec: &Spec, files: &[File]) -> Self {
        let files = files.iter();
        Self {
            spec: spec.clone(),
            files: files
                .map(|file| (file.path.clone(), file.data.len() as u64))
                .collect(),
        }
    }

    /// Length as eight bytes, then JSON: the reader takes not one byte more.
    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        let mut bytes = (json.len() as u64).to_be_bytes().to_vec();
        bytes.extend(json);
        Ok(bytes)
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut len = [0; 8];
        from.read_exact(&mut len)?;
        let len = u64::from_be_bytes(len);
        if len > MAX_HEAD {
            return Err(io::Error::other("the head is too long"));
        }
        let mut json = Vec::new();
        from.take(len).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

/// How a sandbox ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// The workload ended with this code.
    Exited(i32),
    /// The workload was killed by this signal.
    Killed(i32),
    /// The workload ended well and left no result file.
    NoResult,
    /// The sandbox could not be built, or the program not started.
    NotStarted(String),
}

/// A line from the sandbox.
#[derive(Serialize, Deserialize)]
pub(super) enum Report {
    /// The workload said this.
    Said(String),
    /// It is over.
    Ended(Ended),
}

impl Report {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)
    }
}
