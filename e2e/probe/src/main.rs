//! A workload for scenarios. The first argument says what it does:
//!
//! ```text
//! probe sleep SECONDS    waits, then prints its input
//! probe fail CODE        prints to stderr and ends with this code
//! probe big BYTES        prints that many bytes
//! probe compare NAME     prints whether its input is the secret of this name
//! probe dump NAME        prints the secret of this name
//! probe peek             prints what it can see and do that it should not
//! ```

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sleep", seconds] => {
            std::thread::sleep(Duration::from_secs(seconds.parse().unwrap_or(1)));
            print_input()
        }
        ["fail", code] => {
            eprintln!("it went wrong on purpose");
            ExitCode::from(code.parse().unwrap_or(1))
        }
        ["big", bytes] => {
            let count = bytes.parse().unwrap_or(0);
            let mut source = io::repeat(b'x').take(count);
            match io::copy(&mut source, &mut io::stdout()) {
                Ok(_) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        ["compare", name] => {
            let read = |path: String| fs::read(path).unwrap_or_default();
            let secret = read(format!("/cdvm/job/secrets/{name}"));
            let same = !secret.is_empty() && secret == read("/cdvm/job/input/0".to_owned());
            println!("{}", if same { "the same" } else { "different" });
            ExitCode::SUCCESS
        }
        ["dump", name] => {
            let secret = fs::read(format!("/cdvm/job/secrets/{name}")).unwrap_or_default();
            match io::stdout().write_all(&secret) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        ["peek"] => peek(),
        _ => ExitCode::from(64),
    }
}

fn print_input() -> ExitCode {
    let input = fs::read("/cdvm/job/input/0").unwrap_or_default();
    match io::stdout().write_all(&input) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One line per thing: `refused NAME` or `POSSIBLE NAME`.
fn peek() -> ExitCode {
    let connect = |address: [u8; 4], port| {
        let address = SocketAddr::from((address, port));
        TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok()
    };
    let read_of_others = |file: &str| {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let others = ids.filter(|id| id.parse::<u32>().is_ok_and(|id| id != std::process::id()));
        others
            .filter_map(|id| fs::read(format!("/proc/{id}/{file}")).ok())
            .any(|content| String::from_utf8_lossy(&content).contains("CDVM_MANIFEST"))
    };
    let seen = [
        ("ask the guest for evidence", connect([127, 0, 0, 1], 8006)),
        ("reach the node", connect([10, 88, 0, 1], 6443)),
        ("reach a service", connect([10, 96, 0, 1], 443)),
        (
            "open a network socket",
            UdpSocket::bind("127.0.0.1:0").is_ok(),
        ),
        ("read the agent's environment", read_of_others("environ")),
        ("read the agent's memory map", read_of_others("maps")),
        (
            "see the agent's directory",
            fs::exists("/cdvm/agent").unwrap_or(true),
        ),
        ("write to the root", fs::write("/x", "x").is_ok()),
        ("write to /cdvm", fs::write("/cdvm/x", "x").is_ok()),
        (
            "change its input",
            fs::write("/cdvm/job/input/0", "x").is_ok(),
        ),
        ("see an environment", std::env::vars().next().is_some()),
        (
            "see the pod's host name",
            read_text("/proc/sys/kernel/hostname").starts_with("j-"),
        ),
    ];
    for (name, possible) in seen {
        println!("{} {name}", if possible { "POSSIBLE" } else { "refused" });
    }
    println!("user {}", field(&read_text("/proc/self/status"), "Uid:"));
    println!(
        "capabilities {}",
        field(&read_text("/proc/self/status"), "CapEff:")
    );
    println!(
        "seccomp {}",
        field(&read_text("/proc/self/status"), "Seccomp:")
    );
    println!("scratch {}", fs::write("/tmp/x", "x").is_ok());
    ExitCode::SUCCESS
}

fn read_text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// First value of a line of `/proc/self/status`.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next())
        .unwrap_or("?")
}
