//! `cdvm measure` as people run it.

#[cfg(test)]
mod kata;
#[cfg(test)]
mod program;
