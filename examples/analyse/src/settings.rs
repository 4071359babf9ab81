//! What the customer can choose, parsed once from the params.

use workload::{Error, Params};

/// Every param there is.
pub(crate) const KNOWN: [&str; 2] = ["delimiter", "min-count"];

/// Five rows are the usual least cell of published statistics.
const MIN_COUNT: usize = 5;

/// Above this no table could show a value: it has fewer rows than that in most cases, and a typing error
/// otherwise.
const MAX_MIN_COUNT: usize = 1_000_000;

/// The choices of one job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What stands between fields.
    pub(crate) delimiter: u8,
    /// A text value in fewer rows is not shown.
    pub(crate) min_count: usize,
}

impl Settings {
    /// Validates the params.
    pub(crate) fn from_params(params: &Params) -> Result<Self, Error> {
        let refused = |name, value: &str, wanted| Error::Value {
            name,
            value: value.to_owned(),
            wanted,
        };
        let delimiter = match params.get("delimiter") {
            None | Some(",") => b',',
            Some(";") => b';',
            Some("tab") => b'\t',
            Some(other) => return Err(refused("delimiter", other, "one of , ; tab")),
        };
        let min_count = match params.get("min-count") {
            None => MIN_COUNT,
            Some(text) => match text.parse() {
                Ok(count) if (1..=MAX_MIN_COUNT).contains(&count) => count,
                _ => {
                    return Err(refused(
                        "min-count",
                        text,
                        "a whole number from 1 to 1000000",
                    ));
                }
            },
        };
        Ok(Self {
            delimiter,
            min_count,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use workload::{Error, Params};

    use super::{KNOWN, Settings};

    fn settings(test: &str, delimiter: &str, min_count: &str) -> Result<Settings, Error> {
        let folder =
            std::env::temp_dir().join(format!("analyse-settings-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("delimiter"), delimiter).unwrap();
        fs::write(folder.join("min-count"), min_count).unwrap();
        let params = Params::read(&folder, &KNOWN).unwrap();
        fs::remove_dir_all(folder).unwrap();
        Settings::from_params(&params)
    }

    #[test]
    fn without_params_the_documented_defaults_hold() {
        let settings = Settings::from_params(&Params::default()).unwrap();
        assert_eq!(
            settings,
            Settings {
                delimiter: b',',
                min_count: 5
            }
        );
    }

    #[test]
    fn params_are_taken_as_documented() {
        assert_eq!(
            settings("tab", "tab", "1").unwrap(),
            Settings {
                delimiter: b'\t',
                min_count: 1
            }
        );
        assert_eq!(
            settings("semicolon", ";", "20").unwrap(),
            Settings {
                delimiter: b';',
                min_count: 20
            }
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert!(matches!(
            settings("pipe", "|", "5"),
            Err(Error::Value {
                name: "delimiter",
                ..
            })
        ));
        for count in ["0", "-1", "five", "", "1000001"] {
            assert!(
                matches!(
                    settings("count", ",", count),
                    Err(Error::Value {
                        name: "min-count",
                        ..
                    })
                ),
                "{count}"
            );
        }
    }
}
