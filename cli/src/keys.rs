//! `cdvm key`: a customer key that is kept, for those who do not want a fresh
//! one per job. The secret reaches a terminal only when that was asked for.

use std::path::Path;

use anyhow::{Context as _, Result};
use dvm::Keys;

use crate::args::KeyCommand;
use crate::context::Context;
use crate::exit::Problem;
use crate::files;
use crate::given::{self, Kind};
use crate::news::News;
use crate::news::tell;

/// A secret key and a line feed are 64 bytes; more is another file.
const MAX_KEY_FILE: u64 = 256;

/// Makes or shows a key.
pub(crate) fn key(context: &Context<'_>, command: &KeyCommand) -> Result<()> {
    match command {
        KeyCommand::New { out } => {
            let keys = Keys::generate();
            match out.as_deref() {
                Some(path) if path == Path::new("-") => {
                    tell::print(&keys.expose_nsec());
                }
                Some(path) => make(context, path, &keys)?,
                None => {
                    let state = context.settings.state()?;
                    files::make_dir(&state)?;
                    make(context, &state.join("key.nsec"), &keys)?;
                }
            }
        }
        KeyCommand::Show { file, secret } => {
            let keys = read("the key", file)?;
            if *secret {
                tell::print(&keys.expose_nsec());
            } else {
                context.teller.tell(&News::Key {
                    key: keys.public_key(),
                    file: file.clone(),
                });
            }
        }
    }
    Ok(())
}

fn make(context: &Context<'_>, path: &Path, keys: &Keys) -> Result<()> {
    if let Err(error) = write(path, keys) {
        if files::is_taken(&error) {
            let what = format!(
                "{} is there already, and a key is never overwritten",
                path.display()
            );
            return Err(Problem::usage(what, "name another file with --out").into());
        }
        return Err(error);
    }
    context.teller.tell(&News::Key {
        key: keys.public_key(),
        file: path.to_owned(),
    });
    tell::aside(&format!(
        "The secret key is in {0}, readable by you alone. Use it with --key {0}",
        path.display()
    ));
    Ok(())
}

/// Writes a secret key into a new file of its owner's.
pub(crate) fn write(path: &Path, keys: &Keys) -> Result<()> {
    let mut text = keys.expose_nsec();
    text.push('\n');
    files::write_new(path, text.as_bytes())
}

/// Reads a secret key from a file that only its owner reads; `named` is what names
/// the file.
pub(crate) fn read(named: &str, path: &Path) -> Result<Keys> {
    given::look(named, path, Kind::File)?;
    let text = files::read_secret(path, MAX_KEY_FILE)?;
    text.parse()
        .with_context(|| format!("failed to read the key in {}", path.display()))
}
