//! The program as the agent starts it: what stands on standard output, on standard error, and in the exit
//! code.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const LETTER: &str = "data/letter.txt";
const MASKED: &str = "data/letter.masked.txt";

fn redact(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_redact"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// A folder with the param `summary`; the name keeps tests apart.
fn params(test: &str, summary: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("redact-{}-{test}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("summary"), summary).unwrap();
    folder
}

#[test]
fn the_masked_letter_in_data_is_what_the_program_writes() {
    let folder = params("letter", "yes");
    let output = redact(&["--params", folder.to_str().unwrap(), LETTER], b"");
    fs::remove_dir_all(folder).unwrap();
    assert!(output.status.success());
    assert_eq!(output.stderr, b"");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(MASKED);
    if fs::read(&path).unwrap_or_default() != output.stdout {
        fs::write(&path, &output.stdout).unwrap();
        panic!(
            "{MASKED} was not up to date and has been written again: look at the change and commit it"
        );
    }
}

#[test]
fn without_params_the_output_is_the_text_alone() {
    let output = redact(&["/dev/stdin"], b"a@b.example\r\nx");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"[e-mail]\r\nx");
}

#[test]
fn bytes_that_are_no_text_and_unknown_values_are_refused() {
    let output = redact(&["/dev/stdin"], b"one\ntwo\nJos\xe9\n");
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), b"".as_slice())
    );
    assert!(output.stderr.starts_with(b"redact: line 3: not UTF-8 text"));
    let folder = params("maybe", "maybe");
    let output = redact(&["--params", folder.to_str().unwrap(), LETTER], b"");
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), b"".as_slice())
    );
    assert!(
        output
            .stderr
            .starts_with(b"redact: the param summary is \"maybe\"")
    );
}
