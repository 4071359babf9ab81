//! What a signed report says that this program gives no meaning. The signature is
//! over these bits too, so they are no forgery: firmware that is newer than this
//! program set them. They are refused, unless each is accepted by name.
//!
//! What has a meaning here is that of AMD 56860, revision 1.59, as far as it is
//! confirmed: what is not, has none.

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

use super::report::{SIGNED_LEN, TcbField};
use crate::ledger::Ledger;
use crate::{Generation, Reason, Rejection, Report, Tcb};

/// The newest report version whose fields are known here.
const NEWEST: u32 = 6;

/// Guest policy bit 17 has no meaning and must be one (table "Guest Policy").
const ALWAYS_ONE: u64 = 1 << 17;

/// Most places that a refusal lists: a verdict stays readable.
const MOST_LISTED: usize = 8;

/// A bit without a meaning that is accepted all the same, by name: `FIELD:BIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownBit {
    place: Place,
    bit: u32,
}

/// Why a text names no such bit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownBitError {
    /// Not of this form.
    #[error(
        "{0:?} is not FIELD:BIT, such as \"PLATFORM_INFO:9\"; the fields are POLICY, PLATFORM_INFO, KEY_INFO, \
         CURRENT_TCB, REPORTED_TCB, COMMITTED_TCB and LAUNCH_TCB, or the offset of a reserved byte, such as 0x208"
    )]
    Form(String),
    /// A bit that is known, or lies outside of the field.
    #[error(
        "{0:?} is no unknown bit: either it has a meaning, and reports are held to that, or its field has no such bit"
    )]
    NotUnknown(String),
}

/// Where bits without a meaning can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Word(Word),
    /// A reserved byte, by its offset.
    Byte(usize),
}

/// A field of bits, of which some have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Policy,
    PlatformInfo,
    KeyInfo,
    Tcb(TcbField),
}

impl Word {
    const ALL: [Self; 7] = [
        Self::Policy,
        Self::PlatformInfo,
        Self::KeyInfo,
        Self::Tcb(TcbField::Current),
        Self::Tcb(TcbField::Reported),
        Self::Tcb(TcbField::Committed),
        Self::Tcb(TcbField::Launch),
    ];

    /// As the format's table has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Policy => "POLICY",
            Self::PlatformInfo => "PLATFORM_INFO",
            Self::KeyInfo => "KEY_INFO",
            Self::Tcb(TcbField::Current) => "CURRENT_TCB",
            Self::Tcb(TcbField::Reported) => "REPORTED_TCB",
            Self::Tcb(TcbField::Committed) => "COMMITTED_TCB",
            Self::Tcb(TcbField::Launch) => "LAUNCH_TCB",
        }
    }

    /// Which of its bits have no meaning on chips of this generation.
    const fn without_meaning(self, generation: Generation) -> u64 {
        match self {
            // Bits 25:0 have one, but for the one that is always set.
            Self::Policy => u64::MAX << 26 | ALWAYS_ONE,
            // Bits 7:0 have one; bit 6 is IOMMU_WRITE_SAFE.
            Self::PlatformInfo => u64::MAX << 8,
            // Bits 4:0 of 32.
            Self::KeyInfo => 0xffff_ffe0,
            Self::Tcb(_) => Tcb::without_meaning(generation),
        }
    }

    /// Where it differs from a field without any unknown bit, in bits that count.
    fn unknown(self, report: &Report, generation: Generation) -> u64 {
        let seen = match self {
            Self::Policy => report.policy() ^ ALWAYS_ONE,
            Self::PlatformInfo => report.platform_info(),
            Self::KeyInfo => report.key_info().bits().into(),
            Self::Tcb(field) => u64::from_le_bytes(report.tcb_bytes(field)),
        };
        seen & self.without_meaning(generation)
    }
}

/// The reserved bytes of the signed part: the mitigation vectors came with version
/// 5, the extended TCBs with version 6.
const fn reserved(version: u32) -> [Range<usize>; 6] {
    let vectors_end = if version >= 5 { 0x208 } else { 0x1f8 };
    let extended = if version >= 6 {
        0x220..0x280
    } else {
        SIGNED_LEN..SIGNED_LEN
    };
    [
        0x04c..0x050,
        0x18b..0x1a0,
        0x1eb..0x1ec,
        0x1ef..0x1f0,
        vectors_end..extended.start,
        extended.end..SIGNED_LEN,
    ]
}

