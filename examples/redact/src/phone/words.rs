//! Words that say what the number behind them is, in English and German. Add those of your customers'
//! language.

/// What the words before a number say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// A phone number.
    Phone,
    /// Certainly not a phone number.
    OtherNumber,
    /// Nothing we know.
    Nothing,
}

const PHONE: &[&str] = &[
    "tel",
    "telefon",
    "telefonnummer",
    "telefax",
    "telephone",
    "phone",
    "fon",
    "fax",
    "faxnummer",
    "mobil",
    "mobile",
    "mobilnummer",
    "handy",
    "handynummer",
    "cell",
    "cellphone",
    "rufnummer",
    "sms",
    "whatsapp",
];

/// These alone say it.
const OTHER: &[&str] = &[
    "isbn",
    "issn",
    "ismn",
    "aktenzeichen",
    "artikelnummer",
    "auftragsnummer",
    "bestellnummer",
    "kundennummer",
    "rechnungsnummer",
    "seriennummer",
    "steuernummer",
    "vertragsnummer",
];

/// These with "number" behind them: `order no. 0815-4711`, but `to order: 030 1234567`.
const OTHER_WITH_NUMBER: &[&str] = &[
    "account",
    "article",
    "case",
    "contract",
    "customer",
    "invoice",
    "order",
    "part",
    "reference",
    "serial",
    "ticket",
];

const NUMBER: &[&str] = &["no", "nr", "num", "number", "nummer"];

/// What the end of a text says about the number that follows.
pub(crate) fn announced(before: &str) -> Announced {
    let is = |word: &str, list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    let (word, rest) = last_word(before);
    let numbered = is(word, NUMBER);
    let word = if numbered { last_word(rest).0 } else { word };
    if is(word, PHONE) {
        Announced::Phone
    } else if is(word, OTHER) || numbered && is(word, OTHER_WITH_NUMBER) {
        Announced::OtherNumber
    } else {
        Announced::Nothing
    }
}

/// The last word, when only marks follow it in its line, and the text before it.
fn last_word(text: &str) -> (&str, &str) {
    let text = text.trim_end_matches([' ', '\u{a0}', '.', ':', '-']);
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphabetic())
        .last()
        .map_or(text.len(), |(at, _)| at);
    let (rest, word) = text.split_at_checked(start).unwrap_or_default();
    (word, rest)
}

#[cfg(test)]
mod tests {
    use super::{Announced, announced};

    #[test]
    fn the_last_word_decides() {
        for text in [
            "Tel. ",
            "my phone: ",
            "Telefon-Nr.: ",
            "phone number ",
            "(Fax ",
            "+49 30 1234567, Fax: ",
        ] {
            assert_eq!(announced(text), Announced::Phone, "{text}");
        }
        for text in [
            "ISBN ",
            "order no. ",
            "Order Number: ",
            "Bestellnummer: ",
            "Invoice Nr. ",
        ] {
            assert_eq!(announced(text), Announced::OtherNumber, "{text}");
        }
        for text in [
            "", "hotel ", "order: ", "number ", "[phone] ", "Tel.\n", "phone, ",
        ] {
            assert_eq!(announced(text), Announced::Nothing, "{text}");
        }
    }
}
