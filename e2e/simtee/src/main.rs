//! A SIMULATED confidential guest behind the runtime class `kata-qemu-snp`.
//!
//! containerd calls this program as it calls runc. Its host half ([`host`])
//! translates what containerd asks into what Kata asks its guest; its guest half
//! ([`serve`]), the first process of every sandbox, decides as the agent in a
//! confidential virtual machine does, and gives signed evidence. Only then runc
//! is allowed to act. No hardware is involved and nothing is confidential.

mod api;
mod cdh;
mod guest;
mod host;
mod image;
mod initdata;
mod jwe;
mod kata;
mod machine;
mod network;
mod oci;
mod policy;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "simtee: a SIMULATED confidential guest; nothing it runs is confidential

usage:
  simtee machine init DIR                  make a simulated vendor and chip in DIR
  simtee machine trust DIR AGENT-IMAGE     print the trust file for evidence of DIR
  simtee guest                             first process of a sandbox
  simtee [runc options] create|start|…     as containerd calls its runtime
";

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["machine", "init", dir] => machine::init(&PathBuf::from(dir)),
        ["machine", "trust", dir, agent] => machine::print_trust(&PathBuf::from(dir), agent),
        ["guest"] => serve::run(),
        [] | ["--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => return host::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simtee: {error:#}");
            ExitCode::FAILURE
        }
    }
}
