//! `cdvm kbs`: a program of its own takes over, with every word as it was typed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

/// A copy of `cdvm` in a folder of its own, and what it says.
fn cdvm(folder: &std::path::Path, path: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let copy = folder.join("cdvm");
    if !copy.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_cdvm"), &copy).unwrap();
    }
    let mut command = Command::new(copy);
    command.args(arguments).env_clear().env("PATH", path);
    let Output {
        status,
        stdout,
        stderr,
    } = command.env("HOME", folder).output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), text)
}

#[test]
fn the_key_broker_is_a_program_of_its_own_beside_this_one() {
    let folder = std::env::temp_dir().join(format!("cdvm-owner-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (code, text) = cdvm(&folder, "/nonexistent", &["kbs", "list"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("install cdvm-kbs beside cdvm"), "{text}");

    let program = folder.join("cdvm-kbs");
    std::fs::write(&program, "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 42\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, text) = cdvm(
        &folder,
        "/nonexistent",
        &["kbs", "--state", "a b", "log", "--help", ""],
    );
    assert_eq!((code, &*text), (Some(42), "<--state><a b><log><--help><>"));

    let (code, text) = cdvm(&folder, "/nonexistent", &["--json", "kbs", "list"]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = cdvm(&folder, "/nonexistent", &["--offline", "kbs"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("write it first"), "{text}");
    std::fs::remove_dir_all(folder).unwrap();
}
