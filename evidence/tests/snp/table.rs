//! Certificate tables as hosts hand them over: the signing key's is found whatever
//! lies beside it, in whichever form and order; and what is found is verified as ever.

use evidence::{
    Evidence, Generation, Reason, TableError, from_extended_report, from_guest_components,
};
use serde_json::{Value, json};
use simvendor::{ARK_GUID, ASK_GUID, Chip, ChipSpec, VCEK_GUID, VLEK_GUID, certificate_table, pem};

use crate::world::{Case, NOW, world};

/// Of a cloud provider's own making.
const OTHER: &str = "9f4116cd-c503-4f4a-8f6f-fb68882f4ce2";
const OTHER_GUID: [u8; 16] = [0x9f; 16];

/// The case with this certificate table, in the guest components' form.
fn with_json(case: &Case, table: &Value) -> Case {
    let world = world(Generation::Genoa);
    let mut json = simvendor::guest_components_json(&case.evidence.report, &world.vcek);
    json["cert_chain"] = table.clone();
    let evidence = from_guest_components(json.to_string().as_bytes()).unwrap();
    assert_eq!(evidence.report, case.evidence.report);
    Case {
        evidence,
        ..case.clone()
    }
}

/// The case as a report with a table behind it.
fn with_table(case: &Case, table: &[u8]) -> Result<Case, TableError> {
    let bytes = [&case.evidence.report, table].concat();
    let evidence = from_extended_report(&bytes)?;
    assert_eq!(evidence.report, case.evidence.report);
    Ok(Case {
        evidence,
        ..case.clone()
    })
}

fn entry(kind: &str, data: &[u8]) -> Value {
    json!({"cert_type": kind, "data": data})
}

