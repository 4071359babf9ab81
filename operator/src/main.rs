//! The operator's process: settings in, two controllers and an inbox until told
//! to stop.

use std::process::ExitCode;

use clap::Parser as _;
use operator::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    relay::install_crypto_provider();
    let settings = Settings::parse();
    settings.start_log();
    match operator::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
