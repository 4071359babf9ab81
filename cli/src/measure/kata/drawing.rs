//! Guests as people look at them: what they start with, and why each word of the
//! command line is there. Pure.

use core::fmt::Write as _;

use super::class::Root;
use super::guests::{File, Guests, VCPU_TYPE};
use super::line::Word;

/// Words up to this width have their origins below each other.
const WIDTH: usize = 42;

/// Each word with its origin, one a line.
pub(in crate::measure) fn reasons(line: &[Word]) -> Vec<String> {
    let row = |Word { text, origin }: &Word| format!("{text:WIDTH$}  {origin}");
    line.iter().map(row).collect()
}

/// The picture, without what follows from it.
pub(in crate::measure) fn drawing(guests: &Guests, line: &[Word]) -> String {
    let mut text = format!("{}\n│\n", guests.name());
    let mut row = |first: &str, rest: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{first:18}{rest}");
    };
    let known = guests.composed_as;
    row(
        "├─ composed as by",
        &format!(
            " Kata {} (kata-containers at {})",
            known.version, known.commit
        ),
    );
    for (index, file) in guests.settings.iter().enumerate() {
        row(
            if index == 0 {
                "├─ configuration"
            } else {
                "│  then"
            },
            file,
        );
    }
    let file = |File { path, digest, .. }: &File| format!("{path} (SHA-256 {digest})");
    row("├─ firmware", &file(&guests.firmware));
    row("├─ kernel", &file(&guests.kernel));
    match (&guests.initrd, &guests.class.root) {
        (Some(initrd), _) => row("├─ initrd", &file(initrd)),
        (None, Root::Image { path, .. } | Root::Initrd(path)) => {
            row(
                "├─ image",
                &format!("{} (by its root hash, in the command line)", path.value),
            );
        }
    }
    row("├─ vCPU type", VCPU_TYPE);
    row("└─ command line", &format!("{} parameters", line.len()));
    for (index, reason) in reasons(line).iter().enumerate() {
        let last = index + 1 == line.len();
        let _ = writeln!(text, "   {} {reason}", if last { "└─" } else { "├─" });
    }
    text
}
