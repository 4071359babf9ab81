//! The program: answers others computed (`evidence/tests/vectors`), what is
//! refused, and entries a trust file takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use job::{Simulated, Trust};

/// The end of a real OVMF image, and what the `sev` crate's tests expect of it.
const FIRMWARE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../evidence/tests/vectors/ovmf-amdsev-end.bin"
);
const ONE: &str = "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046c042e706363b4b08fa";
const LINE: &str = "console=ttyS0 loglevel=7";
const FOUR: &str = "5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c4933de877c36e23046ad5";

fn cdvm(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command.env_clear().arg("measure").args(args);
    command.output().unwrap()
}

fn measure(args: &[&str]) -> Output {
    // The kernel is empty, as in those tests.
    let files = ["--firmware", FIRMWARE, "--kernel", "/dev/null"];
    cdvm(&[&files, args].concat())
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn assert_refused(output: &Output, what: &str) {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(what), "{said}");
}

fn scratch(name: &str, contents: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, contents).unwrap();
    file
}

#[test]
fn one_line_per_count() {
    let output = measure(&["--append", LINE, "--vcpus", "1"]);
    assert_eq!(stdout(&output), format!("1 {ONE}\n"));
    let output = measure(&["--vcpus", "2-4", "--initrd", "/dev/null"]);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], format!("4 {FOUR}"));
}

#[test]
fn every_option_is_heard() {
    let output = measure(&[
        "--append",
        LINE,
        "--vcpus",
        "1",
        "--vcpu-type",
        "23/1/2",
        "--guest-features",
        "21",
        "--vmm",
        "qemu",
    ]);
    let expected = "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977";
    assert_eq!(stdout(&output), format!("1 {expected}\n"));
}

#[test]
fn one_object_per_count() {
    let output = measure(&["--append", LINE, "--vcpus", "1-2", "--json"]);
    let lines = stdout(&output).lines();
    let objects: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["event"], "measurement");
    assert_eq!(objects[0]["vcpus"], 1);
    assert_eq!(objects[0]["measurement"], ONE);
    assert!(objects[1]["at"].is_u64());
}

#[test]
fn entries_go_into_a_trust_file() {
    let output = measure(&[
        "--append",
        LINE,
        "--vcpus",
        "1-8",
        "--trust-entries",
        "--name",
        "Kata \"4.1.0\"",
        "--source",
        "a release",
        "--from",
        "2026-11-01T00:00:00Z",
        "--until",
        "2027-11-01T00:00:00Z",
    ]);
    let entries = stdout(&output);
    assert_eq!(entries.matches("[[guests]]").count(), 8);
    for line in [
        "name = \"Kata \\\"4.1.0\\\", 1 vCPUs\"",
        "vcpus = 1",
        &format!("measurement = \"{ONE}\""),
        "from = 2026-11-01T00:00:00Z",
        "until = 2027-11-01T00:00:00Z",
    ] {
        assert!(
            entries.lines().any(|other| other == line),
            "{line}: {entries}"
        );
    }
    let source = entries.lines().find(|line| line.starts_with("source = "));
    let source = source.unwrap();
    let firmware = job::Digest::of(&std::fs::read(FIRMWARE).unwrap());
    // Both are of nothing.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for part in [
        "\"a release; cdvm measure ",
        &format!("firmware {firmware}, "),
        &format!("kernel {empty}, initrd {empty}"),
        "command line \\\"console=ttyS0 loglevel=7\\\"",
        "EPYC-v4 (0x800f12), features 0x1\"",
    ] {
        assert!(source.contains(part), "{part}: {source}");
    }
    let file = format!("version = 1\nrevocation_max_age_days = 30\n\n{entries}");
    Trust::parse(&file, Simulated::Refused).unwrap();

    let output = measure(&["--vcpus", "512", "--trust-entries"]);
    let file = format!(
        "version = 1\nrevocation_max_age_days = 30\n\n{}",
        stdout(&output)
    );
    Trust::parse(&file, Simulated::Refused).unwrap();
}

#[test]
fn without_a_kernel_people_are_told_what_that_means() {
    let args = ["--firmware", FIRMWARE, "--vcpus", "1"];
    let output = cdvm(&args);
    let said = stdout(&output);
    assert_eq!(said.lines().count(), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no --kernel"));
    assert!(said.contains("19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d"));
    let output = cdvm(&[&args[..], &["--trust-entries"]].concat());
    assert!(stdout(&output).starts_with("[[guests]]\n"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no --kernel"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (args, what) in [
        (&["--vcpus", "4-2"][..], "no range of counts"),
        (&["--vcpus", "513"], "at most 512"),
        (
            &["--vcpus", "1", "--vcpu-type", "Skylake"],
            "no processor of QEMU's",
        ),
        (&["--vcpus", "1", "--guest-features", "SNP"], "in hex"),
        (&["--vcpus", "1", "--vmm", "ec2"], "qemu"),
        (&["--vcpus", "1", "--name", "x"], "--trust-entries"),
        (
            &["--vcpus", "1", "--json", "--trust-entries"],
            "both want stdout",
        ),
        (
            &[
                "--vcpus",
                "1",
                "--trust-entries",
                "--until",
                "2027-02-30T00:00:00Z",
            ],
            "there is no such day",
        ),
        (&[], "--vcpus"),
    ] {
        assert_refused(&measure(args), what);
    }
    let kernelless = ["--firmware", FIRMWARE, "--vcpus", "1"];
    for option in ["--initrd", "--append"] {
        assert_refused(
            &cdvm(&[&kernelless[..], &[option, "x"]].concat()),
            "--kernel",
        );
    }
}

#[test]
fn a_file_that_is_no_firmware_is_refused_by_its_reason() {
    let mut image = std::fs::read(FIRMWARE).unwrap();
    image[4096 - 33] ^= 1; // the table's last GUID
    let broken = scratch("broken.fd", &image);
    let broken = broken.to_str().unwrap();
    let output = cdvm(&["--firmware", broken, "--vcpus", "1"]);
    assert_refused(&output, "broken.fd starts no guest");
    let output = cdvm(&["--firmware", "/dev/null", "--vcpus", "1"]);
    assert_refused(&output, "it has 0 bytes");
    let plain = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../evidence/tests/vectors/ovmf-x64-end.bin"
    );
    let output = cdvm(&["--firmware", plain, "--kernel", "/dev/null", "--vcpus", "1"]);
    assert_refused(&output, "SNP_KERNEL_HASHES");
    let output = cdvm(&["--firmware", "/nowhere", "--vcpus", "1"]);
    assert_refused(&output, "--firmware: /nowhere is not there");
}

#[test]
fn help_says_where_inputs_come_from() {
    let output = cdvm(&["--help"]);
    let help = stdout(&output);
    for part in [
        "kata-qemu-snp",
        "configuration-qemu-snp.toml",
        "kernel_verity_params",
        "agent.guest_components_rest_api=all",
        "Each count\n                has a measurement of its own",
        "Not measured: memory size",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}
