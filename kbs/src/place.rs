//! The folder of the state: its files, its lock, its master key.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use rusqlite::Connection;

use crate::args::Place;
use kbs::ledger::{contains, read_head};
use kbs::store;
use kbs::vault::{Source, Vault};

/// Names in the state's table `meta`.
const SALT: &str = "salt";
const MASTER_KEY: &str = "master-key";

impl Place {
    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.state.join("state.db")
    }

    /// Where the end of the log is noted.
    pub(crate) fn head(&self) -> PathBuf {
        let own = || self.state.join("head");
        self.head_file.clone().unwrap_or_else(own)
    }

    /// Opens the state, and makes it where there is none.
    pub(crate) fn open(&self) -> Result<Connection> {
        let shown = self.state.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.state)
            .with_context(|| format!("failed to make the folder of the state, {shown}"))?;
        let opened = store::open(&self.database());
        opened.with_context(|| format!("the state in {shown} cannot be used"))
    }

    /// Opens a state that is there.
    pub(crate) fn open_existing(&self) -> Result<Connection> {
        let shown = self.state.display();
        let there = self.database().try_exists();
        if !there.with_context(|| format!("failed to look for the state in {shown}"))? {
            bail!(
                "there is no state in {shown}: name its folder with --state, or begin with `cdvm-kbs put`"
            );
        }
        self.open()
    }

    /// Nobody else runs, rotates or restores while this is held.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.state.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("failed to open {}", path.display()))?;
        if file.try_lock().is_err() {
            bail!(
                "a broker runs on the state in {}: stop it first",
                self.state.display()
            );
        }
        Ok(file)
    }

    fn source(&self) -> Result<Source> {
        match (&self.master_key, &self.passphrase_file) {
            (Some(path), _) => Ok(Source::Key(path.clone())),
            (None, Some(path)) => Ok(Source::Passphrase(path.clone())),
            (None, None) => bail!(
                "there is no master key: name its file with --master-key (`cdvm-kbs new-master-key FILE` makes \
                 one), or a passphrase's with --passphrase-file"
            ),
        }
    }

    /// A state, made where there is none, and its master key: asked for first, so that
    /// without one nothing is made.
    pub(crate) fn open_with_key(&self) -> Result<(Connection, Vault)> {
        self.source()?;
        let mut state = self.open()?;
        let vault = self.vault(&mut state)?;
        Ok((state, vault))
    }

    /// The master key of this state. The first one is the state's from then on.
    pub(crate) fn vault(&self, state: &mut Connection) -> Result<Vault> {
        let source = self.source()?;
        let salt = salt(state)?;
        let vault = Vault::open(&source, &salt)?;
        let transaction = store::begin(state)?;
        match store::meta(&transaction, MASTER_KEY)? {
            None => set_key(&transaction, &vault)?,
            Some(check) if check == vault.check() => {}
            Some(_) => bail!(
                "this is not the master key the secrets in {} are sealed under: name that one",
                self.state.display()
            ),
        }
        transaction.commit()?;
        Ok(vault)
    }

    /// The state must hold all that it ever held.
    pub(crate) fn require_newest(&self, state: &Connection) -> Result<()> {
        let path = self.head();
        let noted =
            read_head(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let Some(noted) = noted else {
            return Ok(());
        };
        if contains(state, noted)? {
            return Ok(());
        }
        let found = store::head(state)?;
        bail!(
            "the state in {} is older than one it had before: line {} of its log was noted in {}, and it ends with \
             line {}. Runs and revocations in between would be given again. Put the newest state back, or, knowing \
             that, `cdvm-kbs restore {} --what-happened-since-is-lost`",
            self.state.display(),
            noted.seq,
            path.display(),
            found.seq,
            self.database().display(),
        )
    }
}

/// Notes which master key the secrets are sealed under.
pub(crate) fn set_key(state: &Connection, vault: &Vault) -> rusqlite::Result<()> {
    store::set_meta(state, MASTER_KEY, &vault.check())
}

/// The salt of passphrases, made with the state.
pub(crate) fn salt(state: &mut Connection) -> Result<Vec<u8>> {
    let transaction = store::begin(state)?;
    let salt = if let Some(salt) = store::meta(&transaction, SALT)? {
        salt
    } else {
        let mut salt = [0; 16];
        let made = SystemRandom::new().fill(&mut salt);
        made.ok().context("there is no randomness")?;
        store::set_meta(&transaction, SALT, &salt)?;
        salt.to_vec()
    };
    transaction.commit()?;
    Ok(salt)
}

/// Creates a file that only its owner reads; one that is there stays as it is.
pub(crate) fn create_private(path: &std::path::Path, content: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let write = || {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().with_context(|| {
        format!(
            "failed to write {}: it must not be there yet",
            path.display()
        )
    })
}
