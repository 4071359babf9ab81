//! What is printed for a trust file is one, and says where it comes from.

use job::{Simulated, Timestamp, Trust};

use super::entries::{Entries, Measured};
use super::start::with_count;
use super::{counts, features};
use crate::args;
use crate::exit::{Exit, problem_of};

fn entry(from: Option<&str>, until: Option<&str>) -> args::Entry {
    args::Entry {
        name: Some("Kata 4.1.0".to_owned()),
        source: Some("release \"4.1.0\"".to_owned()),
        from: from.map(str::to_owned),
        until: until.map(str::to_owned),
    }
}

fn text(entry: &args::Entry, inputs: &str) -> anyhow::Result<String> {
    let now = Timestamp::from_secs(1_790_000_000);
    let entries = Entries::new(entry, "guest", now, 86_400)?;
    let guest = |vcpus| Measured {
        vcpus,
        measurement: [0xab; 48],
        line: String::new(),
        words: Vec::new(),
        inputs: inputs.to_owned(),
    };
    let guests: Vec<Measured> = counts("2-4")?.map(guest).collect();
    Ok(entries.text(&guests)?)
}

#[test]
fn counts_are_one_or_a_range() {
    let numbers = |text: &str| -> Vec<u16> { counts(text).unwrap().map(u16::from).collect() };
    assert_eq!(numbers("4"), [4]);
    assert_eq!(numbers("2-4"), [2, 3, 4]);
    assert_eq!(numbers("1-1"), [1]);
    assert_eq!(numbers("512"), [512]);
    for wrong in [
        "", "0", "513", "4-2", "0-2", "2-", "-2", "2-513", "+2", "2-3-4", "two", "65537",
    ] {
        assert!(counts(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn features_are_hex() {
    for (text, bits) in [("0x1", 1), ("21", 0x21), ("0xFFFFFFFFFFFFFFFF", u64::MAX)] {
        assert_eq!(features(text).unwrap().bits(), bits);
    }
    for wrong in ["", "0x", "0x0x1", "+1", "g", "0x10000000000000000"] {
        assert!(features(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn entries_are_guests_of_a_trust_file() {
    let text = text(&entry(None, None), "firmware f").unwrap();
    let expected = format!(
        "[[guests]]\nname = \"Kata 4.1.0, 2 vCPUs\"\nvcpus = 2\nmeasurement = \"{}\"\n\
         source = \"release \\\"4.1.0\\\"; firmware f\"\n\
         from = 2026-09-21T14:13:20Z\nuntil = 2026-09-22T14:13:20Z\n\n",
        "ab".repeat(48)
    );
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(text.matches("[[guests]]").count(), 3);
    let file = format!("version = 1\nrevocation_max_age_days = 30\n{text}");
    Trust::parse(&file, Simulated::Refused).unwrap();
}

#[test]
fn whatever_stands_in_a_source_stays_in_it() {
    let hostile = "\"\nvcpus = 1\n\\u0000\u{0}\u{1}\t\u{7f}\u{85}'''\"\"\" naïve 数据";
    let text = text(&entry(None, None), hostile).unwrap();
    assert_eq!(text.matches("\nvcpus = ").count(), 3);
}

#[test]
fn dates_are_of_one_form_and_in_order() {
    let (early, late) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let dated = text(&entry(Some(early), Some(late)), "x").unwrap();
    assert!(dated.contains(&format!("\nfrom = {early}\nuntil = {late}\n")));
    let refused = |from, until| problem_of(&text(&entry(from, until), "x").unwrap_err()).exit;
    assert_eq!(refused(Some(late), Some(early)), Exit::Usage);
    for wrong in [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+01:00",
        "2026-01-01T00:00:00Z\nvcpus=1",
    ] {
        assert_eq!(refused(Some(wrong), Some(late)), Exit::Usage, "{wrong}");
        assert_eq!(refused(None, Some(wrong)), Exit::Usage, "{wrong}");
    }
    // A day that does not exist is refused where the entries are read.
    assert_eq!(
        refused(Some("2026-02-30T00:00:00Z"), Some(late)),
        Exit::Usage
    );
}

#[test]
fn help_names_the_kernel_parameter_the_policy_holds_pods_to() {
    let policy = include_str!("../../../docs/protocol/v1/policy.rego");
    let parameter = args::INPUTS
        .lines()
        .find(|line| line.contains("guest_components"));
    let parameter = parameter.unwrap().trim();
    assert!(policy.contains(&format!("value == \"{parameter}\"")));
    assert!(args::INPUTS.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn each_count_has_its_own_line() {
    let with = |line: &str| with_count(line, core::num::NonZeroU16::new(7).unwrap());
    for (line, expected) in [
        ("a nr_cpus=2 b", "a nr_cpus=7 b"),
        ("nr_cpus=2", "nr_cpus=7"),
        ("a nr_cpus= b", "a nr_cpus=7 b"),
        ("a  nr_cpus=16", "a  nr_cpus=7"),
        ("x.nr_cpus=2", "x.nr_cpus=2"),
        ("a=\"b nr_cpus=2\" c", "a=\"b nr_cpus=2\" c"),
        ("maxcpus=2", "maxcpus=2"),
        ("", ""),
    ] {
        assert_eq!(with(line).unwrap(), expected);
    }
    assert!(with("nr_cpus=2 nr_cpus=2").is_err());
}
