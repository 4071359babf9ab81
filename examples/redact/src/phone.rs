//! Phone numbers. They have no checksum, so a form decides, or a word in front:
//!
//! | form | example | rule |
//! |---|---|---|
//! | international | `+49 (0)30 1234567`, `0049 30 1234567` | 8 to 15 digits behind `+`, 10 to 15 in groups behind `00` |
//! | area code | `030 1234567`, `030/123-45`, `06 1234 5678` | `0`, 1 to 5 digits that begin with no `0`, more groups; 8 to 13 digits |
//! | in brackets | `(030) 1234567`, `(555) 010-0199`, `(11) 2345-6789` | the same; or three digits and seven more; or two, four or five, hyphen, four |
//! | pairs | `01 42 68 53 00` | five pairs, the first as an area code, the same mark between them |
//! | North America | `555-234-0199` | 3, 3 and 4 digits, neither 3 begin with 0 or 1, hyphens or points between |
//! | announced | `Tel.: 5550199` | 6 to 15 digits, no date, behind a word for telephone |
//!
//! A number in one piece (`01761234567`) is none of these without `+` or a word: it could be any number.
//! Which digits make a form is in `phone/form.rs`, which words announce what in `phone/words.rs`; here is
//! where a number begins and ends.

mod form;
mod words;

use crate::groups::{Group, digits, groups, is_gap};
use crate::phone::form::{
    LONGEST, SHORTEST, is_announced, is_bracketed, is_international, is_national,
};
use crate::phone::words::{Announced, announced};

/// What stands for a phone number in a masked text.
pub(crate) const MASK: &str = "[phone]";

/// The most digits that are looked at: a longest number with `00` before it, or `(0)` inside.
const WINDOW: usize = LONGEST + 2;

/// What a number begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// `+`, or `+(`.
    Plus,
    /// `(+`.
    BracketPlus,
    /// `(`.
    Bracket,
    /// A digit.
    Digit,
}

impl Lead {
    fn of(here: &str) -> Self {
        if here.starts_with('+') {
            Self::Plus
        } else if here.starts_with("(+") {
            Self::BracketPlus
        } else if here.starts_with('(') {
            Self::Bracket
        } else {
            Self::Digit
        }
    }

    fn length(self, here: &str) -> usize {
        match self {
            Self::Digit => 0,
            Self::Bracket => 1,
            Self::BracketPlus => 2,
            Self::Plus => 1 + usize::from(here.starts_with("+(")),
        }
    }

    /// May a number with this lead begin behind that text?
    fn may_follow(self, before: &str) -> bool {
        match self {
            Self::Plus | Self::BracketPlus => !before.ends_with(|last: char| last.is_ascii_digit()),
            Self::Bracket => !before.ends_with(char::is_alphanumeric),
            Self::Digit => !is_inside_a_number(before),
        }
    }

    fn is_phone(self, window: &[Group<'_>], announced: Announced) -> bool {
        let closed = window
            .get(1)
            .is_some_and(|group| group.marks.starts_with(')'));
        match (self, announced) {
            (Self::Plus, _) => is_international(window),
            (Self::BracketPlus, _) => closed && is_international(window),
            (Self::Bracket | Self::Digit, Announced::OtherNumber) => false,
            (Self::Bracket, Announced::Phone) => closed && is_announced(window),
            (Self::Bracket, Announced::Nothing) => closed && is_bracketed(window),
            (Self::Digit, Announced::Phone) => is_national(window) || is_announced(window),
            (Self::Digit, Announced::Nothing) => is_national(window),
        }
    }
}

/// The length of the phone number that begins `here`. Where several fit, the one that ends where the next
/// begins, else the longest.
pub(crate) fn find(before: &str, here: &str) -> Option<usize> {
    let lead = Lead::of(here);
    if !lead.may_follow(before) {
        return None;
    }
    let skipped = lead.length(here);
    let number = here.get(skipped..)?;
    let groups = groups(number, is_mark, WINDOW);
    let announced = announced(before);
    let counts = next_number(number, &groups)
        .into_iter()
        .chain((1..=groups.len()).rev());
    let window = counts
        .filter_map(|count| groups.get(..count))
        .find(|window| lead.is_phone(window, announced) && !goes_on(number, window))?;
    window.last().map(|last| skipped + last.end)
}

fn is_mark(mark: char) -> bool {
    is_gap(mark) || matches!(mark, '.' | '/' | '(' | ')')
}

/// A digit does not begin a number behind a letter, in the middle of `978-3-16`, `1.0`, `12:30` or `A-0815`,
/// or behind `#`.
fn is_inside_a_number(before: &str) -> bool {
    let mut last = before.chars().rev();
    match (last.next(), last.next()) {
        (Some('#'), _) => true,
        (Some('-'), Some(joined)) => joined.is_alphanumeric(),
        (Some('.' | ',' | '/' | ':' | '\''), Some(joined)) => joined.is_ascii_digit(),
        (Some(mark), _) => mark.is_alphanumeric(),
        (None, _) => false,
    }
}

/// Is the window only the beginning of a longer number?
fn goes_on(number: &str, window: &[Group<'_>]) -> bool {
    let behind = window
        .last()
        .and_then(|last| number.get(last.end..))
        .unwrap_or_default();
    behind
        .strip_prefix(['-', '.'])
        .is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()))
}

