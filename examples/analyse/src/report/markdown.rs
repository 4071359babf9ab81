//! How numbers and texts from the table are written, so that they cannot break the report around them.

/// Digits of a figure that say something in a report.
const SIGNIFICANT: i32 = 6;

/// From 10^15 on whole numbers are no longer exact, and long to read.
const LARGEST_EXPONENT: i32 = 15;

/// Below this, zeros behind the point are hard to count.
const SMALLEST_EXPONENT: i32 = -5;

/// The most characters of a name or value; the rest would stretch the table out of sight.
const LONGEST: usize = 60;

/// Six significant digits, all digits of a whole number, no zeros at the end.
pub(crate) fn number(number: f64) -> String {
    if !number.is_finite() {
        return "too large".to_owned();
    }
    let scientific = format!(
        "{number:.*e}",
        usize::try_from(SIGNIFICANT - 1).unwrap_or_default()
    );
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if number == 0.0 {
        "0".to_owned()
    } else if (SMALLEST_EXPONENT..LARGEST_EXPONENT).contains(&exponent) {
        let decimals = usize::try_from(SIGNIFICANT - 1 - exponent).unwrap_or_default();
        without_zeros(&format!("{number:.decimals$}")).to_owned()
    } else {
        format!("{}e{exponent}", without_zeros(digits))
    }
}

/// Four decimals; a small negative one is not written "-0.0000".
pub(crate) fn coefficient(r: f64) -> String {
    let text = format!("{r:.4}");
    if text == "-0.0000" {
        "0.0000".to_owned()
    } else {
        text
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// A text from the table as plain text in one cell: no markup, no links, no control characters, not too long.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len().min(4 * LONGEST));
    for (place, character) in text.chars().enumerate() {
        if place == LONGEST {
            escaped.push('…');
            break;
        }
        match character {
            '\\' | '|' | '`' | '*' | '[' | ']' | '<' | '&' | '~' => {
                escaped.extend(['\\', character]);
            }
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, coefficient, escape, number};

    #[test]
    fn a_number_has_six_significant_digits_or_all_of_a_whole_number() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1001.0, "1001"),
            (17.99, "17.99"),
            (2.0 / 3.0, "0.666667"),
            (-1234.5678, "-1234.57"),
            (20_190_131.0, "20190131"),
            (1_234_567.89, "1234568"),
            (999_999.96, "1000000"),
            (0.000_012_345_67, "0.0000123457"),
            (1e-6, "1e-6"),
            (6.022_140_76e23, "6.02214e23"),
            (f64::INFINITY, "too large"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_coefficient_never_is_a_negative_zero() {
        assert_eq!(coefficient(-0.000_04), "0.0000");
        assert_eq!(coefficient(-0.987_65), "-0.9877");
    }

    #[test]
    fn a_text_from_the_table_stays_in_its_cell() {
        assert_eq!(escape("a|b"), "a\\|b");
        assert_eq!(
            escape("[x](http://e.example)<b>"),
            "\\[x\\](http://e.example)\\<b>"
        );
        assert_eq!(escape("two\nlines\u{1b}[2J"), "two lines \\[2J");
        assert_eq!(
            escape(&"é".repeat(LONGEST + 1)).chars().count(),
            LONGEST + 1
        );
        assert!(escape(&"é".repeat(LONGEST + 1)).ends_with("é…"));
    }
}
