//! Masks personal data in a text. This file only joins the steps: read the text, mask it, add the summary
//! when asked.

mod card;
mod email;
mod groups;
mod iban;
mod mask;
mod phone;

use std::process::ExitCode;

use crate::mask::Masked;

/// The most bytes of a text: what `service.yaml` accepts. Masks can be longer than what they stand for
/// (`a@b.cd`), so a result has up to a third more: the 16 MiB it accepts as output.
const MAX_BYTES: u64 = 12 * 1024 * 1024;

const HELP: &str = "\
redact: masks personal data in a text. UTF-8 text in, the same text with masks out.

  redact [--params DIR] [FILE]

FILE  the text; without it /cdvm/job/input/0
DIR   a folder with one file per param; without it /cdvm/job/params

Params:
  summary   yes: a table at the end says how much was masked; no is the default

What is masked, and as what:
  [e-mail]  name@domain, when the domain has a dot and its last part begins with two letters
  [IBAN]    right length for its country and right checksum; spaces and hyphens between
  [card]    13 to 19 digits, the first 2 to 6, right checksum; groups of four or more, the
            last may be shorter; spaces and hyphens between
  [phone]   +49 30 1234567 and 0049 30 1234567; 030 1234567, 030/1234567, (030) 1234567,
            06 1234 5678, 01 42 68 53 00; (555) 010-0199, 555-234-0199; (11) 2345-6789; any
            number of 6 to 15 digits behind a word like Tel., phone, mobile or Fax

What is not: numbers with a wrong checksum, dates, versions, amounts, ISBNs, numbers that a word
like order number or ISBN announces; names and postal addresses. This finds forms, it does not
understand text: read the result before you pass it on.

Bound: 12 MiB.
Exit code 2: the text, a param or an argument is wrong; standard error says what to do.

Try it:  redact examples/redact/data/letter.txt
";

/// What is wrong with the text.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: not UTF-8 text; save it with the encoding UTF-8")]
struct NotUtf8 {
    line: usize,
}

fn main() -> ExitCode {
    workload::run("redact", HELP, |call, progress| {
        let summary = summary(call.params(&["summary"])?.get("summary"))?;
        let text = text(call.input(MAX_BYTES)?)?;
        let masked = Masked::of(text, |done, of| progress.report(done, of, "passes"));
        Ok(if summary {
            masked.with_summary()
        } else {
            masked.text
        })
    })
}

fn summary(param: Option<&str>) -> Result<bool, workload::Error> {
    match param {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(other) => Err(workload::Error::Value {
            name: "summary",
            value: other.to_owned(),
            wanted: "yes or no",
        }),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        NotUtf8 {
            line: 1 + valid.filter(|&&byte| byte == b'\n').count(),
        }
    })
}
