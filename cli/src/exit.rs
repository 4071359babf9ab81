//! How the program ends: one number per class of ending, and the three
//! sentences people get when it does not end well.

use std::fmt;
use std::io::ErrorKind;

use collateral::files::FileError;

/// The exit codes; `--help` prints them from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// Something failed here: network, files.
    Failed = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// A machine was refused; it got no data.
    Refused = 3,
    /// The provider rejected the order.
    Rejected = 4,
    /// The job ended without a result.
    JobFailed = 5,
    /// Nothing came in time.
    Late = 6,
    /// What was to be verified is no evidence, event, order, offer or bundle.
    Unreadable = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The table at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something failed here: network, files
  2    wrong usage
  3    a machine was refused; it got no data
  4    the provider rejected the order
  5    the job ended without a result: workload failed, timeout, bad input, …
  6    nothing came in time
  7    what was to be verified cannot be read
  130  interrupted";

impl Exit {
    /// As the process ends with it.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what was asked: what happened, what it means, what
/// to do. Every other error is something that failed here ([`Exit::Failed`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Its class.
    pub(crate) exit: Exit,
    /// What happened.
    pub(crate) what: String,
    /// What it means; may be empty.
    pub(crate) meaning: String,
    /// What to do.
    pub(crate) next: String,
}

impl Problem {
    /// A problem of this class.
    pub(crate) fn new(
        exit: Exit,
        what: impl Into<String>,
        meaning: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            what: what.into(),
            meaning: meaning.into(),
            next: next.into(),
        }
    }

    /// A file that is not what it should be: nothing is known about any machine.
    pub(crate) fn unreadable(path: &std::path::Path, error: &anyhow::Error) -> Self {
        let what = match Self::in_error(error) {
            Some(problem) => problem.what,
            None => format!("{error:#}"),
        };
        let what = format!("{}: {what}", path.display());
        let meaning = "It says nothing, neither good nor bad, about any machine";
        Self::new(
            Exit::Unreadable,
            what,
            meaning,
            "give the file as it was written",
        )
    }

    /// The problem an error is: ours, or a file that is not what was asked for.
    fn in_error(error: &anyhow::Error) -> Option<Self> {
        let of_file = |file: &FileError| {
            let next = match file {
                FileError::TooLong(..) => "give another file".to_owned(),
                FileError::Open(path, _) => format!("chmod 600 {path}"),
            };
            Self::usage(file.to_string(), next)
        };
        let problem = error.downcast_ref::<Self>().cloned();
        problem.or_else(|| error.downcast_ref::<FileError>().map(of_file))
    }

    /// Wrong usage: what is wrong, and what to write instead.
    pub(crate) fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, "", next)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

/// The problem an error is, or becomes: something that failed here.
pub(crate) fn problem_of(error: &anyhow::Error) -> Problem {
    Problem::in_error(error).unwrap_or_else(|| {
        let next = if is_full(error) {
            "make room on that disk, and do it again"
        } else {
            "try again, or see what happened with --debug"
        };
        Problem::new(Exit::Failed, format!("{error:#}"), "", next)
    })
}

/// Whether a disk, or what somebody may use of it, is full.
fn is_full(error: &anyhow::Error) -> bool {
    let mut kinds = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    kinds.any(|kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

#[cfg(test)]
mod tests {
    use super::{EXIT_CODES, Exit, Problem, problem_of};

    #[test]
    fn every_code_stands_in_the_help() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Refused,
            Exit::Rejected,
            Exit::JobFailed,
            Exit::Late,
            Exit::Unreadable,
            Exit::Interrupted,
        ] {
            let line = format!("\n  {:<3}  ", exit.code());
            assert!(EXIT_CODES.contains(&line), "{exit:?}");
        }
    }

    #[test]
    fn a_problem_keeps_its_class_behind_any_context() {
        let problem = Problem::usage("no relay", "name one");
        let error = anyhow::Error::new(problem.clone()).context("failed to order");
        assert_eq!(problem_of(&error), problem);
        let other = problem_of(&anyhow::anyhow!("disk full").context("failed to write"));
        assert_eq!(other.exit, Exit::Failed);
        assert_eq!(other.what, "failed to write: disk full");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let full = problem_of(&anyhow::Error::new(full).context("failed to write"));
        assert!(full.next.contains("make room"), "{}", full.next);
    }
}
