//! Launch measurements beside the `sev` crate's: the same digest for whatever
//! ours measures; what only `sev` measures stands here with the reason.

#[cfg(test)]
mod agreement;
#[cfg(test)]
#[path = "../../../tests/launch/image.rs"]
mod image;
#[cfg(test)]
mod stricter;
#[cfg(test)]
mod theirs;
