//! The agent: first process of a job's container, inside the confidential guest.
//!
//! It reads one environment value, `CDVM_MANIFEST`, and takes none over. What it
//! tells Kubernetes is its exit code (`docs/protocol.md`, 8); everything else it
//! knows goes sealed to the customer.

mod channel;
mod clock;
mod deliver;
mod guest;
mod install;
mod open;
mod prove;
mod receive;
mod run;
mod sandbox;
mod stop;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use job::AgentExit;

const USAGE: &str = "the agent of a Confidential DVM job

usage:
  cdvm-agent install DIR    put this program into DIR, whole or not at all
  cdvm-agent run            run the job of the environment value CDVM_MANIFEST

It runs inside a confidential guest; its exit codes are in docs/protocol.md.
";

fn main() -> ExitCode {
    relay::install_crypto_provider();
    // A defect is an ending like any other, with a code of its own.
    let result = catch_unwind(AssertUnwindSafe(dispatch));
    result.unwrap_or_else(|_| ExitCode::from(AgentExit::Defect.code()))
}

fn dispatch() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["install", dir] => match install::install(dir.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("failed to install the agent: {error}");
                ExitCode::from(AgentExit::Defect.code())
            }
        },
        ["run"] => ExitCode::from(start().code()),
        // The agent starts itself again on the way into the sandbox.
        [sandbox::OUTER] => sandbox::outer(),
        [sandbox::INNER, spec] => sandbox::inner(spec),
        _ => {
            print!("{USAGE}");
            ExitCode::from(AgentExit::Defect.code())
        }
    }
}

fn start() -> AgentExit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run::run(std::env::var("CDVM_MANIFEST").ok()));
            // What still waits for a slow relay does not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(_) => AgentExit::Defect,
    }
}
