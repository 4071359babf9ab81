//! Parts of collateral as Intel's service hands them out, each by itself: the real
//! ones of the vectors under Intel's root, and one thing about each broken.

use evidence::Timestamp;
use evidence::tdx::{
    COLLATERAL_PART_MAX, Collateral, Evidence, Part, PartError, PckAuthority, Platform, Quote,
    Root, SignedText,
};

use crate::intel::{self, Spec};
use crate::world::{Case, NOW, V4, V5_EXTENDED};

/// The real parts of a day.
struct Parts {
    case: Case,
    pck_crl_issuer_chain: String,
}

impl Parts {
    fn of_2025() -> Self {
        Self::new(V4.case(), include_str!("../vectors/tdx/v4.collateral.json"))
    }

    fn of_2026() -> Self {
        let json = include_str!("../vectors/tdx/v5-td15ex.collateral.json");
        Self::new(V5_EXTENDED.case(), json)
    }

    fn new(case: Case, json: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let chain = json["pck_crl_issuer_chain"].as_str().unwrap();
        Self {
            case,
            pck_crl_issuer_chain: chain.to_owned(),
        }
    }

    fn collateral(&self) -> &Collateral {
        &self.case.evidence.collateral
    }

    /// As the service answers, read again.
    fn tcb_info(&self) -> SignedText {
        let Collateral {
            tcb_info,
            tcb_info_signature,
            tcb_info_issuer_chain,
            ..
        } = self.collateral();
        let signature = hex::encode(tcb_info_signature);
        let body = format!("{{\"tcbInfo\":{tcb_info},\"signature\":\"{signature}\"}}");
        SignedText::from_answer(body.as_bytes(), tcb_info_issuer_chain).unwrap()
    }

    fn qe_identity(&self) -> SignedText {
        let Collateral {
            qe_identity,
            qe_identity_signature,
            qe_identity_issuer_chain,
            ..
        } = self.collateral();
        let signature = hex::encode(qe_identity_signature);
        // Members in another order, with spaces between them.
        let body =
            format!("{{ \"signature\" : \"{signature}\", \"enclaveIdentity\" : {qe_identity} }}");
        SignedText::from_answer(body.as_bytes(), qe_identity_issuer_chain).unwrap()
    }

    fn pck_crl(&self) -> Part {
        Part::PckCrl {
            der: self.collateral().pck_crl.clone(),
            issuer_chain: self.pck_crl_issuer_chain.clone(),
        }
    }

    fn root_ca_crl(&self) -> Part {
        Part::RootCaCrl(self.collateral().root_ca_crl.clone())
    }

    fn all(&self) -> [Part; 4] {
        [
            Part::TcbInfo(self.tcb_info()),
            Part::QeIdentity(self.qe_identity()),
            self.pck_crl(),
            self.root_ca_crl(),
        ]
    }

    fn verify(&self, part: &Part) -> Result<(), PartError> {
        let verified = part.verify(&Root::intel().unwrap(), self.case.now);
        verified.map(|_| ())
    }
}

#[test]
fn real_parts_verify_and_say_what_they_are() {
    let parts = Parts::of_2025();
    let root = Root::intel().unwrap();
    let said: Vec<String> = parts
        .all()
        .iter()
        .map(|part| part.verify(&root, parts.case.now).unwrap())
        .map(|claims| {
            let fmspc = claims.fmspc.map(hex::encode).unwrap_or_default();
            let authority = claims.authority.map_or("", PckAuthority::name);
            let (made, replaced) = (claims.made_at, claims.replaced_at);
            format!("{made} to {replaced} {fmspc}{authority}")
        })
        .collect();
    assert_eq!(
        said,
        [
            "2025-06-19T10:16:03Z to 2025-07-19T10:16:03Z b0c06f000000",
            "2025-06-19T10:32:27Z to 2025-07-19T10:32:27Z ",
            "2025-06-19T10:00:35Z to 2025-07-19T10:00:35Z platform",
            "2025-03-20T11:21:57Z to 2026-04-03T11:21:57Z ",
        ]
    );
    // What was replaced since verifies still; what is yet to be made does not.
    for part in parts.all() {
        let later = part.verify(&root, Timestamp::from_secs(1_790_000_000));
        assert!(later.is_ok(), "{later:?}");
        let earlier = part.verify(&root, Timestamp::from_secs(1_742_000_000));
        assert!(earlier.is_err(), "{earlier:?}");
    }
}

