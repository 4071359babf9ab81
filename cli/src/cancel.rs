//! `cdvm cancel`: the provider is told, the way it was told of the order.

use anyhow::Result;
use dvm::Unsigned;
use dvm::cancel::Cancellation;
use job::Timestamp;

use crate::context::Context;
use crate::line::Line;
use crate::news::News;
use crate::state::{Kept, Route, notes};
use crate::{args, clock};

/// Cancels an order.
pub(crate) async fn cancel(context: &Context<'_>, args: args::Cancel) -> Result<()> {
    let args::Cancel { job } = args;
    let state = context.settings.state()?;
    let kept = Kept::find(&state, job.as_deref(), context.settings.key.as_deref())?;
    let line = Line::open(context, kept, None).await?;
    let rumor = Cancellation::to_rumor(&line.kept.order, clock::now());
    line.to_provider(&rumor).await?;
    if line.kept.route == Route::Public {
        let deletion = Unsigned {
            kind: rumor.kind,
            created_at: Timestamp::from_secs(rumor.created_at),
            tags: rumor.tags,
            content: rumor.content,
        };
        line.publish(&dvm::sign(&line.kept.keys, deletion)).await?;
    }
    if let Err(error) = notes::cancelled(&line.kept.dir, clock::now()) {
        let text = format!("it is not noted for cdvm jobs: {error:#}");
        context.teller.tell(&News::Warning { text });
    }
    context.teller.tell(&News::Cancelled {
        job: line.kept.order.id(),
    });
    Ok(())
}