impl FromStr for UnknownBit {
    type Err = UnknownBitError;

    fn from_str(text: &str) -> Result<Self, UnknownBitError> {
        let form = || UnknownBitError::Form(text.to_owned());
        let (field, bit) = text.split_once(':').ok_or_else(form)?;
        if !bit.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(form());
        }
        let bit = bit.parse().map_err(|_| form())?;
        let word = Word::ALL.into_iter().find(|word| word.name() == field);
        let (place, mask) = match (word, field.strip_prefix("0x")) {
            (Some(word), _) => {
                let masks = Generation::ALL.map(|generation| word.without_meaning(generation));
                (
                    Place::Word(word),
                    masks.iter().fold(0, |all, one| all | one),
                )
            }
            (None, Some(digits)) => {
                let at = usize::from_str_radix(digits, 16).map_err(|_| form())?;
                // Version 3 is the oldest that is read at all.
                let mut of_any = (3..=NEWEST).flat_map(reserved);
                let known = !of_any.any(|range| range.contains(&at));
                (Place::Byte(at), if known { 0 } else { 0xff })
            }
            (None, None) => return Err(form()),
        };
        if 1_u64.checked_shl(bit).unwrap_or_default() & mask == 0 {
            return Err(UnknownBitError::NotUnknown(text.to_owned()));
        }
        Ok(Self { place, bit })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word.name()),
            Self::Byte(at) => write!(f, "0x{at:03x}"),
        }
    }
}

impl fmt::Display for UnknownBit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.bit)
    }
}

/// Every bit has a meaning here, or is accepted by name. The report's signature has
/// been verified before: of one that anybody could have written nothing is said.
pub(super) fn require(
    ledger: &mut Ledger,
    accepted: &[UnknownBit],
    report: &Report,
    generation: Generation,
) -> Result<(), Rejection> {
    let name = "newer firmware";
    let mut wanted = "nothing that this program does not know".to_owned();
    for (at, bit) in accepted.iter().enumerate() {
        let between = if at == 0 { " but" } else { "," };
        wanted = format!("{wanted}{between} {bit}");
    }
    if report.version() > NEWEST {
        // What its fields mean nobody knows here: no bit's name says it.
        let seen = format!("report version {}: update this program", report.version());
        return Err(ledger.refuse(Reason::NewerFirmware, name, wanted, seen));
    }
    let (mut refused, mut by_name) = (Vec::new(), Vec::new());
    for (place, bits) in unknown(report, generation) {
        let named = accepted.iter().filter(|bit| bit.place == place);
        let named = bits & named.fold(0, |all, bit| all | 1 << bit.bit);
        for (list, bits) in [(&mut refused, bits & !named), (&mut by_name, named)] {
            if bits != 0 {
                list.push(format!("{place} bits 0x{bits:x}"));
            }
        }
    }
    if !refused.is_empty() {
        let seen = format!("{}: update this program", listed(&refused));
        return Err(ledger.refuse(Reason::NewerFirmware, name, wanted, seen));
    }
    if by_name.is_empty() {
        ledger.pass(name, wanted, "nothing");
    } else {
        ledger.pass(name, wanted, format!("{}, by name", listed(&by_name)));
    }
    Ok(())
}

/// All bits of the signed part without a meaning that are set.
fn unknown(report: &Report, generation: Generation) -> impl Iterator<Item = (Place, u64)> {
    let word = move |word: Word| (Place::Word(word), word.unknown(report, generation));
    let signed = report.signed_bytes();
    let byte = move |at| {
        let seen: u8 = signed.get(at).copied().unwrap_or_default();
        (Place::Byte(at), seen.into())
    };
    let bytes = reserved(report.version()).into_iter().flatten().map(byte);
    let all = Word::ALL.into_iter().map(word).chain(bytes);
    all.filter(|(_, bits)| *bits != 0)
}

fn listed(places: &[String]) -> String {
    let (shown, more) = places.split_at(places.len().min(MOST_LISTED));
    let shown = shown.join(", ");
    if more.is_empty() {
        shown
    } else {
        format!("{shown} and {} more", more.len())
    }
}
