//! Writes the report: its sections, their order, and what stands in them. How a number or a text from the
//! table is written is left to `report/markdown.rs`, the section about pairs of columns to
//! `report/correlations.rs`. The same table gives the same bytes.

mod correlations;
mod markdown;

use std::fmt::{self, Write};

use workload::Progress;

use crate::figures::{Figures, real};
use crate::frequent::{Frequent, SHOWN};
use crate::report::correlations::{Described, correlations};
use crate::report::markdown::{escape, number};
use crate::settings::Settings;
use crate::table::{Column, Table, Values};

/// From this share of numbers on, a column of text was probably meant to hold numbers.
const NEARLY_NUMBERS: f64 = 0.9;

/// The parts of a report, as they grow column by column.
#[derive(Default)]
struct Parts {
    notes: String,
    numbers: String,
    texts: String,
    values: String,
    empty: String,
    described: Vec<Described>,
}

/// Describes the table in Markdown.
pub(crate) fn write(table: Table, settings: &Settings, progress: &mut Progress) -> String {
    whole(table, settings, progress).expect("writing to a string does not fail")
}

fn whole(table: Table, settings: &Settings, progress: &mut Progress) -> Result<String, fmt::Error> {
    let Table { rows, columns } = table;
    let of = columns.len();
    let mut parts = Parts::default();
    parts.note_header(&columns)?;
    for (place, column) in (1..).zip(columns) {
        parts.add(place, column, rows, settings)?;
        progress.report(place, of, "columns");
    }
    let Parts {
        notes,
        numbers,
        texts,
        values,
        empty,
        described,
    } = parts;
    let mut report = format!("# Report on a table\n\n{rows} rows, {of} columns.\n");
    section(&mut report, "Notes", "", &notes)?;
    section(
        &mut report,
        "Columns of numbers",
        "| # | column | count | missing | mean | sd | min | 5 % | 25 % | 50 % | 75 % | 95 % | max |\n\
         |--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        &numbers,
    )?;
    section(
        &mut report,
        "Columns of text",
        "| # | column | count | missing | different values | of these rare | rows with rare values |\n\
         |--:|---|--:|--:|--:|--:|--:|\n",
        &texts,
    )?;
    report.push_str(&values);
    section(&mut report, "Columns without a value", "", &empty)?;
    if described.len() > 1 {
        correlations(&mut report, &described, progress)?;
    }
    explanation(&mut report, settings)?;
    Ok(report)
}

impl Parts {
    /// Says what looks like a slip in how the table was saved or sent.
    fn note_header(&mut self, columns: &[Column]) -> fmt::Result {
        if let [Column { name, .. }] = columns
            && name.contains([',', ';', '\t'])
        {
            writeln!(
                self.notes,
                "- The table has one column, and its name contains commas, semicolons or tabs. \
                 Was one of them meant to separate columns? Name it with the param `delimiter`."
            )?;
        }
        if columns
            .iter()
            .all(|column| column.name.parse::<f64>().is_ok())
        {
            writeln!(
                self.notes,
                "- Every column is named by a number. Does the table lack a first line with names? \
                 Its first row was taken for the names."
            )?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        place: usize,
        column: Column,
        rows: usize,
        settings: &Settings,
    ) -> fmt::Result {
        let Column {
            name,
            count,
            values,
        } = column;
        let label = escape(&name);
        let start = format!(
            "| {place} | {label} | {count} | {} |",
            rows.saturating_sub(count)
        );
        match values {
            Values::None => writeln!(self.empty, "- {place} {label}"),
            Values::Numbers(mut cells) => {
                let Some(figures) = Figures::of(&cells) else {
                    return Ok(());
                };
                figures_row(&mut self.numbers, &start, &figures)?;
                let varies = figures.moments.standardise(&mut cells);
                self.described.push(Described {
                    label,
                    standardised: varies.then_some(cells),
                });
                Ok(())
            }
            Values::Text {
                words,
                numbers,
                first,
            } => {
                let frequent = Frequent::of(&words, settings.min_count);
                writeln!(
                    self.texts,
                    "{start} {} | {} | {} |",
                    frequent.distinct, frequent.rare, frequent.rare_rows
                )?;
                if real(numbers) >= real(count) * NEARLY_NUMBERS {
                    writeln!(
                        self.notes,
                        "- Column {place}, {label}, counts as text, but {numbers} of its {count} values are numbers; \
                         the first that is not stands in row {first}."
                    )?;
                }
                frequent_values(&mut self.values, place, &label, count, &frequent)
            }
        }
    }
}

fn section(report: &mut String, title: &str, head: &str, body: &str) -> fmt::Result {
    if body.is_empty() {
        Ok(())
    } else {
        write!(report, "\n## {title}\n\n{head}{body}")
    }
}

fn figures_row(out: &mut String, start: &str, figures: &Figures) -> fmt::Result {
    let Figures {
        min,
        max,
        quantiles,
        moments,
    } = figures;
    let deviation = moments.deviation().map_or_else(|| "–".to_owned(), number);
    write!(
        out,
        "{start} {} | {deviation} | {} |",
        number(moments.mean()),
        number(*min)
    )?;
    for quantile in quantiles {
        write!(out, " {} |", number(*quantile))?;
    }
    writeln!(out, " {} |", number(*max))
}

fn frequent_values(
    out: &mut String,
    place: usize,
    label: &str,
    count: usize,
    frequent: &Frequent,
) -> fmt::Result {
    let Frequent {
        distinct,
        top,
        rare,
        ..
    } = frequent;
    if top.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n### {place} {label}\n\n| value | rows | share |\n|---|--:|--:|"
    )?;
    for (rows, value) in top {
        writeln!(
            out,
            "| {} | {rows} | {:.1} % |",
            escape(value),
            100.0 * real(*rows) / real(count)
        )?;
    }
    let more = distinct.saturating_sub(rare + top.len());
    if more > 0 {
        writeln!(out, "\n{more} more values are frequent enough to be shown.")
    } else {
        Ok(())
    }
}

