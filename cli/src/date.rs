//! Times that are typed for an option, in one form for all of them. Pure.

use job::Timestamp;

use crate::exit::Problem;

/// `2026-11-20T00:00:00Z` (RFC 3339, in UTC, which may also be written `+00:00`), of
/// a day that there is.
pub(crate) fn utc(option: &str, text: &str) -> Result<Timestamp, Problem> {
    read(text).ok_or_else(|| {
        let what =
            format!("{option} {text:?} is no date with a time in UTC, or there is no such day");
        Problem::usage(what, "write it as 2026-11-20T00:00:00Z")
    })
}

/// The same, or Unix seconds.
pub(crate) fn utc_or_seconds(option: &str, text: &str) -> Result<Timestamp, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(secs) if digits => Ok(Timestamp::from_secs(secs)),
        Ok(_) | Err(_) => utc(option, text),
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim().to_ascii_uppercase();
    let time = text
        .strip_suffix("+00:00")
        .or_else(|| text.strip_suffix('Z'))?;
    let (day, clock) = time.split_once('T')?;
    let [year, month, day] = numbers(day, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let midnight = Timestamp::from_date(year, month.try_into().ok()?, day.try_into().ok()?);
    let secs = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
    let read = midnight.plus(secs);
    // Days and hours that there are not would have become others; and so would all
    // before 1970.
    (read.to_string() == format!("{time}Z")).then_some(read)
}

/// Three numbers with `between` between them.
fn numbers(text: &str, between: char) -> Option<[u16; 3]> {
    let numbers = text.split(between).map(|number| number.parse().ok());
    let numbers: Option<Vec<u16>> = numbers.collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{utc, utc_or_seconds};

    #[test]
    fn a_date_is_read_in_its_one_form_and_only_if_there_is_such_a_day() {
        for (text, secs) in [
            ("2026-09-21T14:13:20Z", 1_790_000_000),
            ("2026-09-21T14:13:20+00:00", 1_790_000_000),
            ("2026-09-21t14:13:20z", 1_790_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2028-02-29T23:59:59Z", 1_835_481_599),
        ] {
            assert_eq!(utc("--at", text).unwrap().as_secs(), secs, "{text}");
            assert_eq!(utc_or_seconds("--at", text).unwrap().as_secs(), secs);
        }
        for wrong in [
            "",
            "2026-09-21",
            "2026-09-21T14:13:20",
            "2026-09-21 14:13:20Z",
            "2026-09-21T14:13:20+02:00",
            "2026-09-21T14:13:20-00:00",
            "2026-9-21T14:13:20Z",
            "2026-09-21T14:13Z",
            "2026-09-21T14:13:20.5Z",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-30T24:00:00Z",
            "2026-04-30T23:60:00Z",
            "1969-12-31T23:59:59Z",
            "99999-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z\nvcpus=1",
            "+026-01-01T00:00:00Z",
            "yesterday",
        ] {
            let problem = utc("--at", wrong).unwrap_err();
            assert!(problem.what.starts_with("--at "), "{}", problem.what);
            assert_eq!(problem.exit.code(), 2, "{wrong}");
            assert!(utc_or_seconds("--at", wrong).is_err(), "{wrong}");
        }
        assert!(utc("--at", "1790000000").is_err());
        let seconds = utc_or_seconds("--at", "1790000000").unwrap();
        assert_eq!(seconds.as_secs(), 1_790_000_000);
        for wrong in ["-1", "+1", "1e9", " 1", "18446744073709551616"] {
            assert!(utc_or_seconds("--at", wrong).is_err(), "{wrong}");
        }
    }
}
