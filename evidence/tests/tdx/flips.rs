//! Bytes that differ: each one of a quote, of its certificates and of its
//! collateral is refused; so is each length but the right one. No input makes the
//! program panic.

use std::collections::BTreeSet;

use evidence::Timestamp;
use evidence::tdx::{QUOTE_MAX, Quote, QuoteError, Reason};
use proptest::prelude::{any, prop, proptest};

use crate::world::{Case, V4, V5, V5_EXTENDED};

/// A part of collateral.
type Part = fn(&mut Case) -> &mut Vec<u8>;

/// A real case whose every byte counts: a version 4 quote ends before its padding.
fn end(case: &Case) -> usize {
    let quote = &case.evidence.quote;
    quote.iter().rposition(|byte| *byte != 0).unwrap() + 2
}

#[test]
fn each_flipped_byte_of_a_quote_is_refused() {
    // The signature data of the second has the same form as that of the first.
    for (case, whole) in [(V4.case(), true), (V5_EXTENDED.case(), false)] {
        let signed = Quote::parse(&case.evidence.quote).unwrap();
        let signed = signed.signed_bytes().len();
        let mut reached = BTreeSet::new();
        for at in 0..if whole { end(&case) } else { signed } {
            let mut case = case.clone();
            case.evidence.quote[at] ^= 1 << (at % 8);
            let refused = case.verify().map(|_| at).unwrap_err();
            reached.insert((at < signed, refused.reason));
        }
        assert!(reached.contains(&(true, Reason::Unreadable)));
        assert!(reached.contains(&(true, Reason::Signature)));
        for reason in [
            Reason::Unreadable,
            Reason::Signature,
            Reason::AttestationKey,
            Reason::QeReportSignature,
            Reason::CertificatesUnreadable,
            Reason::CertificateChain,
        ] {
            assert_eq!(reached.contains(&(false, reason)), whole, "{reason:?}");
        }
    }
}

#[test]
fn each_flipped_bit_of_header_attributes_and_measurements_is_refused() {
    let case = V5_EXTENDED.case();
    let body = 54;
    let places =
        (0..body)
            .chain(body + 112..body + 136)
            .chain([body + 184, body + 600, body + 648]);
    for bit in places.flat_map(|at| at * 8..at * 8 + 8) {
        let mut case = case.clone();
        case.evidence.quote[bit / 8] ^= 1 << (bit % 8);
        assert!(case.verify().is_err(), "bit {bit}");
    }
}

#[test]
fn flipped_collateral_is_refused() {
    let case = V4.case();
    // Every byte of the signatures, every 7th of what they are over; a prime, so
    // that each place of a line of hex is met.
    let parts: [(Part, usize); 4] = [
        (|case| &mut case.evidence.collateral.tcb_info_signature, 1),
        (
            |case| &mut case.evidence.collateral.qe_identity_signature,
            1,
        ),
        (|case| &mut case.evidence.collateral.root_ca_crl, 7),
        (|case| &mut case.evidence.collateral.pck_crl, 97),
    ];
    for (part, step) in parts {
        let length = part(&mut case.clone()).len();
        for at in (0..length).step_by(step) {
            let mut case = case.clone();
            part(&mut case)[at] ^= 1 << (at % 8);
            assert!(case.verify().is_err(), "byte {at} of {length}");
        }
    }
    let texts: [fn(&mut Case) -> &mut String; 2] = [
        |case| &mut case.evidence.collateral.tcb_info,
        |case| &mut case.evidence.collateral.qe_identity,
    ];
    for text in texts {
        let length = text(&mut case.clone()).len();
        for at in (0..length).step_by(7) {
            let mut case = case.clone();
            let mut bytes = text(&mut case).clone().into_bytes();
            bytes[at] ^= 1;
            *text(&mut case) = String::from_utf8(bytes).unwrap();
            assert!(case.verify().is_err(), "byte {at} of {length}");
        }
    }
}

#[test]
fn each_truncation_is_refused() {
    for case in [V4.case(), V5.case(), V5_EXTENDED.case()] {
        for length in 0..end(&case) {
            let read = Quote::parse(&case.evidence.quote[..length]);
            assert!(
                matches!(read, Err(QuoteError::Ends(_))),
                "{length}: {read:?}"
            );
        }
        assert!(Quote::parse(&case.evidence.quote[..end(&case)]).is_ok());
    }
}

#[test]
fn padding_is_zero_and_has_an_end() {
    let case = V4.case();
    let end = end(&case);
    let mut padded = case.evidence.quote.clone();
    padded.resize(QUOTE_MAX, 0);
    assert!(Quote::parse(&padded).is_ok());
    for at in [end, end + 1, QUOTE_MAX - 1] {
        let mut wrong = padded.clone();
        wrong[at] = 1;
        assert_eq!(Quote::parse(&wrong), Err(QuoteError::Padding(at)));
    }
    padded.push(0);
    assert_eq!(
        Quote::parse(&padded),
        Err(QuoteError::TooLong(QUOTE_MAX + 1))
    );
}

