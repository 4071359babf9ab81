//! One line of a verdict: what was checked, what had to be, what was seen.

use core::fmt;
use std::borrow::Cow;

/// What a check shows: mostly words that are constants.
pub(crate) type Text = Cow<'static, str>;

/// A check as people and programs read it. In a list every check but the last
/// one of a refusal has passed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A constant name, fit for searching and for labels.
    pub name: Cow<'static, str>,
    /// What had to be seen.
    pub expected: Cow<'static, str>,
    /// What was seen.
    pub seen: Cow<'static, str>,
}

impl Check {
    /// A check's line.
    pub fn new(
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        seen: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            expected: expected.into(),
            seen: seen.into(),
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

/// Bytes as checks show them: lower-case hexadecimal digits.
pub(crate) struct Hex<'b>(pub(crate) &'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 128];
        for part in self.0.chunks(digits.len() / 2) {
            let digits = digits.get_mut(..2 * part.len()).unwrap_or_default();
            hex::encode_to_slice(part, digits).map_err(|_| fmt::Error)?;
            f.write_str(core::str::from_utf8(digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn bytes_of_any_length_are_shown_in_full() {
        for len in [0, 1, 63, 64, 65, 128, 200] {
            let bytes: Vec<u8> = (0..len).collect();
            assert_eq!(Hex(&bytes).to_string(), hex::encode(&bytes));
        }
    }
}
