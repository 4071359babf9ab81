//! What a build without Intel TDX says to a quote: nothing about the machine.

use std::path::Path;

use anyhow::Result;
use job::{Timestamp, Trust};

use super::Conclusion;
use super::input::Quoted;
use crate::args;
use crate::context::Context;
use crate::exit::{Exit, Problem};

/// Says that it cannot.
#[expect(
    clippy::unused_async,
    reason = "as the one that verifies, which takes its place"
)]
pub(super) async fn verify(
    _: &Context<'_>,
    _: &Trust,
    path: &Path,
    _: Quoted,
    _: args::Binding,
    _: Option<&Path>,
    _: Option<Timestamp>,
) -> Result<Conclusion> {
    Err(without_tdx(path).into())
}

/// What this build lacks, and how to get one that has it.
pub(crate) fn without_tdx(path: &Path) -> Problem {
    let what = format!(
        "{} is a quote of Intel TDX, and this build of cdvm has no TDX",
        path.display()
    );
    let meaning = "It was not verified: nothing is known about the machine";
    let next = "build cdvm with it: cargo build --release -p cli --features tdx";
    Problem::new(Exit::Unreadable, what, meaning, next)
}
