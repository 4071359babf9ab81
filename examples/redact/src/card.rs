//! Payment card numbers: 13 to 19 digits with a right checksum (ISO/IEC 7812, Luhn).

use crate::groups::{Group, digits, groups, is_gap};
use crate::phone;

/// The lengths that are issued.
const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Printed groups have four digits or more, but for the last. Shorter ones are a table or a date.
const SHORTEST_GROUP: usize = 4;

/// The length of the card number that begins `here`. Where several fit, the longest.
pub(crate) fn find(before: &str, here: &str) -> Option<usize> {
    // 3 to 6 are the networks, 2 the new range of one; ISBNs (978, 979) and most article numbers begin
    // otherwise.
    if !here.starts_with(|first| ('2'..='6').contains(&first)) || is_inside_a_number(before) {
        return None;
    }
    let groups = groups(here, is_gap, LONGEST);
    (1..=groups.len())
        .rev()
        .filter_map(|count| groups.get(..count))
        .find(|window| is_card(window))?
        .last()
        .map(|last| last.end)
}

/// Behind a letter or digit nothing begins, behind `+` a phone, behind the point of a decimal number its
/// fraction. A phone that is masked already stands for the digits it was.
fn is_inside_a_number(before: &str) -> bool {
    let is_digit =
        |text: &str| text.ends_with(|c: char| c.is_ascii_digit()) || text.ends_with(phone::MASK);
    before.ends_with(|last: char| last.is_alphanumeric() || last == '+')
        || before.strip_suffix('.').is_some_and(is_digit)
}

fn is_card(window: &[Group<'_>]) -> bool {
    let short = window
        .iter()
        .rev()
        .skip(1)
        .any(|group| group.digits.len() < SHORTEST_GROUP);
    (SHORTEST..=LONGEST).contains(&digits(window)) && !short && checks(window)
}

/// Every second digit from the right counts twice, 10 and more as the sum of their digits; all of it is a
/// multiple of 10.
fn checks(window: &[Group<'_>]) -> bool {
    let digits = window
        .iter()
        .rev()
        .flat_map(|group| group.digits.bytes().rev())
        .map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, factor)| digit * factor)
        .map(|n| n / 10 + n % 10)
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::find;

    /// Test numbers the networks and payment providers publish.
    const TEST_CARDS: [&str; 9] = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4222222222222",
        "5555 5555 5555 4444",
        "2223003122003222",
        "3782 822463 10005",
        "6011 1111 1111 1117",
        "3056 930902 5904",
    ];

    #[test]
    fn published_test_numbers_are_found_whole() {
        for card in TEST_CARDS {
            assert_eq!(find("card: ", card), Some(card.len()), "{card}");
            assert_eq!(
                find("", &format!("{card}, exp 12/30")),
                Some(card.len()),
                "{card}"
            );
        }
    }

    #[test]
    fn every_wrong_digit_fails_the_checksum() {
        let card = "4111111111111111";
        for place in 1..card.len() {
            for digit in '0'..='9' {
                let mut wrong: Vec<char> = card.chars().collect();
                wrong[place] = digit;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(find("", &wrong).is_some(), wrong == card, "{wrong}");
            }
        }
    }

    #[test]
    fn three_digits_behind_the_card_are_not_part_of_it() {
        assert_eq!(find("", "4111 1111 1111 1111 123"), Some(19));
    }

    #[test]
    fn a_card_on_two_lines_is_found() {
        assert_eq!(find("", "4111 1111\n1111 1111"), Some(19));
    }

    #[test]
    fn a_part_of_something_longer_is_no_card() {
        for before in ["A", "1", "+", "0."] {
            assert_eq!(find(before, "4111111111111111"), None, "{before}");
        }
        assert_eq!(find("", "4111111111111111a"), None);
        assert_eq!(find("", "41111111111111110000"), None);
        // Right checksum, but groups of two are no card.
        assert_eq!(find("", "41 11 11 11 11 11 11 11"), None);
    }

    #[test]
    fn an_isbn_is_no_card() {
        // 9780000000002 would pass both checks.
        assert_eq!(find("ISBN ", "9780000000002"), None);
    }
}
