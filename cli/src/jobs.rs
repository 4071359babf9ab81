//! `cdvm jobs` and `cdvm show`: what is known here of one's jobs. Nobody is asked,
//! and no key is read.

use anyhow::Result;
use job::Timestamp;

use crate::args::jobs as args;
use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::line::ending;
use crate::news::{Listed, News, Own, people};
use crate::state::{self, Stage, stories};
use crate::story::{By, Standing, Story};

/// Lists jobs, newest first.
pub(crate) fn jobs(context: &Context<'_>, args: &args::Jobs) -> Result<()> {
    let state = context.settings.state()?;
    let shelf = stories::newest(&state, usize::from(args.most))?;
    let now = clock::now();
    if !shelf.stories.is_empty() {
        context.teller.line(&people::jobs::heading());
    }
    let none = shelf.stories.is_empty();
    for story in shelf.stories {
        let listed = Box::new(listed(story, now));
        context.teller.tell(&News::Own(Own::Job(listed)));
    }
    for (name, why) in shelf.odd {
        context.teller.tell(&News::Own(Own::NoJob { name, why }));
    }
    if shelf.more_odd > 0 {
        let text = format!("{} more things there are no jobs", shelf.more_odd);
        context.teller.tell(&News::Warning { text });
    }
    let text = match (none, shelf.more) {
        (true, _) => format!(
            "no job is kept in {}; order one: cdvm offers, then cdvm run SERVICE --input FILE --output FILE",
            state.display()
        ),
        (false, 0) => "see one in full with cdvm show JOB".to_owned(),
        (false, more) => format!(
            "{more} older ones are not shown (--most NUMBER); see one in full with cdvm show JOB"
        ),
    };
    context.teller.tell(&News::Hint { text });
    Ok(())
}

/// Tells one job.
pub(crate) fn show(context: &Context<'_>, args: &args::Show) -> Result<()> {
    let state = context.settings.state()?;
    let job = state::find(&state, args.job.as_deref())?;
    let story = stories::read(&state, job)?;
    let listed = listed(story, clock::now());
    let text = next(&listed);
    context.teller.tell(&News::Own(Own::Told(Box::new(listed))));
    context.teller.tell(&News::Hint { text });
    Ok(())
}

/// A story with what it means now.
pub(crate) fn listed(story: Story, now: Timestamp) -> Listed {
    let standing = story.standing(now);
    let (class, why) = match (standing, over(&story)) {
        (Standing::Ended, Some(problem)) => {
            let class = match problem.exit {
                Exit::Rejected => "rejected",
                _ => "failed",
            };
            (class, problem.what)
        }
        _ => ("", String::new()),
    };
    Listed {
        age_seconds: now.since(story.ordered_at),
        expired: story.expiration < now,
        standing,
        class,
        why,
        story,
    }
}

/// Why it is over, as it was told when it was heard.
fn over(story: &Story) -> Option<Problem> {
    let ended = story.notes.ended.as_ref()?;
    Some(match ended.by {
        By::Machine => ending::by_machine(&ended.text),
        By::Provider => ending::by_provider(&ended.text, state::stage(&story.dir)),
    })
}

/// What one may do next.
fn next(listed: &Listed) -> String {
    let story = &listed.story;
    let (stage, job) = (state::stage(&story.dir), story.job);
    let digits: String = job.to_string().chars().take(8).collect();
    let forget = format!("forget it with cdvm forget {digits}");
    match listed.standing {
        Standing::Ordered | Standing::Verified | Standing::Sent => {
            ending::where_it_stands(stage, job).1
        }
        Standing::Arrived => ending::where_it_stands(Stage::Started, job).1,
        Standing::Ended => match over(story) {
            Some(problem) => format!("{}; or {forget}", problem.next),
            None => forget,
        },
        Standing::Refused => {
            format!("see every check with cdvm verify {digits}, ask the provider, or {forget}")
        }
        Standing::Expired | Standing::Cancelled => {
            format!("order again if you still want it, or {forget}")
        }
        Standing::Saved => {
            format!("verify it as on its day with cdvm verify {digits}, or {forget}")
        }
    }
}
