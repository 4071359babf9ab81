//! The policy a guest image brings with it, which counts until the init data's
//! is set. A measurement vouches for it, like for everything in the image; one
//! part of it sticks: once `AllowRequestsFailingPolicy` is true, kata-agent asks
//! for it while it still ignores failures, so no later policy takes it back
//! (`src/agent/policy/src/policy.rs` of Kata). Such a guest refuses nothing.
//!
//! Read from an initrd: a cpio archive in the "newc" form, plain or with gzip
//! (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use job::Digest;

/// Where kata-agent reads it; often a link to a file beside it.
const FOLDER: &str = "etc/kata-opa/";
const NAME: &str = "default-policy.rego";

/// Longest policy that is read; Kata's have 2 KB.
const MAX_POLICY: u64 = 1024 * 1024;

/// Most files in its folder.
const MAX_FILES: usize = 64;

/// Most bytes unpacked: a whole system has a few hundred MB.
const MAX_UNPACKED: u64 = 8 * 1024 * 1024 * 1024;

/// Longest name (Linux's `PATH_MAX`).
const MAX_NAME: u64 = 4096;

/// Most links that are followed.
const MAX_LINKS: usize = 8;

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) enum Policy {
    /// It lets `AllowRequestsFailingPolicy` be false.
    Fine(Digest),
    /// It sets it to something else.
    IgnoresFailures,
    /// Nothing is known, and why.
    NotRead(String),
}

/// Looks for it in an initrd.
pub(in crate::measure) fn of_initrd(initrd: &[u8]) -> Policy {
    let files = if initrd.starts_with(&[0x1f, 0x8b]) {
        files(MultiGzDecoder::new(initrd))
    } else if initrd.starts_with(b"07070") {
        files(initrd)
    } else {
        None
    };
    let Some(files) = files else {
        return Policy::NotRead("the initrd is no cpio archive, plain or with gzip".to_owned());
    };
    match text(&files) {
        Some(bytes) => judge(bytes),
        None => Policy::NotRead(format!("the initrd has no file /{FOLDER}{NAME}")),
    }
}

/// Rego that never mentions the rule, or says it is false, leaves it false.
fn judge(text: &[u8]) -> Policy {
    const RULE: &str = "AllowRequestsFailingPolicy";
    let fine = String::from_utf8_lossy(text).lines().all(|line| {
        let line = line.trim();
        // A text between backticks may have lines like comments.
        let comment = line.starts_with('#') && !line.contains('`');
        let off = [
            "default AllowRequestsFailingPolicy := false",
            "default AllowRequestsFailingPolicy = false",
        ];
        comment || !line.contains(RULE) || off.contains(&line)
    });
    if fine {
        Policy::Fine(Digest::of(text))
    } else {
        Policy::IgnoresFailures
    }
}

/// What a name in the folder leads to.
fn text(files: &BTreeMap<String, File>) -> Option<&[u8]> {
    let mut name = NAME.to_owned();
    for _ in 0..MAX_LINKS {
        match files.get(&name)? {
            // Empty is what a second name of one file looks like, too.
            File::Bytes(bytes) => return (!bytes.is_empty()).then_some(bytes),
            File::Link(target) => {
                let target = target.trim_start_matches('/');
                let target = target.strip_prefix(FOLDER).unwrap_or(target);
                name = target.trim_start_matches("./").to_owned();
            }
        }
    }
    None
}

enum File {
    Bytes(Vec<u8>),
    Link(String),
}

/// Files of the folder by name; nothing if this is no such archive to its end.
fn files(bytes: impl Read) -> Option<BTreeMap<String, File>> {
    let mut bytes = bytes.take(MAX_UNPACKED);
    let mut files = BTreeMap::new();
    loop {
        // Archives may follow each other, with zeros between them.
        let mut first = [0];
        loop {
            if bytes.read(&mut first).ok()? == 0 {
                return Some(files);
            }
            if first != [0] {
                break;
            }
        }
        let mut header = [0; 109];
        bytes.read_exact(&mut header).ok()?;
        // "07070" and 1 or 2 (with sums), then thirteen numbers of eight hex digits.
        if first != *b"0" || !matches!(header.first_chunk(), Some(b"70701" | b"70702")) {
            return None;
        }
        let number = |index: usize| {
            let digits = header.get(5 + 8 * index..)?.first_chunk::<8>()?;
            u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
        };
        let (mode, size, name_size) = (number(1)?, number(6)?, number(11)?);
        if name_size > MAX_NAME {
            return None;
        }
        let name = take(&mut bytes, name_size)?;
        skip(&mut bytes, padding(110 + name_size))?;
        let name = core::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
        if name == "TRAILER!!!" {
            continue;
        }
        let name = name.trim_start_matches("./").trim_start_matches('/');
        match (name.strip_prefix(FOLDER), mode & 0o170_000) {
            (Some(name), kind @ (0o100_000 | 0o120_000)) => {
                if size > MAX_POLICY || files.len() >= MAX_FILES {
                    return None;
                }
                let contents = take(&mut bytes, size)?;
                let file = if kind == 0o120_000 {
                    File::Link(String::from_utf8(contents).ok()?)
                } else {
                    File::Bytes(contents)
                };
                // The kernel writes the later one over the earlier.
                files.insert(name.to_owned(), file);
            }
            _ => skip(&mut bytes, size)?,
        }
        skip(&mut bytes, padding(size))?;
    }
}

/// Everything begins at a multiple of four.
const fn padding(size: u64) -> u64 {
    size.next_multiple_of(4) - size
}

fn take(bytes: &mut impl Read, size: u64) -> Option<Vec<u8>> {
    let mut contents = Vec::new();
    let read = bytes.take(size).read_to_end(&mut contents).ok()?;
    (read as u64 == size).then_some(contents)
}

fn skip(bytes: &mut impl Read, size: u64) -> Option<()> {
    let skipped = std::io::copy(&mut bytes.take(size), &mut std::io::sink()).ok()?;
    (skipped == size).then_some(())
}
