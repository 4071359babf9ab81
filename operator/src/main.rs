//! The operator's process: settings in, two controllers and an inbox until told
//! to stop.

use std::process::ExitCode;

use clap::Parser as _;
use operator::settings::{Command, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    relay::install_crypto_provider();
    let settings = Settings::parse();
    settings.start_log();
    let done = match settings.command.clone() {
        None => operator::run(settings).await,
        Some(Command::Drain(drain)) => operator::drain(settings, drain).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
