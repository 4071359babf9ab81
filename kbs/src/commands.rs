//! What owners do on the broker's own machine. Whatever counts is written by the same
//! functions as the running broker's, in the same transactions.

mod grant;
mod show;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use kbs::ledger::{read_head, write_head};
use kbs::log::Event;
use kbs::rcar::MAX_BODY;
use kbs::resource::Resource;
use kbs::store;
use kbs::vault::{Source, Vault};
use rusqlite::Connection;
use zeroize::Zeroizing;

pub(crate) use grant::grant;
pub(crate) use show::{check, list, log};

use crate::args::Place;
use crate::place::{create_private, salt, set_key};
use crate::serve::now;

/// Who does what is done here, in the log.
const HERE: &str = "the broker's own machine";

/// Writes a fresh master key.
pub(crate) fn new_master_key(file: &Path) -> Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    let made = SystemRandom::new().fill(&mut *key);
    made.ok().context("there is no randomness")?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(*key)));
    create_private(file, text.as_bytes())?;
    println!(
        "{}: keep a copy elsewhere. Without it no secret opens again.",
        file.display()
    );
    Ok(())
}

/// Puts a secret there.
pub(crate) fn put(place: &Place, resource: &str, file: &Path) -> Result<()> {
    let resource: Resource = resource.parse()?;
    if resource.is_of_a_job() {
        bail!("{resource} is a secret of one job, which the operator puts there");
    }
    let secret = read_secret(file)?;
    let (mut state, vault) = place.open_with_key()?;
    let sealed = vault.seal(resource.as_str(), &secret)?;
    let length = secret.len();
    change(place, &mut state, |state| {
        store::write(state, resource.as_str(), &sealed, HERE, now().as_secs())
    })?;
    println!(
        "{resource}: {length} bytes. Nobody gets it without a grant (`cdvm-kbs grant --help`)."
    );
    Ok(())
}

fn read_secret(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    // Reserved at once: a buffer that grows leaves copies behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(MAX_BODY + 1));
    let most = MAX_BODY as u64 + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut secret)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut secret))
    };
    read.with_context(|| format!("failed to read {}", file.display()))?;
    if secret.is_empty() || secret.len() > MAX_BODY {
        bail!(
            "a secret has 1 to {MAX_BODY} bytes, and {} has another length",
            file.display()
        );
    }
    Ok(secret)
}

/// Removes a secret.
pub(crate) fn remove(place: &Place, resource: &str) -> Result<()> {
    let resource: Resource = resource.parse()?;
    let mut state = place.open_existing()?;
    let there = change(place, &mut state, |state| {
        store::delete(state, resource.as_str(), HERE, now().as_secs())
    })?;
    if !there {
        bail!("there is no secret {resource}: `cdvm-kbs list` shows those there are");
    }
    println!("{resource} is gone. Machines that have it already keep it until they end.");
    Ok(())
}

/// Ends a grant for good.
pub(crate) fn revoke(place: &Place, grant: &str) -> Result<()> {
    let known = show::all_grants(place)?.iter().any(|one| one.id == grant);
    let mut state = place.open()?;
    let used = store::runs(&state, grant)?;
    if !known && used == 0 {
        bail!("there is no grant {grant:?}: `cdvm-kbs list` shows those there are, as owner/name");
    }
    let new = change(place, &mut state, |state| {
        store::revoke(state, grant, HERE, now().as_secs())
    })?;
    let already = if new { "" } else { " already" };
    println!(
        "{grant} is{already} revoked, after {used} runs. Machines that have the secret keep it until they end."
    );
    Ok(())
}

