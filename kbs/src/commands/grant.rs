//! Writing a grant: what it says of the job comes from the service's terms, so that
//! nothing is left out by hand.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use job::{Terms, policy_digest};
use kbs::grant::{Customers, Grant, Limit, Limits, Params, Program, explain, parse, render};
use kbs::grants::read;
use kbs::resource::Resource;

use crate::args;
use crate::args::Place;
use crate::serve::now;

/// Writes a grant into its owner's file.
pub(crate) fn grant(place: &Place, wanted: args::Grant) -> Result<()> {
    let resource: Resource = wanted.resource.parse()?;
    let owner = resource.repository().to_owned();
    let path = place.grants.join(format!("{owner}.toml"));
    let before = if path.exists() {
        read(&path)?
    } else {
        "version = 1\n".to_owned()
    };
    parse(&owner, &before)
        .with_context(|| format!("{} makes no sense as it is: mend it first", path.display()))?;
    let name = wanted.name.clone();
    let grant = build(&owner, resource, wanted)?;
    let after = format!("{before}\n{}", render(&grant, &name));
    // What was written must be what was meant.
    let read_back = parse(&owner, &after)?;
    if read_back.last() != Some(&grant) {
        bail!("the grant does not read back as it was meant: write it by hand (docs/secrets.md)");
    }
    std::fs::create_dir_all(&place.grants).with_context(|| {
        format!(
            "failed to make the folder of grants, {}",
            place.grants.display()
        )
    })?;
    replace(&path, &after)?;
    print!("{}", explain(&grant));
    println!(
        "Written to {}; a running broker takes it within seconds.",
        path.display()
    );
    Ok(())
}

fn build(owner: &str, resource: Resource, wanted: args::Grant) -> Result<Grant> {
    let args::Grant {
        name,
        resource: _,
        terms,
        agents,
        policies,
        customers,
        runs,
        runs_per_customer,
        runs_per_day,
        until,
        from,
    } = wanted;
    let terms = read_terms(&terms)?;
    let asked = format!("kbs:///{resource}");
    let secret = terms.secrets.iter().find(|secret| secret.resource == asked);
    let secret = secret
        .with_context(|| {
            format!("the terms ask for no secret at {asked}: their `secrets` must name it")
        })?
        .name
        .clone();
    let policies = if policies.is_empty() {
        vec![policy_digest()]
    } else {
        policies
    };
    let not_before = match from {
        None => now(),
        Some(text) => time(&text)?,
    };
    let not_after = if until == "never" {
        None
    } else {
        Some(time(&until)?)
    };
    Ok(Grant {
        id: format!("{owner}/{name}"),
        resource,
        secret,
        agents: agents.into(),
        policies: policies.into(),
        workload: Program::Whole(Arc::new(terms.workload.clone())),
        params: Params::Exactly(terms.params.clone().into()),
        input_max_bytes: terms.input.max_bytes,
        output_from: terms.output.from,
        output_max_bytes: terms.output.max_bytes,
        customers: read_customers(&customers)?,
        not_before,
        not_after,
        limits: Limits {
            runs: limit(&runs)?,
            runs_per_customer: limit(&runs_per_customer)?,
            runs_per_day: limit(&runs_per_day)?,
        },
    })
}

fn read_terms(path: &Path) -> Result<Terms> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let inner = value
        .get("cdvm")
        .or_else(|| value.get("content").and_then(|content| content.get("cdvm")));
    let terms = inner.unwrap_or(&value).clone();
    serde_json::from_value(terms)
        .with_context(|| format!("{} holds no terms of a service", path.display()))
}

fn read_customers(all: &[String]) -> Result<Customers> {
    if let [one] = all
        && one == "any"
    {
        return Ok(Customers::Any);
    }
    let keys = all.iter().map(|text| {
        dvm::keys::parse_public_key(text).with_context(|| {
            format!("{text:?} is no customer: npub1…, 64 hex digits, or `any` alone")
        })
    });
    Ok(Customers::These(keys.collect::<Result<Vec<_>>>()?.into()))
}

fn limit(text: &str) -> Result<Limit> {
    if text == "unlimited" {
        return Ok(Limit::Unlimited);
    }
    let number = text
        .parse()
        .with_context(|| format!("{text:?} is not a number of runs, nor `unlimited`"))?;
    Ok(Limit::AtMost(number))
}

fn time(text: &str) -> Result<job::Timestamp> {
    let full = if text.contains(['T', ' ']) {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    let time: jiff::Timestamp = full
        .parse()
        .with_context(|| format!("{text:?} is no time: 2026-12-31, or 2026-12-31T12:00:00Z"))?;
    let secs = u64::try_from(time.as_second()).context("a time before 1970")?;
    Ok(job::Timestamp::from_secs(secs))
}

/// Another file in its place, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("toml.new");
    let write = || {
        std::fs::write(&new, text)?;
        std::fs::rename(&new, path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}
