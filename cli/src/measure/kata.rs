//! `cdvm measure --kata`: what guests of a runtime class start with, taken from
//! a release of Kata. `guests` is the story; `rules` is the one table of what is
//! known of Kata's releases, and `line` composes a command line by it.

mod archive;
mod class;
mod drawing;
mod guests;
mod line;
mod policy;
mod release;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod verity;

pub(super) use drawing::{drawing, reasons};
pub(super) use guests::{Guests, VCPU_TYPE};
pub(super) use line::{Word, text};
