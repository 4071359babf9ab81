//! `cdvm`, the customer's tool: order a job, verify the machine that runs it,
//! and only then send data, sealed to that one machine.
//!
//! [`run`](mod@run) is the story; each of its steps is a file. What decides is
//! pure and elsewhere (`job::accept`); what is sealed to a machine is sealed in
//! `state/commitment.rs` and nowhere else. Effects: `line.rs` talks to relays,
//! `state.rs` to the disk, `news/tell.rs` to people.

mod args;
mod cancel;
mod clock;
mod collect;
mod config;
mod context;
mod date;
mod exit;
mod explain;
mod forget;
mod given;
mod jobs;
mod judge;
mod keys;
mod line;
mod material;
mod measure;
mod news;
mod offers;
mod owner;
mod request;
mod run;
mod send;
mod settings;
mod state;
mod stock;
mod story;
mod text;
mod verdict;
mod verify;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
// As if they were here: every file that is kept goes through them.
use collateral::files;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use args::{Args, Command};
use context::Context;
use exit::{Exit, Problem, problem_of};
use news::tell::{Teller, lost};
use news::{News, people};
use settings::Settings;

fn main() -> ExitCode {
    relay::install_crypto_provider();
    if let Some(words) = owner::words() {
        let problem = owner::become_it(words);
        let exit = problem.exit;
        Teller::new(false, true, people::Detail::Summary).tell(&News::Stopped(problem));
        return ExitCode::from(exit.code());
    }
    let Args { global, command } = Args::parse();
    if global.debug {
        trace();
    }
    let teller = teller(global.json, &command);
    let done = perform(global, command, &teller).and_then(|()| match lost() {
        None => Ok(()),
        Some(error) => Err(anyhow::Error::new(error).context("failed to write to standard output")),
    });
    let exit = match done {
        Ok(()) => Exit::Done,
        Err(error) => {
            let problem = problem_of(&error);
            let exit = problem.exit;
            teller.tell(&News::Stopped(problem));
            exit
        }
    };
    ExitCode::from(exit.code())
}

fn perform(global: args::Global, command: Command, teller: &Teller) -> Result<()> {
    require_one_voice(global.json, &command)?;
    // What is wrong with the settings is shown and mended by it.
    if let Command::Config(args) = command {
        return config::config(global, args, teller);
    }
    let context = Context::new(Settings::new(global)?, teller);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("failed to start")?;
    let result = runtime.block_on(async {
        tokio::select! {
            // The command first: while it reads stdin, before it waits for
            // anything, Ctrl-C ends the process as it always does.
            biased;
            result = dispatch(&context, command) => result,
            () = interrupted() => Err(interruption(&context).into()),
        }
    });
    // A name server that does not answer holds up nobody who is done.
    runtime.shutdown_background();
    result
}

async fn dispatch(context: &Context<'_>, command: Command) -> Result<()> {
    match command {
        Command::Key { command } => keys::key(context, &command),
        Command::Offers(args) => offers::offers(context, &args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Request(args) => request::request(context, args).await,
        Command::Verify(args) => verify::verify(context, args).await,
        Command::Send(args) => send::step(context, args).await,
        Command::Watch(args) => watch::watch(context, args).await,
        Command::Result(args) => collect::step(context, args).await,
        Command::Cancel(args) => cancel::cancel(context, args).await,
        Command::Collateral { command } => stock::collateral(context, command).await,
        // It was done before there were settings.
        Command::Config(_) => Ok(()),
        Command::Kbs => Err(owner::not_first().into()),
        Command::Jobs(args) => jobs::jobs(context, &args),
        Command::Show(args) => jobs::show(context, &args),
        Command::Forget(args) => forget::forget(context, &args),
        Command::Measure(args) => measure::measure(context, &args),
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the handler Ctrl-C ends the process at once.
        std::future::pending::<()>().await;
    }
}

/// What state things are in, and how to go on.
fn interruption(context: &Context<'_>) -> Problem {
    let Some(dir) = context.job() else {
        return Problem::new(Exit::Interrupted, "nothing was ordered", "", "");
    };
    let job = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
    let Some(job) = job else {
        return Problem::new(Exit::Interrupted, "stopped", "", "");
    };
    let (meaning, next) = line::ending::where_it_stands(state::stage(&dir), job);
    let what = format!("the order {} goes on without you", text::short_job(job));
    Problem::new(Exit::Interrupted, what, meaning, next)
}

/// The voice for a command: where something else is printed on stdout, people's
/// lines go to stderr.
fn teller(json: bool, command: &Command) -> Teller {
    let verbose = match command {
        Command::Offers(offers) => offers.verbose,
        Command::Verify(args::Verify { summary, .. }) => !summary,
        Command::Run(args::Run { detail, .. }) | Command::Send(args::Send { detail, .. }) => {
            detail.verbose
        }
        Command::Key { .. }
        | Command::Request(_)
        | Command::Watch(_)
        | Command::Result(_)
        | Command::Cancel(_)
        | Command::Jobs(_)
        | Command::Show(_)
        | Command::Forget(_)
        | Command::Config(_)
        | Command::Collateral { .. }
        | Command::Kbs
        | Command::Measure(_) => false,
    };
    let detail = if verbose {
        people::Detail::Full
    } else {
        people::Detail::Summary
    };
    Teller::new(json, stdout_is_taken(command), detail)
}

/// Whether a command prints what is no news on stdout.
fn stdout_is_taken(command: &Command) -> bool {
    match command {
        Command::Run(args::Run { target, .. })
        | Command::Result(args::ResultArgs { target, .. }) => target.output == Path::new("-"),
        Command::Request(request) => request.yaml,
        Command::Measure(measure) => measure.prints_text(),
        Command::Config(config) => config.path,
        Command::Kbs
        | Command::Key { .. }
        | Command::Offers(_)
        | Command::Verify(_)
        | Command::Send(_)
        | Command::Watch(_)
        | Command::Cancel(_)
        | Command::Jobs(_)
        | Command::Show(_)
        | Command::Forget(_)
        | Command::Collateral { .. } => false,
    }
}

fn require_one_voice(json: bool, command: &Command) -> Result<(), Problem> {
    if json && stdout_is_taken(command) {
        let what = "--json and what this prints both want stdout";
        return Err(Problem::usage(
            what,
            "leave out one of them, or name a file",
        ));
    }
    Ok(())
}

/// `--debug`: everything but whole messages, which the relay pool would print.
fn trace() {
    let targets = Targets::new()
        .with_default(LevelFilter::DEBUG)
        .with_target("nostr_relay_pool", LevelFilter::ERROR)
        .with_target("tungstenite", LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(targets)
        .init();
}
