//! What can be wrong before the work begins, in words for whoever started the program.

use std::io;
use std::path::PathBuf;

/// Why a workload did not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option nobody knows.
    #[error("unknown option {0}; --help lists the options")]
    Option(String),
    /// `--params` stood last.
    #[error("--params needs the folder with the params")]
    NoFolder,
    /// More than one FILE.
    #[error("more than one input file was named; one is read")]
    TwoFiles,
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The input is larger than the program takes.
    #[error("the input is larger than {max} bytes; split it, or ask for a machine with more room")]
    TooLarge {
        /// What it takes.
        max: u64,
    },
    /// A param nobody asked for, most likely misspelt.
    #[error("unknown param {name}; known are: {known}")]
    UnknownParam {
        /// Its name.
        name: String,
        /// What the program knows.
        known: String,
    },
    /// A param that is not one line of UTF-8 text.
    #[error("the param {name} must be one line of text")]
    NotOneLine {
        /// Its name.
        name: String,
    },
    /// A param whose value means nothing.
    #[error("the param {name} is {value:?}; it must be {wanted}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        wanted: &'static str,
    },
}