#[test]
fn a_wrong_length_anywhere_inside_is_refused() {
    let case = V5_EXTENDED.case();
    // Body, signature data, certification data, the enclave's data, PCK chain.
    let data = 54 + 885;
    for (at, width) in [
        (50, 4),
        (data, 4),
        (data + 4 + 130, 4),
        (data + 4 + 582, 2),
        (data + 4 + 618, 4),
    ] {
        for change in [1i64, -1, 256, 65_536, 1 << 31] {
            let mut quote = case.evidence.quote.clone();
            let field = &mut quote[at..at + width];
            let mut value = [0; 8];
            value[..width].copy_from_slice(field);
            let value = i64::from_le_bytes(value).wrapping_add(change).to_le_bytes();
            if field != &value[..width] {
                field.copy_from_slice(&value[..width]);
                assert!(Quote::parse(&quote).is_err(), "{at} {change}");
            }
        }
    }
}

#[test]
fn collateral_has_an_end() {
    use evidence::tdx::{COLLATERAL_MAX, COLLATERAL_PART_MAX, Collateral, CollateralError};

    // As long as may be is read, and one byte more is not.
    let refusal = |fill: &dyn Fn(&mut Collateral)| {
        let mut case = V4.case();
        fill(&mut case.evidence.collateral);
        case.verify().err().map(|refused| refused.reason)
    };
    let text = |text: &mut String, fill: &str, length| {
        text.push_str(&fill.repeat(length - text.len()));
    };
    let (part, chain) = (COLLATERAL_PART_MAX, 16 * 1024);
    for (over, info, identity, certificates) in [
        (
            0,
            Some(Reason::TcbInfoSignature),
            Some(Reason::QeIdentitySignature),
            None,
        ),
        (
            1,
            Some(Reason::CollateralUnreadable),
            Some(Reason::CollateralUnreadable),
            Some(Reason::CollateralUnreadable),
        ),
    ] {
        assert_eq!(refusal(&|c| text(&mut c.tcb_info, " ", part + over)), info);
        assert_eq!(
            refusal(&|c| text(&mut c.qe_identity, " ", part + over)),
            identity
        );
        let longer = |c: &mut Collateral| text(&mut c.tcb_info_issuer_chain, "\n", chain + over);
        assert_eq!(refusal(&longer), certificates);
        let longer = |c: &mut Collateral| text(&mut c.qe_identity_issuer_chain, "\n", chain + over);
        assert_eq!(refusal(&longer), certificates);
    }
    let unreadable = Some(Reason::CollateralUnreadable);
    assert_eq!(refusal(&|c| c.root_ca_crl.resize(part, 0)), unreadable);
    assert_eq!(refusal(&|c| c.pck_crl.resize(part, 0)), unreadable);

    let json = include_bytes!("../vectors/tdx/v4.collateral.json");
    let mut json = json.to_vec();
    json.resize(COLLATERAL_MAX, b' ');
    assert!(Collateral::from_json(&json).is_ok());
    json.push(b' ');
    let refused = Collateral::from_json(&json).unwrap_err();
    assert!(matches!(refused, CollateralError::TooLong), "{refused}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        assert!(Quote::parse(&bytes).is_err());
    }

    #[test]
    fn no_change_of_a_quote_makes_the_parser_panic(
        which in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
        cut in any::<prop::sample::Index>(),
        tail in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let case = [V4, V5, V5_EXTENDED][which].case();
        let mut quote = case.evidence.quote;
        for (at, value) in changes {
            let at = at.index(quote.len());
            quote[at] = value;
        }
        if let Ok(read) = Quote::parse(&quote) {
            assert_eq!(read.bytes(), quote);
        }
        quote.truncate(cut.index(quote.len()));
        quote.extend(tail);
        let _ = Quote::parse(&quote);
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_change_of_collateral_makes_the_verifier_panic(
        part in 0..6usize,
        at in any::<prop::sample::Index>(),
        value in 0..128u8,
        now in any::<u64>(),
    ) {
        let mut case = V4.case();
        let collateral = &mut case.evidence.collateral;
        let texts = [
            &mut collateral.tcb_info,
            &mut collateral.qe_identity,
            &mut collateral.tcb_info_issuer_chain,
            &mut collateral.qe_identity_issuer_chain,
        ];
        let set = |bytes: &mut Vec<u8>| {
            let at = at.index(bytes.len());
            bytes[at] = value;
        };
        match texts.into_iter().nth(part) {
            Some(text) => {
                let mut bytes = text.clone().into_bytes();
                set(&mut bytes);
                *text = String::from_utf8(bytes).unwrap();
            }
            None if part == 4 => set(&mut collateral.root_ca_crl),
            None => set(&mut collateral.pck_crl),
        }
        let _ = case.verify();
        case.now = Timestamp::from_secs(now);
        let _ = case.verify();
    }
}
