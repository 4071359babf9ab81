//! `[[guests]]` tables as `job::Trust` reads them. Pure, but for what it is given.

use core::fmt::Write as _;
use core::num::NonZeroU16;

use job::{Simulated, Timestamp, Trust};

use crate::args;
use crate::date;
use crate::exit::Problem;

/// What all entries have in common.
pub(super) struct Entries {
    name: String,
    source: String,
    from: Timestamp,
    until: Timestamp,
}

impl Entries {
    /// As typed, with `inputs` behind the source; without dates from `now` on
    /// for `accepted_secs`.
    pub(super) fn new(
        entry: &args::Entry,
        inputs: &str,
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
            name: name.clone(),
            source: format!("{given}{inputs}"),
            from,
            until,
        })
    }

    /// The tables: one per count.
    pub(super) fn text(
        &self,
        measured: impl Iterator<Item = (NonZeroU16, [u8; 48])>,
    ) -> Result<String, Problem> {
        let Self {
            name,
            source,
            from,
            until,
        } = self;
        let mut text = String::new();
        for (vcpus, measurement) in measured {
            let name = quoted(&format!("{name}, {vcpus} vCPUs"));
            let (measurement, source) = (hex::encode(measurement), quoted(source));
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "[[guests]]\nname = {name}\nvcpus = {vcpus}\nmeasurement = \"{measurement}\"\n\
                 source = {source}\nfrom = {from}\nuntil = {until}\n\n"
            );
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
