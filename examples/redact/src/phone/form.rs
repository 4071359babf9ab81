//! Which digits in which groups make a phone number. Where a number begins and ends is left to `phone.rs`.

use std::ops::RangeInclusive;

use crate::groups::{Group, digits};

/// The shortest number with a country or area code; shorter ones exist, and so do dates of 8 digits and
/// amounts of 7.
pub(crate) const SHORTEST: usize = 8;

/// ITU-T E.164: country code and number have at most 15 digits.
pub(crate) const LONGEST: usize = 15;

/// Behind `00`, which begins many an article number too, short ones do not count.
const BEHIND_ZEROS: RangeInclusive<usize> = 10..=LONGEST;

/// With `0` and area code; the longest are Austria's.
const NATIONAL: RangeInclusive<usize> = SHORTEST..=13;

/// `0` and 1 to 5 digits.
const AREA_CODE: RangeInclusive<usize> = 2..=6;

/// Behind a word for telephone: a local number, at most an international one.
const ANNOUNCED: RangeInclusive<usize> = 6..=LONGEST;

/// What stands behind `+`.
pub(crate) fn is_international(window: &[Group<'_>]) -> bool {
    let trunk = matches!(window, [_, zero, ..] if zero.digits == "0" && zero.marks.ends_with('('));
    let length = digits(window) - usize::from(trunk);
    !starts_with_zero(window) && (SHORTEST..=LONGEST).contains(&length) && !is_plain_number(window)
}

/// What begins with a digit.
pub(crate) fn is_national(window: &[Group<'_>]) -> bool {
    is_international_by_zeros(window)
        || is_with_area_code(window)
        || is_pairs(window)
        || is_north_american(window)
}

/// What stands behind `(`, when `)` follows the first group.
pub(crate) fn is_bracketed(window: &[Group<'_>]) -> bool {
    let [area, number @ ..] = window else {
        return false;
    };
    match area.digits.len() {
        _ if is_area_code(area.digits) => NATIONAL.contains(&digits(window)),
        3 => begins_high(area) && digits(number) == 7,
        2 => is_brazilian(number),
        _ => false,
    }
}

/// What stands behind a word for telephone.
pub(crate) fn is_announced(window: &[Group<'_>]) -> bool {
    ANNOUNCED.contains(&digits(window)) && !begins_with_a_date(window)
}

/// `00`, country code, more groups.
fn is_international_by_zeros(window: &[Group<'_>]) -> bool {
    let [first, _, ..] = window else { return false };
    let country = first.digits.strip_prefix("00").unwrap_or_default();
    (1..=4).contains(&country.len())
        && !country.starts_with('0')
        && BEHIND_ZEROS.contains(&(digits(window) - 2))
}

fn is_with_area_code(window: &[Group<'_>]) -> bool {
    let [area, next, ..] = window else {
        return false;
    };
    // `05.12.…` is a date, `05/2024-…` a number by month.
    let date = area.digits.len() == 2
        && (next.digits.len() < 3 || (is_year(next.digits) && !next.marks.contains(' ')));
    is_area_code(area.digits) && NATIONAL.contains(&digits(window)) && !date
}

fn is_pairs(window: &[Group<'_>]) -> bool {
    let [first, second, ..] = window else {
        return false;
    };
    window.len() == 5
        && is_area_code(first.digits)
        && window.iter().all(|pair| pair.digits.len() == 2)
        && window.iter().skip(1).all(|pair| pair.marks == second.marks)
}

fn is_north_american(window: &[Group<'_>]) -> bool {
    let [area, exchange, line] = window else {
        return false;
    };
    [area, exchange, line].map(|group| group.digits.len()) == [3, 3, 4]
        && begins_high(area)
        && begins_high(exchange)
        && exchange.marks == line.marks
        && matches!(line.marks, "-" | ".")
}

/// What stands behind an area code of two digits in brackets. Less strict, every `(12) 345678` would count.
fn is_brazilian(number: &[Group<'_>]) -> bool {
    let [first, last] = number else { return false };
    matches!(first.digits.len(), 4 | 5) && last.digits.len() == 4 && last.marks == "-"
}

/// `0`, then something that begins with no `0`.
fn is_area_code(digits: &str) -> bool {
    AREA_CODE.contains(&digits.len())
        && digits
            .strip_prefix('0')
            .is_some_and(|rest| !rest.starts_with('0'))
}

fn begins_high(group: &Group<'_>) -> bool {
    group
        .digits
        .starts_with(|first| ('2'..='9').contains(&first))
}

fn starts_with_zero(window: &[Group<'_>]) -> bool {
    window
        .first()
        .is_none_or(|first| first.digits.starts_with('0'))
}

fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
}

/// `52.5200066` and `12.345.678`: one point, or points before every three digits.
fn is_plain_number(window: &[Group<'_>]) -> bool {
    let pointed = || window.iter().skip(1).take_while(|group| group.marks == ".");
    match pointed().count() {
        0 => false,
        1 => true,
        _ => pointed().all(|group| group.digits.len() == 3),
    }
}

/// `31.12.2024`, `12/31/24`, `2024-12-31`, whatever follows.
fn begins_with_a_date(window: &[Group<'_>]) -> bool {
    let [first, second, third, ..] = window else {
        return false;
    };
    let up_to = |group: &Group<'_>, most: u32| {
        group.digits.len() <= 2
            && group
                .digits
                .parse()
                .is_ok_and(|number: u32| (1..=most).contains(&number))
    };
    let same = second.marks == third.marks && matches!(third.marks, "." | "/" | "-");
    let year_first = is_year(first.digits) && up_to(second, 12) && up_to(third, 31);
    let day_first =
        up_to(first, 31) && up_to(second, 31) && (is_year(third.digits) || third.digits.len() == 2);
    same && (year_first || day_first)
}
