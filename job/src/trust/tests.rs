//! Which trust files are read, and what they make of evidence.

use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Simulated, Trust, TrustError};
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
fn a_newer_revocation_list_takes_the_place_of_an_older_and_never_the_reverse() {
    use simvendor::{Generation, Vendor};
    let now = 1_795_000_000;
    let encode = |der: &[u8]| base64::Engine::encode(&BASE64, der);
    let vendor = Vendor::generate(Generation::Genoa, now).unwrap();
    let text = format!(
        "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"simulated\"\n\
         generation = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
        encode(vendor.ark()),
        encode(vendor.ask()),
    );
    let trust = Trust::parse(&text, Simulated::Accepted).unwrap();
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
    for wrong in [
        "2026-09-21",
        "2026-09-21T14:13:20",
        "2026-09-21T14:13:20+02:00",
        "1",
    ] {
        assert!(
            Trust::parse(&text(wrong), Simulated::Refused).is_err(),
            "{wrong}"
        );
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
