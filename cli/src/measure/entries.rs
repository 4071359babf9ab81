//! `[[guests]]` tables as `job::Trust` reads them. Pure, but for what it is given.

use core::fmt::Write as _;
use core::num::NonZeroU16;

use job::{Simulated, Timestamp, Trust};

use super::kata::{Word, reasons};
use crate::args;
use crate::date;
use crate::exit::Problem;
use crate::text::clean;

/// One guest.
pub(super) struct Measured {
    pub(super) vcpus: NonZeroU16,
    pub(super) measurement: [u8; 48],
    pub(super) line: String,
    /// The line's, where they are known.
    pub(super) words: Vec<Word>,
    /// What went into it, in one line, for whoever asks later.
    pub(super) inputs: String,
}

/// What all entries have in common.
pub(super) struct Entries {
    name: String,
    /// As typed.
    source: String,
    from: Timestamp,
    until: Timestamp,
}

impl Entries {
    /// As typed; without a name, `otherwise`; without dates from `now` on for
    /// `accepted_secs`.
    pub(super) fn new(
        entry: &args::Entry,
        otherwise: &str,
        now: Timestamp,
        accepted_secs: u64,
    ) -> Result<Self, Problem> {
        let args::Entry {
            name,
            source,
            from,
            until,
        } = entry;
        let given = source
            .as_deref()
            .map_or_else(String::new, |source| format!("{}; ", source.trim()));
        let from = match from {
            Some(text) => date::utc("--from", text)?,
            None => now,
        };
        let until = match until {
            Some(text) => date::utc("--until", text)?,
            None => now.plus(accepted_secs),
        };
        if until < from {
            let what = format!("--until {until} is before --from {from}");
            return Err(Problem::usage(what, "give the later one as --until"));
        }
        Ok(Self {
            name: name.clone().unwrap_or_else(|| otherwise.to_owned()),
            source: given,
            from,
            until,
        })
    }

    /// The tables, one per count. What is known of a line's words stands above the
    /// first with that line.
    pub(super) fn text(&self, guests: &[Measured]) -> Result<String, Problem> {
        let Self {
            name,
            source,
            from,
            until,
        } = self;
        let mut text = String::new();
        for group in guests.chunk_by(|a, b| a.line == b.line) {
            let words = group.first().map_or(&[][..], |guest| &guest.words);
            for reason in reasons(words) {
                let _ = writeln!(text, "# {}", clean(&reason));
            }
            for guest in group {
                let Measured {
                    vcpus,
                    measurement,
                    line: _,
                    words: _,
                    inputs,
                } = guest;
                let name = quoted(&format!("{name}, {vcpus} vCPUs"));
                let measurement = hex::encode(measurement);
                let source = quoted(&format!("{source}{inputs}"));
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "[[guests]]\nname = {name}\nvcpus = {vcpus}\nmeasurement = \"{measurement}\"\n\
                     source = {source}\nfrom = {from}\nuntil = {until}\n\n"
                );
            }
        }
        // Nothing is printed that would be refused where it goes.
        let file = format!("version = 1\nrevocation_max_age_days = 1\n{text}");
        match Trust::parse(&file, Simulated::Refused) {
            Ok(_) => Ok(text),
            Err(error) => Err(Problem::usage(
                format!("a trust file would not take these entries: {error}"),
                "correct --from or --until, or ask for fewer counts",
            )),
        }
    }
}

/// A TOML basic string (TOML 1.0.0, "String").
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
