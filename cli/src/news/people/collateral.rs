//! Collateral, and what evidence means, as lines for people. Pure.

use std::path::Path;

use super::{Row, counted};
use crate::explain::Explanation;
use crate::text::size;
use collateral::told::{From, Missing, Used, days_old};

/// Width of a paragraph: with its mark it fits 80 columns.
const WIDTH: usize = 74;

/// An item with its age and where it came from.
pub(super) fn used(used: &Used) -> String {
    let Used { item, from, made } = used;
    let made = made.map_or_else(String::new, |(at, age)| {
        let date = at.to_string();
        let day = date.split('T').next().unwrap_or_default().to_owned();
        format!(", made {day}, {}", days_old(age))
    });
    format!("{item}{made}, {}", whence(from))
}

#[cfg(feature = "tdx")]
pub(super) fn undated(parts: usize, from: &From) -> String {
    let (parts, from) = (counted(parts, "part"), whence(from));
    format!("Intel's, {from}: {parts} without a date, not verified")
}

fn whence(from: &From) -> String {
    match from {
        From::Disk => "kept here".to_owned(),
        From::Server(server) => format!("from {server}"),
        From::Bundle(path) => format!("from {}", path.display()),
    }
}

pub(super) fn missing(missing: &Missing) -> String {
    let Missing { item, why, next: _ } = missing;
    match item {
        Some(item) => format!("no {item}: {why}"),
        None => format!("nothing to ask for: {why}"),
    }
}

pub(super) fn exported(items: usize, bytes: u64, path: &Path) -> String {
    let (items, size) = (counted(items, "item"), size(bytes));
    format!("{items}, {size}, written to {}", path.display())
}

pub(super) fn imported(items: usize) -> String {
    format!("{} verified and kept", counted(items, "item"))
}

/// Said loudly: a verdict about a report alone passes without what makes it one
/// about somebody's job.
pub(super) fn unbound(fields: &[&'static str]) -> Vec<Row> {
    let line = |field: &&str| {
        let meaning = match *field {
            "HOST_DATA" | "MRCONFIGID" => "any job may run in this machine",
            "REPORTDATA" => "anybody may show this quote, at any time",
            _ => "anybody may show this report, at any time",
        };
        Row::Plain(format!("  ! {field} NOT compared, by choice: {meaning}"))
    };
    fields.iter().map(line).collect()
}

pub(super) fn explained(explanation: &Explanation) -> Vec<Row> {
    let Explanation {
        standing,
        proves,
        does_not,
        attacks,
    } = explanation;
    let mut lines = Vec::new();
    lines.push(String::new());
    lines.extend(paragraph("", standing));
    for text in proves {
        lines.extend(paragraph("  + ", text));
    }
    lines.push(String::new());
    lines.push("It does not prove:".to_owned());
    for text in does_not {
        lines.extend(paragraph("  - ", text));
    }
    lines.push(String::new());
    lines.push(
        "Published attacks by who holds the machine, which evidence does not show:".to_owned(),
    );
    for (name, what) in attacks {
        lines.extend(paragraph("  - ", &format!("{name}: {what}.")));
    }
    lines.into_iter().map(Row::Plain).collect()
}

/// Words in lines, the first one behind a mark.
fn paragraph(mark: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(mark.len());
    let mut lines = vec![mark.to_owned()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        let blank = last.trim().is_empty() || *last == mark;
        if !blank && last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{indent}{word}"));
        } else {
            if !blank {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use evidence::Generation;
    use job::Timestamp;

    use super::{explained, missing, unbound, used};
    use crate::explain::{Outcome, Subject, Tee, explain};
    use crate::news::people::Row;
    use collateral::item::{Item, Signer};
    use collateral::told::{From, Missing, Used};

    #[test]
    fn collateral_says_what_it_is_how_old_and_where_from() {
        let mut list = Used {
            item: Item::List(Generation::Milan, Signer::Vcek),
            from: From::Disk,
            made: Some((Timestamp::from_secs(1_790_000_000), 12 * 86_400)),
        };
        assert_eq!(
            used(&list),
            "revocation list of Milan, made 2026-09-21, 12 days old, kept here"
        );
        list.from = From::Server("kdsintf.amd.com".to_owned());
        assert!(used(&list).ends_with("12 days old, from kdsintf.amd.com"));
        let lost = Missing {
            item: Some(list.item),
            why: "kdsintf.amd.com: it answered 503".to_owned(),
            next: String::new(),
        };
        assert_eq!(
            missing(&lost),
            "no revocation list of Milan: kdsintf.amd.com: it answered 503"
        );
    }

    #[test]
    fn what_evidence_means_fits_a_terminal() {
        let open = Subject::Machine {
            tee: Tee::SevSnp(Signer::Vcek),
            bound_to_job: false,
            bound_to_key: true,
        };
        let lines = |rows: Vec<Row>| {
            let line = |row: Row| match row {
                Row::Timed(text) | Row::Plain(text) | Row::Passing(text) => text,
            };
            rows.into_iter().map(line).collect::<Vec<_>>()
        };
        let mut all = lines(unbound(&["HOST_DATA"]));
        all.extend(lines(explained(&explain(Outcome::Accepted(open)))));
        assert!(
            all.iter().all(|line| line.chars().count() <= 80),
            "{all:#?}"
        );
        insta::assert_snapshot!(all.join("\n"));
        let open = Subject::Machine {
            tee: Tee::Tdx,
            bound_to_job: true,
            bound_to_key: false,
        };
        let mut all = lines(unbound(&["REPORTDATA"]));
        all.extend(lines(explained(&explain(Outcome::Accepted(open)))));
        assert!(
            all.iter().all(|line| line.chars().count() <= 80),
            "{all:#?}"
        );
        insta::assert_snapshot!("what_a_quote_means", all.join("\n"));
    }
}