fn explanation(report: &mut String, settings: &Settings) -> fmt::Result {
    let Settings {
        min_count,
        delimiter: _,
    } = settings;
    write!(
        report,
        "
## How to read this

- **missing**: the field is empty or one of NA, N/A, #N/A, NaN, null, ? (in any case). All figures are over the others.
- **numbers or text**: a column holds numbers when every value is one, with a decimal point; otherwise it holds text.
- **sd**: standard deviation of a sample, divided by n - 1.
- **5 % … 95 %**: quantiles of type 7 (Hyndman and Fan), linear between neighbours, as in R, numpy and spreadsheets.
- **correlation**: Pearson's r over the rows in which both columns have a value; – where there are fewer than three \
or one of the two does not vary.
- Figures are rounded to six significant digits.
- **rare**: a text that stands in fewer than {min_count} rows (param `min-count`). Rare texts are counted but not shown: \
they could point at one person. At most {SHOWN} values of a column are shown.
- **Before you pass this on**: columns of numbers have no such protection. Their min, max and quantiles can be single \
values of the table. Names of columns are shown as they are.
"
    )
}

#[cfg(test)]
mod tests {
    use workload::Progress;

    use crate::settings::Settings;
    use crate::table::Table;

    fn report(table: &str, min_count: usize) -> String {
        let table = Table::read(table.as_bytes(), b',').unwrap();
        super::write(
            table,
            &Settings {
                delimiter: b',',
                min_count,
            },
            &mut Progress::open("/no/such/socket"),
        )
    }

    /// The report without its explanation.
    fn facts(table: &str, min_count: usize) -> String {
        report(table, min_count)
            .split("\n## How to read this")
            .next()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn a_small_table_is_described_whole() {
        let table = "weight,height,place,note\n1,2,Ulm,\n2,4,Ulm,NA\n3,NA,Bern,\n4,8,Ulm,\n";
        assert_eq!(
            facts(table, 2),
            "\
# Report on a table

4 rows, 4 columns.

## Columns of numbers

| # | column | count | missing | mean | sd | min | 5 % | 25 % | 50 % | 75 % | 95 % | max |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| 1 | weight | 4 | 0 | 2.5 | 1.29099 | 1 | 1.15 | 1.75 | 2.5 | 3.25 | 3.85 | 4 |
| 2 | height | 3 | 1 | 4.66667 | 3.05505 | 2 | 2.2 | 3 | 4 | 6 | 7.6 | 8 |

## Columns of text

| # | column | count | missing | different values | of these rare | rows with rare values |
|--:|---|--:|--:|--:|--:|--:|
| 3 | place | 4 | 0 | 2 | 1 | 1 |

### 3 place

| value | rows | share |
|---|--:|--:|
| Ulm | 3 | 75.0 % |

## Columns without a value

- 4 note

## Correlation

| | weight | height |
|---|--:|--:|
| weight | 1.0000 | 1.0000 |
| height | 1.0000 | 1.0000 |
"
        );
    }

    #[test]
    fn a_rare_value_stands_nowhere_in_the_report() {
        let table = format!("diagnosis\n{}Fabry disease\n", "healthy\n".repeat(5));
        let report = report(&table, 5);
        assert!(report.contains("healthy"));
        assert!(!report.contains("Fabry"));
    }

    #[test]
    fn a_table_without_rows_and_a_column_of_one_value_are_described_too() {
        assert!(facts("a,b\n", 5).contains("0 rows, 2 columns"));
        assert!(facts("a,b\n5,1\n", 5).contains("| 1 | a | 1 | 0 | 5 | – | 5 |"));
        // Does not vary: no r, not even with itself.
        let facts = facts("a,b\n5,1\n5,2\n5,4\n", 5);
        assert!(
            facts.contains("| a | – | – |\n| b | – | 1.0000 |"),
            "{facts}"
        );
    }

    #[test]
    fn many_columns_give_their_strongest_pairs() {
        let names: Vec<String> = (0..13).map(|column| format!("c{column}")).collect();
        let rows: Vec<String> = (0..9)
            .map(|row| {
                (0..13)
                    .map(|column| (row * row * column % 17).to_string())
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .collect();
        let facts = facts(&format!("{}\n{}\n", names.join(","), rows.join("\n")), 5);
        assert!(facts.contains("The strongest 20 of 78 pairs."), "{facts}");
        assert_eq!(
            facts
                .lines()
                .filter(|line| line.ends_with(" 9 |") && line.starts_with("| c"))
                .count(),
            20
        );
    }

    #[test]
    fn likely_slips_are_pointed_out() {
        assert!(facts("a;b\n1;2\n", 5).contains("param `delimiter`"));
        assert!(facts("1,2\n3,4\n", 5).contains("lack a first line"));
        let slip = format!("x\n{}1O\n", "10\n".repeat(9));
        assert!(
            facts(&slip, 5)
                .contains("9 of its 10 values are numbers; the first that is not stands in row 10")
        );
    }
}