/// How many groups come before another number that stands behind this one: `030 1234567 0171 1234567`.
fn next_number(number: &str, all: &[Group<'_>]) -> Option<usize> {
    (1..all.len()).find(|&count| {
        let apart = |group: &Group<'_>| {
            group.digits.starts_with('0') && group.marks.contains([' ', '/', '\n'])
        };
        let begins = all
            .get(count)
            .filter(|group| apart(group))
            .and_then(|group| number.get(group.start..));
        begins.is_some_and(|next| {
            let next = groups(next, is_mark, WINDOW);
            all.get(..count)
                .is_some_and(|window| digits(window) >= SHORTEST)
                && (1..=next.len())
                    .filter_map(|count| next.get(..count))
                    .any(is_national)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[track_caller]
    fn assert_whole(before: &str, phone: &str) {
        assert_eq!(find(before, phone), Some(phone.len()), "{before}{phone}");
        assert_eq!(
            find(before, &format!("{phone}, or write")),
            Some(phone.len()),
            "{before}{phone}"
        );
    }

    #[test]
    fn international_numbers_are_found_whole() {
        for phone in [
            "+49 30 23125 017",
            "+493023125017",
            "+49 (0)30 / 23125-017",
            "(+49) 30 23125 017",
            "+(49) 30 23125 017",
            "+44 20 7946 0018",
            "+1-555-010-0199",
            "+1 (555) 010-0199",
            "+49.30.23125017",
            "+33 1 99 00 12 34",
            "0049 30 23125 017",
            "+49 30\n23125 017",
        ] {
            assert_whole("me: ", phone);
        }
        assert_whole("Tel", "+49 30 23125 017");
    }

    #[test]
    fn national_numbers_are_found_whole() {
        for phone in [
            "030 23125 017",
            "030/23125017",
            "030 / 23125-017",
            "(030) 23125 017",
            "0152 28817386",
            "020 7946 0018",
            "07700 900123",
            "01 99 00 12 34",
            "01.99.00.12.34",
            "06 1234 5678",
            "(555) 010-0199",
            "(11) 2345-6789",
            "555-234-0199",
        ] {
            assert_whole("me: ", phone);
            assert_whole("Tel.", phone);
        }
    }

    #[test]
    fn a_word_for_telephone_makes_a_number_in_one_piece_a_phone() {
        for before in [
            "Tel. ",
            "Tel.: ",
            "phone number: ",
            "Mobil ",
            "FAX:",
            "Telefon-Nr. ",
        ] {
            assert_whole(before, "015228817386");
            assert_whole(before, "555-0199");
        }
        for before in ["", "number ", "since ", "hotel "] {
            assert_eq!(find(before, "015228817386"), None, "{before}");
        }
        assert_eq!(find("Fax ", "12.03.2024"), None);
    }

    #[test]
    fn dates_versions_amounts_and_isbns_stay() {
        for number in [
            "01.02.2024",
            "01.02.2024 12:30",
            "2024-01-02",
            "01/02/2024",
            "02/2024-4711",
            "0.12.3",
            "0.123456789",
            "978-3-16-148410-0",
            "0-306-40615-2",
            "012345678901",
            "0012-345678",
            "10115 12345",
            "1.234.567,89",
        ] {
            assert_eq!(find("of ", number), None, "{number}");
        }
        for number in [
            "+12.345.678",
            "+52.5200066",
            "+1234567",
            "+01 234 567 89",
            "+1234567890123456",
        ] {
            assert_eq!(find("of ", number), None, "{number}");
        }
        for bracket in [
            "(2024) 123456",
            "(12) 345678",
            "(030)",
            "(030 23125 017)",
            "(+49 30 23125 017)",
        ] {
            assert_eq!(find("of ", bracket), None, "{bracket}");
        }
    }

    #[test]
    fn the_middle_of_something_longer_is_no_phone() {
        for before in ["A-", "1-", "978-", "3.", "12:", "x", "7", "#"] {
            assert_eq!(find(before, "0815-47112"), None, "{before}");
        }
        assert_eq!(find("", "030 23125 017x"), Some("030 23125".len()));
        assert_eq!(find("3", "+49 30 23125 017"), None);
        assert_eq!(find("", "0123-456789-0123-456789"), None);
    }

    #[test]
    fn a_word_that_announces_another_number_wins_over_the_form() {
        for before in [
            "order no. ",
            "Invoice number: ",
            "Bestellnummer ",
            "ISMN 979-",
            "ISMN ",
        ] {
            assert_eq!(find(before, "060-115615"), None, "{before}");
        }
        assert_whole("to order: ", "030 23125 017");
        assert_whole("order no. ", "+49 30 23125 017");
    }

    #[test]
    fn a_number_ends_where_the_next_begins() {
        assert_eq!(
            find("", "030 23125017 0152 28817386"),
            Some("030 23125017".len())
        );
        assert_eq!(
            find("", "+49 30 23125017 / 0152 28817386"),
            Some("+49 30 23125017".len())
        );
        assert_eq!(find("", "0800 1234 0800 1235"), Some("0800 1234".len()));
        // The last group is an extension, not a number.
        assert_whole("", "+49 30 23125017 0");
        assert_whole("", "(030) 90 18 05 00");
    }
}
