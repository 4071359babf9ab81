//! The file of settings: flat, bounded, and every line of it known. It names where
//! things are; no check can be turned off in it. Pure.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// Longest file of settings: eight relays and some paths, with many comments.
pub(crate) const MAX_FILE: u64 = 64 * 1024;

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// Relays to use.
    Relays,
    /// Where AMD's certificates and lists are asked for.
    KeyServer,
    /// Where Intel's collateral is asked for.
    IntelServer,
    /// The customer's key file.
    Key,
    /// The trust file.
    Trust,
    /// Where jobs are kept.
    State,
}

impl Name {
    /// All of them, as they are shown.
    pub(crate) const ALL: [Self; 6] = [
        Self::Relays,
        Self::KeyServer,
        Self::IntelServer,
        Self::Key,
        Self::Trust,
        Self::State,
    ];

    /// As it is written.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Relays => "relays",
            Self::KeyServer => "key_server",
            Self::IntelServer => "intel_server",
            Self::Key => "key",
            Self::Trust => "trust",
            Self::State => "state",
        }
    }

    /// The one of this name.
    ///
    /// # Errors
    /// In words, when there is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|name| name.text() == text);
        found.ok_or_else(|| unknown(text))
    }

    const fn is_path(self) -> bool {
        matches!(self, Self::Key | Self::Trust | Self::State)
    }
}

/// A value and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// One, or for relays several.
    pub(crate) values: Vec<String>,
    /// From 1 on.
    pub(crate) line: usize,
}

/// What is wrong, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// What a file sets.
pub(crate) type Values = BTreeMap<Name, Written>;

/// Reads all of it.
pub(crate) fn parse(text: &str) -> Result<Values, Fault> {
    let mut values = Values::new();
    for (key, _, value, line) in entries(text)? {
        let fault = |what: String| Fault { line, what };
        let name = Name::parse(&key).map_err(fault)?;
        let typed = strings(&value).ok_or_else(|| {
            let form = match name {
                Name::Relays => "a list, such as [\"wss://relay.example\"]",
                _ => "a text in quotes",
            };
            fault(format!("{key} takes {form}"))
        })?;
        let is_list = matches!(value, DeValue::Array(_));
        if is_list && name != Name::Relays {
            return Err(fault(format!(
                "{key} takes one text in quotes, and no list"
            )));
        }
        check(name, &typed).map_err(fault)?;
        let written = Written {
            values: typed,
            line,
        };
        values.insert(name, written);
    }
    Ok(values)
}

/// Whether these could be values; what they mean is seen when they are used.
pub(crate) fn check(name: Name, values: &[String]) -> Result<(), String> {
    let text = name.text();
    if values.iter().any(|value| value.contains("nsec1")) {
        // The secret is not repeated.
        return Err(format!(
            "{text} holds a secret key: put that in a file that only you read, and name the file"
        ));
    }
    if values.is_empty() || values.iter().any(|value| value.trim().is_empty()) {
        return Err(format!("{text} is empty: leave it out instead"));
    }
    if values.iter().any(|value| value.contains(char::is_control)) {
        return Err(format!(
            "{text} has a line break or control character in it"
        ));
    }
    let rooted = |value: &String| value.starts_with('/') || value.starts_with("~/");
    if name.is_path() && !values.iter().all(rooted) {
        return Err(format!(
            "{text} is no whole path: begin it with / or ~/, as it is used from every folder"
        ));
    }
    Ok(())
}

