//! `cdvm watch`: what the messages of a job say, until it is over. Nothing is
//! verified, sent or saved.

use anyhow::Result;

use crate::args;
use crate::context::Context;
use crate::line::{Line, ending};
use crate::news::News;
use crate::state::{Kept, Stage, stage};
use crate::verify;

/// Follows a job.
pub(crate) async fn watch(context: &Context<'_>, args: args::Watch) -> Result<()> {
    let args::Watch { job, patience } = args;
    let trust = context.settings.trust()?;
    let state = context.settings.state()?;
    let kept = Kept::find(&state, job.as_deref(), context.settings.key.as_deref())?;
    let job = kept.order.id();
    let mut line = Line::resume(context, kept, patience.timeout).await?;
    line.expect_answer();
    loop {
        line.until(context, |known| known.is_over() || !known.claims.is_empty())
            .await?;
        verify::show_others(context, &mut line, &trust).await?;
        while let Some(claim) = line.next_claim() {
            context.teller.tell(&News::Machine { key: claim.author });
            let (_, text) = ending::where_it_stands(Stage::Ordered, job);
            context.teller.tell(&News::Hint { text });
        }
        if line.known.is_over() {
            break;
        }
    }
    let stage = stage(&line.kept.dir);
    if line.known.outcome.is_some() {
        if stage == Stage::Started {
            context.teller.tell(&News::Arrived { job });
            let (_, text) = ending::where_it_stands(stage, job);
            context.teller.tell(&News::Hint { text });
        }
        return Ok(());
    }
    Err(line.why_over().into())
}
