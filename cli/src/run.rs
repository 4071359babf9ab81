//! `cdvm run`: all steps in one. Each is the same function its own command calls.

use anyhow::Result;

use crate::collect::{Target, collect};
use crate::context::Context;
use crate::line::Line;
use crate::material::Material;
use crate::send::send;
use crate::{args, request, verify};

/// Request, verify, send, collect.
pub(crate) async fn run(context: &Context<'_>, args: args::Run) -> Result<()> {
    let args::Run {
        wanted,
        data,
        target,
        patience,
        detail: _,
    } = args;
    // What can be wrong here is found before anything leaves.
    let trust = context.settings.trust()?;
    let target = Target::new(target)?;
    let signer = request::signer(context)?;
    let material = Material::read(&data.inputs, &data.secret_params)?;

    let kept = request::place(
        context,
        &wanted,
        request::route(&wanted),
        signer,
        Some(&material),
    )
    .await?;
    // Listening comes before asking.
    let mut line = Line::open(context, kept, patience.timeout).await?;
    request::publish(context, &mut line).await?;
    let machine = verify::machine(context, &mut line, &trust).await?;
    send(context, &mut line, &trust, machine, material).await?;
    collect(context, &mut line, &trust, &target).await
}
