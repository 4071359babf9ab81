//! A Kata release as it is published: a tar archive (POSIX.1-1988 ustar, with
//! GNU's and pax's long names), plain or packed. Nothing is written anywhere.
//! gzip is unpacked here; zstd and xz by the system's programs of that name,
//! which see only bytes: what comes out of them is read like everything else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;

/// Longest configuration; Kata's have 40 KB.
pub(super) const MAX_SMALL: u64 = 1024 * 1024;

/// Bytes of a tar block.
const BLOCK: usize = 512;

/// Most entries; a release has some hundreds.
const MAX_ENTRIES: usize = 100_000;

/// Longest name or pax record; Linux's longest path has 4096 bytes.
const MAX_NAME: u64 = 16 * 1024;

/// Most bytes of all small files that are kept.
const MAX_KEPT: usize = 64 * 1024 * 1024;

/// Most bytes unpacked: Kata's releases have 2 to 8 GB.
const MAX_UNPACKED: u64 = 64 * 1024 * 1024 * 1024;

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File,
    Folder,
    Link(String),
    /// A device, pipe or socket.
    Other,
}

/// What is in it, with the contents of small files.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) small: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    /// Reads all of it once.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut archive = Self {
            path: path.to_owned(),
            nodes: BTreeMap::new(),
            small: BTreeMap::new(),
        };
        let mut kept = 0;
        let mut stream = Stream::open(path)?;
        while let Some(entry) = stream.next()? {
            let Entry {
                path,
                kind,
                link,
                size,
            } = entry;
            let node = match kind {
                b'0' | 0 | b'7' => Node::File,
                b'1' => Node::Link(format!("/{}", normal(&link)?)),
                b'2' => Node::Link(link),
                b'5' => Node::Folder,
                // Devices and pipes: a release has none, and none is read.
                _ => Node::Other,
            };
            if node == Node::File && size <= MAX_SMALL && is_small(&path) {
                let contents = stream.contents(size)?;
                kept += contents.len();
                if kept > MAX_KEPT {
                    bail!("its settings have more than {MAX_KEPT} bytes");
                }
                archive.small.insert(path.clone(), contents);
            } else {
                stream.skip(size)?;
            }
            let folder = node == Node::Folder;
            if archive.nodes.insert(path.clone(), node).is_some() && !folder {
                bail!("{path} is in it twice: which one counts depends on who unpacks it");
            }
            if archive.nodes.len() > MAX_ENTRIES {
                bail!("it has more than {MAX_ENTRIES} files");
            }
        }
        stream.finish()?;
        Ok(archive)
    }

    /// Reads files in one go; each has its limit.
    pub(super) fn read(&self, wanted: &BTreeMap<String, u64>) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut stream = Stream::open(&self.path)?;
        while found.len() < wanted.len() {
            let Some(entry) = stream.next()? else {
                bail!("it changed while it was read");
            };
            match wanted.get(&entry.path) {
                Some(max) if entry.size > *max => {
                    bail!(
                        "{} has {} bytes; at most {max} are read",
                        entry.path,
                        entry.size
                    );
                }
                Some(_) => {
                    let contents = stream.contents(entry.size)?;
                    found.insert(entry.path, contents);
                }
                None => stream.skip(entry.size)?,
            }
        }
        Ok(found)
    }
}

/// One header.
struct Entry {
    path: String,
    kind: u8,
    link: String,
    size: u64,
}

/// An archive's blocks, unpacked.
struct Stream {
    bytes: std::io::Take<Box<dyn Read>>,
    unpacker: Option<(Child, &'static str)>,
}

impl Stream {
    fn open(path: &Path) -> Result<Self> {
        let open =
            || File::open(path).with_context(|| format!("failed to open {}", path.display()));
        let mut magic = Vec::new();
        open()?.take(6).read_to_end(&mut magic)?;
        let file = open()?;
        // RFC 1952, RFC 8878 and the .xz format, each section on its header.
        let (bytes, unpacker): (Box<dyn Read>, _) = match &magic[..] {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(BufReader::new(file))), None),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => unpack("zstd", file)?,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => unpack("xz", file)?,
            _ => (Box::new(BufReader::new(file)), None),
        };
        Ok(Self {
            bytes: bytes.take(MAX_UNPACKED),
            unpacker,
        })
    }

    /// The next entry that is a file, link or folder; nothing at the end.
    fn next(&mut self) -> Result<Option<Entry>> {
        let (mut long_path, mut long_link, mut long_size) = (None, None, None);
        loop {
            let mut block = [0; BLOCK];
            let read = self.bytes.read_exact(&mut block);
            read.context("it ends before its end: it is cut off, or no tar archive")?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::parse(&block)?;
            match header.kind {
                b'L' => long_path = Some(self.name(header.size)?),
                b'K' => long_link = Some(self.name(header.size)?),
                b'x' => {
                    let records = self.bounded(header.size)?;
                    for (key, value) in pax(&records)? {
                        match key.as_str() {
                            "path" => long_path = Some(value),
                            "linkpath" => long_link = Some(value),
                            "size" => {
                                let size = value.parse::<u64>();
                                long_size = Some(size.context("a size in it is no number")?);
                            }
                            _ => {}
                        }
                    }
                }
                // Comments for the whole archive, such as git's.
                b'g' => self.skip(header.size)?,
                b'S' => bail!(
                    "it holds sparse files, which are not read: unpack it and name the folder"
                ),
                kind => {
                    let size = long_size.unwrap_or(header.size);
                    return Ok(Some(Entry {
                        path: normal(&long_path.unwrap_or(header.path))?,
                        kind,
                        link: long_link.unwrap_or(header.link),
                        // Links and folders have no contents, whatever stands there.
                        size: if matches!(kind, b'1'..=b'6') { 0 } else { size },
                    }));
                }
            }
        }
    }

    fn name(&mut self, size: u64) -> Result<String> {
        let mut bytes = self.bounded(size)?;
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        String::from_utf8(bytes).context("a name in it is not UTF-8")
    }

    fn bounded(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > MAX_NAME {
            bail!("a name in it has {size} bytes");
        }
        self.contents(size)
    }

    /// Contents and what fills the last block.
    fn contents(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut contents = Vec::new();
        let read = (&mut self.bytes).take(size).read_to_end(&mut contents)?;
        if read as u64 != size {
            bail!("it ends in the middle of a file");
        }
        self.pass(padding(size))?;
        Ok(contents)
    }

    fn skip(&mut self, size: u64) -> Result<()> {
        self.pass(size)?;
        self.pass(padding(size))
    }

    fn pass(&mut self, size: u64) -> Result<()> {
        let passed = std::io::copy(&mut (&mut self.bytes).take(size), &mut std::io::sink())?;
        if passed != size {
            bail!("it ends in the middle of a file");
        }
        Ok(())
    }

    /// Reads what is left, so that an unpacker can say whether all was well.
    fn finish(mut self) -> Result<()> {
        std::io::copy(&mut self.bytes, &mut std::io::sink())?;
        if let Some((child, name)) = &mut self.unpacker {
            let status = child.wait()?;
            if !status.success() {
                bail!("{name} could not unpack it ({status})");
            }
        }
        Ok(())
    }
}

