//! An owner's grants as they are written: TOML, one file for each owner, unknown fields
//! refused, every field required.

use std::borrow::Cow;
use std::sync::Arc;

use job::{Digest, ImageRef, OutputFrom, Param, PublicKey, Timestamp, Workload};
use serde::Deserialize;

use super::{Customers, Grant, Limit, Limits, Params, Program};
use crate::resource::{JOBS, Resource};

/// Longest file: some 10,000 grants.
const MAX_LEN: usize = 16 * 1024 * 1024;

/// Longest name of a grant.
const MAX_NAME: usize = 64;

/// Why a file is not taken; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Too long.
    #[error(
        "the file has {0} bytes and may have {MAX_LEN}: give keys a longer life, or share less"
    )]
    TooLong(usize),
    /// Not TOML of this form.
    #[error("failed to read the file: {0}")]
    Form(String),
    /// Another version.
    #[error("the file has version {0}, and this program knows version 1")]
    Version(i64),
    /// Another owner's, or nobody's.
    #[error(
        "the grant {name:?} is for {resource}, and this file may grant what begins with {owner}/ alone: a \
         file is named after its owner"
    )]
    Owner {
        /// The grant.
        name: String,
        /// What it would grant.
        resource: Resource,
        /// Whose file it is.
        owner: String,
    },
    /// A file no owner can have.
    #[error("the owner {0:?} is none: letters, digits, `_`, `-` and, not first, `.`; not {JOBS}")]
    BadOwner(String),
    /// A name twice.
    #[error("there are two grants {0:?}: uses are counted by name, so give each its own")]
    Twice(String),
    /// A field that means nothing.
    #[error("in the grant {name:?}, {field} {problem}")]
    Field {
        /// The grant.
        name: String,
        /// Which field.
        field: &'static str,
        /// What is wrong, and what to write.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: i64,
    #[serde(default)]
    grant: Vec<Form>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    resource: Resource,
    secret: String,
    agents: Vec<ImageRef>,
    policies: Vec<Digest>,
    workload: Option<Workload>,
    workload_digest: Option<Digest>,
    params: OneOrList<Param>,
    input_max_bytes: u64,
    output_from: OutputFrom,
    output_max_bytes: u64,
    customers: OneOrList<String>,
    not_before: toml::value::Datetime,
    not_after: DateOrWord,
    runs: NumberOrWord,
    runs_per_customer: NumberOrWord,
    runs_per_day: NumberOrWord,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrList<T> {
    List(Vec<T>),
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DateOrWord {
    Date(toml::value::Datetime),
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrWord {
    Number(u64),
    Word(String),
}

/// Reads the grants of `owner`.
///
/// # Errors
/// When anything in the file is not as it must be: a file counts as a whole or not at
/// all.
pub fn parse(owner: &str, text: &str) -> Result<Vec<Grant>, GrantError> {
    if text.len() > MAX_LEN {
        return Err(GrantError::TooLong(text.len()));
    }
    let named = format!("{owner}/x/y").parse::<Resource>();
    if owner == JOBS || named.is_err() {
        return Err(GrantError::BadOwner(owner.chars().take(80).collect()));
    }
    // What editors of other systems put first means nothing.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // All of a long file at once would take ten times its length in memory. What makes
    // no sense in parts (a line like that in a text of several lines) is read whole.
    let grants = match collect(owner, parts(text)) {
        Err(GrantError::Form(_)) => collect(owner, core::iter::once(Cow::Borrowed(text))),
        read => read,
    }?;
    let mut names: Vec<&str> = grants.iter().map(|grant| &*grant.id).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair.first() == pair.last());
    match twice.and_then(|pair| pair.first()) {
        Some(id) => Err(GrantError::Twice((*id).to_owned())),
        None => Ok(grants),
    }
}

fn collect<'a>(
    owner: &str,
    texts: impl Iterator<Item = Cow<'a, str>>,
) -> Result<Vec<Grant>, GrantError> {
    let mut grants: Vec<Grant> = Vec::new();
    for text in texts {
        let file: File =
            toml::from_str(&text).map_err(|error| GrantError::Form(error.to_string()))?;
        if file.version != 1 {
            return Err(GrantError::Version(file.version));
        }
        for form in file.grant {
            let mut grant = grant(owner, form)?;
            if let Some(before) = grants.last() {
                share(&mut grant, before);
            }
            grants.push(grant);
        }
    }
    Ok(grants)
}

/// The file's head, and each grant as a file of its own.
fn parts(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let begins = text.match_indices("\n[[grant]]").map(|(at, _)| at + 1);
    let mut ends: Vec<usize> = begins.chain([text.len()]).collect();
    ends.dedup();
    let mut from = 0;
    ends.into_iter().map(move |end| {
        let part = text.get(from..end).unwrap_or_default();
        let is_head = from == 0;
        from = end;
        if is_head {
            Cow::Borrowed(part)
        } else {
            Cow::Owned(format!("version = 1\n{part}"))
        }
    })
}

/// What says the same is kept once: owners grant many secrets to one program.
fn share(grant: &mut Grant, before: &Grant) {
    if grant.agents == before.agents {
        grant.agents = before.agents.clone();
    }
    if grant.policies == before.policies {
        grant.policies = before.policies.clone();
    }
    if grant.workload == before.workload {
        grant.workload = before.workload.clone();
    }
    if grant.params == before.params {
        grant.params = before.params.clone();
    }
    if grant.customers == before.customers {
        grant.customers = before.customers.clone();
    }
}

fn grant(owner: &str, form: Form) -> Result<Grant, GrantError> {
    let Form {
        name,
        resource,
        secret,
        agents,
        policies,
        workload,
        workload_digest,
        params,
        input_max_bytes,
        output_from,
        output_max_bytes,
        customers,
        not_before,
        not_after,
        runs,
        runs_per_customer,
        runs_per_day,
    } = form;
    let bad = |field, problem: String| bad(&name, field, problem);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        let problem = format!("must be 1 to {MAX_NAME} letters, digits, `_`, `.` or `-`");
        return Err(bad("name", problem));
    }
    if resource.repository() != owner {
        return Err(GrantError::Owner {
            name,
            resource,
            owner: owner.to_owned(),
        });
    }
    if agents.is_empty() {
        let problem = "is empty: name the agent's image by digest. Without it anything could ask in the guest";
        return Err(bad("agents", problem.to_owned()));
    }
    if policies.is_empty() {
        let problem = "is empty: name the SHA-256 of the policy text (`cdvm-kbs grant` writes this version's)";
        return Err(bad("policies", problem.to_owned()));
    }
    let workload = match (workload, workload_digest) {
        (Some(workload), None) => Program::Whole(Arc::new(workload)),
        (None, Some(digest)) => Program::Digest(digest),
        (Some(_), Some(_)) | (None, None) => return Err(bad("workload", PROGRAM.to_owned())),
    };
    let params = match params {
        OneOrList::List(params) => Params::Exactly(params.into()),
        OneOrList::Word(word) => {
            any(&word, Params::Any).map_err(|problem| bad("params", problem))?
        }
    };
    let customers = match customers {
        OneOrList::List(keys) => {
            let keys = keys.iter().map(|key| read_key(key));
            let keys: Result<Vec<PublicKey>, String> = keys.collect();
            Customers::These(keys.map_err(|problem| bad("customers", problem))?.into())
        }
        OneOrList::Word(word) => {
            any(&word, Customers::Any).map_err(|problem| bad("customers", problem))?
        }
    };
    let not_before = time(&not_before).map_err(|problem| bad("not_before", problem))?;
    let not_after = end(not_after).map_err(|problem| bad("not_after", problem))?;
    if not_after.is_some_and(|end| end < not_before) {
        return Err(bad("not_after", "is before not_before".to_owned()));
    }
    let number = |field, limit| number(limit).map_err(|problem| bad(field, problem));
    let limits = Limits {
        runs: number("runs", runs)?,
        runs_per_customer: number("runs_per_customer", runs_per_customer)?,
        runs_per_day: number("runs_per_day", runs_per_day)?,
    };
    Ok(Grant {
        id: format!("{owner}/{name}"),
        resource,
        secret,
        agents: agents.into(),
        policies: policies.into(),
        workload,
        params,
        input_max_bytes,
        output_from,
        output_max_bytes,
        customers,
        not_before,
        not_after,
        limits,
    })
}

