//! Points in time, given as arguments: no pure crate reads a clock.

use core::fmt;

/// Unix time in whole seconds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From Unix seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// From a time in a certificate or list (RFC 5280, 4.1.2.5).
    pub(crate) fn from_x509(time: x509_cert::time::Time) -> Self {
        Self(time.to_unix_duration().as_secs())
    }

    /// Midnight (UTC) of a civil date; months and days count from 1. A day too many
    /// for its month is one of the next, and 1970 comes after nothing.
    pub fn from_date(year: u16, month: u8, day: u8) -> Self {
        // Days from civil date, after Howard Hinnant's chrono algorithms: years
        // start in March, eras have 400 years.
        let (year, month, day) = (u64::from(year), u64::from(month), u64::from(day));
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year.saturating_sub(1), month + 9)
        };
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * month + 2) / 5 + day.saturating_sub(1);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era;
        Self(days.saturating_sub(719_468) * 86_400)
    }

    /// Unix seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This time plus `secs`, at most the end of time.
    #[must_use]
    pub const fn plus(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// This time less `secs`, at least the beginning of time.
    #[must_use]
    pub const fn minus(self, secs: u64) -> Self {
        Self(self.0.saturating_sub(secs))
    }

    /// Whole seconds from `earlier` to this time, 0 when it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-20T18:00:00Z`: what people compare with their own clock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, secs) = (self.0 / 86_400, self.0 % 86_400);
        // Days to civil date, after Howard Hinnant's chrono algorithms, for
        // dates after 1970: years start in March, eras have 400 years.
        let z = days + 719_468;
        let era = z / 146_097;
        let doe = z % 146_097;
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + u64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            secs / 3600,
            secs / 60 % 60,
            secs % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_timestamp_reads_as_a_date() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_secs(secs).to_string(), text);
        }
    }

    #[test]
    fn every_day_of_five_centuries_has_its_date() {
        let (mut year, mut month, mut day) = (1970, 1_u8, 1_u8);
        for days in 0..500 * 366 {
            let text = Timestamp::from_secs(days * 86_400 + 86_399).to_string();
            assert_eq!(text, format!("{year}-{month:02}-{day:02}T23:59:59Z"));
            let midnight = Timestamp::from_secs(days * 86_400);
            assert_eq!(Timestamp::from_date(year, month, day), midnight);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn no_date_is_too_odd() {
        let of = |year, month, day| Timestamp::from_date(year, month, day).to_string();
        assert_eq!(of(2026, 4, 31), "2026-05-01T00:00:00Z");
        for (year, month, day) in [(1969, 12, 31), (0, 0, 0), (0, 1, 1)] {
            assert_eq!(of(year, month, day), "1970-01-01T00:00:00Z");
        }
        assert_eq!(of(u16::MAX, 12, 31), "65535-12-31T00:00:00Z");
    }

    #[test]
    fn time_has_an_end_and_no_time_before_its_beginning() {
        let (early, late) = (Timestamp::from_secs(3), Timestamp::from_secs(10));
        assert_eq!((late.since(early), early.since(late)), (7, 0));
        assert_eq!((early.plus(7), late.minus(7)), (late, early));
        assert_eq!(early.minus(4).as_secs(), 0);
        let end = Timestamp::from_secs(u64::MAX);
        assert_eq!(late.plus(u64::MAX), end);
        assert_eq!(end.as_secs(), u64::MAX);
    }
}