/// A path as it is written, with `~/` for the home directory.
pub(crate) fn path(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// The text with `name` set to `values`; the rest, comments too, stays as it is.
///
/// # Errors
/// When the text is no TOML.
pub(crate) fn set(text: &str, name: Name, values: &[String]) -> Result<String, Fault> {
    let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    let value = match name {
        Name::Relays => format!("[{}]", quoted.join(", ")),
        _ => quoted.concat(),
    };
    let old = entries(text)?
        .into_iter()
        .find(|(key, ..)| key == name.text());
    if let Some((_, span, ..)) = old {
        return Ok(spliced(text, span.value, &value));
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Ok(format!("{text}{gap}{} = {value}\n", name.text()))
}

/// The text without `key`, and nothing if it is not there. Lines of it alone go.
///
/// # Errors
/// When the text is no TOML.
pub(crate) fn unset(text: &str, key: &str) -> Result<Option<String>, Fault> {
    let old = entries(text)?.into_iter().find(|(seen, ..)| seen == key);
    let Some((_, span, ..)) = old else {
        return Ok(None);
    };
    let before = text.get(..span.key.start).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let after = text.get(span.value.end..).unwrap_or_default();
    let end = after
        .find('\n')
        .map_or(text.len(), |at| span.value.end + at + 1);
    Ok(Some(spliced(text, start..end, "")))
}

fn spliced(text: &str, range: Range<usize>, with: &str) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    format!("{before}{with}{after}")
}

/// A basic string of TOML; control characters were refused.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Where a setting stands.
struct Span {
    key: Range<usize>,
    value: Range<usize>,
}

/// Keys with where they stand, their values and lines.
fn entries(text: &str) -> Result<Vec<(String, Span, DeValue<'_>, usize)>, Fault> {
    let line = |at: usize| 1 + text.get(..at).unwrap_or_default().matches('\n').count();
    let table = DeTable::parse(text).map_err(|error| Fault {
        line: line(error.span().map_or(0, |span| span.start)),
        what: format!("this is no TOML: {}", error.message()),
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.into_inner() {
        let span = Span {
            key: key.span(),
            value: value.span(),
        };
        let line = line(span.key.start);
        entries.push((
            key.into_inner().into_owned(),
            span,
            value.into_inner(),
            line,
        ));
    }
    entries.sort_by_key(|(_, span, ..)| span.key.start);
    Ok(entries)
}

fn strings(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Array(values) => values
            .iter()
            .map(|value| Some(value.get_ref().as_str()?.to_owned()))
            .collect(),
        _ => None,
    }
}

/// What somebody is told who writes a name that is none.
fn unknown(text: &str) -> String {
    let plain = text.to_ascii_lowercase().replace('-', "_");
    if plain.contains("simulated") || plain.contains("plain") || plain.contains("accept") {
        return format!(
            "{text} turns a check off, and that is no setting: type it each time, as an option"
        );
    }
    let nearest = Name::ALL
        .into_iter()
        .min_by_key(|name| distance(&plain, name.text()));
    let nearest = nearest.filter(|name| distance(&plain, name.text()) <= 3);
    let names: Vec<&str> = Name::ALL.into_iter().map(Name::text).collect();
    match nearest {
        Some(name) => format!("there is no setting {text:?}; do you mean {}?", name.text()),
        None => format!("there is no setting {text:?}, only {}", names.join(", ")),
    }
}

/// How many characters are to be added, removed or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, a) in one.chars().take(64).enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (b, above) in other.chars().zip(row.iter().skip(1)) {
            let here = (diagonal + usize::from(a != b))
                .min(left + 1)
                .min(above + 1);
            (diagonal, left) = (*above, here);
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Name, distance, parse, set, unset};

    const TEXT: &str =
        "# mine\nrelays = [\n  \"wss://one.example\", # first\n]\n\nkey = '~/my.nsec' # by name\n";

    #[test]
    fn every_line_is_known_or_refused_by_its_number() {
        let values = parse(TEXT).unwrap();
        assert_eq!(values[&Name::Relays].values, ["wss://one.example"]);
        assert_eq!((values[&Name::Key].line, values.len()), (6, 2));
        assert!(parse("").unwrap().is_empty());
        for (text, line, word) in [
            ("relay = []\n", 1, "do you mean relays?"),
            ("\nKEY-SERVER = 'x'\n", 2, "do you mean key_server?"),
            ("bananas = 1\n", 1, "only relays, key_server"),
            ("accept_simulated = true\n", 1, "turns a check off"),
            ("allow_plain_relays = true\n", 1, "turns a check off"),
            ("relays = []\n", 1, "is empty"),
            ("relays = [1]\n", 1, "takes a list"),
            ("\n\nkey = ['/a']\n", 3, "no list"),
            ("key = 'nsec1abc'\n", 1, "holds a secret key"),
            ("trust = 'trust.toml'\n", 1, "no whole path"),
            ("state = \"/a\\nb\"\n", 1, "line break"),
            ("key = '/a'\nkey = '/b'\n", 2, "no TOML"),
            ("[relays]\n", 1, "takes a list"),
            ("\nkey = \n", 2, "no TOML"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.what.contains(word), "{text}: {fault:?}");
            assert_eq!(fault.line, line, "{text}: {fault:?}");
            assert!(!fault.what.contains("nsec1abc"));
        }
    }

    #[test]
    fn a_setting_is_changed_where_it_stands_and_comments_stay() {
        let two = ["wss://a".to_owned(), "wss://\"b\\".to_owned()];
        let changed = set(TEXT, Name::Relays, &two).unwrap();
        assert!(changed.starts_with("# mine\nrelays = [\"wss://a\", "));
        assert!(changed.ends_with("]\n\nkey = '~/my.nsec' # by name\n"));
        assert_eq!(parse(&changed).unwrap()[&Name::Relays].values, two);
        let added = set("# only this", Name::State, &["/jobs".to_owned()]).unwrap();
        assert_eq!(added, "# only this\nstate = \"/jobs\"\n");
        let without = unset(TEXT, "relays").unwrap().unwrap();
        assert_eq!(without, "# mine\n\nkey = '~/my.nsec' # by name\n");
        assert_eq!(unset("wrong = 1", "wrong").unwrap().unwrap(), "");
        assert_eq!(unset(TEXT, "state").unwrap(), None);
        assert!(set("= broken", Name::Key, &["/a".to_owned()]).is_err());
    }

    #[test]
    fn names_are_near_by_their_letters() {
        for (one, other, expected) in [
            ("relay", "relays", 1),
            ("", "key", 3),
            ("trsut", "trust", 2),
        ] {
            assert_eq!(distance(one, other), expected);
        }
    }
}
