//! Evidence as a folder: a report beside the certificates of its key, as `snpguest`
//! and Linux's configfs leave them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use evidence::{EndorsementKey, REPORT_LEN, from_extended_report, signing_certificate};

use super::named::NotRead;
use super::{Alone, bytes, form};

/// Names of a report: `snpguest`'s manual and its examples, and configfs
/// (Linux, configfs-tsm-report).
const REPORTS: [&str; 5] = [
    "report.bin",
    "attestation-report.bin",
    "attestation_report.bin",
    "report",
    "outblob",
];

/// The host's certificate table beside it, in configfs.
const TABLE: &str = "auxblob";

/// Where certificates lie: beside the report, or in a folder of their own.
const FOLDERS: [&str; 3] = ["", "certs", "certificates"];

/// Their forms.
const ENDS: [&str; 4] = ["pem", "der", "crt", "cer"];

const KEYS: [(EndorsementKey, &str); 2] = [
    (EndorsementKey::Vcek, "vcek"),
    (EndorsementKey::Vlek, "vlek"),
];

/// The evidence in a folder.
pub(super) fn read(folder: &Path) -> Result<Alone> {
    let reports = REPORTS.iter().map(|name| folder.join(name));
    let reports: Vec<PathBuf> = reports.filter(|path| path.is_file()).collect();
    let report = match reports.as_slice() {
        [report] => report,
        [] => {
            let what = format!("a folder without a report: none of {}", REPORTS.join(", "));
            return Err(NotRead::new(what).problem(folder).into());
        }
        [first, second, ..] => {
            let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
            let what = format!(
                "a folder with several reports, {} and {}: name one of them",
                name(first),
                name(second)
            );
            return Err(NotRead::new(what).problem(folder).into());
        }
    };
    let mut found = bytes(report)?.to_vec();
    let table = folder.join(TABLE);
    if found.len() == REPORT_LEN && table.is_file() {
        found.extend_from_slice(&bytes(&table)?);
        let extended = from_extended_report(&found);
        extended.map_err(|error| NotRead::new(error.to_string()).problem(&table))?;
    }
    let mut alone = form::form(&found).map_err(|not_read| not_read.problem(report))?;
    if let Alone::Report(bare) = &mut alone
        && bare.certificate.is_empty()
    {
        let found = certificates(folder)?;
        let enclosed: Vec<_> = found.iter().map(|(key, data)| (*key, &**data)).collect();
        bare.certificate = signing_certificate(&bare.report, &enclosed);
    }
    Ok(alone)
}

fn certificates(folder: &Path) -> Result<Vec<(EndorsementKey, Vec<u8>)>> {
    let mut found = Vec::new();
    for inner in FOLDERS {
        for (key, name) in KEYS {
            for end in ENDS {
                let path = folder.join(inner).join(format!("{name}.{end}"));
                if path.is_file() {
                    found.push((key, bytes(&path)?.to_vec()));
                }
            }
        }
    }
    Ok(found)
}
