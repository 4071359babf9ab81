//! `--kata`: a release made here, as a folder and as archives, gives the entries
//! that its files give one by one; what would be a measurement of something else
//! is refused.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use job::{Digest, Simulated, Trust};

const FIRMWARE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../evidence/tests/vectors/ovmf-amdsev-end.bin"
);

/// What has to do with measuring of Kata 4.1.0's `configuration-qemu-snp.toml`.
const CONFIGURATION: &str = r#"
[hypervisor.qemu]
kernel = "/opt/kata/share/kata-containers/vmlinuz-confidential.container"
image = "/opt/kata/share/kata-containers/kata-containers-confidential.img"
rootfs_type = "ext4"
confidential_guest = true
sev_snp_guest = true
kernel_params = "cgroup_no_v1=all"
kernel_verity_params = "root_hash=0a1b,salt=2c3d,data_blocks=1000,data_block_size=4096,hash_block_size=4096"
firmware = "/opt/kata/share/ovmf/AMDSEV.fd"
firmware_volume = ""
default_vcpus = 1
block_device_driver = "virtio-scsi"
disable_guest_selinux = true
[agent.kata]
launch_process_timeout = 6
[runtime]
static_sandbox_resource_mgmt = true
"#;

/// The line that Kata 4.1.0 makes of it.
const LINE: &str = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 \
    i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 dm-mod.create=\"dm-verity,,,ro,0 8000 \
    verity 1 /dev/vda1 /dev/vda2 4096 4096 1000 0 sha256 0a1b 2c3d\" root=/dev/dm-0 rootflags=data=ordered,errors=remount-ro ro \
    rootfstype=ext4 console=hvc0 console=hvc1 quiet systemd.show_status=false panic=1 selinux=0 \
    systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket \
    scsi_mod.scan=none agent.launch_process_timeout=6 cgroup_no_v1=all agent.guest_components_rest_api=all";

const SETTINGS: &str = "opt/kata/share/defaults/kata-containers";

/// A release: files by path, links by what they lead to.
struct Release {
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
}

impl Release {
    fn new(version: &str, configuration: &str) -> Self {
        let file = |path: &str, contents: &[u8]| (path.to_owned(), contents.to_vec());
        let link = |path: &str, to: &str| (path.to_owned(), to.to_owned());
        let kata = "opt/kata/share/kata-containers";
        Self {
            files: vec![
                file("opt/kata/VERSION", format!("{version}\n").as_bytes()),
                file(
                    &format!("{SETTINGS}/configuration-qemu-snp.toml"),
                    configuration.as_bytes(),
                ),
                file(
                    &format!("{kata}/vmlinuz-6.18.35-197-confidential"),
                    b"a kernel",
                ),
                file(
                    &format!("{kata}/kata-ubuntu-noble-confidential.image"),
                    b"a disk",
                ),
                file(
                    "opt/kata/share/ovmf/AMDSEV.fd",
                    &fs::read(FIRMWARE).unwrap(),
                ),
            ],
            links: vec![
                link(
                    &format!("{kata}/vmlinuz-confidential.container"),
                    "vmlinuz-6.18.35-197-confidential",
                ),
                link(
                    &format!("{kata}/kata-containers-confidential.img"),
                    "kata-ubuntu-noble-confidential.image",
                ),
            ],
        }
    }

    fn with(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.push((path.to_owned(), contents.to_vec()));
        self
    }

    fn linking(mut self, path: &str, to: &str) -> Self {
        self.links.retain(|(known, _)| known != path);
        self.links.push((path.to_owned(), to.to_owned()));
        self
    }

    fn folder(&self, name: &str) -> PathBuf {
        let root = scratch(name);
        let _ = fs::remove_dir_all(&root);
        let make = |path: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (path, contents) in &self.files {
            fs::write(make(path), contents).unwrap();
        }
        for (path, to) in &self.links {
            symlink(to, make(path)).unwrap();
        }
        root
    }

