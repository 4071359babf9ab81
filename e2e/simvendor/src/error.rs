//! What can go wrong when a simulated vendor works.

use std::{fmt, io};

/// What can go wrong.
#[derive(Debug)]
pub enum Error {
    /// A key could not be made, read or used.
    Crypto(&'static str),
    /// A file could not be read or written.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(what) => write!(f, "failed to {what}"),
            Self::Io(_) => f.write_str("failed to read or write the simulated vendor's files"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Crypto(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
