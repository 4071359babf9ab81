//! What the fuzzer kept, replayed: one test, because memory is counted per process.

use std::fs;
use std::path::Path;

use evidence_fuzz::TARGETS;

#[test]
fn nothing_kept_panics_or_takes_a_megabyte() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut files = 0;
        for file in fs::read_dir(&folder).unwrap() {
            target(&fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 0, "{} is empty", folder.display());
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
    let head = include_str!("../corpus/json/seed-Genoa-no-table");
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
