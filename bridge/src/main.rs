//! Relay in, `ConfidentialJob` out. The bridge hears orders and cancellations,
//! checks them, and writes them down as objects named after the order: hearing
//! one twice, from two relays or after a restart, creates it once.

mod cancelled;
mod clock;
mod cluster;
mod hear;
mod limits;
mod memory;
mod orders;
mod settings;
mod strangers;
mod tell;
mod verdict;
mod waiting;
mod work;

use std::process::ExitCode;

use clap::Parser as _;
use settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    relay::install_crypto_provider();
    let settings = Settings::parse();
    settings.start_log();
    match hear::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
