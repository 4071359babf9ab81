//! The program as the agent starts it: what stands on standard output, on standard error, and in the exit
//! code.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TABLE: &str = "data/breast-cancer-wisconsin.csv";
const REPORT: &str = "data/report.md";

fn analyse(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_analyse"))
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

#[test]
fn the_report_in_data_is_what_the_program_writes() {
    let output = analyse(&[TABLE], b"");
    assert!(output.status.success());
    assert_eq!(output.stderr, b"");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REPORT);
    if fs::read(&path).unwrap_or_default() != output.stdout {
        fs::write(&path, &output.stdout).unwrap();
        panic!(
            "{REPORT} was not up to date and has been written again: look at the change and commit it"
        );
    }
}

#[test]
fn a_malformed_table_gives_no_report_a_line_and_exit_code_2() {
    let output = analyse(&["/dev/stdin"], b"a,b\n1,2\n3\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with(
            "analyse: the table cannot be read: line 3: 1 fields, but the first line names 2"
        ),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn help_is_a_result_and_an_unknown_option_is_not() {
    let output = analyse(&["--help"], b"");
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"analyse: "));
    let output = analyse(&["--fast"], b"");
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), b"".as_slice())
    );
}
