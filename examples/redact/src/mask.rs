//! Masks a text: one pass per kind, in an order that matters. What a kind looks like is in its own file.
//!
//! # Guarantees
//! - **Linear**: a pass goes from left to right once. What it looks at from one place is bounded, but for runs that no
//!   second place looks at again.
//! - **Idempotent**: masking a masked text changes nothing. A place is judged by the text *as masked so far* to its left
//!   and by a bounded window to its right; windows of a later run are never longer, because a mask ends them.
//! - E-mail addresses come first, since they may contain any number; then what has a checksum; phones last, so that they
//!   take no part of a card.

use std::fmt::Write;

use crate::{card, email, iban, phone};

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Email,
    Iban,
    Card,
    Phone,
}

impl Kind {
    /// In the order of the passes.
    const ALL: [Self; 4] = [Self::Email, Self::Iban, Self::Card, Self::Phone];

    fn mask(self) -> &'static str {
        match self {
            Self::Email => "[e-mail]",
            Self::Iban => "[IBAN]",
            Self::Card => "[card]",
            Self::Phone => phone::MASK,
        }
    }

    fn pass(self, text: &str) -> (String, usize) {
        match self {
            Self::Email => email::pass(text, self.mask()),
            Self::Iban => pass(
                text,
                self.mask(),
                |first| first.is_ascii_alphabetic(),
                iban::find,
            ),
            Self::Card => pass(
                text,
                self.mask(),
                |first| first.is_ascii_digit(),
                card::find,
            ),
            Self::Phone => pass(
                text,
                self.mask(),
                |first| first.is_ascii_digit() || "+(".contains(first),
                phone::find,
            ),
        }
    }
}

/// A text with its findings masked.
#[derive(Debug)]
pub(crate) struct Masked {
    /// The text.
    pub(crate) text: String,
    counts: [(Kind, usize); 4],
}

impl Masked {
    /// Masks a text; `done` hears which pass of how many has ended.
    pub(crate) fn of(mut text: String, mut done: impl FnMut(usize, usize)) -> Self {
        let mut passes = 0;
        let counts = Kind::ALL.map(|kind| {
            let count;
            (text, count) = kind.pass(&text);
            passes += 1;
            done(passes, Kind::ALL.len());
            (kind, count)
        });
        Self { text, counts }
    }

    /// The text, and below it a table that says how much was masked.
    pub(crate) fn with_summary(self) -> String {
        let Self { mut text, counts } = self;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("\n| masked | times |\n|---|--:|\n");
        for (kind, count) in counts {
            writeln!(text, "| {} | {count} |", kind.mask())
                .expect("writing to a string does not fail");
        }
        text
    }
}

