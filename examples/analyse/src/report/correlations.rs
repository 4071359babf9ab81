//! The section about pairs of columns: all of them in a square, or the strongest of many.

use std::fmt::{self, Write};

use workload::Progress;

use crate::correlation::{Pair, pairs};
use crate::report::markdown::coefficient;

/// Up to here all correlations stand in a square; a wider one is not read any more.
const SQUARE: usize = 12;

/// Beyond that, how many of the strongest pairs are listed.
const STRONGEST: usize = 20;

/// A column of numbers once its figures are written: what correlations need.
pub(super) struct Described {
    /// Its name, escaped.
    pub(super) label: String,
    /// Its values as `Moments::standardise` leaves them; `None` when they do not vary.
    pub(super) standardised: Option<Vec<f64>>,
}

/// Writes the section; columns that do not vary have dashes.
pub(super) fn correlations(
    report: &mut String,
    described: &[Described],
    progress: &mut Progress,
) -> fmt::Result {
    let of = described.len();
    let columns: Vec<Option<&[f64]>> = described
        .iter()
        .map(|column| column.standardised.as_deref())
        .collect();
    let mut pairs = pairs(&columns, |done| progress.report(done, of, "correlations"));
    writeln!(report, "\n## Correlation\n")?;
    if of <= SQUARE {
        square(report, described, &pairs)
    } else {
        strongest(report, described, &mut pairs)
    }
}

fn square(report: &mut String, described: &[Described], pairs: &[Pair]) -> fmt::Result {
    write!(report, "| |")?;
    for Described { label, .. } in described {
        write!(report, " {label} |")?;
    }
    writeln!(report, "\n|---|{}", "--:|".repeat(described.len()))?;
    for (row, column) in described.iter().enumerate() {
        let varies = column.standardised.is_some();
        write!(report, "| {} |", column.label)?;
        for other in 0..described.len() {
            let both = (row.min(other), row.max(other));
            let r = if row == other {
                varies.then_some(1.0)
            } else {
                let pair = pairs.iter().find(|pair| (pair.first, pair.second) == both);
                pair.and_then(|pair| pair.r)
            };
            let r = r.map_or_else(|| "–".to_owned(), coefficient);
            write!(report, " {r} |")?;
        }
        writeln!(report)?;
    }
    Ok(())
}

fn strongest(report: &mut String, described: &[Described], pairs: &mut Vec<Pair>) -> fmt::Result {
    let total = pairs.len();
    pairs.retain(|pair| pair.r.is_some());
    let strength = |pair: &Pair| pair.r.map_or(0.0, f64::abs);
    // A stable sort: pairs of the same strength stay in the order of their columns.
    pairs.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    let shown = pairs.len().min(STRONGEST);
    writeln!(report, "The strongest {shown} of {total} pairs.\n")?;
    writeln!(report, "| column | column | r | rows |\n|---|---|--:|--:|")?;
    for pair in pairs.iter().take(STRONGEST) {
        let columns = described.get(pair.first).zip(described.get(pair.second));
        if let (Some((first, second)), Some(r)) = (columns, pair.r) {
            let r = coefficient(r);
            writeln!(
                report,
                "| {} | {} | {r} | {} |",
                first.label, second.label, pair.rows
            )?;
        }
    }
    Ok(())
}
