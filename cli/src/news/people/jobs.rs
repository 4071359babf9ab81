//! Settings, and jobs that are kept: a table that fits 80 columns, and one job told in full.

use job::{JobId, Timestamp};

use super::{Row, counted, label, timed};
use crate::news::{Listed, Own};
use crate::story::{By, Key, Standing, Story};
use crate::text::{age, cut, cut_front, short_job, short_key, size};
use crate::verdict::Mark;

/// What is left of 80 columns behind the others.
const STANDING: usize = 33;

/// The heading above jobs.
pub(crate) fn heading() -> String {
    columns("JOB", "SERVICE", "PROVIDER", "AGE", "HOW IT STANDS")
}

/// The lines of something that is kept.
pub(super) fn own(own: &Own) -> Vec<Row> {
    let row = match own {
        Own::Job(listed) => Row::Plain(line(listed)),
        Own::Told(listed) => return rows(listed),
        Own::NoJob { name, why } => Row::Plain(label("note", &format!("{name} {why}"))),
        Own::Forgotten {
            job,
            files,
            key,
            left,
        } => timed("forgotten", forgotten(*job, *files, *key, left)),
        Own::Setting {
            name,
            values,
            from,
            place,
        } => Row::Plain(setting(name, values, from, place.as_deref())),
    };
    vec![row]
}

fn setting(name: &str, values: &[String], from: &str, place: Option<&str>) -> String {
    let value = match (values, name) {
        ([], "relays") => "none".to_owned(),
        ([], "key") => "a fresh one per job".to_owned(),
        ([], "trust") => "what ships, and your trust.toml".to_owned(),
        ([], _) => "nothing".to_owned(),
        (values, _) => values.join(" "),
    };
    let place = place.unwrap_or(from);
    format!("{name:<12} {value:<40}  {place}")
        .trim_end()
        .to_owned()
}

/// One job in one line.
fn line(listed: &Listed) -> String {
    let Story {
        job,
        service,
        provider,
        ..
    } = &listed.story;
    let digits: String = job.to_string().chars().take(8).collect();
    columns(
        &digits,
        &cut(service, 14),
        &short_key(*provider),
        &age(listed.age_seconds),
        &standing(listed),
    )
}

fn columns(job: &str, service: &str, provider: &str, age: &str, standing: &str) -> String {
    format!("{job:<8}  {service:<14}  {provider:<13}  {age:<4}  {standing}")
}

fn standing(listed: &Listed) -> String {
    let story = &listed.story;
    let expired = if listed.expired { "; expired" } else { "" };
    let text = match listed.standing {
        Standing::Saved => return result(story),
        Standing::Arrived => "result waits: cdvm result".to_owned(),
        Standing::Ended => format!("{}: {}", listed.class, listed.why.replace('\n', " ")),
        Standing::Cancelled => "cancelled".to_owned(),
        Standing::Sent => format!("data sent, no result yet{expired}"),
        Standing::Refused => {
            let machine = story.machine.as_ref();
            let refused = machine.and_then(|machine| machine.refused.as_ref());
            let check = refused.map_or("", |refused| refused.check.as_str());
            format!("machine refused: {check}")
        }
        Standing::Expired => "expired, no data sent".to_owned(),
        Standing::Verified => "machine verified, no data sent".to_owned(),
        Standing::Ordered => "waiting for a machine".to_owned(),
    };
    cut(&text, STANDING)
}

fn result(story: &Story) -> String {
    let path = story.notes.saved.as_ref().map(|saved| &saved.path);
    match path {
        Some(Some(path)) => {
            let path = path.display().to_string();
            format!("result in {}", cut_front(&path, STANDING - 10))
        }
        Some(None) => "result went to stdout".to_owned(),
        None => "result saved".to_owned(),
    }
}

/// One job in full; what is not known is said.
fn rows(listed: &Listed) -> Vec<Row> {
    let Listed {
        story,
        age_seconds,
        expired,
        ..
    } = listed;
    let over = if *expired { "expired" } else { "expires" };
    let rows = [
        ("job", story.job.to_string()),
        (
            "order",
            format!(
                "{} ago, {}, {}",
                age(*age_seconds),
                story.ordered_at,
                story.route
            ),
        ),
        ("", format!("{over} {}", story.expiration)),
        (
            "offer",
            format!("{} by {}", story.service, dvm::keys::npub(story.provider)),
        ),
        (
            "",
            format!("{}, signed {}", story.offer, day(story.offered_at)),
        ),
        ("", story.image.clone()),
        ("machine", machine(story)),
        ("data", data(story)),
        ("result", outcome(listed)),
        ("ending", ending(listed)),
        ("machine", destroyed(story)),
        ("kept in", kept(story)),
    ];
    let row = |(name, text): (&str, String)| Row::Plain(label(name, &text.replace('\n', " | ")));
    rows.into_iter().map(row).collect()
}

