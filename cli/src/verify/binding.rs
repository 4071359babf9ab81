//! What evidence alone is bound to: the value that the customer gives, or the
//! word `any`, and then every form of the verdict says so.

use job::{Check, Digest};

use crate::exit::Problem;
use crate::news::News;
use crate::verdict::{Finding, Verdict};

/// What a field is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<const N: usize> {
    Exactly([u8; N]),
    /// By choice: the word was typed.
    Any,
}

impl<const N: usize> Wanted<N> {
    pub(super) fn or_seen(self, seen: [u8; N]) -> [u8; N] {
        match self {
            Self::Exactly(value) => value,
            Self::Any => seen,
        }
    }

    pub(super) fn is_compared(self) -> bool {
        self != Self::Any
    }

    /// A check that compared a value with itself says that it compared nothing.
    pub(super) fn name_choice(self, verdict: &mut Verdict, name: &str) {
        if self.is_compared() {
            return;
        }
        let mut checks = verdict.checks.iter_mut();
        if let Some(check) = checks.find(|check| check.name == name) {
            check.expected = "any, by choice".into();
        }
    }
}

impl Wanted<32> {
    pub(super) fn host_data(typed: Option<&str>) -> Result<Self, Problem> {
        let next =
            "write --host-data HEX (64 digits: SHA-256 of the init data), or --host-data any";
        match typed {
            Some("any") => Some(Self::Any),
            Some(text) => digits(text).map(Self::Exactly),
            None => None,
        }
        .ok_or_else(|| Problem::usage(unread("HOST_DATA", "--host-data", typed), next))
    }
}

impl Wanted<64> {
    /// The guest puts the 64 characters of a digest there (docs/protocol.md, 5):
    /// as many digits are these characters, twice as many are bytes. `field` is its
    /// name in the evidence.
    pub(super) fn report_data(typed: Option<&str>, field: &str) -> Result<Self, Problem> {
        let next = "write --report-data HEX (64 digits: the digest, or 128: the bytes), or \
                    --report-data any";
        let characters = |text: &str| {
            let digest = digits::<32>(text)?;
            hex::encode(digest).into_bytes().try_into().ok()
        };
        match typed {
            Some("any") => Some(Self::Any),
            Some(text) => characters(text).or_else(|| digits(text)).map(Self::Exactly),
            None => None,
        }
        .ok_or_else(|| Problem::usage(unread(field, "--report-data", typed), next))
    }
}

/// Hex digits of either case, with `0x` before them or without.
/// What is wrong with what was typed for a field, or that nothing was.
fn unread(field: &str, option: &str, typed: Option<&str>) -> String {
    let Some(text) = typed else {
        return format!("what {field} has to be is not said");
    };
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let odd = digits
        .chars()
        .filter(|digit| !digit.is_ascii_hexdigit())
        .count();
    let count = digits.chars().count();
    match odd {
        0 => format!("{option} has {count} hex digits, which is another number than it must have"),
        odd => format!("{option} has {count} characters, and {odd} of them are no hex digits"),
    }
}

pub(super) fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).ok()?.try_into().ok()
}

/// Holds data that came with the evidence against its digest there: the first half
/// of `field`, as Azure's paravisor fills it. A refusal stays what it is.
pub(super) fn bind_runtime_data(
    verdict: &mut Verdict,
    field: &str,
    seen: &[u8; 64],
    digest: Option<Digest>,
) {
    let (Some(digest), Finding::Accepted) = (digest, &verdict.finding) else {
        return;
    };
    let (half, _) = seen.split_at(32);
    let wanted = format!("{digest}, its SHA-256, in the first half of {field}");
    let check = Check::new("runtime data", wanted, hex::encode(half));
    verdict.checks.push(check);
    if half != digest.as_bytes() {
        verdict.finding = Finding::refused(
            "the runtime data that came with the evidence are not this machine's",
            "do not use this machine until somebody explains it",
        );
    }
}

/// Names the fields that were not compared, if there are any.
pub(super) fn unbound(fields: [(&'static str, bool); 2]) -> Option<News> {
    let loose = fields.into_iter().filter(|(_, compared)| !compared);
    let fields: Vec<&'static str> = loose.map(|(field, _)| field).collect();
    (!fields.is_empty()).then_some(News::Unbound { fields })
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn what_a_report_is_bound_to_is_said_and_never_assumed() {
        let report_data = |typed| Wanted::report_data(typed, "REPORT_DATA");
        for wrong in [None, Some(""), Some("all"), Some("ab"), Some("zz")] {
            assert_eq!(Wanted::host_data(wrong).unwrap_err().exit.code(), 2);
            assert_eq!(report_data(wrong).unwrap_err().exit.code(), 2);
        }
        assert_eq!(Wanted::host_data(Some("any")).unwrap(), Wanted::Any);
        let text = "ab".repeat(32);
        let host_data = Wanted::host_data(Some(&text)).unwrap();
        assert_eq!(host_data, Wanted::Exactly([0xab; 32]));
        for same in [text.to_uppercase(), format!("0x{text}")] {
            assert_eq!(Wanted::host_data(Some(&same)).unwrap(), host_data);
        }
        for wrong in [&text[1..], &format!("0x0x{text}"), &format!("{text}00")] {
            assert_eq!(Wanted::host_data(Some(wrong)).unwrap_err().exit.code(), 2);
        }
        let characters: [u8; 64] = text.clone().into_bytes().try_into().unwrap();
        assert_eq!(
            report_data(Some(&text)).unwrap(),
            Wanted::Exactly(characters)
        );
        let bytes = report_data(Some(&text.repeat(2))).unwrap();
        assert_eq!(bytes, Wanted::Exactly([0xab; 64]));
    }
}