    /// As `tar` writes it; one file has its name in an entry before it, as long
    /// ones do.
    fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        for (index, (path, contents)) in self.files.iter().enumerate() {
            let path = format!("./{path}");
            if index == 2 {
                header(&mut tar, "././@LongLink", b'L', "", path.len() + 1);
                body(&mut tar, format!("{path}\0").as_bytes());
                header(&mut tar, "cut-off", b'0', "", contents.len());
            } else {
                header(&mut tar, &path, b'0', "", contents.len());
            }
            body(&mut tar, contents);
        }
        for (path, to) in &self.links {
            header(&mut tar, path, b'2', to, 0);
        }
        tar.extend([0; 1024]);
        tar
    }
}

fn header(tar: &mut Vec<u8>, path: &str, kind: u8, link: &str, size: usize) {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path.as_bytes());
    put(124, format!("{size:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend(block);
}

fn body(tar: &mut Vec<u8>, contents: &[u8]) {
    tar.extend(contents);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kata-{name}"))
}

/// Written once: a test that wrote it anew would empty it for the moment in
/// which another reads it.
static KERNEL: LazyLock<PathBuf> = LazyLock::new(|| write("kernel", b"a kernel"));

fn write(name: &str, contents: &[u8]) -> PathBuf {
    let path = scratch(name);
    fs::write(&path, contents).unwrap();
    path
}

fn cdvm(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command
        .env_clear()
        .arg("measure")
        .args(args)
        .output()
        .unwrap()
}

fn kata(path: &Path, args: &[&str]) -> Output {
    cdvm(&[&["--kata", path.to_str().unwrap()], args].concat())
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, what: &str) {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(what), "{what}: {said}");
}

/// What the same files give one by one.
fn one_by_one(line: &str, vcpus: &str) -> String {
    let kernel = &*KERNEL;
    let args = [
        "--firmware",
        FIRMWARE,
        "--kernel",
        kernel.to_str().unwrap(),
        "--append",
        line,
    ];
    let text = stdout(&cdvm(&[&args[..], &["--vcpus", vcpus]].concat()));
    text.trim().split_once(' ').unwrap().1.to_owned()
}

#[test]
fn a_release_gives_the_entries_its_files_give_one_by_one() {
    let folder = Release::new("4.1.0", CONFIGURATION).folder("folder");
    let output = kata(&folder, &["--vcpus", "2-3"]);
    let text = stdout(&output);
    for vcpus in ["2", "3"] {
        let measurement = one_by_one(LINE, vcpus);
        let entry = format!(
            "name = \"Kata 4.1.0 kata-qemu-snp, {vcpus} vCPUs\"\nvcpus = {vcpus}\nmeasurement = \"{measurement}\"\n"
        );
        assert!(text.contains(&entry), "{text}");
    }
    // Each word with its origin, and the whole of it is a trust file.
    let words: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    assert_eq!(words.len(), 29, "{text}");
    let origin = |word: &str| {
        words
            .iter()
            .find(|line| line.starts_with(word))
            .unwrap()
            .to_string()
    };
    assert!(origin("cgroup_no_v1=all").ends_with(" kernel_params of configuration-qemu-snp.toml"));
    assert!(origin("agent.guest_components_rest_api=all").contains("this project's operator"));
    assert!(origin("dm-mod.create=").contains("kernel_verity_params"));
    let file = format!("version = 1\nrevocation_max_age_days = 30\n{text}");
    Trust::parse(&file, Simulated::Refused).unwrap();
    let aside = String::from_utf8(output.stderr).unwrap();
    assert!(
        aside.contains("The guest's default policy was not read"),
        "{aside}"
    );
    assert!(aside.contains("fips=1"), "{aside}");
    // The folder `opt/kata` itself, and as objects.
    let inner = kata(&folder.join("opt/kata"), &["--vcpus", "2", "--json"]);
    assert!(stdout(&inner).contains(&one_by_one(LINE, "2")));
}

