//! `cdvm measure` as people run it.

#[cfg(test)]
mod program;
