//! From bytes to columns: which fields are missing, which columns hold numbers. Statistics are left to
//! others.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::shape::{self, Malformed, Shape};

/// What people and programs write for "no value", compared without regard to case. `none`, `-` and `.` are
/// left out: in real tables they are answers.
const MISSING: [&str; 7] = ["", "NA", "N/A", "#N/A", "NaN", "null", "?"];

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The bytes are not a table.
    #[error("the table cannot be read")]
    Malformed(#[from] Malformed),
    /// The csv crate refuses what `shape` lets through: not seen so far.
    #[error("the table cannot be read")]
    Csv(#[from] csv::Error),
}

/// A table, column by column.
#[derive(Debug)]
pub(crate) struct Table {
    /// Rows without the first line.
    pub(crate) rows: usize,
    /// In the order of the first line.
    pub(crate) columns: Vec<Column>,
}

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    /// As the first line says; "column 3" where it says nothing.
    pub(crate) name: String,
    /// Fields with a value.
    pub(crate) count: usize,
    /// Its values.
    pub(crate) values: Values,
}

/// The values of a column.
#[derive(Debug)]
pub(crate) enum Values {
    /// Every field is missing.
    None,
    /// Every value is a finite number. One entry per row; NaN where it is missing.
    Numbers(Vec<f64>),
    /// Some value is not a number.
    Text {
        /// All values, without the missing ones.
        words: Words,
        /// How many of them would be numbers.
        numbers: usize,
        /// The first row, counted from 1, whose value is not.
        first: usize,
    },
}

/// Many short texts in one piece of memory: a `String` each would take several times the table.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    ends: Vec<u32>,
}

impl Words {
    fn push(&mut self, word: &str) {
        self.text.push_str(word);
        // A table has at most 64 MiB, so its text does too.
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// All words, in the order they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().filter_map(move |&end| {
            let range = start..end as usize;
            start = range.end;
            self.text.get(range)
        })
    }
}

impl Table {
    /// Reads a table in two passes: the first finds out what each column holds, the second keeps it in that
    /// form.
    pub(crate) fn read(bytes: &[u8], delimiter: u8) -> Result<Self, Error> {
        let text = utf8(bytes)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let shape = shape::measure(text, delimiter)?;
        let open = || {
            ReaderBuilder::new()
                .delimiter(delimiter)
                .from_reader(text.as_bytes())
        };
        let tallies = tally(open(), &shape)?;
        let mut reader = open();
        let mut columns: Vec<Column> = (1..)
            .zip(reader.headers()?)
            .zip(tallies)
            .map(|((number, name), tally)| tally.into_column(number, name.trim(), &shape))
            .collect();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record)? {
            for (column, field) in columns.iter_mut().zip(&record) {
                column.values.push(value(field));
            }
        }
        Ok(Self {
            rows: shape.rows,
            columns,
        })
    }
}

impl Values {
    fn push(&mut self, value: Option<&str>) {
        match (self, value) {
            (Self::Numbers(numbers), value) => {
                numbers.push(value.and_then(number).unwrap_or(f64::NAN));
            }
            (Self::Text { words, .. }, Some(word)) => words.push(word),
            (Self::Text { .. }, None) | (Self::None, _) => (),
        }
    }
}

/// What the first pass finds in a column.
#[derive(Clone, Default)]
struct Tally {
    count: usize,
    numbers: usize,
    first_text: Option<usize>,
    bytes: usize,
}

impl Tally {
    fn into_column(self, number: usize, name: &str, shape: &Shape) -> Column {
        let values = match self.first_text {
            None if self.count == 0 => Values::None,
            None => Values::Numbers(Vec::with_capacity(shape.rows)),
            Some(first) => {
                let words = Words {
                    text: String::with_capacity(self.bytes),
                    ends: Vec::with_capacity(self.count),
                };
                Values::Text {
                    words,
                    numbers: self.numbers,
                    first,
                }
            }
        };
        let name = if name.is_empty() {
            format!("column {number}")
        } else {
            name.to_owned()
        };
        Column {
            name,
            count: self.count,
            values,
        }
    }
}

fn tally(mut reader: Reader<&[u8]>, shape: &Shape) -> Result<Vec<Tally>, csv::Error> {
    let mut tallies = vec![Tally::default(); shape.columns];
    let mut record = StringRecord::new();
    let mut row = 0;
    while reader.read_record(&mut record)? {
        row += 1;
        for (tally, value) in tallies.iter_mut().zip(record.iter().map(value)) {
            let Some(value) = value else { continue };
            tally.count += 1;
            tally.bytes += value.len();
            if number(value).is_some() {
                tally.numbers += 1;
            } else {
                tally.first_text.get_or_insert(row);
            }
        }
    }
    Ok(tallies)
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.iter().take(error.valid_up_to());
        Malformed::NotUtf8 {
            line: 1 + valid.filter(|&&byte| byte == b'\n').count(),
        }
    })
}

/// The value of a field without the space around it; `None` when it is missing.
fn value(field: &str) -> Option<&str> {
    let value = field.trim();
    (!MISSING
        .iter()
        .any(|missing| value.eq_ignore_ascii_case(missing)))
    .then_some(value)
}

/// A finite number with a decimal point.
fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::{Column, Error, Table, Values};
    use crate::shape::Malformed;

    fn column(table: &str) -> Column {
        let mut table = Table::read(table.as_bytes(), b',').unwrap();
        assert_eq!(table.columns.len(), 1);
        table.columns.remove(0)
    }

    #[test]
    fn a_column_of_numbers_keeps_its_rows_and_its_gaps() {
        let Values::Numbers(numbers) = column("x\n1\n NA \n-2.5e1\n+.5").values else {
            panic!("not numbers")
        };
        assert_eq!(numbers.len(), 4);
        assert!(numbers[1].is_nan());
        assert_eq!(
            [numbers[0], numbers[2], numbers[3]].map(f64::to_bits),
            [1.0, -25.0, 0.5].map(f64::to_bits)
        );
    }

    #[test]
    fn one_value_that_is_no_number_makes_a_column_text() {
        let column = column("x\n1\nNA\ntwo\n3");
        let Values::Text {
            words,
            numbers: 2,
            first: 3,
        } = column.values
        else {
            panic!("not text")
        };
        assert_eq!(words.iter().collect::<Vec<_>>(), ["1", "two", "3"]);
        assert_eq!(column.count, 3);
    }

    #[test]
    fn every_way_to_write_no_value_is_known() {
        let column = column("x\nna\nNaN\nN/A\n#n/a\nNULL\n?\n\"\"\n\"  \"");
        assert!(matches!(
            column,
            Column {
                count: 0,
                values: Values::None,
                ..
            }
        ));
    }

    #[test]
    fn infinity_hexadecimal_and_decimal_commas_are_text() {
        for value in [
            "inf",
            "-Infinity",
            "1e999",
            "0x10",
            "\"1,5\"",
            "1 000",
            "none",
            "-",
        ] {
            assert!(
                matches!(column(&format!("x\n{value}")).values, Values::Text { .. }),
                "{value}"
            );
        }
    }

    #[test]
    fn a_mark_at_the_beginning_and_missing_names_do_no_harm() {
        let table = Table::read("\u{feff}\"a\", ,a\n1,2,3".as_bytes(), b',').unwrap();
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(names, ["a", "column 2", "a"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let read = Table::read(b"name\nJos\xe9\n", b',');
        assert!(matches!(
            read,
            Err(Error::Malformed(Malformed::NotUtf8 { line: 2 }))
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Table::read(&bytes, b',');
        }
    }
}