#[test]
fn archives_are_the_folder() {
    let release = Release::new("4.1.0", CONFIGURATION);
    let of = |path: &Path| {
        let args = [
            "--vcpus",
            "2",
            "--from",
            "2026-01-01T00:00:00Z",
            "--until",
            "2027-01-01T00:00:00Z",
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdvm"));
        let command = command.env_clear().env("PATH", scratch("bin"));
        command
            .args(["measure", "--kata"])
            .arg(path)
            .args(args)
            .output()
            .unwrap()
    };
    let bin = scratch("bin");
    fs::create_dir_all(&bin).unwrap();
    let _ = fs::remove_file(bin.join("zstd"));
    let expected = stdout(&of(&release.folder("same")));
    let tar = release.tar();
    assert_eq!(stdout(&of(&write("plain.tar", &tar))), expected);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&tar).unwrap();
    assert_eq!(
        stdout(&of(&write("packed.tar.gz", &packed.finish().unwrap()))),
        expected
    );

    // zstd and xz are other programs: here one that takes a made-up head off.
    let head = [&[0x28, 0xb5, 0x2f, 0xfd], &tar[..]].concat();
    let packed = write("packed.tar.zst", &head);
    refused(&of(&packed), "there is no program zstd here");
    let program = |text: &str| {
        let path = bin.join("zstd");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("#!/bin/sh\nexec /usr/bin/tail -c +5\n");
    assert_eq!(stdout(&of(&packed)), expected);
    program("#!/bin/sh\n/usr/bin/tail -c +5\nexit 1\n");
    refused(&of(&packed), "zstd could not unpack it");
}

#[test]
fn archives_that_are_cut_off_or_lie_are_refused() {
    let release = Release::new("4.1.0", CONFIGURATION);
    let tar = release.tar();
    let try_it = |bytes: &[u8]| kata(&write("broken.tar", bytes), &["--vcpus", "2"]);
    refused(&try_it(b""), "no tar archive");
    refused(&try_it(&tar[..tar.len() - 1024]), "it ends before its end");
    refused(&try_it(&tar[..600]), "it ends in the middle of a file");
    let mut wrong = tar.clone();
    wrong[0] ^= 1;
    refused(&try_it(&wrong), "a header's sum is wrong");
    let version = "opt/kata/VERSION";
    let twice = Release::new("4.1.0", CONFIGURATION).with(version, b"3.20.0");
    refused(&try_it(&twice.tar()), "opt/kata/VERSION is in it twice");
    let out = Release::new("4.1.0", CONFIGURATION).with("opt/../../x", b"");
    refused(&try_it(&out.tar()), "leads out of it");
    let mut huge = Vec::new();
    header(&mut huge, "././@LongLink", b'L', "", 1 << 30);
    refused(&try_it(&huge), "a name in it has 1073741824 bytes");
    let mut endless = Vec::new();
    header(&mut endless, version, b'0', "", 0o77_777_777_777);
    refused(&try_it(&endless), "it ends in the middle of a file");
}

#[test]
fn links_stay_in_the_release() {
    let kernel = "opt/kata/share/kata-containers/vmlinuz-confidential.container";
    let release = |to: &str| Release::new("4.1.0", CONFIGURATION).linking(kernel, to);
    // By an absolute path: the release's, not this machine's.
    let inside = release("/opt/kata/share/kata-containers/vmlinuz-6.18.35-197-confidential");
    assert!(
        stdout(&kata(&inside.folder("inside"), &["--vcpus", "2"])).contains(&one_by_one(LINE, "2"))
    );
    for (to, what) in [
        (FIRMWARE, "is outside of the release"),
        (
            "../../../../../../../../../../etc/passwd",
            "is outside of the release",
        ),
        ("/opt/kata/nowhere", "the release has no"),
    ] {
        refused(
            &kata(&release(to).folder("outside"), &["--vcpus", "2"]),
            what,
        );
    }
    let circle = release("vmlinuz-confidential.container").folder("circle");
    let output = kata(&circle, &["--vcpus", "2"]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("more than 40 links")
    );
}

#[test]
fn drop_ins_count_in_the_order_of_their_names() {
    let drop_in = |name: &str| format!("{SETTINGS}/config.d/{name}");
    let params = |value: &str| format!("[hypervisor.qemu]\nkernel_params = \"{value}\"\n");
    let folder = Release::new("4.1.0", CONFIGURATION)
        .with(&drop_in("30-b.toml"), params("second").as_bytes())
        .with(&drop_in("10-a.toml"), params("first").as_bytes())
        .with(
            &drop_in("20-debug.toml"),
            b"[agent.kata]\nenable_debug = true\n",
        )
        .folder("drop-ins");
    let line = LINE
        .replace("cgroup_no_v1=all", "second")
        .replace("agent.launch", "agent.log=debug agent.launch");
    let text = stdout(&kata(&folder, &["--vcpus", "2"]));
    assert!(text.contains(&one_by_one(&line, "2")), "{text}");
    assert!(
        text.contains("enable_debug of config.d/20-debug.toml"),
        "{text}"
    );
    // An installed class has a folder of its own.
    let installed = Release::new("4.1.0", "not read")
        .with(
            &format!("{SETTINGS}/runtimes/qemu-snp/configuration-qemu-snp.toml"),
            CONFIGURATION.as_bytes(),
        )
        .with(
            &format!("{SETTINGS}/runtimes/qemu-snp/config.d/1"),
            params("own").as_bytes(),
        )
        .folder("installed");
    let line = LINE.replace("cgroup_no_v1=all", "own");
    assert!(stdout(&kata(&installed, &["--vcpus", "2"])).contains(&one_by_one(&line, "2")));
}

#[test]
fn an_unknown_version_is_refused_unless_it_is_forced() {
    let folder = Release::new("4.2.0-rc0", CONFIGURATION).folder("unknown");
    refused(
        &kata(&folder, &["--vcpus", "2"]),
        "Kata \"4.2.0-rc0\" composes a guest's command line is not known",
    );
    let forced = kata(&folder, &["--vcpus", "2", "--force-kata-rule", "4.1.0"]);
    assert!(stdout(&forced).contains(&one_by_one(LINE, "2")));
    let aside = String::from_utf8(forced.stderr).unwrap();
    assert!(
        aside.contains("Composed as Kata 4.1.0 does, because you said so"),
        "{aside}"
    );
    refused(
        &kata(&folder, &["--vcpus", "2", "--force-kata-rule", "4"]),
        "names no release that is known",
    );
}

#[test]
fn each_count_has_its_own_line_where_kata_writes_it() {
    let folder = Release::new("3.31.0", CONFIGURATION).folder("counts");
    let text = stdout(&kata(&folder, &["--vcpus", "2-3"]));
    for vcpus in ["2", "3"] {
        let line = LINE.replace("panic=1 ", &format!("panic=1 nr_cpus={vcpus} "));
        assert!(text.contains(&one_by_one(&line, vcpus)), "{text}");
        assert!(text.contains(&format!("# nr_cpus={vcpus} ")), "{text}");
    }
    // The same of a line that is given.
    let line = LINE.replace("panic=1 ", "panic=1 nr_cpus=2 ");
    let kernel = &*KERNEL;
    let args = [
        "--firmware",
        FIRMWARE,
        "--kernel",
        kernel.to_str().unwrap(),
        "--vcpus",
        "2-3",
        "--append",
        &line,
    ];
    let given = stdout(&cdvm(&args));
    let third = one_by_one(&line.replace("nr_cpus=2", "nr_cpus=3"), "3");
    assert_eq!(given, format!("2 {}\n3 {third}\n", one_by_one(&line, "2")));
    // One count has the line as it is typed.
    assert_ne!(one_by_one(&line, "3"), third);
}

#[test]
fn what_nothing_measures_is_refused() {
    for (old, new, what) in [
        ("sev_snp_guest = true", "", "are not for SEV-SNP"),
        ("confidential_guest = true", "", "are not for SEV-SNP"),
        (
            "kernel_verity_params",
            "other",
            "have a root file system that nothing measures",
        ),
        (
            "default_vcpus = 1",
            "default_vcpus = 2",
            "have more vCPUs than an offer says",
        ),
        (
            "static_sandbox_resource_mgmt = true",
            "",
            "do not have as many vCPUs as an offer says",
        ),
        (
            "/opt/kata/share/ovmf",
            "/usr/share/ovmf",
            "is outside of the release",
        ),
        ("AMDSEV.fd", "OVMF.fd", "which is its class's firmware"),
        ("[runtime]", "[runtime", "configuration-qemu-snp.toml: "),
    ] {
        let configuration = CONFIGURATION.replace(old, new);
        let folder = Release::new("4.1.0", &configuration).folder("unmeasured");
        refused(&kata(&folder, &["--vcpus", "2"]), what);
    }
    let folder = Release::new("4.1.0", CONFIGURATION).folder("classes");
    for class in ["kata-qemu-snp-runtime-rs", "../x", "kata-"] {
        refused(
            &kata(&folder, &["--vcpus", "2", "--class", class]),
            "is no class of Kata's Go runtime",
        );
    }
    refused(
        &kata(&folder, &["--vcpus", "2", "--class", "kata-qemu-tdx"]),
        "no configuration of the class",
    );
    refused(
        &kata(&scratch("classes/opt/kata/share"), &["--vcpus", "2"]),
        "no file opt/kata/VERSION",
    );
    refused(
        &kata(&folder, &["--vcpus", "2", "--append", "x"]),
        "cannot be used with",
    );
}

#[test]
fn an_initrds_default_policy_is_looked_at() {
    let configuration = CONFIGURATION.replace(
        "image = \"/opt/kata/share/kata-containers/kata-containers-confidential.img\"",
        "initrd = \"/opt/kata/initrd\"",
    );
    let release = |policy: &str| {
        // One file in cpio's "newc" form.
        let name = "etc/kata-opa/default-policy.rego";
        let numbers = [
            0,
            0o100_644,
            0,
            0,
            1,
            0,
            policy.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        let mut cpio = b"070701".to_vec();
        cpio.extend(
            numbers
                .map(|number| format!("{number:08x}"))
                .concat()
                .bytes(),
        );
        cpio.extend(name.bytes());
        cpio.resize((cpio.len() + 1).next_multiple_of(4), 0);
        cpio.extend(policy.bytes());
        cpio.resize(cpio.len().next_multiple_of(4), 0);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&cpio).unwrap();
        Release::new("4.1.0", &configuration)
            .with("opt/kata/initrd", &packed.finish().unwrap())
            .folder("initrd")
    };
    let fine = kata(&release("package agent_policy\n"), &["--vcpus", "2"]);
    assert!(stdout(&fine).contains("measurement = "));
    let aside = String::from_utf8(fine.stderr).unwrap();
    assert!(
        aside.contains("does not set AllowRequestsFailingPolicy"),
        "{aside}"
    );
    let sticks = release("package agent_policy\ndefault AllowRequestsFailingPolicy := true\n");
    refused(
        &kata(&sticks, &["--vcpus", "2"]),
        "sets AllowRequestsFailingPolicy",
    );
}

#[test]
fn explain_draws_what_guests_start_with() {
    let folder = Release::new("4.1.0", CONFIGURATION).folder("drawn");
    let text = stdout(&kata(&folder, &["--vcpus", "2-3", "--explain"]));
    let firmware = Digest::of(&fs::read(FIRMWARE).unwrap());
    for part in [
        "Kata 4.1.0 kata-qemu-snp\n│\n",
        "├─ composed as by  Kata 4.1.0 (kata-containers at ddcb1ad8d23c)\n",
        "├─ configuration  /opt/kata/share/defaults/kata-containers/configuration-qemu-snp.toml (SHA-256 ",
        &format!("├─ firmware       /opt/kata/share/ovmf/AMDSEV.fd (SHA-256 {firmware})\n"),
        "├─ vCPU type      EPYC-v4\n",
        "└─ command line   29 parameters\n   ├─ tsc=reliable ",
        "   └─ agent.guest_components_rest_api=all ",
        &format!("     3 vCPUs  {}\n", one_by_one(LINE, "3")),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
