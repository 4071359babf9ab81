//! Fields at fixed places of binary formats.

/// `N` bytes at a fixed offset. Every call names constants inside a format whose
/// length was checked, so the copy is always whole.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = bytes.get(at..at + N) {
        out.copy_from_slice(found);
    }
    out
}
