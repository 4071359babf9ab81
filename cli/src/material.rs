//! What the customer gives: inputs and parameters, read and held against the
//! offer's terms before anything leaves.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use job::Terms;
use zeroize::Zeroizing;

use crate::exit::Problem;
use crate::files;
use crate::given::{self, Kind};

/// Largest input of any job (`job::Terms` bounds `input.maxBytes`).
const MAX_INPUT: u64 = 1 << 30;

/// Longest parameter read from a file: all of them travel in one message.
const MAX_PARAM: u64 = dvm::seal::MAX_RUMOR as u64;

/// Names with their values, in the order they were given.
pub(crate) type Params = Vec<(String, Vec<String>)>;

/// Data and parameters that only the machine may see. No `Debug`.
#[derive(Default)]
pub(crate) struct Material {
    /// Inputs in order.
    pub(crate) inputs: Vec<Zeroizing<Vec<u8>>>,
    /// Secret parameters.
    pub(crate) params: Params,
}

impl Material {
    /// Reads what was named.
    pub(crate) fn read(inputs: &[PathBuf], secret_params: &[String]) -> Result<Self> {
        let is_stdin = |path: &&PathBuf| path.as_path() == Path::new("-");
        if inputs.iter().filter(is_stdin).count() > 1 {
            let next = "name each other input as a file";
            return Err(Problem::usage("stdin can be one input only", next).into());
        }
        look(inputs, secret_params)?;
        Ok(Self {
            inputs: inputs
                .iter()
                .map(|path| read_input(path))
                .collect::<Result<_>>()?,
            params: params(secret_params, |value| match value.strip_prefix('@') {
                Some(file) => exact_text(Path::new(file)),
                None => Ok(value.to_owned()),
            })?,
        })
    }

    /// Bytes of all inputs.
    pub(crate) fn len(&self) -> u64 {
        self.inputs.iter().map(|input| input.len() as u64).sum()
    }

    /// Holds everything against the terms: sizes, and parameters together with
    /// the public ones of the order.
    pub(crate) fn check(&self, terms: &Terms, public: &Params) -> Result<(), Problem> {
        let (len, most) = (self.len(), terms.input.max_bytes);
        if len > most {
            let what = format!("the input has {len} bytes, and this service takes {most}");
            return Err(Problem::usage(
                what,
                "give it less, or choose another service",
            ));
        }
        // Without a blob server everything must fit one message; whether it really
        // does is seen when it is written.
        if terms.blob_servers.is_empty() && len > dvm::seal::MAX_RUMOR as u64 {
            let what = "the input is too large for a message, and the offer names no blob server";
            return Err(Problem::usage(
                what,
                "give it less, or choose another service",
            ));
        }
        check_params(terms, public)?;
        check_params(terms, &self.params)?;
        let given = |name: &str| {
            public
                .iter()
                .chain(&self.params)
                .any(|(seen, _)| seen == name)
        };
        if let Some((name, _)) = self
            .params
            .iter()
            .find(|(name, _)| public.iter().any(|(seen, _)| seen == name))
        {
            let what = format!("the parameter {name:?} is given twice: in the order and secretly");
            return Err(Problem::usage(what, "give it once"));
        }
        let missing = terms
            .params
            .iter()
            .find(|param| param.required && !given(&param.name));
        match missing {
            Some(param) => Err(Problem::usage(
                format!("the service needs the parameter {:?}", param.name),
                format!(
                    "give it with --secret-param {0}=…, or, for everybody to see, --param {0}=…",
                    param.name
                ),
            )),
            None => Ok(()),
        }
    }
}

/// All files that are named are there before any is read: stdin may take long.
fn look(inputs: &[PathBuf], secret_params: &[String]) -> Result<(), Problem> {
    for path in inputs
        .iter()
        .filter(|path| path.as_path() != Path::new("-"))
    {
        given::look("--input", path, Kind::File)?;
    }
    let values = secret_params.iter().filter_map(|text| text.split_once('='));
    for (name, file) in values.filter_map(|(name, value)| Some((name, value.strip_prefix('@')?))) {
        let named = format!("--secret-param {name}");
        given::look(&named, Path::new(file), Kind::File)?;
    }
    Ok(())
}

/// Parameters for everybody to see.
pub(crate) fn public_params(typed: &[String]) -> Result<Params> {
    params(typed, |value| Ok(value.to_owned()))
}

