//! The command line, the same for every workload here: `NAME [--params DIR] [FILE]`. In the guest both are
//! left out.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{Error, INPUT, PARAMS, Params};

/// One call of a workload: which file to read, and where its params are.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    file: PathBuf,
    params: Option<PathBuf>,
}

impl Call {
    /// Reads the arguments behind the program's name. `None` when they ask for help.
    ///
    /// # Errors
    /// An option nobody knows, or a second file.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, Error> {
        let mut arguments = arguments.into_iter();
        let (mut file, mut params) = (None, None);
        while let Some(argument) = arguments.next() {
            if argument == "--help" || argument == "-h" {
                return Ok(None);
            } else if argument == "--params" {
                params = Some(PathBuf::from(arguments.next().ok_or(Error::NoFolder)?));
            } else if argument.as_encoded_bytes().starts_with(b"-") {
                return Err(Error::Option(argument.to_string_lossy().into_owned()));
            } else if file.replace(PathBuf::from(argument)).is_some() {
                return Err(Error::TwoFiles);
            }
        }
        Ok(Some(Self {
            file: file.unwrap_or_else(|| INPUT.into()),
            params,
        }))
    }

    /// The whole input, when it has at most `max` bytes.
    ///
    /// # Errors
    /// The file cannot be read, or is larger.
    pub fn input(&self, max: u64) -> Result<Vec<u8>, Error> {
        let failed = |source| Error::Read {
            path: self.file.clone(),
            source,
        };
        let mut bytes = Vec::new();
        // One byte more than allowed tells "too large" from "just fits", for pipes too.
        File::open(&self.file)
            .map_err(failed)?
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
            Ok(bytes)
        } else {
            Err(Error::TooLarge { max })
        }
    }

    /// The params of this call; `known` names every param the program understands.
    ///
    /// # Errors
    /// A param that is not known or not one line of text, or a folder that was named and cannot be read.
    pub fn params(&self, known: &[&str]) -> Result<Params, Error> {
        match &self.params {
            Some(folder) => Params::read(folder, known),
            // Without a single param the guest need not have the folder, and a laptop never has it.
            None if Path::new(PARAMS).is_dir() => Params::read(Path::new(PARAMS), known),
            None => Ok(Params::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use super::Call;
    use crate::{Error, INPUT};

    fn parse(arguments: &[&str]) -> Result<Option<Call>, Error> {
        Call::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn without_arguments_the_first_input_of_the_guest_is_read() {
        let call = parse(&[]).unwrap().unwrap();
        assert_eq!(
            call,
            Call {
                file: PathBuf::from(INPUT),
                params: None
            }
        );
    }

    #[test]
    fn a_developer_names_file_and_params() {
        let call = parse(&["--params", "p", "table.csv"]).unwrap().unwrap();
        assert_eq!(
            call,
            Call {
                file: "table.csv".into(),
                params: Some("p".into())
            }
        );
    }

    #[test]
    fn help_wins_and_nonsense_is_refused() {
        assert_eq!(parse(&["table.csv", "--help"]).unwrap(), None);
        assert!(matches!(parse(&["--fast"]), Err(Error::Option(_))));
        assert!(matches!(parse(&["--params"]), Err(Error::NoFolder)));
        assert!(matches!(parse(&["a", "b"]), Err(Error::TwoFiles)));
    }

    #[test]
    fn an_input_of_exactly_the_bound_is_taken_and_one_byte_more_is_not() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let size = std::fs::metadata(file).unwrap().len();
        let call = parse(&[file]).unwrap().unwrap();
        assert_eq!(call.input(size).unwrap().len() as u64, size);
        assert!(matches!(call.input(size - 1), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_missing_input_names_the_file() {
        let call = parse(&["/no/such/file"]).unwrap().unwrap();
        assert!(
            matches!(call.input(1), Err(Error::Read { path, .. }) if path.ends_with("such/file"))
        );
    }
}
