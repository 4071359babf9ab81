//! Canonical JSON (RFC 8785), for the values this protocol has: integers from
//! 0 to 2^53 − 1, valid Unicode without normalisation, no duplicate keys.
//!
//! Writing is the only definition. Reading is "parse, write again, compare":
//! what is not canonical does not come back as the same bytes.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Largest integer every JSON reader agrees on: 2^53 − 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a value has no canonical form, or bytes are not one.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON of this form: unknown, missing or repeated fields included.
    #[error("not JSON of this form")]
    Form(#[source] serde_json::Error),
    /// A number that is negative, has a fraction, or is above 2^53 − 1.
    #[error("the number {0} is not an integer from 0 to 2^53 - 1")]
    Number(serde_json::Number),
    /// The same value, written differently.
    #[error("not canonical: the same value is written differently (RFC 8785)")]
    NotCanonical,
}

/// The canonical bytes of `value`.
///
/// # Errors
/// When it holds a number outside 0…2^53 − 1, or cannot be JSON at all.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(CanonicalError::Form)?;
    let mut out = Vec::new();
    write(&value, &mut out)?;
    Ok(out)
}

/// Reads canonical bytes.
///
/// # Errors
/// When `bytes` are not JSON of this form or not the canonical writing of it.
pub fn from_slice<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: T = serde_json::from_slice(bytes).map_err(CanonicalError::Form)?;
    if to_vec(&value)? != bytes {
        return Err(CanonicalError::NotCanonical);
    }
    Ok(value)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => match number.as_u64() {
            Some(integer) if integer <= MAX_INTEGER => {
                out.extend_from_slice(integer.to_string().as_bytes());
            }
            _ => return Err(CanonicalError::Number(number.clone())),
        },
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // Sorted by UTF-16 code units (RFC 8785, 3.2.3), whatever order the
            // map has: another crate may switch serde_json to insertion order.
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, (name, field)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(name, out)?;
                out.push(b':');
                write(field, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// serde_json escapes exactly as RFC 8785, 3.2.2.2 asks: \b \t \n \f \r \" \\
/// by name, other controls as \u00xx in lower case, nothing else.
fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(CanonicalError::Form)
}

#[cfg(test)]
mod tests {
    use super::{CanonicalError, from_slice, to_vec};
    use serde_json::{Value, json};

    fn text(value: &Value) -> String {
        String::from_utf8(to_vec(value).unwrap()).unwrap()
    }

    #[test]
    fn names_are_sorted_by_utf16_code_units() {
        // The example of RFC 8785, 3.2.3.
        let value = json!({
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7
        });
        let order: Vec<u64> = [
            "\\r",
            "1",
            "\u{80}",
            "\u{f6}",
            "\u{20ac}",
            "\u{1f600}",
            "\u{fb33}",
        ]
        .iter()
        .map(|name| {
            let at = text(&value).find(&format!("\"{name}\":")).unwrap();
            at as u64
        })
        .collect();
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn strings_are_escaped_as_the_rfc_says_and_not_normalised() {
        let value = json!("\u{8}\t\n\u{c}\r\"\\\u{1f}\u{7f}/e\u{301}\u{1f600}");
        assert_eq!(
            text(&value),
            "\"\\b\\t\\n\\f\\r\\\"\\\\\\u001f\u{7f}/e\u{301}\u{1f600}\""
        );
    }

    #[test]
    fn only_small_whole_numbers_have_a_form() {
        assert_eq!(text(&json!(9_007_199_254_740_991_u64)), "9007199254740991");
        for wrong in [
            json!(9_007_199_254_740_992_u64),
            json!(-1),
            json!(1.5),
            json!(1.0),
        ] {
            assert!(matches!(to_vec(&wrong), Err(CanonicalError::Number(_))));
        }
    }

    #[test]
    fn what_is_written_differently_is_refused() {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            a: u64,
            b: String,
        }
        assert!(from_slice::<Pair>(br#"{"a":1,"b":"x"}"#).is_ok());
        for wrong in [
            r#"{"b":"x","a":1}"#,
            r#"{"a":1, "b":"x"}"#,
            r#"{"a":1,"b":"\u0078"}"#,
            r#"{"a":01,"b":"x"}"#,
            r#"{"a":1,"a":1,"b":"x"}"#,
            r#"{"a":1,"b":"x","c":1}"#,
            r#"{"a":1}"#,
            "{\"a\":1,\"b\":\"x\"}\n",
        ] {
            assert!(from_slice::<Pair>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
