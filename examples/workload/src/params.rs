//! The params of a job: one file each, named as the param. What a value means is left to the program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::Error;

/// The most bytes of one param. The agent passes far less: a whole order has at most 6 KiB. This bounds a
/// file named by mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// The params of one call, each a single line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads every file of `folder`. A param that is not `known` is refused: silently doing without it would
    /// give a result the customer did not ask for.
    ///
    /// # Errors
    /// A param that is not known or not one line of text; a file that cannot be read.
    pub fn read(folder: &Path, known: &[&str]) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: folder.to_owned(),
            source,
        };
        let mut params = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !known.contains(&name.as_str()) {
                return Err(Error::UnknownParam {
                    name,
                    known: known.join(", "),
                });
            }
            let value = line(&entry.path(), &name)?;
            params.insert(name, value);
        }
        Ok(Self(params))
    }

    /// The value of a param, when it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The one line of a file. The agent writes none, but an editor or `echo` ends the line.
fn line(path: &Path, name: &str) -> Result<String, Error> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() != std::io::ErrorKind::InvalidData => {
            return Err(Error::Read {
                path: path.to_owned(),
                source: error,
            });
        }
        Err(_) => {
            return Err(Error::NotOneLine {
                name: name.to_owned(),
            });
        }
        Ok(_) => (),
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    if value.contains('\n') {
        return Err(Error::NotOneLine {
            name: name.to_owned(),
        });
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::Params;
    use crate::Error;

    /// A fresh folder that holds the given files; the name keeps tests apart.
    fn folder(test: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("workload-params-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn a_param_is_the_content_of_its_file() {
        let folder = folder("one", &[("delimiter", b";"), ("by-hand", b"7\n")]);
        let params = Params::read(&folder, &["delimiter", "by-hand", "absent"]).unwrap();
        assert_eq!(params.get("delimiter"), Some(";"));
        assert_eq!(params.get("by-hand"), Some("7"));
        assert_eq!(params.get("absent"), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_misspelt_param_is_refused() {
        let folder = folder("unknown", &[("delimeter", b";")]);
        let read = Params::read(&folder, &["delimiter"]);
        assert!(matches!(read, Err(Error::UnknownParam { name, .. }) if name == "delimeter"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn two_values_and_bytes_that_are_no_text_are_refused() {
        for (test, bytes) in [("two", b"a\nb".as_slice()), ("bytes", b"\xff\xfe")] {
            let folder = folder(test, &[("p", bytes)]);
            assert!(
                matches!(Params::read(&folder, &["p"]), Err(Error::NotOneLine { name }) if name == "p")
            );
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