fn machine(story: &Story) -> String {
    let Some(machine) = &story.machine else {
        return "none showed evidence while cdvm listened".to_owned();
    };
    let mark = Mark::of(machine.simulated).prefix();
    let key = short_key(machine.key);
    match &machine.refused {
        Some(refused) => format!(
            "{mark}{key} was refused {}: {} ({})",
            machine.at, refused.meaning, refused.check
        ),
        None => format!("{mark}{key} was verified {}", machine.at),
    }
}

fn data(story: &Story) -> String {
    match (story.sent, story.committed) {
        (Some(input), Some(key)) => format!("sealed to {} alone; digest {input}", short_key(key)),
        (Some(input), None) => format!("sent; digest {input}"),
        (None, _) => "not sent".to_owned(),
    }
}

fn outcome(listed: &Listed) -> String {
    let story = &listed.story;
    let saved = story.notes.saved.as_ref();
    match (&story.receipt, saved) {
        (Some(receipt), saved) => {
            let place = match saved {
                Some(saved) => {
                    let to = saved.path.as_ref();
                    let to =
                        to.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
                    format!("{} in {to}", size(saved.bytes))
                }
                None => "saved; where is not known".to_owned(),
            };
            format!("{place}; receipt in {}", receipt.file.display())
        }
        (None, Some(_)) => "saved, without a receipt".to_owned(),
        (None, None) if listed.standing == Standing::Arrived => {
            "there is one; not saved yet".to_owned()
        }
        (None, None) => "none is known".to_owned(),
    }
}

fn ending(listed: &Listed) -> String {
    let notes = &listed.story.notes;
    if let Some(ended) = &notes.ended {
        let by = match ended.by {
            By::Machine => "said by the machine",
            By::Provider => "said by the provider",
        };
        return format!("{}, {by} {}", cut(&ended.text, 400), ended.at);
    }
    match notes.cancelled {
        Some(cancelled) => format!("cancelled by you {}", cancelled.at),
        None if listed.story.receipt.is_some() => "the result was delivered".to_owned(),
        None => "none was heard".to_owned(),
    }
}

fn destroyed(story: &Story) -> String {
    match &story.notes.destroyed {
        Some(destroyed) => {
            let note = destroyed.text.strip_prefix("destroyed").unwrap_or("");
            format!("destroyed, says the provider{note}")
        }
        None => "nobody said that it is destroyed while cdvm listened".to_owned(),
    }
}

fn kept(story: &Story) -> String {
    let dir = story.dir.display();
    match &story.key {
        Key::OfTheJob => format!("{dir}, with its key"),
        Key::Own(path) => format!("{dir}; its key is yours, {}", path.display()),
    }
}

fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// What is gone, and what stays.
fn forgotten(job: JobId, files: usize, key: bool, left: &[String]) -> String {
    let key = if key {
        ", its key overwritten"
    } else {
        ", no key of its own"
    };
    let left = match left {
        [] => String::new(),
        left => format!("; not of cdvm, and still there: {}", left.join(", ")),
    };
    format!("{}: {}{key}{left}", short_job(job), counted(files, "file"))
}

#[cfg(test)]
mod tests {
    use super::{heading, line};
    use crate::news::Listed;
    use crate::story::{Saved, Standing, tests};

    #[test]
    fn the_table_fits_80_columns_whatever_is_in_it() {
        let mut story = tests::story();
        story.service = "a-service-with-a-very-long-name".to_owned();
        story.notes.saved = Some(Saved {
            path: Some("/home/somebody/a/rather/long/way/to/report.md".into()),
            bytes: 1,
            at: tests::ORDERED,
        });
        let mut listed = Listed {
            story,
            standing: Standing::Saved,
            class: "failed",
            why: "PodLost: a long reason\nof several lines and more".to_owned(),
            age_seconds: 99 * 86_400,
            expired: true,
        };
        assert!(
            line(&listed).ends_with("ng/way/to/report.md"),
            "{}",
            line(&listed)
        );
        for standing in [
            Standing::Saved,
            Standing::Arrived,
            Standing::Ended,
            Standing::Cancelled,
            Standing::Sent,
            Standing::Refused,
            Standing::Expired,
            Standing::Verified,
            Standing::Ordered,
        ] {
            listed.standing = standing;
            let line = line(&listed);
            assert!(line.chars().count() <= 80 && !line.contains('\n'), "{line}");
        }
        assert!(heading().chars().count() <= 80);
    }
}
