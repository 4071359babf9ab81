//! What there is: grants in words, with their use, and the log.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, bail};
use job::Timestamp;
use kbs::grant::{Grant, Limits, explain, parse};
use kbs::grants::{files, read};
use kbs::log::Event;
use kbs::store;

use crate::args::Place;

/// Every owner's grants.
pub(crate) fn all_grants(place: &Place) -> Result<Vec<Grant>> {
    let folder = place.grants.display();
    let files = files(&place.grants)
        .with_context(|| format!("failed to read the folder of grants, {folder}"))?;
    let mut all = Vec::new();
    for (owner, path) in files {
        let grants = read(&path).and_then(|text| Ok(parse(&owner, &text)?));
        all.extend(
            grants.with_context(|| {
                format!("{} makes no sense, and changes nothing", path.display())
            })?,
        );
    }
    Ok(all)
}

/// Who could get which key, by what.
pub(crate) fn check(place: &Place) -> Result<()> {
    let grants = all_grants(place)?;
    let mut out = std::io::stdout().lock();
    for grant in &grants {
        writeln!(out, "{}", explain(grant))?;
    }
    match grants.len() {
        0 => writeln!(
            out,
            "There are no grants in {}: nobody gets anything.",
            place.grants.display()
        )?,
        count => writeln!(out, "{count} grants. Whatever they do not say is refused.")?,
    }
    Ok(())
}

/// Grants with their use, and secrets.
pub(crate) fn list(place: &Place) -> Result<()> {
    let state = place.open_existing()?;
    let mut out = std::io::stdout().lock();
    let grants = all_grants(place)?;
    let secrets = store::resources(&state)?;
    for grant in &grants {
        let used = store::runs(&state, &grant.id)?;
        let Limits {
            runs,
            runs_per_customer: _,
            runs_per_day: _,
        } = grant.limits;
        let mut note = String::new();
        if store::is_revoked(&state, &grant.id)? {
            note.push_str("  REVOKED");
        }
        if !secrets.iter().any(|name| *name == grant.resource.as_str()) {
            note.push_str("  NO SECRET THERE");
        }
        writeln!(
            out,
            "grant   {}  {}  runs {used} of {runs}{note}",
            grant.id, grant.resource
        )?;
    }
    let mut of_jobs = 0;
    for name in &secrets {
        if name.starts_with("cdvm/") {
            of_jobs += 1;
        } else {
            let granted = grants.iter().any(|grant| grant.resource.as_str() == name);
            let note = if granted {
                ""
            } else {
                "  not granted to anybody"
            };
            writeln!(out, "secret  {name}{note}")?;
        }
    }
    if of_jobs > 0 {
        writeln!(
            out,
            "{of_jobs} secrets of single jobs, put there by the operator"
        )?;
    }
    Ok(())
}

/// The log, whole.
pub(crate) fn log(place: &Place, verify: bool, owner: Option<&str>, json: bool) -> Result<()> {
    let state = place.open_existing()?;
    let mut out = std::io::stdout().lock();
    let head = store::walk(&state, |line| {
        if verify {
            return Ok(());
        }
        let event: Event = serde_json::from_str(&line.text)
            .with_context(|| format!("line {} of the log is of a newer release", line.seq))?;
        if owner.is_some_and(|owner| !is_about(&event, owner)) {
            return Ok(());
        }
        let (seq, at) = (line.seq, Timestamp::from_secs(line.at));
        if json {
            writeln!(
                out,
                "{{\"seq\":{seq},\"at\":{},\"line\":{}}}",
                line.at, line.text
            )?;
        } else {
            writeln!(out, "{seq:>6}  {at}  {}", tell(&event))?;
        }
        Ok(())
    })?;
    if verify {
        let noted = kbs::ledger::read_head(&place.head())?;
        if let Some(noted) = noted
            && !kbs::ledger::contains(&state, noted)?
        {
            bail!(
                "the log is whole up to line {}, but line {} was noted before: its end is missing",
                head.seq,
                noted.seq
            );
        }
        writeln!(
            out,
            "The log is whole: {} lines, the last with the hash {}.",
            head.seq,
            hex::encode(head.hash)
        )?;
    } else if !json && std::io::stdout().is_terminal() {
        writeln!(out, "{} lines, whole.", head.seq)?;
    }
    Ok(())
}

fn is_about(event: &Event, owner: &str) -> bool {
    let begins = |name: &str| name.split('/').next() == Some(owner);
    match event {
        Event::Released { resource, .. }
        | Event::Refused { resource, .. }
        | Event::Written { resource, .. }
        | Event::Deleted { resource, .. } => begins(resource),
        Event::Revoked { grant, .. } => begins(grant),
        Event::Grants { owner: of, .. } => of == owner,
        Event::NotAttested { .. }
        | Event::Unlogged { .. }
        | Event::Started { .. }
        | Event::Rotated { .. }
        | Event::Restored { .. } => false,
    }
}

fn tell(event: &Event) -> String {
    let simulated = |is: bool| if is { ", SIMULATED" } else { "" };
    match event {
        Event::Released {
            resource,
            grant,
            again,
            guest,
        } => {
            let again = if *again { " again" } else { "" };
            format!(
                "released{again}  {resource} by {grant}, order {} attempt {} of {}{}",
                guest.order,
                guest.attempt,
                guest.customer,
                simulated(guest.simulated)
            )
        }
        Event::Refused {
            resource,
            reasons,
            guest,
        } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            format!(
                "refused   {resource}, order {} attempt {} of {}{}: {}",
                guest.order,
                guest.attempt,
                guest.customer,
                simulated(guest.simulated),
                reasons.join("; ")
            )
        }
        Event::NotAttested { reason } => format!("evidence refused  {reason}"),
        Event::Unlogged { refusals } => format!("{refusals} more refusals are not in the log"),
        Event::Written { resource, by } => format!("written   {resource} by {by}"),
        Event::Deleted { resource, by } => format!("deleted   {resource} by {by}"),
        Event::Revoked { grant, by } => format!("revoked   {grant} by {by}"),
        Event::Grants {
            owner,
            grants,
            digest: _,
        } => format!("grants    {owner} has {grants}"),
        Event::Started {
            version,
            simulated: is,
        } => format!("started   cdvm-kbs {version}{}", simulated(*is)),
        Event::Rotated { secrets } => format!("rotated   the master key, {secrets} secrets"),
        Event::Restored { known, found } => {
            format!("restored  a state of line {found}; line {known} was known")
        }
    }
}
