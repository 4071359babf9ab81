//! Which trust files are read, and what they make of evidence.

use base64::engine::general_purpose::STANDARD as BASE64;
use evidence::{Accept, ListAge, Mitigations, PerGeneration, Revocation};

use super::{Simulated, TdxStatus, Trust, TrustError};
use crate::{Timestamp, binding::policy_digest};

#[test]
fn what_ships_trusts_the_vendor_and_this_policy_and_nothing_else() {
    let trust = Trust::built_in().unwrap();
    let now = Timestamp::from_secs(1_795_000_000);
    assert!(!trust.accepts_simulated());
    assert_eq!(trust.roots.len(), 3);
    assert!(trust.accepts_policy(policy_digest(), now));
    assert!(trust.guests.is_empty() && trust.agents.is_empty());
    assert!(trust.tcb_floors.is_empty());
}

#[test]
fn a_file_of_your_own_stands_before_what_ships_and_keeps_its_roots() {
    let text = format!(
        "version = 1\nrevocation_max_age_days = 7\n[[policies]]\nsha256 = \"{}\"\n\
         source = \"test\"\nfrom = 2026-01-01T00:00:00Z\nuntil = 2030-01-01T00:00:00Z\n",
        "ab".repeat(32)
    );
    let own = Trust::parse(&text, Simulated::Refused).unwrap();
    let both = own.clone().with_entries_of(Trust::built_in().unwrap());
    let now = Timestamp::from_secs(1_795_000_000);
    assert!(!own.accepts_policy(policy_digest(), now));
    assert!(both.accepts_policy(policy_digest(), now));
    assert!(both.accepts_policy(crate::Digest::from_bytes([0xab; 32]), now));
    assert_eq!(both.roots, own.roots);
    assert_eq!(both.revocation, own.revocation);
}

#[test]
fn a_list_may_be_as_old_as_its_vendor_says_unless_the_file_says_less() {
    let revocation = |line: &str| {
        let text = format!("version = 1\n{line}");
        Trust::parse(&text, Simulated::Refused).map(|trust| trust.revocation)
    };
    let own_date = Revocation::Checked(ListAge::UntilReplaced);
    assert_eq!(revocation("").unwrap(), own_date);
    assert_eq!(Trust::built_in().unwrap().revocation, own_date);
    for days in [0, 30] {
        let secs = days * 86_400;
        let limited = revocation(&format!("revocation_max_age_days = {days}")).unwrap();
        assert_eq!(limited, Revocation::Checked(ListAge::AtMost { secs }));
    }
    // A limit that cannot be read is no limit that is off.
    for wrong in ["-1", "\"\"", "\"any\"", "30.5", "4294967296"] {
        let read = revocation(&format!("revocation_max_age_days = {wrong}"));
        assert!(matches!(read, Err(TrustError::Form(_))), "{wrong}");
    }
    assert!(revocation("revocation_max_age = 30").is_err());
}

/// A file with this simulated vendor's root and nothing else.
fn under(vendor: &simvendor::Vendor) -> Trust {
    let encode = |der: &[u8]| base64::Engine::encode(&BASE64, der);
    let text = format!(
        "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"simulated\"\n\
         generation = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
        encode(vendor.ark()),
        encode(vendor.ask()),
    );
    Trust::parse(&text, Simulated::Accepted).unwrap()
}

#[test]
fn a_newer_revocation_list_takes_the_place_of_an_older_and_never_the_reverse() {
    use simvendor::{Generation, Vendor};
    let now = 1_795_000_000;
    let vendor = Vendor::generate(Generation::Genoa, now).unwrap();
    let trust = under(&vendor);
    let genoa = evidence::Generation::Genoa;
    let made_at = |trust: &Trust| {
        let list = trust.root(genoa).unwrap().revocation_list();
        list.map(|list| list.made_at().as_secs())
    };
    let list = |at: u64| vendor.revocation_list(at, &[]).unwrap();
    assert_eq!(made_at(&trust), None);
    for (first, second) in [(now - 9, now), (now, now - 9), (now, now)] {
        let first = trust.clone().with_revocation_list(genoa, &list(first));
        let both = first.unwrap().with_revocation_list(genoa, &list(second));
        assert_eq!(made_at(&both.unwrap()), Some(now));
    }
    // Another root's list, and one for a root that is not there.
    let mut foreign = list(now);
    *foreign.last_mut().unwrap() ^= 1;
    let refused = trust.clone().with_revocation_list(genoa, &foreign);
    assert!(matches!(refused, Err(TrustError::Root(..))));
    let refused = trust.with_revocation_list(evidence::Generation::Milan, &list(now));
    assert!(matches!(refused, Err(TrustError::WithoutRoot(_))));
}

