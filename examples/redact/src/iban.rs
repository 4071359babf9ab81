//! International bank account numbers (ISO 13616): country, checksum and length must be right.

use crate::groups::{is_gap, marks};

/// Countries and the length of their IBANs: IBAN registry of SWIFT, in the order of their codes.
#[rustfmt::skip] // nine to a line
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22),
    ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27),
    ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27),
    ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27), ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28),
    ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28),
    ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22),
    ("MK", 19), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23),
    ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24),
    ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28),
    ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20), ("YE", 30),
];

/// No country may have more.
const LONGEST: usize = 34;

/// The length of the IBAN that begins `here`, in capitals or small letters, with gaps or without.
pub(crate) fn find(before: &str, here: &str) -> Option<usize> {
    let (country, check) = (here.get(..2)?, here.get(2..4)?);
    if before.ends_with(char::is_alphanumeric) || !check.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let (_, length) = LENGTHS
        .iter()
        .find(|(code, _)| code.eq_ignore_ascii_case(country))?;
    let mut symbols = [0; LONGEST];
    let symbols = symbols.get_mut(..*length)?;
    let mut end = 0;
    for symbol in &mut *symbols {
        let rest = here.get(end..)?;
        let gap = if end == 0 {
            0
        } else {
            marks(rest, is_gap).len()
        };
        *symbol = rest
            .as_bytes()
            .get(gap)
            .copied()
            .filter(u8::is_ascii_alphanumeric)?;
        end += gap + 1;
    }
    let ends = !here.get(end..)?.starts_with(char::is_alphanumeric);
    (ends && checks(symbols)).then_some(end)
}

/// ISO 7064: the first four symbols moved to the end, letters as 10 to 35, the whole as a number leaves 1
/// when divided by 97.
fn checks(symbols: &[u8]) -> bool {
    let moved = symbols.iter().skip(4).chain(symbols.iter().take(4));
    let rest = moved
        .filter_map(|&symbol| char::from(symbol).to_digit(36))
        .fold(0, |rest, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (rest * shift + value) % 97
        });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::{LENGTHS, LONGEST, find};

    /// Examples from the IBAN registry.
    const EXAMPLES: [&str; 8] = [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NL91-ABNA-0417-1643-00",
        "CH93 0076 2011 6238 5295 7",
        "NO9386011117947",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    ];

    #[test]
    fn examples_of_the_registry_are_found_whole() {
        for iban in EXAMPLES {
            assert_eq!(find("IBAN ", iban), Some(iban.len()), "{iban}");
            assert_eq!(
                find("(", &format!("{})", iban.to_lowercase())),
                Some(iban.len()),
                "{iban}"
            );
            assert_eq!(
                find("", &format!("{iban} is mine")),
                Some(iban.len()),
                "{iban}"
            );
        }
    }

    #[test]
    fn every_wrong_digit_fails_the_checksum() {
        let iban = "DE89370400440532013000";
        for place in 2..iban.len() {
            for digit in '0'..='9' {
                let mut wrong: Vec<char> = iban.chars().collect();
                wrong[place] = digit;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(find("", &wrong).is_some(), wrong == iban, "{wrong}");
            }
        }
    }

    #[test]
    fn the_length_of_the_country_decides() {
        // Too short, too long, glued to a word, a country without IBANs.
        for text in [
            "DE8937040044053201300",
            "DE893704004405320130000",
            "DE89370400440532013000x",
            "US89370400440532013000",
        ] {
            assert_eq!(find("", text), None, "{text}");
        }
        assert_eq!(find("X", "DE89370400440532013000"), None);
    }

    #[test]
    fn an_iban_on_two_lines_is_found() {
        assert_eq!(find("", "DE89 3704 0044\r\n0532 0130 00"), Some(28));
    }

    #[test]
    fn the_table_is_in_order_and_within_the_standard() {
        assert!(LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            LENGTHS
                .iter()
                .all(|(code, length)| code.len() == 2 && (15..=LONGEST).contains(length))
        );
    }
}
