//! Numbers as people write them: groups of digits with marks between. What a number means is left to others.

use std::ops::Deref;

/// The most marks between two groups: `030 / 123` has three.
const MAX_MARKS: usize = 3;

/// The most groups of one number: a card number of single digits would have as many.
const MAX_GROUPS: usize = 19;

/// One group of digits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Group<'a> {
    /// The marks before it; empty for the first.
    pub(crate) marks: &'a str,
    /// Its digits.
    pub(crate) digits: &'a str,
    /// Where it begins in the text that was read.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// The groups of one number, in place: a place is looked at for every digit of a text, and memory from the
/// heap costs musl a system call each time.
#[derive(Debug, Default)]
pub(crate) struct Groups<'a> {
    all: [Group<'a>; MAX_GROUPS],
    length: usize,
}

impl<'a> Groups<'a> {
    /// `false` when there is no room.
    fn push(&mut self, group: Group<'a>) -> bool {
        let Some(place) = self.all.get_mut(self.length) else {
            return false;
        };
        *place = group;
        self.length += 1;
        true
    }
}

impl<'a> Deref for Groups<'a> {
    type Target = [Group<'a>];

    fn deref(&self) -> &Self::Target {
        self.all.get(..self.length).unwrap_or_default()
    }
}

/// Spaces and hyphens in all their forms, and one end of line: text wraps.
pub(crate) fn is_gap(mark: char) -> bool {
    matches!(
        mark,
        ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2011}' | '–' | '\n' | '\r'
    )
}

/// The marks that begin the text: at most three, at most one end of line.
pub(crate) fn marks(text: &str, is_mark: fn(char) -> bool) -> &str {
    let mut lines = 0;
    let end = text
        .char_indices()
        .enumerate()
        .find(|(number, (_, mark))| {
            lines += usize::from(*mark == '\n');
            *number == MAX_MARKS || lines > 1 || !is_mark(*mark)
        })
        .map_or(text.len(), |(_, (at, _))| at);
    text.get(..end).unwrap_or_default()
}

/// The groups that begin the text, as long as they have at most `max` digits together. A group that runs into
/// a letter is not one, and ends the number before it.
pub(crate) fn groups(text: &str, is_mark: fn(char) -> bool, max: usize) -> Groups<'_> {
    let mut groups = Groups::default();
    let mut left = max;
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let marks = if groups.is_empty() {
            ""
        } else {
            marks(rest, is_mark)
        };
        let behind = rest.get(marks.len()..).unwrap_or_default();
        let length = behind
            .bytes()
            .take(left + 1)
            .take_while(u8::is_ascii_digit)
            .count();
        let (Some(digits), Some(after)) = (behind.get(..length), behind.get(length..)) else {
            return groups;
        };
        if length == 0 || length > left || after.starts_with(char::is_alphanumeric) {
            return groups;
        }
        let start = end + marks.len();
        end = start + length;
        left -= length;
        if !groups.push(Group {
            marks,
            digits,
            start,
            end,
        }) {
            return groups;
        }
    }
}

/// How many digits the groups have together.
pub(crate) fn digits(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.digits.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::{digits, groups, is_gap, marks};

    fn split(text: &str) -> Vec<String> {
        groups(text, is_gap, 19)
            .iter()
            .map(|group| group.digits.to_owned())
            .collect()
    }

    #[test]
    fn a_number_is_its_groups_up_to_the_first_thing_that_is_none() {
        assert_eq!(split("12 34-56\u{a0}7, 8"), ["12", "34", "56", "7"]);
        assert_eq!(split("12 34x"), ["12"]);
        assert_eq!(split("x12"), [""; 0]);
        let groups = groups("12 – 34", is_gap, 19);
        assert_eq!(
            (groups[1].marks, groups[1].start, groups[1].end),
            (" – ", 7, 9)
        );
        assert_eq!(digits(&groups), 4);
    }

    #[test]
    fn it_ends_before_it_is_too_long() {
        assert_eq!(split("1234567890 123456789"), ["1234567890", "123456789"]);
        assert_eq!(split("1234567890 1234567890"), ["1234567890"]);
        assert_eq!(split(&"1".repeat(20)), [""; 0]);
    }

    #[test]
    fn a_gap_has_at_most_three_marks_and_one_end_of_line() {
        assert_eq!(marks(" - 1", is_gap), " - ");
        assert_eq!(marks("    1", is_gap), "   ");
        assert_eq!(marks("\r\n1", is_gap), "\r\n");
        assert_eq!(marks("\n\n1", is_gap), "\n");
    }
}
