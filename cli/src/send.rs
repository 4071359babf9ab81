//! Sending the data: one message, sealed to the machine of the commitment, with
//! what is too large for it as encrypted blobs.

mod message;

use std::time::Duration;

use anyhow::Result;
use job::Trust;

use message::Place;

use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::line::known::Known;
use crate::line::{Line, ending};
use crate::material::Material;
use crate::news::News;
use crate::state::{Kept, Stage};
use crate::verify::Machine;
use crate::{args, verify};

/// How often the message is sent, and after how long again: a relay may lose
/// it, and the machine drops copies.
const TRIES: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// `cdvm send`.
pub(crate) async fn step(context: &Context<'_>, args: args::Send) -> Result<()> {
    let args::Send {
        job,
        data,
        patience,
        detail: _,
    } = args;
    let trust = context.settings.trust()?;
    let material = Material::read(&data.inputs, &data.secret_params)?;
    let state = context.settings.state()?;
    let kept = Kept::find(&state, job.as_deref(), context.settings.key.as_deref())?;
    material.check(&kept.offer.content.cdvm, &kept.order.params().to_vec())?;
    let mut line = Line::resume(context, kept, patience.timeout).await?;
    let machine = verify::machine(context, &mut line, &trust).await?;
    send(context, &mut line, &trust, machine, material).await?;
    let (_, text) = ending::where_it_stands(Stage::Started, line.kept.order.id());
    context.teller.tell(&News::Hint { text });
    Ok(())
}

/// Sends the data to the machine, and waits until it says to have them.
pub(crate) async fn send(
    context: &Context<'_>,
    line: &mut Line,
    trust: &Trust,
    machine: Machine,
    material: Material,
) -> Result<()> {
    let Machine { committed, mark } = machine;
    // Data that nobody works on any more do not leave.
    if line.known.is_over() && line.known.outcome.is_none() {
        return Err(line.why_over().into());
    }
    let bytes = material.len();
    let places = message::places(&line.kept, committed, &material)?;
    let blobs = places.iter().filter(|place| **place == Place::Blob).count();
    // Before anything leaves: a result is believed only for this input.
    let input = message::outline(&line.kept, &material, &places)?.digest();
    line.kept.start(input)?;
    if line.known.input == Some(input) {
        // They were sent before, and arrived.
        return Ok(());
    }
    let start = message::store(context, &line.kept, material, &places).await?;
    let rumor = start.to_rumor(&line.kept.order, committed.key(), clock::now());

    let answered = |known: &Known| known.input.is_some() || known.is_over();
    let mut told = false;
    for tries in 1..=TRIES {
        match line.to_machine(committed, &rumor).await {
            Ok(_) if told => {}
            Ok(_) => {
                told = true;
                let key = committed.key();
                context.teller.tell(&News::Sent {
                    key,
                    bytes,
                    blobs,
                    input,
                    mark,
                });
            }
            Err(error) if tries == TRIES && !told => return Err(error),
            Err(error) => {
                let text = format!("{error:#}; trying again");
                context.teller.tell(&News::Warning { text });
            }
        }
        if line.within(context, AGAIN_AFTER, answered).await? {
            break;
        }
    }
    verify::until(context, line, trust, answered).await?;
    match line.known.input {
        Some(seen) if seen != input => Err(other_input().into()),
        Some(_) | None => Ok(()),
    }
}

fn other_input() -> Problem {
    let what = "the machine works on other data than these";
    let meaning = "It takes the first data it gets, and others were sent under this order before";
    Problem::new(Exit::JobFailed, what, meaning, "order again for these data")
}
