//! Texts for people: short forms, sizes, and the one function every line passes
//! before it reaches a terminal.

use job::{JobId, PublicKey};

/// `text` without anything that could act on a terminal or reorder a line:
/// control characters, and Unicode's invisible and direction marks. Relays,
/// providers and workloads write texts that we show.
pub(crate) fn clean(text: &str) -> String {
    let shown = |character: char| {
        let invisible = matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        );
        if character == '\t' {
            ' '
        } else if character.is_control() || invisible {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().map(shown).collect()
}

/// The first `most` characters, with `…` in place of the rest.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The last characters, with `…` in place of what is before them.
pub(crate) fn cut_front(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept: String = text
        .chars()
        .skip(count.saturating_sub(most.saturating_sub(1)))
        .collect();
    format!("…{kept}")
}

/// `5s`, `12m`, `3h`, `4d`: four columns, for 999 days.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Start and end of a long name: `npub1q3f…7kd2`.
fn ends(text: &str, first: usize, last: usize) -> String {
    let tail = text.len().saturating_sub(last);
    match (text.get(..first), text.get(tail..)) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => text.to_owned(),
    }
}

/// A key as people recognise it.
pub(crate) fn short_key(key: PublicKey) -> String {
    ends(&dvm::keys::npub(key), 8, 4)
}

/// J as people recognise it; its first eight digits find it again.
pub(crate) fn short_job(job: JobId) -> String {
    ends(&job.to_string(), 8, 4)
}

/// `sha256:91c0…` of an image's or other digest.
pub(crate) fn short_image(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => format!("{algorithm}:{}", short_hex(hex)),
        None => short_hex(digest),
    }
}

/// `91c0…`.
pub(crate) fn short_hex(hex: &str) -> String {
    cut(hex, 9)
}

/// `9 bytes`, `120 kB`, `1.5 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        let tenths = bytes / (unit / 10);
        if bytes >= 100 * unit || (bytes >= unit && tenths.is_multiple_of(10)) {
            return format!("{} {name}", bytes / unit);
        }
        if bytes >= unit {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    match bytes {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, cut, size};

    #[test]
    fn nothing_that_acts_on_a_terminal_passes() {
        let hostile = "ok\u{1b}[2J\u{9b}31m\u{7}\r\nx\u{202e}evil\u{200b}\ty\u{7f}";
        let cleaned = clean(hostile);
        assert!(!cleaned.chars().any(char::is_control), "{cleaned:?}");
        assert!(!cleaned.contains(['\u{202e}', '\u{200b}']));
        assert_eq!(clean("naïve 数据 ▕██▏ ✓ …"), "naïve 数据 ▕██▏ ✓ …");
    }

    #[test]
    fn long_texts_are_cut_at_characters() {
        assert_eq!(cut("äöüß", 4), "äöüß");
        assert_eq!(cut("äöüßx", 4), "äöü…");
        assert_eq!(cut("", 4), "");
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1 kB"),
            (9_234, "9.2 kB"),
            (120_000, "120 kB"),
            (120_999, "120 kB"),
            (1_500_000, "1.5 MB"),
            (3_000_000_000, "3 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
