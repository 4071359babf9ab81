//! `cdvm-kbs`: the broker, and what its owners do with it.

mod args;
mod commands;
mod place;
mod serve;
mod tls;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    // The first line of every program here: two providers would be none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Arguments { place, command }: Arguments) -> Result<()> {
    match command {
        Command::Serve(serve) => {
            let filter =
                EnvFilter::try_from_env("CDVM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .init();
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(serve::serve(&place, serve))
        }
        Command::NewMasterKey { file } => commands::new_master_key(&file),
        Command::Put { resource, file } => commands::put(&place, &resource, &file),
        Command::Remove { resource } => commands::remove(&place, &resource),
        Command::Grant(grant) => commands::grant(&place, *grant),
        Command::Check => commands::check(&place),
        Command::List => commands::list(&place),
        Command::Log {
            verify,
            owner,
            json,
        } => commands::log(&place, verify, owner.as_deref(), json),
        Command::Revoke { grant } => commands::revoke(&place, &grant),
        Command::Rotate { new_master_key } => commands::rotate(&place, &new_master_key),
        Command::Backup { file } => commands::backup(&place, &file),
        Command::Restore {
            file,
            what_happened_since_is_lost,
        } => commands::restore(&place, &file, what_happened_since_is_lost),
    }
}

/// `cdvm-kbs log | head` ends well.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
