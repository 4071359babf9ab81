//! Is this a table? One pass over the bytes that refuses what RFC 4180 does not allow, names the line, and
//! counts rows and columns so that memory is taken once. Taking fields apart is left to the csv crate, which
//! reads leniently: to it a quotation mark that never closes makes the rest of the file one field.

/// The most columns: a report with more is read by nobody, and its correlations grow with the square.
const MAX_COLUMNS: usize = 1000;

/// The most bytes of one field as written. Longer text is no value to count; most often a quotation mark is
/// missing.
const MAX_FIELD: usize = 65_536;

/// The most cells. At the worst moment one takes 24 bytes (its value and its place in a sorted copy): 800 MB,
/// beside the 64 MiB of the table itself; a third of the guest's memory.
const MAX_CELLS: usize = 1 << 25;

/// Why this is not a table we can read. Each names the line, counted from 1, and says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the table is empty; its first line must name the columns")]
    Empty,
    #[error("line {line}: not UTF-8 text; save the table with the encoding UTF-8")]
    NotUtf8 { line: usize },
    #[error(
        "line {line}: a quotation mark inside a field that does not begin with one; put the whole field into quotation marks and double those inside it"
    )]
    StrayQuote { line: usize },
    #[error(
        "line {line}: text behind a closing quotation mark; double the quotation marks inside a field"
    )]
    BehindQuote { line: usize },
    #[error(
        "line {line}: the quotation mark opened here is never closed; close it, or double it if it is part of the text"
    )]
    OpenQuote { line: usize },
    #[error(
        "line {line}: {fields} fields, but the first line names {columns} columns; quote fields that contain the delimiter, or name another one with the param delimiter"
    )]
    Ragged {
        line: usize,
        fields: usize,
        columns: usize,
    },
    #[error(
        "line {line}: a field of more than {MAX_FIELD} bytes; shorten it, or look for a quotation mark that is not closed"
    )]
    LongField { line: usize },
    #[error("line {line}: more than {MAX_COLUMNS} columns; leave out those that are not needed")]
    ManyColumns { line: usize },
    #[error("line {line}: more than {MAX_CELLS} cells up to here; split the table")]
    ManyCells { line: usize },
}

/// The size of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many columns the first line names.
    pub(crate) columns: usize,
    /// How many rows follow it.
    pub(crate) rows: usize,
}

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy)]
enum Place {
    /// Before the first byte of a record: line ends are blank lines here.
    Record,
    /// Before the first byte of a field that is not the first.
    Field,
    /// In a field without quotation marks.
    Plain,
    /// Between quotation marks that were opened in this line.
    Quoted { opened: usize },
    /// Behind a quotation mark inside such a field: the end of it, or the first of two.
    Quote { opened: usize },
}

/// What the next byte means to the grammar.
#[derive(Clone, Copy)]
enum Mark {
    Quote,
    Delimiter,
    LineEnd,
    Other,
}

/// Validates the text and measures it.
pub(crate) fn measure(table: &str, delimiter: u8) -> Result<Shape, Malformed> {
    let mut count = Count::default();
    let mut place = Place::Record;
    let mut last = 0;
    for byte in table.bytes() {
        let mark = match byte {
            b'"' => Mark::Quote,
            b'\n' | b'\r' => Mark::LineEnd,
            other if other == delimiter => Mark::Delimiter,
            _ => Mark::Other,
        };
        place = count.step(place, mark)?;
        // "\r\n" is one end of line.
        if byte == b'\r' || (byte == b'\n' && last != b'\r') {
            count.line += 1;
        }
        last = byte;
    }
    // The last line need not end.
    match place {
        Place::Quoted { opened } => return Err(Malformed::OpenQuote { line: opened }),
        Place::Record | Place::Field | Place::Plain | Place::Quote { .. } => {
            count.step(place, Mark::LineEnd)?
        }
    };
    match count.columns {
        Some(columns) => Ok(Shape {
            columns,
            rows: count.rows,
        }),
        None => Err(Malformed::Empty),
    }
}

/// What was counted so far.
struct Count {
    /// The line the next byte stands in.
    line: usize,
    /// The line in which the record begins.
    start: usize,
    /// Fields of the record that have ended.
    fields: usize,
    /// Bytes of the field.
    bytes: usize,
    /// What the first record has; `None` before it ends.
    columns: Option<usize>,
    /// Records behind the first.
    rows: usize,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            line: 1,
            start: 1,
            fields: 0,
            bytes: 0,
            columns: None,
            rows: 0,
        }
    }
}

impl Count {
    fn step(&mut self, place: Place, mark: Mark) -> Result<Place, Malformed> {
        if matches!(place, Place::Record) {
            self.start = self.line;
        }
        Ok(match (place, mark) {
            (Place::Quoted { opened }, Mark::Quote) => Place::Quote { opened },
            (Place::Quoted { opened }, Mark::Delimiter | Mark::LineEnd | Mark::Other)
            | (Place::Quote { opened }, Mark::Quote) => {
                self.byte()?;
                Place::Quoted { opened }
            }
            (Place::Record, Mark::LineEnd) => Place::Record,
            (Place::Record | Place::Field, Mark::Quote) => Place::Quoted { opened: self.line },
            (Place::Field | Place::Plain | Place::Quote { .. }, Mark::LineEnd) => {
                self.field()?;
                self.record()?;
                Place::Record
            }
            (
                Place::Record | Place::Field | Place::Plain | Place::Quote { .. },
                Mark::Delimiter,
            ) => {
                self.field()?;
                Place::Field
            }
            (Place::Record | Place::Field | Place::Plain, Mark::Other) => {
                self.byte()?;
                Place::Plain
            }
            (Place::Plain, Mark::Quote) => return Err(Malformed::StrayQuote { line: self.line }),
            (Place::Quote { .. }, Mark::Other) => {
                return Err(Malformed::BehindQuote { line: self.line });
            }
        })
    }

