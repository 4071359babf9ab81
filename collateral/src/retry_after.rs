//! How long a server wants to be left alone (Retry-After; RFC 9110, 10.2.3). Pure.
//! However long that is, `throttle.rs` bounds it.

use std::str::FromStr;
use std::time::Duration;

use job::Timestamp;

/// Seconds, or the time until a date. What cannot be read is nothing: then our own
/// pace counts.
pub(crate) fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than any number is long, and not nothing.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = date(value)?;
    Some(Duration::from_secs(date.since(now)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7). Its two obsolete forms, which
/// no server may write any more, are not read.
fn date(text: &str) -> Option<Timestamp> {
    const WEEKDAYS: [&str; 7] = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split(' ');
    let (weekday, day, month) = (words.next()?, words.next()?, words.next()?);
    let (year, time, zone) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !WEEKDAYS.contains(&weekday) || zone != "GMT" {
        return None;
    }
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let mut parts = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second): (u64, _, _) = (parts.next()??, parts.next()??, parts.next()??);
    // 60 is a leap second. A day too many for its month is one of the next.
    let fits = (1970..).contains(&year) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 || parts.next().is_some() {
        return None;
    }
    let day = Timestamp::from_date(year, month, day);
    Some(day.plus((hour * 60 + minute) * 60 + second))
}

/// So many digits.
fn number<N: FromStr>(text: &str, digits: usize) -> Option<N> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use job::Timestamp;

    use super::{date, wait};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    #[test]
    fn a_date_is_the_one_that_people_read() {
        for (text, seen) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
            ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            ("Tue, 29 Feb 2000 23:59:59 GMT", "2000-02-29T23:59:59Z"),
            ("Mon, 21 Sep 2026 14:13:20 GMT", "2026-09-21T14:13:20Z"),
            ("Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00Z"),
            ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(text).unwrap().to_string(), seen);
        }
    }

    #[test]
    fn seconds_and_dates_are_a_time_to_wait() {
        let secs = |value: &str| wait(value, NOW).map(|wait| wait.as_secs());
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs(" 0 "), Some(0));
        assert_eq!(secs(&"9".repeat(40)), Some(u64::MAX));
        assert_eq!(secs("Mon, 21 Sep 2026 14:13:50 GMT"), Some(30));
        // It is over.
        let past = wait("Mon, 21 Sep 2026 14:13:19 GMT", NOW);
        assert_eq!(past, Some(Duration::ZERO));
    }

    #[test]
    fn what_is_neither_is_nothing() {
        for wrong in [
            "",
            "-1",
            "1.5",
            "soon",
            "Mon, 21 Sep 2026 14:13:50",
            "Mon, 21 Sep 2026 14:13:50 UTC",
            "Mon, 21 Sep 2026 14:13:50 GMT GMT",
            "Mon, 21 Sep 2026 14:13 GMT",
            "Mon, 21 Sep 2026 14:13:50:00 GMT",
            "Mon, 21 Sep 2026 24:13:50 GMT",
            "Mon, 21 Sep 2026 14:60:50 GMT",
            "Mon, 21 Sep 2026 14:13:61 GMT",
            "Mon, 00 Sep 2026 14:13:50 GMT",
            "Mon, 32 Sep 2026 14:13:50 GMT",
            "Mon, 1 Sep 2026 14:13:50 GMT",
            "Mon, +1 Sep 2026 14:13:50 GMT",
            "Mon, 21 sep 2026 14:13:50 GMT",
            "Mon 21 Sep 2026 14:13:50 GMT",
            "Mon, 31 Dec 1969 23:59:59 GMT",
            "Mon, 21 Sep 12026 14:13:50 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(wait(wrong, NOW), None, "{wrong:?}");
        }
    }
}