#[test]
fn an_intermediate_is_added_where_none_is_and_never_replaced() {
    use simvendor::{Generation, Vendor};
    let now = 1_795_000_000;
    let vendor = Vendor::generate(Generation::Genoa, now).unwrap();
    let [first, second] = [(); 2].map(|()| vendor.provider(now).unwrap().asvk().to_vec());
    let trust = under(&vendor);
    let genoa = evidence::Generation::Genoa;
    let asvk = |trust: &Trust| trust.root(genoa).unwrap().asvk().unwrap().der().to_vec();
    let with = trust.clone().with_vlek_intermediate(genoa, &first).unwrap();
    assert_eq!(asvk(&with), first);
    let with = with.with_vlek_intermediate(genoa, &second).unwrap();
    assert_eq!(asvk(&with), first);
    // Not an intermediate for providers, and one for a root that is not there.
    let refused = with.with_vlek_intermediate(genoa, vendor.ask());
    assert!(matches!(refused, Err(TrustError::Root(..))));
    let refused = trust.with_vlek_intermediate(evidence::Generation::Milan, &first);
    assert!(matches!(refused, Err(TrustError::WithoutRoot(_))));
}

#[test]
fn dates_are_utc() {
    let text = |from: &str| {
        format!(
            "version = 1\nrevocation_max_age_days = 30\n[[policies]]\nsha256 = \"{}\"\n\
             source = \"test\"\nfrom = {from}\nuntil = 2030-01-01T00:00:00Z\n",
            "ab".repeat(32)
        )
    };
    let trust = Trust::parse(&text("2026-09-21T14:13:20Z"), Simulated::Refused).unwrap();
    assert_eq!(trust.policies[0].from, Timestamp::from_secs(1_790_000_000));
    // The same time, written the other way.
    let same = Trust::parse(&text("2026-09-21T14:13:20+00:00"), Simulated::Refused).unwrap();
    assert_eq!(same.policies[0].from, trust.policies[0].from);
    for wrong in [
        "2026-09-21",
        "2026-09-21T14:13:20",
        "2026-09-21T14:13:20+02:00",
        "2026-09-21T14:13:20-00:01",
        "1",
    ] {
        assert!(
            Trust::parse(&text(wrong), Simulated::Refused).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_is_copied_into_a_file_means_the_same_in_either_case_and_in_several_lines() {
    let now = Timestamp::from_secs(1_795_000_000);
    let accepts = |sha256: &str| {
        let text = format!(
            "version = 1\n[[policies]]\nsha256 = \"{sha256}\"\nsource = \"test\"\n\
             from = 2026-01-01T00:00:00Z\nuntil = 2030-01-01T00:00:00Z\n"
        );
        let trust = Trust::parse(&text, Simulated::Refused)?;
        Ok::<_, TrustError>(trust.accepts_policy(policy_digest(), now))
    };
    let digest = policy_digest().to_string();
    assert!(accepts(&digest).unwrap() && accepts(&digest.to_uppercase()).unwrap());
    assert!(!accepts(&"ab".repeat(32)).unwrap());
    for wrong in ["", &digest[1..], &format!("{digest}00"), &"zz".repeat(32)] {
        let refused = accepts(wrong);
        assert!(matches!(refused, Err(TrustError::Policy(_))), "{wrong}");
    }
    let root = evidence::built_in_roots().remove(0);
    let base64 = |der: &[u8]| base64::Engine::encode(&BASE64, der);
    let file = |ark: &str| {
        let text = format!(
            "version = 1\n[[roots]]\nclass = \"vendor\"\ngeneration = \"milan\"\n\
             ark = \"\"\"{ark}\"\"\"\nask = \"{}\"\nsource = \"test\"\n",
            base64(root.ask().der())
        );
        Trust::parse(&text, Simulated::Refused)
    };
    let ark = base64(root.ark().der());
    let lines: Vec<&str> = ark
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    assert!(file(&lines.join("\n")).is_ok() && file(&lines.join("\r\n")).is_ok());
    let changed = ark.replacen('A', "B", 1);
    for wrong in [&changed, &ark[4..], &ark.replacen('A', "-", 1)] {
        assert!(file(wrong).is_err());
    }
}

#[test]
fn a_root_of_your_own_is_not_the_vendors() {
    let root = evidence::built_in_roots().remove(0);
    let encode = |der: &[u8]| base64::Engine::encode(&BASE64, der);
    let file = |class: &str, generation: &str| {
        format!(
            "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"{class}\"\n\
             generation = \"{generation}\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
            encode(root.ark().der()),
            encode(root.ask().der())
        )
    };
    assert!(Trust::parse(&file("vendor", "milan"), Simulated::Refused).is_ok());
    assert!(matches!(
        Trust::parse(&file("vendor", "genoa"), Simulated::Accepted),
        Err(TrustError::NotTheVendors(_))
    ));
    assert!(matches!(
        Trust::parse(&file("simulated", "milan"), Simulated::Refused),
        Err(TrustError::SimulatedRoot)
    ));
    let one = file("simulated", "milan");
    let twice = format!("{one}{}", &one[one.find("[[roots]]").unwrap()..]);
    assert!(matches!(
        Trust::parse(&twice, Simulated::Accepted),
        Err(TrustError::TwoRoots(_))
    ));
}

#[test]
fn what_is_demanded_of_platforms_is_named_bit_by_bit() {
    use evidence::Flag::{Any, Off, On};
    let expected = |trust: &Trust| {
        let x = trust.expected_of_machine(
            super::Size::Any,
            crate::Digest::from_bytes([0; 32]),
            [0; 64],
            Timestamp::from_secs(1_795_000_000),
        );
        [
            x.platform_smt,
            x.platform_tsme,
            x.platform_ecc,
            x.platform_rapl_disabled,
            x.platform_ciphertext_hiding,
            x.platform_alias_check,
            x.platform_tio,
            x.platform_iommu_write_safe,
        ]
    };
    let names = [
        "smt",
        "tsme",
        "ecc",
        "rapl_disabled",
        "ciphertext_hiding",
        "alias_check",
        "tio",
        "iommu_write_safe",
    ];
    let parse = |words: &[&str]| {
        let lines: Vec<_> = std::iter::zip(names, words)
            .map(|(name, word)| format!("{name} = \"{word}\"\n"))
            .collect();
        let head = "version = 1\nrevocation_max_age_days = 30\n[snp]\n";
        Trust::parse(&(head.to_owned() + &lines.concat()), Simulated::Refused)
    };
    let words = ["off", "any", "on", "any", "on", "on", "off", "on"];
    let own = parse(&words).unwrap();
    let wanted = [Off, Any, On, Any, On, On, Off, On];
    assert_eq!(expected(&own), wanted);
    // A file from before the last one had a name.
    let before = expected(&parse(&words[..7]).unwrap());
    assert_eq!(before, [Off, Any, On, Any, On, On, Off, Any]);
    // They stay a file's own; without the table nothing more is demanded.
    let shipped = Trust::built_in().unwrap();
    assert_eq!(expected(&shipped), [Any; 8]);
    assert_eq!(
        expected(&own.clone().with_entries_of(shipped.clone())),
        wanted
    );
    assert_eq!(expected(&shipped.with_entries_of(own)), [Any; 8]);
    // One is missing, one is no word.
    assert!(parse(&["off", "any", "on", "any", "on", "on"]).is_err());
    assert!(parse(&["off", "any", "on", "any", "on", "yes", "off"]).is_err());
}

#[test]
fn unknown_bits_and_mitigations_are_named_and_stay_a_files_own() {
    let parse = |lines: &str| {
        let text = format!("version = 1\n[snp]\n{lines}");
        Trust::parse(&text, Simulated::Refused)
    };
    let of = |trust: &Trust| {
        let host_data = crate::Digest::from_bytes([0; 32]);
        let now = Timestamp::from_secs(1_795_000_000);
        let x = trust.expected_of_machine(super::Size::Any, host_data, [0; 64], now);
        let names = x.unknown_bits.iter().map(ToString::to_string);
        (names.collect::<Vec<_>>(), x.mitigations)
    };
    let nothing = (Vec::new(), PerGeneration::all(Mitigations::Any));
    let shipped = Trust::built_in().unwrap();
    assert_eq!(of(&shipped), nothing);
    assert_eq!(of(&parse("").unwrap()), nothing);
    let own = "unknown_bits = [\"PLATFORM_INFO:9\", \"0x208:0\"]\n\
               mitigations = [\"AMD-SB-3016\", \"Turin: bit 5\"]\n";
    let own = parse(own).unwrap();
    let bits = Mitigations::Required;
    let demanded = PerGeneration {
        milan: bits(0b100),
        genoa: bits(0b100),
        turin: bits(0b10_0100),
    };
    let names = vec!["PLATFORM_INFO:9".to_owned(), "0x208:0".to_owned()];
    let wanted = (names, demanded);
    assert_eq!(of(&own), wanted);
    assert_eq!(of(&own.clone().with_entries_of(shipped.clone())), wanted);
    assert_eq!(of(&shipped.with_entries_of(own)), nothing);
    for wrong in ["POLICY:19", "PLATFORM_INFO:6", "VERSION:7", "9", ""] {
        let read = parse(&format!("unknown_bits = [\"{wrong}\"]"));
        assert!(matches!(read, Err(TrustError::UnknownBit(_))), "{wrong}");
    }
    for wrong in ["AMD-SB-1", "bit 64", "Rome: bit 1", ""] {
        let read = parse(&format!("mitigations = [\"{wrong}\"]"));
        assert!(matches!(read, Err(TrustError::Mitigation(..))), "{wrong}");
    }
    for wrong in [
        "unknown_bits = \"any\"",
        "mitigations = 4",
        "mitigation = []",
        "tio = \"on\"",
    ] {
        let read = parse(wrong);
        assert!(matches!(read, Err(TrustError::Form(_))), "{wrong}");
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let text = "version = 1\nrevocation_max_age_days = 30\nguest = []\n";
    assert!(matches!(
        Trust::parse(text, Simulated::Refused),
        Err(TrustError::Form(_))
    ));
}

#[test]
fn an_intermediate_for_providers_is_its_roots_own() {
    use evidence::{Authority, RootError};
    let root = evidence::built_in_roots().remove(0);
    let encode = |der: &[u8]| base64::Engine::encode(&BASE64, der);
    let file = |generation: &str, source: &str| {
        let text = format!(
            "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"vendor\"\n\
             generation = \"milan\"\nark = \"{}\"\nask = \"{ask}\"\nsource = \"test\"\n\
             [[vlek_intermediates]]\ngeneration = \"{generation}\"\nasvk = \"{ask}\"\n\
             source = \"{source}\"\n",
            encode(root.ark().der()),
            ask = encode(root.ask().der()),
        );
        Trust::parse(&text, Simulated::Refused)
    };
    // Milan's intermediate for chips is not the one for providers.
    assert!(matches!(
        file("milan", "test"),
        Err(TrustError::Root(_, RootError::Name(Authority::Asvk)))
    ));
    assert!(matches!(file("milan", " "), Err(TrustError::NoSource)));
    assert!(matches!(
        file("genoa", "test"),
        Err(TrustError::WithoutRoot(_))
    ));
}

/// A trust file with these tables about TDX, accepted in 2026.
fn about_tdx(tables: &[&str]) -> Result<Trust, TrustError> {
    let dates = "source = \"test\"\nfrom = 2026-01-01T00:00:00Z\nuntil = 2027-01-01T00:00:00Z\n";
    let mut text = "version = 1\nrevocation_max_age_days = 7\n".to_owned();
    for table in tables {
        text = format!("{text}{table}\n{dates}");
    }
    Trust::parse(&text, Simulated::Refused)
}

const RULES: &str = "[tdx]\ncollateral_max_age_days = 30\nlowest_status = \"UpToDate\"\n\
     advisories = [\"INTEL-SA-01103\"]\nevaluation_minimum = 17";

fn tdx_guest(name: &str, rtmr3: &str) -> String {
    let digest = |byte: &str| byte.repeat(48);
    format!(
        "[[tdx_guests]]\nname = \"{name}\"\nmr_td = \"{}\"\n\
         rtmrs = [\"{}\", \"{}\", \"{}\", \"{rtmr3}\"]",
        digest("aa"),
        digest("00"),
        digest("01"),
        digest("02"),
    )
}

#[test]
fn a_file_that_does_not_speak_of_tdx_accepts_none() {
    let now = Timestamp::from_secs(1_795_000_000);
    let shipped = Trust::built_in().unwrap();
    assert_eq!(shipped.tdx(now), None);
    assert_eq!(shipped.tdx_guests(now).count(), 0);
}

#[test]
fn rules_and_guests_of_tdx_count_in_their_time() {
    let any = tdx_guest("release 1", "any");
    let exact = tdx_guest("release 2", &"03".repeat(48));
    let trust = about_tdx(&[RULES, &any, &exact]).unwrap();
    let now = Timestamp::from_secs(1_795_000_000);
    let rules = trust.tdx(now).unwrap();
    assert_eq!(rules.collateral_max_age_secs, 30 * 86_400);
    assert_eq!(rules.lowest_status, TdxStatus::UpToDate);
    assert_eq!(rules.advisories, ["INTEL-SA-01103"]);
    assert_eq!(rules.evaluation_minimum, 17);
    let guests: Vec<_> = trust.tdx_guests(now).collect();
    assert_eq!(guests.len(), 2);
    assert_eq!(guests[0].name, "release 1");
    assert_eq!(guests[0].mr_td, [0xaa; 48]);
    assert_eq!(guests[0].rtmrs[2], Accept::Exactly([2; 48]));
    assert_eq!(guests[0].rtmrs[3], Accept::Any);
    assert_eq!(guests[1].rtmrs[3], Accept::Exactly([3; 48]));
    // The year before, and the one after.
    for other in [1_767_225_599, 1_798_761_601] {
        let other = Timestamp::from_secs(other);
        assert_eq!(trust.tdx(other), None);
        assert_eq!(trust.tdx_guests(other).count(), 0);
    }
}

#[test]
fn the_rules_for_tdx_stay_a_files_own_and_guests_come_together() {
    let now = Timestamp::from_secs(1_795_000_000);
    let first = tdx_guest("first", "any");
    let second = tdx_guest("second", "any");
    let strict = RULES.replace("= 17", "= 99");
    let own = about_tdx(&[RULES, &first]).unwrap();
    let other = about_tdx(&[&strict, &second]).unwrap();
    let both = own.clone().with_entries_of(other.clone());
    assert_eq!(both.tdx(now), own.tdx(now));
    let names: Vec<_> = both.tdx_guests(now).map(|guest| &*guest.name).collect();
    assert_eq!(names, ["first", "second"]);
    let none = Trust::built_in().unwrap().with_entries_of(other);
    assert_eq!(none.tdx(now), None);
}

#[test]
fn what_is_said_of_tdx_is_said_in_its_one_form() {
    let guest = tdx_guest("release", "any");
    let wrong = |from: &str, to: &str| {
        assert!(RULES.contains(from) || guest.contains(from), "{from}");
        about_tdx(&[&RULES.replace(from, to), &guest.replace(from, to)]).unwrap_err()
    };
    for (from, to) in [
        ("\"UpToDate\"", "\"uptodate\""),
        ("\"UpToDate\"", "\"Revoked\""),
        ("= 30", "= -1"),
        ("= 17", "= 4294967296"),
        ("evaluation_minimum = 17", ""),
        ("advisories = [\"INTEL-SA-01103\"]", ""),
        ("advisories", "advisory"),
        ("name = ", "nom = "),
    ] {
        assert!(matches!(wrong(from, to), TrustError::Form(_)), "{from}");
    }
    for name in ["any", "INTEL-SA-1103", "INTEL-SA-0110x", "CVE-2024-21944"] {
        let error = wrong("INTEL-SA-01103", name);
        assert!(matches!(error, TrustError::Advisory(wrong) if wrong == name));
    }
    for to in ["\"all\"", "\"00\"", "\"any\", \"any\"", ""] {
        let error = wrong("\"any\"", to);
        assert!(matches!(error, TrustError::Register(_, "rtmrs")));
    }
    // What the firmware is, nobody leaves open.
    for to in ["any", "aa"] {
        let error = wrong(&"aa".repeat(48), to);
        assert!(matches!(error, TrustError::Register(_, "mr_td")));
    }
    let text = format!(
        "version = 1\nrevocation_max_age_days = 7\n{RULES}\nsource = \" \"\n\
         from = 2026-01-01T00:00:00Z\nuntil = 2027-01-01T00:00:00Z\n"
    );
    let refused = Trust::parse(&text, Simulated::Refused);
    assert!(matches!(refused, Err(TrustError::NoSource)));
}