const PROGRAM: &str =
    "or workload_digest must stand there, and not both: the whole program is what is granted";

fn bad(name: &str, field: &'static str, problem: String) -> GrantError {
    GrantError::Field {
        name: name.to_owned(),
        field,
        problem,
    }
}

fn number(limit: NumberOrWord) -> Result<Limit, String> {
    match limit {
        NumberOrWord::Number(most) => Ok(Limit::AtMost(most)),
        NumberOrWord::Word(word) if word == "unlimited" => Ok(Limit::Unlimited),
        NumberOrWord::Word(word) => Err(format!(
            "is {word:?}, and must be a number or \"unlimited\""
        )),
    }
}

fn end(not_after: DateOrWord) -> Result<Option<Timestamp>, String> {
    match not_after {
        DateOrWord::Date(date) => time(&date).map(Some),
        DateOrWord::Word(word) if word == "never" => Ok(None),
        DateOrWord::Word(word) => Err(format!("is {word:?}, and must be a date or \"never\"")),
    }
}

fn any<T>(word: &str, value: T) -> Result<T, String> {
    if word == "any" {
        Ok(value)
    } else {
        Err(format!("is {word:?}, and must be a list or \"any\""))
    }
}

fn read_key(text: &str) -> Result<PublicKey, String> {
    let read = dvm::keys::parse_public_key(text);
    read.map_err(|_| format!("has {text:?}, which is no key: npub1… or 64 hex digits"))
}

/// A date with its offset, or a day in UTC. A time without either could mean several.
fn time(date: &toml::value::Datetime) -> Result<Timestamp, String> {
    let text = date.to_string();
    let full = if date.time.is_none() && date.date.is_some() {
        format!("{text}T00:00:00Z")
    } else {
        text.clone()
    };
    let time: Result<jiff::Timestamp, _> = full.parse();
    let secs = time
        .ok()
        .and_then(|time| u64::try_from(time.as_second()).ok());
    let problem =
        || format!("is {text}, and must be a time with its zone, such as 2026-12-31T00:00:00Z");
    secs.map(Timestamp::from_secs).ok_or_else(problem)
}