/// GUID as UEFI keeps it: the first three parts are little-endian.
fn as_uefi(mut guid: [u8; 16]) -> [u8; 16] {
    guid[..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    guid
}

#[test]
fn entries_that_nobody_knows_are_skipped() {
    let world = world(Generation::Genoa);
    let case = world.case();
    let vcek = world.vcek.certificate();
    for other in [
        json!({"cert_type": {"OTHER": OTHER}, "data": [1, 2, 3]}),
        json!({"cert_type": {"OTHER": OTHER}, "data": []}),
        json!({"cert_type": {"OTHER": {"a": [1, {"b": null}]}, "more": 1}, "data": [1]}),
        // Not even a certificate of the right kind makes it one of ours.
        json!({"cert_type": {"OTHER": OTHER}, "data": world.vlek.certificate()}),
        entry("CRL", &[7]),
        entry("Empty", &[]),
        entry("of another year", &[7]),
    ] {
        for table in [
            json!([other, entry("VCEK", vcek)]),
            json!([entry("VCEK", vcek), other]),
        ] {
            assert!(with_json(&case, &table).verify().is_ok(), "{table}");
        }
        let alone = with_json(&case, &json!([other]));
        let refused = alone.verify().unwrap_err().reason;
        assert_eq!(refused, Reason::CertificateMissing);
    }
    let binary = |entries: &[([u8; 16], &[u8])]| {
        let case = with_table(&case, &certificate_table(entries)).unwrap();
        case.verify().map(|_| ()).map_err(|refused| refused.reason)
    };
    let other = (OTHER_GUID, &[1, 2, 3][..]);
    assert_eq!(binary(&[other, (VCEK_GUID, vcek), other]), Ok(()));
    assert_eq!(binary(&[(as_uefi(VCEK_GUID), vcek), other]), Ok(()));
    let missing = Err(Reason::CertificateMissing);
    assert_eq!(binary(&[other]), missing);
    assert_eq!(binary(&[(OTHER_GUID, vcek)]), missing);
}

#[test]
fn the_certificate_is_that_of_the_key_the_report_names_in_any_order() {
    let world = world(Generation::Genoa);
    let (vcek, vlek) = (world.vcek.certificate(), world.vlek.certificate());
    let parts: [(&str, [u8; 16], &[u8]); 4] = [
        ("ARK", ARK_GUID, world.vendor.ark()),
        ("ASK", ASK_GUID, world.vendor.ask()),
        ("VLEK", VLEK_GUID, vlek),
        ("VCEK", VCEK_GUID, vcek),
    ];
    for turn in 0..parts.len() {
        let mut parts = parts;
        parts.rotate_left(turn);
        let json = parts.map(|(kind, _, data)| entry(kind, data));
        let table = certificate_table(&parts.map(|(_, guid, data)| (guid, data)));
        for (case, own) in [(world.case(), vcek), (world.vlek_case(), vlek)] {
            for case in [
                with_json(&case, &json!(json)),
                with_table(&case, &table).unwrap(),
            ] {
                assert_eq!(case.evidence.certificate, own);
                assert!(case.verify().is_ok());
            }
        }
    }
    // With the other kind alone it is one that brought none: its own can be fetched.
    for (case, other) in [
        (world.case(), entry("VLEK", vlek)),
        (world.vlek_case(), entry("VCEK", vcek)),
    ] {
        let case = with_json(&case, &json!([other]));
        assert!(case.evidence.certificate.is_empty());
        let refused = case.verify().unwrap_err().reason;
        assert_eq!(refused, Reason::CertificateMissing);
    }
    // Under the name of the one the other is refused for what it is.
    let swapped = with_json(&world.case(), &json!([entry("VCEK", vlek)]));
    let refused = swapped.verify().unwrap_err().reason;
    assert_eq!(refused, Reason::SigningKey);
}

#[test]
fn of_several_of_a_kind_the_one_that_signed_counts() {
    let world = world(Generation::Genoa);
    let chip = |change: &dyn Fn(&mut ChipSpec)| -> Chip {
        let mut spec = ChipSpec::new(world.simulated, NOW);
        change(&mut spec);
        world.vendor.chip(&spec).unwrap()
    };
    let older = chip(&|spec| spec.tcb[4] -= 1);
    let another = chip(&|spec| spec.chip_id = [7; 64]);
    let others = [older.certificate(), another.certificate()];
    let own = world.vcek.certificate();
    for order in [
        [own, others[0], others[1]],
        [others[0], own, others[1]],
        [others[0], others[1], own],
    ] {
        let table = json!(order.map(|data| entry("VCEK", data)));
        let case = with_json(&world.case(), &table);
        assert_eq!(case.evidence.certificate, own);
        assert!(case.verify().is_ok());
    }
    // None that signed it: the first, which is refused.
    let table = json!(others.map(|data| entry("VCEK", data)));
    let case = with_json(&world.case(), &table);
    assert_eq!(case.evidence.certificate, others[0]);
    assert_eq!(case.verify().unwrap_err().reason, Reason::Signature);
}

#[test]
fn pem_and_der_alone_and_with_a_chain_are_the_same_certificate() {
    let world = world(Generation::Genoa);
    let own = world.vcek.certificate();
    let (ask, ark) = (world.vendor.ask(), world.vendor.ark());
    let unix = pem(&[own, ask, ark], "\n");
    let forms: [Vec<u8>; 9] = [
        own.to_vec(),
        [own, ask, ark].concat(),
        [ark, ask, own].concat(),
        pem(&[own], "\n").into(),
        pem(&[own], "\r\n").into(),
        unix.clone().into(),
        pem(&[ark, own, ask], "\r\n").into(),
        format!("Bag Attributes\n    friendlyName: VCEK\n{unix}").into(),
        // Rounded up to a page.
        [own, &[0; 100]].concat(),
    ];
    for (number, form) in forms.iter().enumerate() {
        for case in [
            with_json(&world.case(), &json!([entry("VCEK", form)])),
            with_table(&world.case(), &certificate_table(&[(VCEK_GUID, form)])).unwrap(),
        ] {
            assert_eq!(case.evidence.certificate, own, "{number}");
            assert!(case.verify().is_ok(), "{number}");
        }
    }
    // What is none, or no longer one, is refused by what it is.
    let mut changed = own.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let cut = unix.replacen("-----END", "----END", 3);
    for (wrong, reason) in [
        (changed.clone(), Reason::CertificateChain),
        (pem(&[&changed], "\n").into(), Reason::CertificateChain),
        (own[..900].to_vec(), Reason::CertificateUnreadable),
        (cut.into(), Reason::CertificateUnreadable),
        (vec![7], Reason::CertificateUnreadable),
        (pem(&[ask, ark], "\n").into(), Reason::CertificateKind),
        (Vec::new(), Reason::CertificateMissing),
    ] {
        let case = with_json(&world.case(), &json!([entry("VCEK", &wrong)]));
        assert_eq!(case.verify().unwrap_err().reason, reason);
    }
}

#[test]
fn a_binary_table_lies_within_its_bytes_and_ends() {
    let case = world(Generation::Genoa).case();
    let read = |table: &[u8]| with_table(&case, table).map(|case| case.evidence.certificate);
    let one = |data: &[u8]| certificate_table(&[(VCEK_GUID, data)]);
    assert_eq!(read(&one(&[1, 2])).unwrap(), [1, 2]);
    // No table, one without entries, and one as a guest's pages hold it.
    for empty in [&[][..], &[0; 24], &[0; 4096]] {
        assert!(read(empty).unwrap().is_empty());
    }
    assert_eq!(
        read(&[one(&[1, 2]), vec![0; 4096]].concat()).unwrap(),
        [1, 2]
    );
    for (at, byte) in [(16, 51), (20, 3), (19, 0xff), (23, 0xff), (16, 47)] {
        let mut table = one(&[1, 2]);
        table[at] = byte;
        let read = read(&table);
        // Not its place, but inside: other bytes.
        if (at, byte) == (16, 47) {
            assert_eq!(read.unwrap(), [0, 1]);
            continue;
        }
        assert_eq!(read, Err(TableError::Outside(0)), "{at}");
    }
    assert_eq!(read(&one(&[1, 2])[..49]), Err(TableError::Outside(0)));
    assert_eq!(read(&[0; 23]), Err(TableError::NoEnd));
    let unended: Vec<u8> = [&OTHER_GUID[..], &[0; 8]].concat().repeat(3);
    assert_eq!(read(&unended), Err(TableError::NoEnd));
    let other = (OTHER_GUID, &[][..]);
    let own = (VCEK_GUID, &[5][..]);
    let many = |count| [vec![other; count], vec![own]].concat();
    assert_eq!(read(&certificate_table(&many(30))).unwrap(), [5]);
    assert_eq!(read(&certificate_table(&many(31))), Err(TableError::NoEnd));
    assert!(read(&vec![0; 64 * 1024]).is_ok());
    assert_eq!(read(&vec![0; 64 * 1024 + 1]), Err(TableError::TooLong));
    assert_eq!(from_extended_report(&[2; 1183]), Err(TableError::NoReport));
    let bare = from_extended_report(&case.evidence.report).unwrap();
    assert_eq!(
        bare,
        Evidence {
            certificate: Vec::new(),
            ..case.evidence
        }
    );
}
