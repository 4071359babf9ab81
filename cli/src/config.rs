//! `cdvm config`: what is set and where each value comes from, and changing the
//! file of settings.

use std::path::Path;

use anyhow::Result;

use crate::args::Global;
use crate::args::config::{ConfigCommand, Show};
use crate::exit::{Exit, Problem};
use crate::files;
use crate::news::tell::{Teller, print};
use crate::news::{News, Own};
use crate::settings::file::{self, Name};
use crate::settings::{Settings, config_file, faulty, read_file};

/// Shows or changes settings.
pub(crate) fn config(global: Global, args: Show, teller: &Teller) -> Result<()> {
    let Show { path, command } = args;
    let place = config_file()?;
    if path {
        print(&place.display().to_string());
        return Ok(());
    }
    match command {
        None => show(global, &place, teller),
        Some(ConfigCommand::Set { name, values }) => {
            let name = named(&name)?;
            let values = given(name, values)?;
            file::check(name, &values)
                .map_err(|what| Problem::usage(what, "give another value"))?;
            let _held = hold(&place)?;
            let text = read_file(&place)?.unwrap_or_default();
            let changed =
                file::set(&text, name, &values).map_err(|fault| faulty(&place, &fault))?;
            let old = file::parse(&changed).map_err(|fault| faulty(&place, &fault))?;
            // As it would be used, before it is kept.
            Settings::with(global, &old, &place)?;
            keep(&place, &changed)?;
            teller.tell(&News::Own(Own::Setting {
                name: name.text(),
                values,
                from: "file",
                place: Some(place.display().to_string()),
            }));
            Ok(())
        }
        Some(ConfigCommand::Unset { name }) => {
            let _held = hold(&place)?;
            let text = read_file(&place)?.unwrap_or_default();
            let changed = file::unset(&text, &name).map_err(|fault| faulty(&place, &fault))?;
            let Some(changed) = changed else {
                let what = format!("{name:?} is not set in {}", place.display());
                return Err(Problem::usage(what, "see what is: cdvm config").into());
            };
            keep(&place, &changed)?;
            teller.tell(&News::Hint {
                text: "see what holds now: cdvm config".to_owned(),
            });
            Ok(())
        }
    }
}

/// Who changes the file at the same time waits: each sees what the one before wrote.
fn hold(place: &Path) -> Result<std::fs::File> {
    let folder = place.parent().unwrap_or(place);
    files::make_dir(folder)?;
    files::hold(folder)
}

fn show(global: Global, place: &Path, teller: &Teller) -> Result<()> {
    let settings = Settings::new(global)?;
    for (name, shown) in settings.shown() {
        teller.tell(&News::Own(Own::Setting {
            name: name.text(),
            values: shown.values,
            from: shown.from.word(),
            place: shown.from.place(),
        }));
    }
    let there = if place.exists() {
        ""
    } else {
        " (not there yet)"
    };
    let text = format!(
        "change one with cdvm config set NAME VALUE; they are kept in {}{there}",
        place.display()
    );
    teller.tell(&News::Hint { text });
    Ok(())
}

fn named(text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|what| Problem::usage(what, "see all of them: cdvm config"))
}

/// What was typed; a path is made whole, as it is used from every folder.
fn given(name: Name, values: Vec<String>) -> Result<Vec<String>> {
    if name != Name::Relays && values.len() > 1 {
        let what = format!("{} takes one value", name.text());
        return Err(Problem::usage(what, "give one").into());
    }
    // As in CDVM_RELAYS and behind --relay.
    let values = values.into_iter().flat_map(|value| match name {
        Name::Relays => value.split(',').map(str::to_owned).collect(),
        _ => vec![value],
    });
    let whole = |value: String| {
        let is_path = matches!(name, Name::Key | Name::Trust | Name::State);
        if !is_path || value.is_empty() || value.starts_with("~/") || value.contains("nsec1") {
            return Ok(value);
        }
        Ok(std::path::absolute(value)?.display().to_string())
    };
    values.map(whole).collect()
}

fn keep(place: &Path, text: &str) -> Result<()> {
    if text.len() as u64 > file::MAX_FILE {
        let what = "the file of settings would be longer than is read";
        return Err(
            Problem::new(Exit::Usage, what, "Nothing was changed", "remove comments").into(),
        );
    }
    // A link is kept: its target changes.
    let place = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    if let Some(folder) = place.parent() {
        files::make_dir(folder)?;
    }
    files::replace(&place, text.as_bytes())
}
