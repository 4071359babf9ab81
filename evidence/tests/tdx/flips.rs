//! Bits that differ: every single one of a quote, of all signatures and of what binds
//! a quote to a job is refused, and one of every byte of the rest of its collateral;
//! so is each length but the right one. No input makes the program panic.

use std::collections::BTreeSet;
use std::thread;

use evidence::tdx::{Collateral, ConfigId, QUOTE_MAX, Quote, QuoteError, Reason};
use evidence::{Accept, Timestamp};
use proptest::prelude::{any, prop, proptest};
use x509_cert::der::pem;

use crate::world::{Case, V4, V5, V5_EXTENDED};

/// One thing flipped in a case: which one, by number.
type Flip<'f> = &'f (dyn Fn(&mut Case, usize) + Sync);

/// Why each of the first `count` flips is refused; none where it is not. Half of them
/// on another core, as this is most of the time that the tests take.
fn reasons(case: &Case, count: usize, flip: Flip<'_>) -> Vec<Option<Reason>> {
    let refusal = |at| {
        let mut case = case.clone();
        flip(&mut case, at);
        case.verify().err().map(|refused| refused.reason)
    };
    let half = |from| (from..count).step_by(2).map(refusal).collect::<Vec<_>>();
    let (even, odd) = thread::scope(|scope| {
        let odd = scope.spawn(|| half(1));
        (half(0), odd.join().unwrap())
    });
    let (mut even, mut odd) = (even.into_iter(), odd.into_iter());
    let next = |at| if at % 2 == 0 { even.next() } else { odd.next() };
    (0..count).map_while(next).collect()
}