    fn byte(&mut self) -> Result<(), Malformed> {
        self.bytes += 1;
        if self.bytes > MAX_FIELD {
            Err(Malformed::LongField { line: self.start })
        } else {
            Ok(())
        }
    }

    fn field(&mut self) -> Result<(), Malformed> {
        self.bytes = 0;
        self.fields += 1;
        if self.columns.is_none() && self.fields > MAX_COLUMNS {
            return Err(Malformed::ManyColumns { line: self.start });
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), Malformed> {
        let fields = std::mem::take(&mut self.fields);
        let Some(columns) = self.columns else {
            self.columns = Some(fields);
            return Ok(());
        };
        if fields != columns {
            return Err(Malformed::Ragged {
                line: self.start,
                fields,
                columns,
            });
        }
        self.rows += 1;
        if self.rows.saturating_mul(columns) > MAX_CELLS {
            return Err(Malformed::ManyCells { line: self.start });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::{MAX_CELLS, MAX_COLUMNS, MAX_FIELD, Malformed, Shape, measure};

    fn comma(table: &str) -> Result<Shape, Malformed> {
        measure(table, b',')
    }

    #[test]
    fn rows_and_columns_are_counted_whatever_ends_a_line() {
        let shape = Ok(Shape {
            columns: 2,
            rows: 2,
        });
        for table in [
            "a,b\n1,2\n3,4",
            "a,b\n1,2\n3,4\n",
            "a,b\r\n1,2\r\n\r\n3,4\r\n",
            "\na,b\r1,2\r3,4",
            "a,b\n\"1\",\"2,\"\"\n\"\n,",
        ] {
            assert_eq!(comma(table), shape, "{table:?}");
        }
        assert_eq!(
            comma("a"),
            Ok(Shape {
                columns: 1,
                rows: 0
            })
        );
        assert_eq!(
            measure("a;b\n1,5;2,5", b';'),
            Ok(Shape {
                columns: 2,
                rows: 1
            })
        );
    }

    #[test]
    fn what_is_not_a_table_is_refused_with_its_line() {
        assert_eq!(comma(""), Err(Malformed::Empty));
        assert_eq!(comma("\n\r\n"), Err(Malformed::Empty));
        assert_eq!(
            comma("a,b\n1,2\n3\n"),
            Err(Malformed::Ragged {
                line: 3,
                fields: 1,
                columns: 2
            })
        );
        assert_eq!(
            comma("a,b\r\n\r\n1,2,3"),
            Err(Malformed::Ragged {
                line: 3,
                fields: 3,
                columns: 2
            })
        );
        assert_eq!(comma("a\n\"x\ny\nz"), Err(Malformed::OpenQuote { line: 2 }));
        assert_eq!(comma("a\n5\" pipe"), Err(Malformed::StrayQuote { line: 2 }));
        assert_eq!(comma("a\n \"x\""), Err(Malformed::StrayQuote { line: 2 }));
        assert_eq!(
            comma("a,b\n1,\"x\"y\n"),
            Err(Malformed::BehindQuote { line: 2 })
        );
        // The record begins in line 2 and is wrong there, however many lines it spans.
        assert_eq!(
            comma("a\n\"x\ny\",2"),
            Err(Malformed::Ragged {
                line: 2,
                fields: 2,
                columns: 1
            })
        );
    }

    #[test]
    fn bounds_hold_exactly() {
        let columns = |number: usize| vec!["c"; number].join(",");
        assert_eq!(
            comma(&columns(MAX_COLUMNS)),
            Ok(Shape {
                columns: MAX_COLUMNS,
                rows: 0
            })
        );
        assert_eq!(
            comma(&columns(MAX_COLUMNS + 1)),
            Err(Malformed::ManyColumns { line: 1 })
        );
        let field = |length: usize| format!("a\n{}", "x".repeat(length));
        assert_eq!(
            comma(&field(MAX_FIELD)),
            Ok(Shape {
                columns: 1,
                rows: 1
            })
        );
        assert_eq!(
            comma(&field(MAX_FIELD + 1)),
            Err(Malformed::LongField { line: 2 })
        );
        let rows = |rows: usize| columns(1000) + "\n" + &(",".repeat(999) + "\n").repeat(rows);
        assert_eq!(
            comma(&rows(MAX_CELLS / 1000)),
            Ok(Shape {
                columns: 1000,
                rows: MAX_CELLS / 1000
            })
        );
        assert!(matches!(
            comma(&rows(MAX_CELLS / 1000 + 1)),
            Err(Malformed::ManyCells { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_measured_is_what_the_csv_crate_reads(table in "[a1,\"\r\n ]{0,24}") {
            if let Ok(shape) = comma(&table) {
                let mut reader = csv::Reader::from_reader(table.as_bytes());
                let columns = reader.headers().unwrap().len();
                let rows = reader.records().map(Result::unwrap).count();
                prop_assert_eq!(shape, Shape { columns, rows });
            }
        }
    }
}
