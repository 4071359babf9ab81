//! One line of a verdict: what was checked, what had to be, what was seen.

use core::fmt;

/// A check as people and programs read it. In a list every check but the last
/// one of a refusal has passed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A constant name, fit for searching and for labels.
    pub name: String,
    /// What had to be seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

impl Check {
    /// A check's line.
    pub fn new(name: &str, expected: impl fmt::Display, seen: impl fmt::Display) -> Self {
        Self {
            name: name.to_owned(),
            expected: expected.to_string(),
            seen: seen.to_string(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, seen {}",
            self.name, self.expected, self.seen
        )
    }
}
