//! A Kata release's files: an unpacked folder or the archive. Links are
//! followed inside of it and never out of it: what this machine has at
//! `/opt/kata` is nobody's release.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::archive::{Archive, MAX_SMALL, Node};
use crate::exit::Problem;
use crate::files;

/// Most links in one path, as Linux has it (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Most drop-ins of a class.
const MAX_DROP_INS: usize = 256;

/// Where a release is installed, and its configurations name files.
const HOME: &str = "/opt/kata";

/// A release.
#[derive(Debug)]
pub(super) struct Release {
    source: Source,
    name: PathBuf,
    /// Whether `opt/kata` stands in it; otherwise it is the content of that.
    whole: bool,
}

#[derive(Debug)]
enum Source {
    Folder,
    Archive(Archive),
}

impl Release {
    /// Opens it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let meta = fs::metadata(path);
        let meta = meta.with_context(|| format!("failed to open {}", path.display()))?;
        let source = if meta.is_dir() {
            Source::Folder
        } else {
            let unreadable = |error: anyhow::Error| {
                Problem::usage(
                    format!("{} is no Kata release: {error:#}", path.display()),
                    "give the release's archive (kata-go-static-VERSION-amd64.tar.zst) or the folder it was unpacked to",
                )
            };
            Source::Archive(Archive::open(path).map_err(unreadable)?)
        };
        let mut release = Self {
            source,
            name: path.to_owned(),
            whole: true,
        };
        release.whole = release.node("opt/kata")?.is_some();
        Ok(release)
    }

    /// The version, as its file says.
    pub(super) fn version(&self) -> Result<String> {
        let path = format!("{HOME}/VERSION");
        let Some(real) = self.resolve(&path)? else {
            return Err(Problem::usage(
                format!("{} is no Kata release: it has no file opt/kata/VERSION", self.name.display()),
                "give the release's archive, or the folder it was unpacked to, which holds opt/kata",
            )
            .into());
        };
        Ok(self.small(&real)?.trim().to_owned())
    }

    /// Where a path leads to, as an absolute path without links; nothing if
    /// nothing is there.
    pub(super) fn resolve(&self, path: &str) -> Result<Option<String>> {
        let mut done: Vec<String> = Vec::new();
        let mut left: Vec<String> = parts(path).rev().collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let here = format!("/{}", done.join("/"));
            if !here.starts_with(&format!("{HOME}/")) {
                // Nothing is read there, so nothing is there to be a link.
                continue;
            }
            match self.node(&self.inner(&here))? {
                None => return Ok(None),
                Some(Node::Link(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        bail!("{path} leads through more than {MAX_LINKS} links");
                    }
                    if target.starts_with('/') {
                        done.clear();
                    } else {
                        done.pop();
                    }
                    // An archive's hard links have its own paths: `opt/kata/…`.
                    left.extend(parts(&target).rev());
                }
                Some(Node::File | Node::Folder | Node::Other) => {}
            }
        }
        let real = format!("/{}", done.join("/"));
        if real.starts_with(&format!("{HOME}/")) {
            Ok(Some(real))
        } else {
            Err(Problem::usage(
                format!("{path} is outside of the release ({real})"),
                "take the configuration as it was released; paths begin with /opt/kata/",
            )
            .into())
        }
    }

    /// Text of a small file, by its path without links.
    pub(super) fn small(&self, real: &str) -> Result<String> {
        let bytes = match &self.source {
            Source::Folder => core::mem::take(&mut *files::read(&self.on_disk(real), MAX_SMALL)?),
            Source::Archive(archive) => archive
                .small
                .get(&self.inner(real))
                .cloned()
                .ok_or_else(|| anyhow!("{real} is no file, or has more than {MAX_SMALL} bytes"))?,
        };
        String::from_utf8(bytes).with_context(|| format!("{real} is not UTF-8"))
    }

    /// Names in a folder (its path without links), sorted as Go's `os.ReadDir` does.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = match &self.source {
            Source::Folder => {
                let folder_here = self.on_disk(folder);
                let entries = fs::read_dir(&folder_here);
                let entries =
                    entries.with_context(|| format!("failed to read {}", folder_here.display()))?;
                let mut names = Vec::new();
                for entry in entries.take(MAX_DROP_INS + 1) {
                    let name = entry?.file_name().into_string();
                    names.push(
                        name.map_err(|name| anyhow!("{folder} holds the name {}", name.display()))?,
                    );
                }
                names
            }
            Source::Archive(archive) => {
                let prefix = format!("{}/", self.inner(folder));
                let below = archive
                    .nodes
                    .keys()
                    .filter_map(|path| path.strip_prefix(&prefix));
                let names = below.filter(|name| !name.contains('/'));
                names.map(str::to_owned).take(MAX_DROP_INS + 1).collect()
            }
        };
        if names.len() > MAX_DROP_INS {
            bail!("{folder} holds more than {MAX_DROP_INS} files");
        }
        names.sort();
        Ok(names)
    }

    /// Whole files, by their paths without links, each with its limit.
    pub(super) fn read(&self, wanted: &[(&str, u64)]) -> Result<BTreeMap<String, Vec<u8>>> {
        match &self.source {
            Source::Folder => {
                let read = |(real, max): &(&str, u64)| {
                    let mut contents = files::read(&self.on_disk(real), *max)?;
                    Ok(((*real).to_owned(), core::mem::take(&mut *contents)))
                };
                wanted.iter().map(read).collect()
            }
            Source::Archive(archive) => {
                let inner = wanted.iter().map(|(real, max)| (self.inner(real), *max));
                let mut found = archive
                    .read(&inner.collect())
                    .with_context(|| format!("failed to read {}", self.name.display()))?;
                let real = |(real, _): &(&str, u64)| {
                    let contents = found.remove(&self.inner(real)).unwrap_or_default();
                    ((*real).to_owned(), contents)
                };
                Ok(wanted.iter().map(real).collect())
            }
        }
    }

    fn node(&self, inner: &str) -> Result<Option<Node>> {
        match &self.source {
            Source::Archive(archive) => {
                if let Some(node) = archive.nodes.get(inner) {
                    return Ok(Some(node.clone()));
                }
                // Archives may leave folders out.
                let prefix = format!("{inner}/");
                let mut below = archive.nodes.range(prefix.clone()..);
                let folder = below
                    .next()
                    .is_some_and(|(path, _)| path.starts_with(&prefix));
                Ok(folder.then_some(Node::Folder))
            }
            Source::Folder => {
                let path = self.name.join(inner);
                let meta = match fs::symlink_metadata(&path) {
                    Ok(meta) => meta,
                    Err(error)
                        if matches!(
                            error.kind(),
                            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                        ) =>
                    {
                        return Ok(None);
                    }
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("failed to look at {}", path.display()));
                    }
                };
                Ok(Some(if meta.is_symlink() {
                    let target = fs::read_link(&path)?.into_os_string().into_string();
                    Node::Link(target.map_err(|_| {
                        anyhow!("{} leads to a name that is not UTF-8", path.display())
                    })?)
                } else if meta.is_dir() {
                    Node::Folder
                } else if meta.is_file() {
                    Node::File
                } else {
                    Node::Other
                }))
            }
        }
    }

    /// Where it stands in folder or archive.
    fn inner(&self, real: &str) -> String {
        let below = real.strip_prefix(HOME).unwrap_or(real);
        let path = if self.whole { real } else { below };
        path.trim_start_matches('/').to_owned()
    }

    fn on_disk(&self, real: &str) -> PathBuf {
        self.name.join(self.inner(real))
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> + use<> {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect();
    parts.into_iter()
}