/// Seals everything under another master key.
pub(crate) fn rotate(place: &Place, new_master_key: &Path) -> Result<()> {
    let mut state = place.open_existing()?;
    let _lock = place.lock()?;
    let vault = place.vault(&mut state)?;
    let salt = salt(&mut state)?;
    let new = Vault::open(&Source::Key(new_master_key.to_owned()), &salt)?;
    if new.check() == vault.check() {
        bail!(
            "{} holds the master key that is used already",
            new_master_key.display()
        );
    }
    let transaction = store::begin(&mut state)?;
    let names = store::resources(&transaction)?;
    let at = now().as_secs();
    for name in &names {
        let sealed = store::sealed(&transaction, name)?.unwrap_or_default();
        let secret = vault.unseal(name, &sealed).with_context(|| {
            format!("the secret {name} does not open: it was changed at rest; nothing was rotated")
        })?;
        store::reseal(&transaction, name, &new.seal(name, &secret)?, at)?;
    }
    set_key(&transaction, &new)?;
    let secrets = names.len() as u64;
    store::append(&transaction, &Event::Rotated { secrets }, at)?;
    transaction.commit()?;
    write_head(&place.head(), store::head(&state)?)?;
    println!(
        "{secrets} secrets are sealed under the new master key: start the broker with it. Copies of the state made before need the old one."
    );
    Ok(())
}

/// Copies the state.
pub(crate) fn backup(place: &Place, file: &Path) -> Result<()> {
    let state = place.open_existing()?;
    // Made first, so that only its owner can read what is written.
    create_private(file, b"")?;
    state
        .backup("main", file, None::<fn(rusqlite::backup::Progress)>)
        .with_context(|| format!("failed to write {}", file.display()))?;
    let head = store::head(&state)?;
    println!(
        "{}: the state up to line {} of its log. Secrets in it are sealed under the master key.",
        file.display(),
        head.seq
    );
    Ok(())
}

/// Puts a copy back.
pub(crate) fn restore(place: &Place, file: &Path, lost: bool) -> Result<()> {
    // The folder and its lock come first.
    drop(place.open()?);
    let _lock = place.lock()?;
    let noted = read_head(&place.head())?;
    let copy = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("failed to open {}", file.display()))?;
    let found = store::walk(&copy, |_| Ok(()))
        .with_context(|| format!("{} is not a copy of a state", file.display()))?;
    let known = noted.map_or(0, |head| head.seq);
    let whole = match noted {
        Some(noted) => kbs::ledger::contains(&copy, noted)?,
        None => true,
    };
    if !whole && !lost {
        bail!(
            "{} ends with line {} of its log, and line {known} was noted: runs and revocations since are not in it, \
             and could be given again. If there is nothing newer, say --what-happened-since-is-lost",
            file.display(),
            found.seq
        );
    }
    let new = place.state.join("state.new");
    let _ = std::fs::remove_file(&new);
    create_private(&new, b"")?;
    copy.backup("main", &new, None::<fn(rusqlite::backup::Progress)>)
        .context("failed to copy the state")?;
    let mut state = store::open(&new)?;
    let restored = Event::Restored {
        known,
        found: found.seq,
    };
    change_only(&mut state, |state| {
        store::append(state, &restored, now().as_secs())
    })?;
    let head = store::head(&state)?;
    // All of it in one file, before that takes its place.
    state.pragma_update(None, "journal_mode", "DELETE")?;
    drop(state);
    for left in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(place.state.join(left));
    }
    std::fs::rename(&new, place.database())?;
    write_head(&place.head(), head)?;
    println!(
        "The state is that of line {}. {known} lines were known before.",
        found.seq
    );
    Ok(())
}

/// One change, committed, and the end of the log noted.
fn change<T>(
    place: &Place,
    state: &mut Connection,
    what: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T> {
    let done = change_only(state, what);
    let done = done.with_context(|| {
        let shown = place.state.display();
        format!("the state in {shown} could not be written, and nothing was changed")
    })?;
    write_head(&place.head(), store::head(state)?)?;
    Ok(done)
}

fn change_only<T>(
    state: &mut Connection,
    what: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T> {
    let transaction = store::begin(state)?;
    let done = what(&transaction)?;
    transaction.commit()?;
    Ok(done)
}