#[test]
fn a_quote_is_verified_with_collateral_made_of_its_parts() {
    for parts in [Parts::of_2025(), Parts::of_2026()] {
        let collateral = parts.collateral().clone();
        let made = Collateral::from_parts(
            parts.tcb_info(),
            parts.qe_identity(),
            collateral.root_ca_crl.clone(),
            collateral.pck_crl.clone(),
        );
        assert_eq!(made, collateral);
        let case = parts.case.with(|evidence| evidence.collateral = made);
        assert!(case.verify().is_ok());
    }
}

#[test]
fn a_quote_says_which_collateral_it_needs() {
    let platform = |evidence: &Evidence| Quote::parse(&evidence.quote).unwrap().platform();
    let expected = Platform {
        fmspc: [0xb0, 0xc0, 0x6f, 0, 0, 0],
        authority: PckAuthority::Platform,
    };
    assert_eq!(platform(&V4.case().evidence), Some(expected));
    assert_eq!(platform(&V5_EXTENDED.case().evidence), Some(expected));
    // The simulated Intel's authority has another name than these two.
    assert_eq!(platform(&Spec::new().evidence()), None);
    assert_eq!(
        PckAuthority::ALL.map(PckAuthority::name),
        ["processor", "platform"]
    );
}

#[test]
fn a_changed_part_is_refused() {
    let parts = Parts::of_2025();
    let changed = |at: usize, change: &dyn Fn(&mut SignedText)| {
        let mut signed = if at == 0 {
            parts.tcb_info()
        } else {
            parts.qe_identity()
        };
        change(&mut signed);
        let part = if at == 0 {
            Part::TcbInfo(signed)
        } else {
            Part::QeIdentity(signed)
        };
        parts.verify(&part)
    };
    for at in [0, 1] {
        let text = changed(at, &|part| {
            part.text = part.text.replacen("2025", "2024", 1);
        });
        assert_eq!(text, Err(PartError::Signature));
        let signature = changed(at, &|part| part.signature[5] ^= 1);
        assert_eq!(signature, Err(PartError::Signature));
        let short = changed(at, &|part| part.signature.truncate(63));
        assert_eq!(short, Err(PartError::Unreadable("signature")));
        let text = changed(at, &|part| part.text.truncate(100));
        assert!(matches!(text, Err(PartError::Unreadable(_))), "{text:?}");
        let space = changed(at, &|part| part.text = part.text.replacen(':', ": ", 1));
        assert_eq!(space, Err(PartError::Signature));
        let long = changed(at, &|part| part.text += &" ".repeat(COLLATERAL_PART_MAX));
        assert!(matches!(long, Err(PartError::Unreadable(_))), "{long:?}");
    }
    let other_kind = Part::QeIdentity(parts.tcb_info());
    assert_eq!(parts.verify(&other_kind), Err(PartError::Kind));
    let sgx = |part: &mut SignedText| part.text = part.text.replacen("\"TDX\"", "\"SGX\"", 1);
    assert_eq!(changed(0, &sgx), Err(PartError::Kind));
    let qe = |part: &mut SignedText| part.text = part.text.replacen("\"TD_QE\"", "\"QE\"", 1);
    assert_eq!(changed(1, &qe), Err(PartError::Kind));
    for part in [parts.pck_crl(), parts.root_ca_crl()] {
        let flipped = |at: usize| match part.clone() {
            Part::PckCrl {
                mut der,
                issuer_chain,
            } => {
                let len = der.len();
                der[at % len] ^= 1;
                Part::PckCrl { der, issuer_chain }
            }
            Part::RootCaCrl(mut der) => {
                let len = der.len();
                der[at % len] ^= 1;
                Part::RootCaCrl(der)
            }
            Part::TcbInfo(_) | Part::QeIdentity(_) => unreachable!("lists only"),
        };
        assert!(parts.verify(&part).is_ok());
        for at in (0..4000).step_by(7) {
            assert!(parts.verify(&flipped(at)).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_part_is_by_its_signer_and_the_root() {
    let parts = Parts::of_2025();
    let chain = parts.tcb_info().issuer_chain;
    let end = "-----END CERTIFICATE-----\n";
    let (signer, root) = chain.split_at(chain.find(end).unwrap() + end.len());
    let with = |chain: String| {
        let mut part = parts.tcb_info();
        part.issuer_chain = chain;
        parts.verify(&Part::TcbInfo(part))
    };
    assert_eq!(with(format!("{signer}{root}")), Ok(()));
    let unreadable = Err(PartError::Unreadable("certificates of its signer"));
    for chain in [
        String::new(),
        signer.to_owned(),
        format!("{signer}{root}{root}"),
        format!("{signer}-----BEGIN"),
    ] {
        assert_eq!(with(chain), unreadable);
    }
    // The root itself signed no TCB info, and no signer is a root.
    assert_eq!(with(format!("{root}{root}")), Err(PartError::Signature));
    assert_eq!(with(format!("{root}{signer}")), Err(PartError::Root));
    // The authority for platforms is the root's too, and did not sign this.
    let other = parts.pck_crl_issuer_chain.clone();
    assert_eq!(with(other), Err(PartError::Signature));
    // Another root's, and a list of another issuer.
    let simulated = Root::simulated(&intel::root()).unwrap();
    let lists_signer = parts.collateral().root_ca_crl.clone();
    for (part, error) in parts.all().iter().zip([
        PartError::Root,
        PartError::Root,
        PartError::Root,
        PartError::Signature,
    ]) {
        let other = part.verify(&simulated, parts.case.now);
        assert_eq!(other.unwrap_err(), error);
    }
    let swapped = Part::PckCrl {
        der: lists_signer,
        issuer_chain: parts.pck_crl_issuer_chain.clone(),
    };
    assert_eq!(parts.verify(&swapped), Err(PartError::Signature));
    let swapped = Part::RootCaCrl(parts.collateral().pck_crl.clone());
    assert_eq!(parts.verify(&swapped), Err(PartError::Signature));
}

#[test]
fn a_signer_outside_its_validity_and_a_part_from_the_future_are_refused() {
    let evidence = Spec::new().evidence();
    let Collateral {
        tcb_info: text,
        tcb_info_signature: signature,
        tcb_info_issuer_chain: issuer_chain,
        ..
    } = evidence.collateral;
    let part = Part::TcbInfo(SignedText {
        text,
        signature,
        issuer_chain,
    });
    let root = Root::simulated(&intel::root()).unwrap();
    let day = 86_400;
    let at = |secs| part.verify(&root, Timestamp::from_secs(secs)).map(|_| ());
    // Its signer's certificate is valid for 100 days before and after.
    assert_eq!(at(NOW - day), Ok(()));
    assert_eq!(at(NOW - day - 1), Err(PartError::Future));
    assert_eq!(at(NOW + 100 * day), Ok(()));
    assert_eq!(at(NOW + 100 * day + 1), Err(PartError::CertificateTime));
    assert_eq!(at(NOW - 100 * day), Err(PartError::Future));
    assert_eq!(at(NOW - 100 * day - 1), Err(PartError::CertificateTime));
}

#[test]
fn answers_of_another_form_are_unreadable() {
    let unreadable = Err(PartError::Unreadable("answer"));
    for body in [
        "",
        "{}",
        "[]",
        "{\"tcbInfo\":{}}",
        "{\"signature\":\"00\"}",
        "{\"tcbInfo\":{},\"signature\":\"0\"}",
        "{\"tcbInfo\":{},\"signature\":\"zz\"}",
        "{\"tcbInfo\":{},\"tcbInfo\":{},\"signature\":\"00\"}",
        "{\"tcbInfo\":{},\"enclaveIdentity\":{},\"signature\":\"00\"}",
        "{\"tcbInfo\":{,\"signature\":\"00\"}",
    ] {
        assert_eq!(
            SignedText::from_answer(body.as_bytes(), ""),
            unreadable,
            "{body}"
        );
    }
    let of_length = |len| SignedText::from_answer(" ".repeat(len).as_bytes(), "");
    assert_eq!(of_length(COLLATERAL_PART_MAX), unreadable);
    assert_eq!(of_length(COLLATERAL_PART_MAX + 1), Err(PartError::TooLong));
}
