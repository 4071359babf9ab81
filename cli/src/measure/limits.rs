//! The longest files that are measured.

/// Longest firmware; `evidence::launch` says the same.
pub(super) const MAX_FIRMWARE: u64 = 16 * 1024 * 1024;

/// Longest kernel: distributions' have 15 MB.
pub(super) const MAX_KERNEL: u64 = 256 * 1024 * 1024;

/// Longest initrd: one with a whole system in it has a few hundred MB.
pub(super) const MAX_INITRD: u64 = 1024 * 1024 * 1024;
