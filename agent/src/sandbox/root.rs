//! The sandbox's file system: the image's files read-only, a bare `/dev`, an
//! empty `/tmp`, and the job's files in memory. The agent's own directory, the
//! container's mounts and the host's system files stay outside.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::pivot_root;

/// Where the new root is built: the pod's in-guest tmpfs.
const NEW: &str = "/cdvm/root";

/// What of the container's root is not taken over as it is.
const NOT_TAKEN: [&str; 5] = ["proc", "sys", "dev", "cdvm", "tmp"];

/// Devices a program may expect.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Most bytes of `/tmp` and of `/dev/shm`: a share of the machine's memory, so
/// that the machine, not the file system, is the limit that counts.
const TMP_OPTIONS: &str = "mode=1777,size=75%";

/// A root that is built but not entered.
pub(super) struct Root(PathBuf);

impl Root {
    /// Builds it in the current mount namespace.
    pub(super) fn build() -> io::Result<Self> {
        let new = PathBuf::from(NEW);
        // Nothing done from here on shows outside.
        set_propagation(Path::new("/"), MsFlags::MS_PRIVATE)?;
        fs::create_dir_all(&new)?;
        tmpfs(&new, "mode=755")?;
        for entry in fs::read_dir("/")? {
            let entry = entry?;
            if !NOT_TAKEN.iter().any(|name| entry.file_name() == *name) {
                take_over(&entry.path(), &new.join(entry.file_name()))?;
            }
        }
        let proc = new.join("proc");
        fs::create_dir(&proc)?;
        bind(Path::new("/proc"), &proc)?;
        make_read_only(&new)?;

        devices(&new.join("dev"))?;
        fs::create_dir(new.join("tmp"))?;
        tmpfs(&new.join("tmp"), TMP_OPTIONS)?;
        let job = new.join("cdvm/job");
        fs::create_dir_all(&job)?;
        tmpfs(&job, "mode=755")?;
        for name in ["input", "params", "secrets", "out"] {
            fs::create_dir(job.join(name))?;
        }
        Ok(Self(new))
    }

    /// Writes a file below `/cdvm/job`.
    pub(super) fn write_job_file(&self, path: &str, data: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(self.0.join("cdvm/job").join(path))?;
        file.write_all(data)
    }

    /// Makes it the root of this process and leaves the old one behind.
    pub(super) fn enter(self) -> io::Result<()> {
        let old = self.0.join("old");
        fs::create_dir(&old)?;
        pivot_root(&self.0, &old)?;
        std::env::set_current_dir("/")?;
        umount2("/old", MntFlags::MNT_DETACH)?;
        fs::remove_dir("/old")?;
        // The tmpfs the entries hang on; everything below keeps its own flags.
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        remount(Path::new("/"), flags)
    }
}

/// One entry of the container's root: linked again, or bound.
fn take_over(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
    } else {
        fs::write(to, [])?;
    }
    bind(from, to)
}

/// Every mount below `new`, with what hangs on it, read-only.
fn make_read_only(new: &Path) -> io::Result<()> {
    let prefix = format!("{}/", new.display());
    // proc(5), mountinfo: the fifth field is the mount point, the sixth its flags.
    for line in fs::read_to_string("/proc/self/mountinfo")?.lines() {
        let mut fields = line.split(' ').skip(4);
        let (Some(point), Some(options)) = (fields.next(), fields.next()) else {
            continue;
        };
        if point.starts_with(&prefix) {
            // Flags that came from outside are locked: they must be repeated.
            let kept = options.split(',').fold(MsFlags::empty(), |flags, option| {
                flags
                    | match option {
                        "nosuid" => MsFlags::MS_NOSUID,
                        "nodev" => MsFlags::MS_NODEV,
                        "noexec" => MsFlags::MS_NOEXEC,
                        "noatime" => MsFlags::MS_NOATIME,
                        "nodiratime" => MsFlags::MS_NODIRATIME,
                        "relatime" => MsFlags::MS_RELATIME,
                        _ => MsFlags::empty(),
                    }
            });
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | kept;
            remount(Path::new(&unescape(point)), flags)?;
        }
    }
    Ok(())
}

/// Mount points have blanks and such as `\040` (proc(5)).
fn unescape(point: &str) -> String {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    escapes
        .iter()
        .fold(point.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn devices(dev: &Path) -> io::Result<()> {
    fs::create_dir(dev)?;
    tmpfs(dev, "mode=755")?;
    for name in DEVICES {
        let (from, to) = (Path::new("/dev").join(name), dev.join(name));
        fs::write(&to, [])?;
        bind(&from, &to)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(name))?;
    }
    let shm = dev.join("shm");
    fs::create_dir(&shm)?;
    fs::set_permissions(&shm, Permissions::from_mode(0o1777))?;
    tmpfs(&shm, TMP_OPTIONS)
}

fn tmpfs(at: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options)).map_err(|e| named(at, e))
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>).map_err(|e| named(from, e))
}

fn remount(at: &Path, flags: MsFlags) -> io::Result<()> {
    mount(None::<&str>, at, None::<&str>, flags, None::<&str>).map_err(|e| named(at, e))
}

fn set_propagation(at: &Path, kind: MsFlags) -> io::Result<()> {
    let flags = MsFlags::MS_REC | kind;
    mount(None::<&str>, at, None::<&str>, flags, None::<&str>).map_err(|e| named(at, e))
}

fn named(path: &Path, error: nix::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
