//! What a workload written in Rust needs from the world it runs in: its input, its params, and a line to say
//! how far it is. What it computes is left to the program. Copy this crate as a starting point.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     workload::run("count", "count [--params DIR] [FILE]: counts the bytes of FILE", |call, progress| {
//!         let input = call.input(1 << 20)?;
//!         progress.report(1, 1, "files");
//!         Ok(format!("{} bytes\n", input.len()))
//!     })
//! }
//! ```
//!
//! # Guarantees
//! - Standard output carries the whole result or nothing: it is written once, after the work succeeded.
//! - The exit code is 0 with a result, 2 when the input, a param or an argument is wrong, 1 when the result could
//!   not be written. Standard error then says what happened and what to do.
//! - Nothing here reads the environment, the network or the clock of the day.

mod call;
mod error;
mod params;
mod progress;

use std::error::Error as StdError;
use std::io::Write;
use std::process::ExitCode;

pub use call::Call;
pub use error::Error;
pub use params::Params;
pub use progress::Progress;

/// Where the first input lies in the guest. The next ones are `1`, `2`, ….
pub const INPUT: &str = "/cdvm/job/input/0";

/// The folder with one file per param.
pub const PARAMS: &str = "/cdvm/job/params";

/// The socket that takes progress.
pub const AGENT: &str = "/cdvm/job/agent.sock";

/// What the work came to: the bytes of the result, or a text for the customer.
pub type Outcome = Result<String, Box<dyn StdError>>;

/// Runs a workload from its command line to its exit code. `help` is what `--help` prints.
pub fn run(name: &str, help: &str, work: impl FnOnce(&Call, &mut Progress) -> Outcome) -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let outcome = match Call::parse(arguments) {
        Ok(None) => Ok(help.to_owned()),
        Ok(Some(call)) => work(&call, &mut Progress::open(AGENT)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(result) => write(name, &result),
        Err(error) => {
            eprintln!("{name}: {}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn write(name: &str, result: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(result.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: cannot write the result: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes on one line, outermost first.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Error, chain};

    #[test]
    fn an_error_is_told_with_its_causes() {
        let source = std::io::Error::other("the disk is away");
        let error = Error::Read {
            path: "/x".into(),
            source,
        };
        assert_eq!(chain(&error), "cannot read /x: the disk is away");
    }
}