impl Drop for Stream {
    /// Who has what it wanted does not wait for the rest.
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.unpacker {
            // Both fail only when it ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether a file is kept when the archive is first read.
fn is_small(path: &str) -> bool {
    path == "VERSION"
        || path.ends_with("/VERSION")
        || path.contains("share/defaults/kata-containers/")
}

type Unpacked = (Box<dyn Read>, Option<(Child, &'static str)>);

/// Runs the system's `zstd` or `xz` on an open file.
fn unpack(name: &'static str, file: File) -> Result<Unpacked> {
    let mut command = Command::new(name);
    let command = command
        .args(["-d", "-c"])
        .stdin(file)
        .stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| {
        format!("it is packed with {name}, and there is no program {name} here: install it, or unpack the archive and name the folder")
    })?;
    let stdout = child.stdout.take().context("no output")?;
    Ok((Box::new(BufReader::new(stdout)), Some((child, name))))
}

/// What is read of a header block (POSIX.1-1988, "ustar Interchange Format").
struct Header {
    path: String,
    kind: u8,
    link: String,
    size: u64,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> Result<Self> {
        let field = |from: usize, len: usize| block.get(from..from + len).unwrap_or_default();
        // The sum takes its own field for spaces.
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let own: u64 = field(148, 8).iter().map(|byte| u64::from(*byte)).sum();
        if number(field(148, 8))? != sum - own + 8 * u64::from(b' ') {
            bail!("it is no tar archive, or broken: a header's sum is wrong");
        }
        let name = text(field(0, 100))?;
        let posix = field(257, 6) == b"ustar\0";
        let prefix = if posix {
            text(field(345, 155))?
        } else {
            String::new()
        };
        Ok(Self {
            path: if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            },
            kind: field(156, 1).first().copied().unwrap_or_default(),
            link: text(field(157, 100))?,
            size: number(field(124, 12))?,
        })
    }
}

fn text(field: &[u8]) -> Result<String> {
    let end = field.iter().position(|byte| *byte == 0);
    let bytes = field.get(..end.unwrap_or(field.len())).unwrap_or_default();
    String::from_utf8(bytes.to_vec()).context("a name in it is not UTF-8")
}

/// Octal digits, or GNU's binary form with the first bit set.
fn number(field: &[u8]) -> Result<u64> {
    let wrong = "a number in it cannot be read";
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let mut number = u64::from(first & 0x7f);
        for byte in rest {
            number = number.checked_mul(256).context(wrong)? + u64::from(*byte);
        }
        return Ok(number);
    }
    let digits = String::from_utf8_lossy(field);
    let digits = digits.trim_matches(['\0', ' ']);
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(digits, 8).context(wrong)
}

/// Records `LENGTH KEY=VALUE\n` (POSIX.1-2001, "pax Header Block").
fn pax(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let wrong = "a record in it cannot be read";
    let mut text = core::str::from_utf8(bytes).context(wrong)?;
    let mut records = Vec::new();
    while !text.is_empty() {
        let (length, _) = text.split_once(' ').context(wrong)?;
        let (record, rest) = text
            .split_at_checked(length.parse().context(wrong)?)
            .context(wrong)?;
        let record = record.strip_suffix('\n').context(wrong)?;
        let record = record.get(length.len() + 1..).context(wrong)?;
        let (key, value) = record.split_once('=').context(wrong)?;
        records.push((key.to_owned(), value.to_owned()));
        text = rest;
    }
    Ok(records)
}

/// `./opt/kata/bin/` is `opt/kata/bin`.
fn normal(path: &str) -> Result<String> {
    let parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<&str> = parts.collect();
    if parts.contains(&"..") {
        bail!("the name {path:?} in it leads out of it");
    }
    Ok(parts.join("/"))
}

const fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}
