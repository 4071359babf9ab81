//! The mitigations that a trust file demands: bits of the vectors that a report has
//! since version 5, by the names of AMD's security bulletins where it is known which
//! bit is whose, otherwise by number.

use evidence::{Generation, Mitigations, PerGeneration};

/// Names of bits: the bulletin, its bit (AMD 56860, LAUNCH_MIT_VECTOR and
/// CURRENT_MIT_VECTOR, "as the bulletin says"), and the generations for which that is
/// known. A bulletin that is not here, or not for a generation, is demanded by number.
const NAMED: [(&str, u32, &[Generation]); 4] = [
    ("AMD-SB-3020", 1, &[Generation::Milan]),
    // The host's part of it is no part of any TCB: it shows here and nowhere else.
    ("AMD-SB-3016", 2, &Generation::ALL),
    ("AMD-SB-3030", 4, &[Generation::Milan]),
    ("AMD-SB-3034", 4, &[Generation::Milan]),
];

/// What each generation must have, of entries such as `AMD-SB-3016`, `bit 3` and
/// `Turin: bit 5`. No entry demands nothing.
///
/// # Errors
/// The entry that names no bit, and why.
pub(super) fn demanded(
    entries: &[String],
) -> Result<PerGeneration<Mitigations>, (String, &'static str)> {
    let mut all = PerGeneration::all(Mitigations::Any);
    for entry in entries {
        let wrong = |why| (entry.clone(), why);
        let (of, name) = of_whom(entry).map_err(wrong)?;
        for generation in of {
            let bit = bit(name, *generation).map_err(wrong)?;
            let before = match all.of(*generation) {
                Mitigations::Required(bits) => *bits,
                Mitigations::Any => 0,
            };
            *all.of_mut(*generation) = Mitigations::Required(before | 1 << bit);
        }
    }
    Ok(all)
}

/// The generations that an entry is about, and what it demands of them.
fn of_whom(entry: &str) -> Result<(&'static [Generation], &str), &'static str> {
    let Some((of, name)) = entry.split_once(':') else {
        return Ok((&Generation::ALL, entry));
    };
    let mut each = Generation::ALL.chunks(1);
    let named = |one: &&[Generation]| {
        let mut one = one.iter();
        one.any(|generation| generation.name().eq_ignore_ascii_case(of))
    };
    let of = each.find(named);
    let of = of.ok_or("before the colon stands Milan, Genoa or Turin")?;
    Ok((of, name.trim_start()))
}

/// The bit of a name, 0 to 63.
fn bit(name: &str, generation: Generation) -> Result<u32, &'static str> {
    if let Some(digits) = name.strip_prefix("bit ") {
        let bit = digits.bytes().all(|digit| digit.is_ascii_digit());
        let bit = bit.then(|| digits.parse().ok()).flatten();
        let bit = bit.filter(|bit| *bit < u64::BITS);
        return bit.ok_or("bits are \"bit 0\" to \"bit 63\"");
    }
    let known = NAMED.iter().find(|(known, ..)| *known == name);
    let (_, bit, of) = known.ok_or(
        "its bit is not known here: take the number from the bulletin and write \"bit N\"",
    )?;
    if of.contains(&generation) {
        Ok(*bit)
    } else {
        Err(
            "its bit is known for Milan only: write \"Milan: …\", and \"Genoa: bit N\" and \
             \"Turin: bit N\" with the numbers of the bulletin",
        )
    }
}

#[cfg(test)]
mod tests {
    use evidence::{Generation, MitigationVectors, Mitigations};

    use super::demanded;

    fn of(entries: &[&str]) -> Result<[Mitigations; 3], String> {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let all = demanded(&entries).map_err(|(entry, _)| entry)?;
        Ok(Generation::ALL.map(|generation| *all.of(generation)))
    }

    #[test]
    fn entries_are_of_all_generations_or_of_one_and_add_up() {
        let (any, all) = (Mitigations::Any, Mitigations::Required);
        assert_eq!(of(&[]), Ok([any; 3]));
        assert_eq!(of(&["AMD-SB-3016"]), Ok([all(1 << 2); 3]));
        assert_eq!(of(&["bit 0", "bit 63"]), Ok([all(1 << 63 | 1); 3]));
        assert_eq!(of(&["Turin: bit 5"]), Ok([any, any, all(1 << 5)]));
        let several = ["genoa:bit 3", "Milan: AMD-SB-3016", "bit 0"];
        assert_eq!(of(&several), Ok([all(0b101), all(0b1001), all(1)]));
        let of_milan = ["AMD-SB-3020", "AMD-SB-3030", "AMD-SB-3034"];
        let of_milan = of_milan.map(|name| of(&[&format!("Milan: {name}")]));
        assert_eq!(of_milan, [2, 16, 16].map(|bits| Ok([all(bits), any, any])));
    }

    #[test]
    fn an_entry_that_names_no_bit_is_refused() {
        for wrong in [
            "",
            "bit",
            "bit ",
            "bit x",
            "bit +1",
            "bit -1",
            "bit 64",
            "bit 4294967296",
            "3",
            "AMD-SB-3015",
            "amd-sb-3016",
            "AMD-SB-3020",
            "Genoa: AMD-SB-3034",
            "Rome: bit 1",
            ": bit 1",
            "Turin:",
            "Turin: Milan: bit 1",
        ] {
            assert_eq!(of(&["bit 1", wrong]), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn of_vectors_that_machines_have_sb_3016_shows_in_one() {
        let Ok([Mitigations::Required(bits), ..]) = of(&["AMD-SB-3016"]) else {
            panic!("nothing is demanded");
        };
        for (vector, has) in [(0x1, false), (0xb, false), (0x3f, true)] {
            let vectors = |launch, current| MitigationVectors { launch, current };
            assert_eq!(vectors(vector, vector).have_all(bits), has, "{vector:x}");
            // A guest that was started before the host had it is not helped.
            assert!(!vectors(0x1, vector).have_all(bits));
        }
    }
}
