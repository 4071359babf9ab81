//! What a trust file says of the guest image that was seen, for people: its name,
//! or the entries that come nearest to it. Decides nothing.

use evidence::Check;

use super::size::Size;
use crate::Timestamp;

/// How many of the nearest entries are shown; the others are counted.
const SHOWN: usize = 3;

/// A guest's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known<'t> {
    pub(super) name: &'t str,
    pub(super) vcpus: u32,
    pub(super) measurement: [u8; 48],
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Known<'_> {
    fn hex(&self) -> String {
        hex::encode(self.measurement)
    }

    /// Why it does not count; nothing if it does.
    fn out(&self, size: Size, now: Timestamp) -> Option<String> {
        match size {
            Size::Exactly(vcpus) if vcpus != self.vcpus => Some(format!("of {} vCPUs", self.vcpus)),
            Size::Exactly(_) | Size::Any if now < self.from => {
                Some(format!("from {} on", self.from))
            }
            Size::Exactly(_) | Size::Any if self.until < now => {
                Some(format!("until {}", self.until))
            }
            Size::Exactly(_) | Size::Any => None,
        }
    }

    /// The smaller, the nearer: what counts, then what is as large, then what
    /// counts last.
    fn distance(&self, size: Size, now: Timestamp) -> (bool, u32, u64) {
        let of_size = match size {
            Size::Exactly(vcpus) => vcpus.abs_diff(self.vcpus),
            Size::Any => 0,
        };
        let out = self.out(size, now).is_some();
        (out, of_size, u64::MAX - self.until.as_secs())
    }
}

/// Says in the check of the guest image which one it is. Where it is none that
/// counts, says which entries come nearest, and how many others there are: a file
/// may have five hundred.
pub(super) fn explain(checks: &mut [Check], mut known: Vec<Known<'_>>, size: Size, now: Timestamp) {
    let Some(check) = checks.iter_mut().find(|check| check.name == "guest image") else {
        return;
    };
    known.sort_by_key(|guest| guest.distance(size, now));
    let mut same = known.iter().filter(|guest| check.seen == guest.hex());
    match same.next().map(|guest| (guest, guest.out(size, now))) {
        Some((guest, None)) => {
            check.seen = format!("{} ({})", guest.name, check.seen).into();
            return;
        }
        // Known, and not of this order, or not today.
        Some((guest, Some(out))) => {
            check.seen = format!("{}, which is {} ({out})", check.seen, guest.name).into();
        }
        None => {}
    }
    let counts = known
        .iter()
        .take_while(|guest| guest.out(size, now).is_none());
    let counts = counts.count();
    let (what, of) = if counts > 0 {
        ("", counts)
    } else {
        ("nothing is accepted", known.len())
    };
    let shown: Vec<String> = known
        .iter()
        .take(of.min(SHOWN))
        .map(|guest| match guest.out(size, now) {
            None => format!("{} ({})", guest.name, guest.hex()),
            Some(out) => format!("{} ({out}: {})", guest.name, guest.hex()),
        })
        .collect();
    let rest = match of.saturating_sub(SHOWN) {
        0 => String::new(),
        rest => format!(" or one of {rest} more"),
    };
    let nearest = if what.is_empty() || shown.is_empty() {
        ""
    } else {
        "; nearest are "
    };
    check.expected = format!("{what}{nearest}{}{rest}", shown.join(" or ")).into();
}

#[cfg(test)]
mod tests {
    use super::{Known, explain};
    use crate::{Size, Timestamp};
    use evidence::Check;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn known(name: &str, vcpus: u32, byte: u8, from: u64, until: u64) -> Known<'_> {
        Known {
            name,
            vcpus,
            measurement: [byte; 48],
            from: Timestamp::from_secs(from),
            until: Timestamp::from_secs(until),
        }
    }

    fn hex(byte: u8) -> String {
        hex::encode([byte; 48])
    }

    /// Expected and seen, of one that was seen as `byte`.
    fn told(entries: Vec<Known<'_>>, size: Size, byte: u8) -> (String, String) {
        let mut checks = [
            Check::new("other", "x", hex(byte)),
            Check::new("guest image", "as before", hex(byte)),
        ];
        explain(&mut checks, entries, size, NOW);
        let [other, guest] = checks;
        assert_eq!(other, Check::new("other", "x", hex(byte)));
        (guest.expected.into_owned(), guest.seen.into_owned())
    }

    #[test]
    fn a_known_guest_has_its_name_and_the_check_is_as_it_was() {
        let entries = vec![known("b", 3, 7, 0, 9), known("a", 2, 7, 0, 2000)];
        let (expected, seen) = told(entries, Size::Exactly(2), 7);
        assert_eq!(
            (expected.as_str(), seen),
            ("as before", format!("a ({})", hex(7)))
        );
    }

    #[test]
    fn at_most_three_that_count_are_shown_the_newest_first_and_the_rest_counted() {
        let entries = || {
            let names = ["a", "b", "c", "d", "e"];
            let mut entries: Vec<_> = (0..5_u8)
                .zip(names)
                .map(|(at, name)| known(name, 2, at, 0, 2000 + u64::from(at)))
                .collect();
            entries.push(known("old", 2, 9, 0, 999));
            entries.push(known("other size", 3, 9, 0, 2000));
            entries
        };
        let (expected, seen) = told(entries(), Size::Exactly(2), 8);
        let [c, d, e] = [hex(2), hex(3), hex(4)];
        assert_eq!(
            expected,
            format!("e ({e}) or d ({d}) or c ({c}) or one of 2 more")
        );
        assert_eq!(seen, hex(8));
        let mut few = entries();
        few.truncate(1);
        assert_eq!(told(few, Size::Any, 8).0, format!("a ({})", hex(0)));
    }

    #[test]
    fn without_one_that_counts_the_nearest_say_why_they_do_not() {
        let entries = vec![
            known("far", 8, 1, 0, 2000),
            known("near", 3, 2, 0, 2000),
            known("over", 2, 3, 0, 999),
            known("new", 2, 4, 1001, 2000),
        ];
        let (expected, seen) = told(entries.clone(), Size::Exactly(2), 9);
        assert_eq!(
            expected,
            format!(
                "nothing is accepted; nearest are new (from 1970-01-01T00:16:41Z on: {}) or over (until \
                 1970-01-01T00:16:39Z: {}) or near (of 3 vCPUs: {}) or one of 1 more",
                hex(4),
                hex(3),
                hex(2)
            )
        );
        assert_eq!(seen, hex(9));
        // It is one of them.
        let seen = told(entries.clone(), Size::Exactly(2), 1).1;
        assert_eq!(seen, format!("{}, which is far (of 8 vCPUs)", hex(1)));
        let seen = told(entries, Size::Any, 3).1;
        assert_eq!(
            seen,
            format!("{}, which is over (until 1970-01-01T00:16:39Z)", hex(3))
        );
        assert_eq!(told(Vec::new(), Size::Any, 3).0, "nothing is accepted");
    }

    #[test]
    fn no_check_of_a_guest_no_words() {
        let mut checks = [Check::new("signature", "x", "y")];
        explain(&mut checks, vec![known("a", 2, 7, 0, 2000)], Size::Any, NOW);
        assert_eq!(checks, [Check::new("signature", "x", "y")]);
    }
}
