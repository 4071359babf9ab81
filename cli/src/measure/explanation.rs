//! `cdvm measure --kata --explain`: the picture of what guests start with, and
//! what follows from it. Pure.

use core::fmt::Write as _;

use super::entries::Measured;
use super::kata::{Guests, drawing};
use super::start::COUNT;
use crate::text::clean;

/// The picture of the first, and the measurements of all.
pub(super) fn explanation(guests: &Guests, measured: &[Measured]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for (index, group) in measured.chunk_by(|a, b| a.line == b.line).enumerate() {
        let words = group.first().map_or(&[][..], |guest| &guest.words);
        if index == 0 {
            for line in drawing(guests, words).lines() {
                let _ = writeln!(text, "{}", clean(line));
            }
        } else {
            let count = words.iter().find(|word| word.text.starts_with(COUNT));
            let count = count.map_or("", |word| &word.text);
            let _ = write!(text, "\nthe same with {count}\n");
        }
        text.push_str("\nis measured as\n");
        for Measured {
            vcpus, measurement, ..
        } in group
        {
            let _ = writeln!(text, "   {vcpus:>3} vCPUs  {}", hex::encode(measurement));
        }
    }
    text
}