/// `NAME=VALUE`…; a name that is repeated has several values.
fn params(typed: &[String], read: impl Fn(&str) -> Result<String>) -> Result<Params> {
    let mut params: Params = Vec::new();
    for text in typed {
        let Some((name, value)) = text.split_once('=') else {
            // What it holds may be secret: it is not repeated.
            let what = "a parameter has no `=`";
            return Err(Problem::usage(what, "write NAME=VALUE").into());
        };
        let value =
            read(value).with_context(|| format!("failed to read the parameter {name:?}"))?;
        match params.iter_mut().find(|(seen, _)| seen == name) {
            Some((_, values)) => values.push(value),
            None => params.push((name.to_owned(), vec![value])),
        }
    }
    Ok(params)
}

/// Whether the service takes these names and values.
pub(crate) fn check_params(terms: &Terms, params: &Params) -> Result<(), Problem> {
    for (name, values) in params {
        let Some(param) = terms.params.iter().find(|param| param.name == *name) else {
            let what = format!("the service takes no parameter {name:?}");
            return Err(Problem::usage(what, known(terms)));
        };
        let accepts = |value: &String| param.values.is_empty() || param.values.contains(value);
        if !values.iter().all(accepts) {
            let what = format!("the service does not take this value of the parameter {name:?}");
            return Err(Problem::usage(what, known(terms)));
        }
    }
    Ok(())
}

/// What the service takes.
fn known(terms: &Terms) -> String {
    let described: Vec<String> = terms
        .params
        .iter()
        .map(|param| match param.values.as_slice() {
            [] => param.name.clone(),
            values => format!("{} (one of {values:?})", param.name),
        })
        .collect();
    if described.is_empty() {
        return "leave it out: the service takes no parameters".to_owned();
    }
    format!("it takes: {}", described.join(", "))
}

/// A parameter as it is in its file, each byte of it.
fn exact_text(path: &Path) -> Result<String> {
    let bytes = files::read(path, MAX_PARAM)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.with_context(|| format!("failed to read {} as UTF-8 text", path.display()))?;
    Ok(text.to_owned())
}

fn read_input(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    if path != Path::new("-") {
        return files::read(path, MAX_INPUT);
    }
    let mut input = Zeroizing::new(Vec::new());
    let stdin = std::io::stdin().lock();
    stdin
        .take(MAX_INPUT + 1)
        .read_to_end(&mut input)
        .context("failed to read stdin")?;
    if input.len() as u64 > MAX_INPUT {
        return Err(Problem::usage("stdin has more than 1 GiB", "give it less").into());
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use job::Terms;
    use zeroize::Zeroizing;

    use super::{Material, Params, public_params};

    fn terms() -> Terms {
        serde_json::from_value(serde_json::json!({
            "workload": {
                "image": format!("registry.example/x@sha256:{}", "91".repeat(32)),
                "imageEnv": [], "argv": ["/run"], "env": [],
            },
            "params": [
                {"name": "delimiter", "required": false, "values": [",", ";"]},
                {"name": "token", "required": true, "values": []},
            ],
            "input": {"maxBytes": 10, "waitSeconds": 1, "chat": false},
            "output": {"from": "stdout", "maxBytes": 1}, "network": {"allow": []},
            "secrets": [], "resources": {"vcpus": 2, "memoryMiB": 3072},
            "timeoutSeconds": 1, "blobServers": [], "kbs": null,
        }))
        .unwrap()
    }

    fn check(input: usize, secret: &[&str], public: &[&str]) -> Result<(), String> {
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>()
        };
        let mut material = Material::read(&[], &texts(secret)).unwrap();
        material.inputs.push(Zeroizing::new(vec![0; input]));
        let public: Params = public_params(&texts(public)).unwrap();
        material
            .check(&terms(), &public)
            .map_err(|problem| problem.what)
    }

    #[test]
    fn what_fits_the_terms_may_leave() {
        assert_eq!(check(10, &["token=x"], &["delimiter=;"]), Ok(()));
        assert_eq!(check(0, &["token=a=b", "token=c"], &[]), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (input, secret, public, word) in [
            (11, &["token=x"][..], &[][..], "11 bytes"),
            (1, &[], &[], "needs the parameter \"token\""),
            (1, &["token=x", "speed=9"], &[], "no parameter \"speed\""),
            (1, &["token=x"], &["speed=9"], "no parameter \"speed\""),
            (1, &["token=x"], &["delimiter=|"], "this value"),
            (1, &["token=x"], &["token=y"], "twice"),
        ] {
            let problem = check(input, secret, public).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[test]
    fn what_a_secret_is_does_not_stand_in_an_error() {
        let Err(error) = Material::read(&[], &["hunter2".to_owned()]) else {
            panic!("a parameter without a name was taken");
        };
        assert!(!format!("{error:#}").contains("hunter2"));
    }
}