/// Goes through a text once. `find` gets the text so far, masked, and the rest; it answers with the length of
/// a finding that begins the rest. It is asked at every character that `starts` one.
fn pass(
    text: &str,
    mask: &str,
    starts: fn(char) -> bool,
    find: fn(&str, &str) -> Option<usize>,
) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    let mut rest = text;
    while let Some((before, here)) = rest.find(starts).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        if let Some(after) = find(&out, here).and_then(|length| here.get(length..)) {
            out.push_str(mask);
            count += 1;
            rest = after;
        } else {
            let mut characters = here.chars();
            out.extend(characters.next());
            rest = characters.as_str();
        }
    }
    out.push_str(rest);
    (out, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, proptest};
    use proptest::{collection, prop_oneof, sample};

    use super::Masked;

    fn masked(text: &str) -> String {
        Masked::of(text.to_owned(), |_, _| ()).text
    }

    #[test]
    fn every_kind_is_masked_and_counted() {
        let text = "Ask a@b.example or +49 30 23125 017; pay to DE89 3704 0044 0532 0130 00 or with 4111 1111 1111 1111.";
        let done = Masked::of(text.to_owned(), |_, _| ());
        assert_eq!(
            done.text,
            "Ask [e-mail] or [phone]; pay to [IBAN] or with [card]."
        );
        let summary = "\n| masked | times |\n|---|--:|\n| [e-mail] | 1 |\n| [IBAN] | 1 |\n| [card] | 1 |\n| [phone] | 1 |\n";
        assert_eq!(
            done.with_summary(),
            "Ask [e-mail] or [phone]; pay to [IBAN] or with [card].\n".to_owned() + summary
        );
    }

    #[test]
    fn a_text_without_findings_is_not_touched() {
        let text = "Version 1.20.3 of 2024-01-02, ISBN 978-3-16-148410-0, order 4711-0815-2024,\r\n\t€ 1.234.567,89 🙂";
        assert_eq!(masked(text), text);
    }

    #[test]
    fn a_card_beside_a_phone_is_masked_whole() {
        assert_eq!(
            masked("030 23125 017 4111 1111 1111 1111"),
            "[phone] [card]"
        );
        assert_eq!(masked("4111111111111111/030 23125017"), "[card]/[phone]");
        assert_eq!(masked("030 23125017/0152 28817386"), "[phone]/[phone]");
        assert_eq!(
            masked("4111111111111111,4222222222222\n5555555555554444"),
            "[card],[card]\n[card]"
        );
    }

    #[test]
    fn a_number_with_a_wrong_checksum_is_neither_card_nor_iban() {
        for text in ["4111 1111 1111 1112", "GB29 NWBK 6016 1331 9268 18"] {
            assert_eq!(masked(text), text);
        }
        // But it may be a phone number.
        assert_eq!(masked("Tel. 4111 1111 1112"), "Tel. [phone]");
    }

    /// Digits that complete a number for its checksum: those of an IBAN, from 98 minus the rest.
    fn iban(country: &str, account: &str) -> String {
        let number = format!("{account}{country}00");
        let rest = number
            .chars()
            .filter_map(|symbol| symbol.to_digit(36))
            .fold(0, |rest, value| {
                (rest * if value < 10 { 10 } else { 100 } + value) % 97
            });
        format!("{country}{:02}{account}", 98 - rest)
    }

    /// A number with the one last digit that makes it a card.
    fn card(number: &str) -> String {
        let valid = |digit: &u32| {
            let all = format!("{number}{digit}");
            let sum: u32 = all
                .bytes()
                .rev()
                .zip([1, 2].into_iter().cycle())
                .map(|(digit, factor)| {
                    let product = u32::from(digit - b'0') * factor;
                    product / 10 + product % 10
                })
                .sum();
            sum.is_multiple_of(10)
        };
        format!("{number}{}", (0..10).find(valid).unwrap())
    }

    /// Groups of four, with the mark between them.
    fn grouped(number: &str, mark: &str) -> String {
        number
            .as_bytes()
            .chunks(4)
            .map(|group| std::str::from_utf8(group).unwrap())
            .collect::<Vec<_>>()
            .join(mark)
    }

    /// An item of each kind and what stands for it.
    fn item() -> impl Strategy<Value = (String, &'static str)> {
        let mark = || sample::select(vec!["", " ", "-", "\u{a0}"]);
        prop_oneof![
            "[a-z][a-z.+_]{0,8}[a-z0-9]@[a-z0-9]{1,5}(-[a-z0-9]{1,3})?\\.[a-z]{2,4}"
                .prop_map(|email| (email, "[e-mail]")),
            ("[0-9]{18}", mark())
                .prop_map(|(account, mark)| (grouped(&iban("DE", &account), mark), "[IBAN]")),
            ("[A-Z]{4}[0-9]{14}", mark())
                .prop_map(|(account, mark)| (grouped(&iban("GB", &account), mark), "[IBAN]")),
            ("[2-6][0-9]{11,17}", mark())
                .prop_map(|(number, mark)| (grouped(&card(&number), mark), "[card]")),
            "\\+[1-9][0-9]{1,2}( |-| \\(0\\))?[1-9][0-9]{2,4}( | / |-|)[0-9]{3,6}"
                .prop_map(|phone| (phone, "[phone]")),
            "0[1-9][0-9]{1,3}( |/|-| / )[1-9][0-9]{5,7}".prop_map(|phone| (phone, "[phone]")),
            "\\(0[1-9][0-9]{1,3}\\) ?[1-9][0-9]{2,3}[ -][0-9]{3}"
                .prop_map(|phone| (phone, "[phone]")),
            "[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}".prop_map(|phone| (phone, "[phone]")),
        ]
    }

    /// Words that may stand around an item without changing what it is.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            Just("Write to: ".to_owned()),
            Just("(see ".to_owned()),
            Just("– €, §; ".to_owned()),
            "[a-zäöü]{1,9}[,;:] ",
            "[A-Z][a-z]{3,9}\n",
        ]
    }

    /// Texts made of what the scanners react to.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[0-9]{1,6}",
            4 => sample::select(vec![" ", "-", ".", "/", "(", ")", "+", "@", "\n", ",", ":", "'", "#", "[", "]", "–", "  "])
                .prop_map(str::to_owned),
            2 => item().prop_map(|(text, _)| text),
            1 => sample::select(vec!["Tel.", "Fax ", "order no. ", "ISBN ", "[phone]", "[card]", "a", "de", "DE89", "00", "é", "0"])
                .prop_map(str::to_owned),
            1 => "[a-z]{1,3}",
        ];
        collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_item_survives((text, expected) in collection::vec((word(), item()), 1..6).prop_map(|parts| {
            let mut pair = (String::new(), String::new());
            for (word, (item, mask)) in parts {
                pair.0.extend([word.as_str(), &item, "; "]);
                pair.1.extend([word.as_str(), mask, "; "]);
            }
            pair
        })) {
            prop_assert_eq!(masked(&text), expected);
        }

        #[test]
        fn masking_twice_is_masking_once(text in hostile()) {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn any_text_is_masked_without_harm(text in any::<String>()) {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once);
        }
    }
}
