//! Which guests of a trust file count.

/// Which guests of a trust file count: its measurements go by number of vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Those with so many.
    Exactly(u32),
    /// All of them. A decision, made by name.
    Any,
}
