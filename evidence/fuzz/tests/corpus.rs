//! What the fuzzer kept, replayed: one test, because memory is counted per process.

use std::fs;

use evidence_fuzz::TARGETS;

#[test]
fn nothing_kept_panics_or_takes_a_megabyte() {
    for (name, target) in TARGETS {
        let kept = kept(name);
        for (_, input) in inputs(&kept) {
            target(input);
        }
        assert!(inputs(&kept).next().is_some(), "{name}: nothing is kept");
    }
    // The longest inputs that are read at all, of the shapes that cost most.
    let many = |head: &str, each: &str, tail: &str| {
        let count = (80 * 1024 - head.len() - tail.len()) / each.len();
        format!("{head}{}{tail}", each.repeat(count))
    };
    let entry = "{\"cert_type\":\"\",\"data\":[]},";
    evidence_fuzz::json(many("{\"cert_chain\":[{\"cert_type\":{", "\"\":0,", "").as_bytes());
    evidence_fuzz::json(many("{\"cert_chain\":[", entry, "").as_bytes());
    evidence_fuzz::json(many("{\"cert_chain\":[{\"data\":[", "1,", "").as_bytes());
    evidence_fuzz::json("[".repeat(80 * 1024).as_bytes());
    // And one that is accepted: a table as long as the report leaves room for.
    let kept = kept("json");
    let mut kept = inputs(&kept);
    let (_, head) = kept
        .find(|(name, _)| name == "seed-Genoa-no-table")
        .unwrap();
    let head = std::str::from_utf8(head).unwrap();
    let head = head.replace("\"cert_chain\":null}", "\"cert_chain\":[");
    assert!(head.ends_with('['));
    let table = many(&head, entry, "{\"cert_type\":\"VCEK\",\"data\":[7]}]}");
    let chosen = evidence::from_guest_components(table.as_bytes()).unwrap();
    assert_eq!(chosen.certificate, [7]);
    evidence_fuzz::json(table.as_bytes());

    let now = 1_795_000_000;
    let vendor = simvendor::Vendor::generate(simvendor::Generation::Milan, now).unwrap();
    let serials: Vec<u64> = (1..2_900).collect();
    let list = vendor.revocation_list(now, &serials).unwrap();
    assert!(
        list.len() > 60 * 1024 && list.len() <= 64 * 1024,
        "{}",
        list.len()
    );
    evidence::RevocationList::parse(&list).unwrap();
    evidence_fuzz::revocation(&list);
}

fn kept(target: &str) -> Vec<u8> {
    let archive = format!("{}/corpus/{target}.tar", env!("CARGO_MANIFEST_DIR"));
    fs::read(&archive).unwrap_or_else(|error| panic!("{archive}: {error}"))
}

/// The files of an archive as `corpus.sh` makes it (POSIX ustar): a block of 512 bytes
/// with the name at 0 and the length in octal at 124, then the file in whole blocks.
/// Two blocks of zeros end it.
fn inputs(archive: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    const BLOCK: usize = 512;
    let text = |field: &[u8]| {
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(text.to_vec()).expect("names are ASCII")
    };
    let mut rest = archive;
    std::iter::from_fn(move || {
        let (head, body) = rest.split_at_checked(BLOCK)?;
        let name = text(head.get(..100)?);
        if name.is_empty() {
            return None;
        }
        assert_eq!(head.get(156), Some(&b'0'), "{name} is no file");
        let len = usize::from_str_radix(text(head.get(124..136)?).trim(), 8);
        let len = len.expect("a length in octal");
        let (file, _) = body.split_at_checked(len).expect("all of the file");
        rest = body.get(len.next_multiple_of(BLOCK)..).unwrap_or_default();
        Some((name, file))
    })
}
