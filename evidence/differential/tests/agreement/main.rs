//! Thousands of generated and broken inputs: what ours accepts, the `sev` crate
//! accepts; what it accepts and ours refuses, stands in a list with the reason.

#[cfg(test)]
mod dice;
#[cfg(test)]
mod json;
#[cfg(test)]
mod stricter;
#[cfg(test)]
mod world;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use differential::{Input, Refusal, ours, theirs};
use evidence::{Generation, Reason, Timestamp, Verified};

use dice::Dice;
use stricter::STRICTER;
use world::{NOW, World};

/// Inputs per run: what is changed in them is the same in every run, keys are new.
const INPUTS: u64 = 3_000;

/// One per generation, for all tests: RSA keys take a second each.
static WORLDS: LazyLock<[World; 3]> = LazyLock::new(|| Generation::ALL.map(World::new));

#[test]
fn what_ours_accepts_sev_accepts_and_where_ours_is_stricter_the_list_says_why() {
    let (mut both_accept, mut both_refuse, mut extended) = (0, 0, 0);
    let mut stricter: BTreeMap<usize, u64> = BTreeMap::new();
    let mut unlisted = Vec::new();
    for seed in 0..INPUTS {
        let mut dice = Dice(seed);
        let world = &WORLDS[dice.below(3)];
        let (name, changed, input) = world.input(&mut dice);
        match (ours(&input, Timestamp::from_secs(NOW)), theirs(&input)) {
            (Ok(_), Ok(())) => both_accept += 1,
            (Err(_), Err(_)) => both_refuse += 1,
            // It knows version 6 as 5: extended TCBs are bytes that must be zero to it.
            (Ok(verified), Err(_)) if has_extended_tcbs(&verified) => extended += 1,
            (Ok(_), Err(error)) => panic!("{seed} {name}: only ours accepts; sev: {error}"),
            (Err(refusal), Ok(())) => {
                if refusal == Refusal::Evidence(Reason::Signature) {
                    assert!(world.is_lost(changed), "{seed} {name} {changed:?}");
                }
                match STRICTER.iter().position(|(known, _)| *known == refusal) {
                    Some(at) => *stricter.entry(at).or_default() += 1,
                    None => unlisted.push(format!("{seed} {name}: {refusal:?}")),
                }
            }
        }
    }
    assert!(unlisted.is_empty(), "not in the list: {unlisted:#?}");
    println!("{INPUTS} inputs: both accept {both_accept}, both refuse {both_refuse}");
    for (at, (refusal, why)) in STRICTER.iter().enumerate() {
        let seen = stricter.get(&at).copied().unwrap_or_default();
        println!("{seen:5} only ours refuses, {refusal:?}: {why}");
        assert!(seen > 0, "{refusal:?} was never the difference");
    }
    println!("{extended:5} only ours accepts: extended TCBs");
    assert!(extended > 0, "no version 6 with extended TCBs");
    assert!(both_accept > INPUTS / 10, "{both_accept}");
    assert!(both_refuse > INPUTS / 10, "{both_refuse}");
}

fn has_extended_tcbs(verified: &Verified) -> bool {
    let extended = verified.claims().extended_tcbs;
    extended.is_some_and(|tcbs| [tcbs.current, tcbs.launch, tcbs.committed] != [[0; 32]; 3])
}

#[test]
fn both_take_the_vendors_own_chains() {
    // The real report is of version 2: ours refuses it by name, and checks its
    // chain and signature in a test of its own.
    let report = include_str!("../../../tests/vectors/milan-v2-report.hex");
    let root = evidence::built_in_roots().remove(0);
    let input = Input {
        generation: Generation::Milan,
        ark: root.ark().der().to_vec(),
        ask: root.ask().der().to_vec(),
        certificate: include_bytes!("../../../tests/vectors/milan-vcek.der").to_vec(),
        report: (0..report.trim().len() / 2)
            .map(|at| u8::from_str_radix(&report[2 * at..2 * at + 2], 16).unwrap())
            .collect(),
    };
    assert_eq!(theirs(&input), Ok(()));
    let refused = ours(&input, Timestamp::from_secs(NOW)).unwrap_err();
    assert_eq!(refused, Refusal::Evidence(Reason::ReportVersion));
}