/// Asserts that each of them is refused, and gives the reasons that occur.
fn refused(name: &str, case: &Case, count: usize, flip: Flip<'_>) -> BTreeSet<Reason> {
    assert!(case.verify().is_ok());
    let reasons = reasons(case, count, flip);
    assert_eq!(reasons.len(), count);
    let accepted = reasons.iter().position(Option::is_none);
    assert_eq!(accepted, None, "{name}: this one may be flipped");
    reasons.into_iter().flatten().collect()
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Flips in DER that ends in a signature: how many, and each of them. Every bit of
/// the last 80 bytes, in which the signature is, and one of every byte before.
fn flips_of_der(der: &[u8]) -> (usize, impl Fn(&mut [u8], usize) + use<>) {
    let before = der.len() - 80;
    let flips = move |der: &mut [u8], at: usize| {
        if at < before {
            der[at] ^= 1 << (at % 8);
        } else {
            flip(der, before * 8 + (at - before));
        }
    };
    (before + 80 * 8, flips)
}

/// Flips a bit of one byte of text. Never the eighth: then it would be none.
fn flip_text(text: &mut String, at: usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    bytes[at] ^= 1 << (at % 7);
    *text = String::from_utf8(bytes).unwrap();
}

/// A real case whose every byte counts: a version 4 quote ends before its padding.
fn end(case: &Case) -> usize {
    let quote = &case.evidence.quote;
    quote.iter().rposition(|byte| *byte != 0).unwrap() + 2
}

#[test]
fn every_flipped_bit_of_a_quote_is_refused() {
    let of_header_and_report = BTreeSet::from([
        Reason::Unreadable,
        Reason::UnknownAttribute,
        Reason::Migratable,
        Reason::SeptVeDisable,
        Reason::Signature,
    ]);
    let of_signature_data = BTreeSet::from([
        Reason::Unreadable,
        Reason::CertificatesUnreadable,
        Reason::Root,
        Reason::CertificateChain,
        Reason::QeReportSignature,
        Reason::AttestationKey,
        Reason::Signature,
    ]);
    for case in [V4.case(), V5_EXTENDED.case()] {
        let quote = Quote::parse(&case.evidence.quote).unwrap();
        let signed = quote.signed_bytes().len() * 8;
        let reasons = refused("quote", &case, signed, &|case, bit| {
            flip(&mut case.evidence.quote, bit);
        });
        assert_eq!(reasons, of_header_and_report);
        let behind = quote.bytes().len() * 8 - signed;
        let reasons = refused("signature data", &case, behind, &|case, bit| {
            flip(&mut case.evidence.quote, signed + bit);
        });
        assert_eq!(reasons, of_signature_data);
    }
}

#[test]
fn every_flipped_byte_of_signed_text_and_every_bit_of_its_signature_is_refused() {
    let case = V4.case();
    let collateral = &case.evidence.collateral;
    let count = collateral.tcb_info.len();
    refused("TCB info", &case, count, &|case, at| {
        flip_text(&mut case.evidence.collateral.tcb_info, at);
    });
    let count = collateral.qe_identity.len();
    refused("identity", &case, count, &|case, at| {
        flip_text(&mut case.evidence.collateral.qe_identity, at);
    });
    let reasons = refused("TCB info's signature", &case, 512, &|case, bit| {
        flip(&mut case.evidence.collateral.tcb_info_signature, bit);
    });
    assert_eq!(reasons, BTreeSet::from([Reason::TcbInfoSignature]));
    let reasons = refused("identity's signature", &case, 512, &|case, bit| {
        flip(&mut case.evidence.collateral.qe_identity_signature, bit);
    });
    assert_eq!(reasons, BTreeSet::from([Reason::QeIdentitySignature]));
}

#[test]
fn every_flipped_byte_of_a_revocation_list_and_bit_of_its_signature_is_refused() {
    let case = V4.case();
    let collateral = &case.evidence.collateral;
    let (count, flip) = flips_of_der(&collateral.root_ca_crl);
    let reasons = refused("root's list", &case, count, &|case, at| {
        flip(&mut case.evidence.collateral.root_ca_crl, at);
    });
    assert!(reasons.contains(&Reason::RootListSignature), "{reasons:?}");
    let (count, flip) = flips_of_der(&collateral.pck_crl);
    let reasons = refused("PCK list", &case, count, &|case, at| {
        flip(&mut case.evidence.collateral.pck_crl, at);
    });
    assert!(reasons.contains(&Reason::PckListSignature), "{reasons:?}");
}

/// A chain of the collateral.
type Chain = fn(&mut Collateral) -> &mut String;

const CHAINS: [Chain; 2] = [
    |collateral| &mut collateral.tcb_info_issuer_chain,
    |collateral| &mut collateral.qe_identity_issuer_chain,
];

fn certificates(chain: &str) -> Vec<Vec<u8>> {
    let each = chain
        .trim_end()
        .split_inclusive("-----END CERTIFICATE-----");
    each.map(|one| pem::decode_vec(one.as_bytes()).unwrap().1)
        .collect()
}

fn chain_of(certificates: &[Vec<u8>]) -> String {
    let one = |der: &Vec<u8>| pem::encode_string("CERTIFICATE", pem::LineEnding::LF, der);
    certificates.iter().map(|der| one(der).unwrap()).collect()
}

#[test]
fn every_flipped_byte_of_a_signers_certificates_and_bit_of_their_signatures_is_refused() {
    let case = V4.case();
    for chain in CHAINS {
        let good = certificates(chain(&mut case.evidence.collateral.clone()));
        assert_eq!(good.len(), 2);
        for (which, der) in good.iter().enumerate() {
            let (count, flip) = flips_of_der(der);
            let reasons = refused("certificate", &case, count, &|case, at| {
                let mut changed = good.clone();
                flip(&mut changed[which], at);
                *chain(&mut case.evidence.collateral) = chain_of(&changed);
            });
            let wanted = [Reason::CollateralUnreadable, Reason::SignerChain];
            assert_eq!(reasons, BTreeSet::from(wanted));
        }
    }
}

#[test]
fn every_flipped_byte_of_a_signers_chain_is_refused_but_for_space_at_its_end() {
    let case = V4.case();
    for chain in CHAINS {
        let text = chain(&mut case.evidence.collateral.clone()).clone();
        assert!(text.ends_with("-----\n"));
        refused("chain", &case, text.len() - 1, &|case, at| {
            flip_text(chain(&mut case.evidence.collateral), at);
        });
    }
}

#[test]
fn every_flipped_bit_of_what_binds_a_quote_is_refused() {
    let case = V5_EXTENDED.case();
    let quote = Quote::parse(&case.evidence.quote).unwrap();
    let reasons = refused("MRCONFIGID", &case, 48 * 8, &|case, bit| {
        let mut other = quote.mr_config_id();
        flip(&mut other, bit);
        case.expected.mr_config_id = ConfigId::of_sha384(other);
    });
    assert_eq!(reasons, BTreeSet::from([Reason::MrConfigId]));
    let reasons = refused("REPORTDATA", &case, 64 * 8, &|case, bit| {
        flip(&mut case.expected.report_data, bit);
    });
    assert_eq!(reasons, BTreeSet::from([Reason::ReportData]));
    let reasons = refused("MRTD", &case, 48 * 8, &|case, bit| {
        let mut other = quote.mr_td();
        flip(&mut other, bit);
        case.expected.mr_td = Accept::Exactly(other);
    });
    assert_eq!(reasons, BTreeSet::from([Reason::MrTd]));
}

#[test]
fn each_wrong_form_of_a_quote_has_an_error_of_its_own() {
    let good = V5_EXTENDED.case().evidence.quote;
    let read = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut quote = good.clone();
        change(&mut quote);
        Quote::parse(&quote).unwrap_err()
    };
    let set = |at: usize, value: u8| read(&|quote| quote[at] = value);
    // Signature data, the quoting enclave's part of it, and the PCK chain.
    let data = 54 + 885;
    let enclave = data + 4 + 128;
    let chain = enclave + 6 + 384 + 64 + 2 + 32;
    assert_eq!(set(0, 3), QuoteError::Version(3));
    assert_eq!(set(2, 3), QuoteError::KeyType(3));
    assert_eq!(set(4, 0), QuoteError::TeeType(0));
    assert_eq!(set(8, 1), QuoteError::Reserved);
    assert_eq!(set(12, 0), QuoteError::QeVendor);
    assert_eq!(set(48, 1), QuoteError::BodyType(1));
    assert_eq!(set(48, 3), QuoteError::BodyLength(885, 648));
    assert_eq!(set(enclave, 5), QuoteError::Certification(5, 6));
    assert_eq!(set(chain, 3), QuoteError::Certification(3, 5));
    assert_eq!(set(chain - 34, 33), QuoteError::QeAuth(33));
    // A byte more in the data than in what it holds.
    let longer = |lengths: &[usize]| {
        let end = data + 4 + usize::from(u16::from_le_bytes([good[data], good[data + 1]]));
        read(&|quote| {
            quote.insert(end, 0);
            for at in lengths {
                let length = u16::from_le_bytes([quote[*at], quote[at + 1]]) + 1;
                quote[*at..at + 2].copy_from_slice(&length.to_le_bytes());
            }
        })
    };
    let extra = |part| QuoteError::Extra(part, 1);
    assert_eq!(longer(&[data]), extra("certification data"));
    assert_eq!(longer(&[data, enclave + 2]), extra("PCK chain"));
    let without_end = read(&|quote| quote.truncate(data + 3));
    assert_eq!(without_end, QuoteError::Ends("signature data"));
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
    use evidence::tdx::{COLLATERAL_MAX, COLLATERAL_PART_MAX, CollateralError};

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
