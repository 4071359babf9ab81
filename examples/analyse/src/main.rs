//! Statistics over a confidential table: CSV in, a Markdown report out. This file only joins the steps: read
//! the settings, validate the table, describe each column, correlate the numbers, write the report.

mod correlation;
mod figures;
mod frequent;
#[cfg(test)]
mod reference;
mod report;
mod settings;
mod shape;
mod table;

use std::process::ExitCode;

use crate::settings::{KNOWN, Settings};
use crate::table::Table;

/// The most bytes of a table: what `service.yaml` accepts, and what its 2560 MiB of memory hold in the worst
/// case (see `shape::MAX_CELLS`).
const MAX_BYTES: u64 = 64 * 1024 * 1024;

const HELP: &str = "\
analyse: statistics over a table. CSV in, a Markdown report out.

  analyse [--params DIR] [FILE]

FILE  the table, UTF-8, its first line naming the columns; without it /cdvm/job/input/0
DIR   a folder with one file per param; without it /cdvm/job/params

Params:
  delimiter   what stands between fields: , (the default), ; or tab
  min-count   values of text columns that occur in fewer rows are not shown; 5, or 1 to 1000000

A value is missing when it is empty or one of NA, N/A, #N/A, NaN, null, ? (in any case).
A column holds numbers when every value that is not missing is one: 12, -0.5, 1e-3, with a
decimal point. Any other column holds text. Blank lines are skipped.

Bounds: 64 MiB, 1000 columns, 65536 bytes in a field, 33554432 cells.
Exit code 2: the table, a param or an argument is wrong; standard error says where and what to do.

Try it:  analyse examples/analyse/data/breast-cancer-wisconsin.csv
";

fn main() -> ExitCode {
    workload::run("analyse", HELP, |call, progress| {
        let settings = Settings::from_params(&call.params(&KNOWN)?)?;
        let table = Table::read(&call.input(MAX_BYTES)?, settings.delimiter)?;
        Ok(report::write(table, &settings, progress))
    })
}
