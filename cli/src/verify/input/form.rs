//! Which form evidence has: bytes as the machine made them, the same as digits or
//! base64, or JSON. Each text is taken off once; what is none of them gets its name.

use super::named::{NotRead, named};
use super::parts::decoded;
use super::raw::raw;
use super::{Alone, json};
use crate::files::without_mark;

/// Evidence in any form that is read here.
pub(super) fn form(bytes: &[u8]) -> Result<Alone, NotRead> {
    if let Some(alone) = raw(bytes)? {
        return Ok(alone);
    }
    let text = without_mark(std::str::from_utf8(bytes).unwrap_or_default()).trim();
    if text.starts_with(['{', '[']) {
        return json::read(text);
    }
    let Some(inner) = decoded(text) else {
        return Err(named(bytes));
    };
    match std::str::from_utf8(&inner) {
        Ok(text) if text.trim_start().starts_with('{') => json::read(text),
        Ok(_) | Err(_) => raw(&inner)?.ok_or_else(|| named(&inner).inside("text that holds ")),
    }
}
