//! Names of secrets: `repository/type/tag`, as every KBS has them.

use core::fmt;
use core::str::FromStr;

/// The repository of secrets of one job: `cdvm/<HOST_DATA>/<name>`. No owner has it.
pub const JOBS: &str = "cdvm";

/// Longest name. Terms allow 4096 bytes; nobody needs them, and each is kept.
const MAX_LEN: usize = 512;

/// Where a secret is: three segments, each `[A-Za-z0-9_-][A-Za-z0-9_.-]*` (Trustee,
/// `kbs/src/plugins/implementations/resource/backend.rs`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(String);

/// A text that is no name of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of a secret: three parts of letters, digits, `_`, `-` and, not first, `.`, \
     such as acme/models/score-1, {MAX_LEN} bytes at most"
)]
pub struct ResourceError(String);

impl Resource {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment: whose it is.
    pub fn repository(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether it is a secret of one job, put there by the operator.
    pub fn is_of_a_job(&self) -> bool {
        self.repository() == JOBS
    }
}

impl FromStr for Resource {
    type Err = ResourceError;

    fn from_str(text: &str) -> Result<Self, ResourceError> {
        let text = text.strip_prefix("kbs:///").unwrap_or(text);
        let fits = text.len() <= MAX_LEN
            && text.split('/').count() == 3
            && text.split('/').all(is_segment);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            let shown = text.chars().take(80).collect();
            Err(ResourceError(shown))
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Resource {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Resource {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.bytes().next().is_some_and(plain) && text.bytes().all(|byte| plain(byte) || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn a_name_has_three_parts() {
        for right in [
            "a/b/c",
            "1.ok/2ok./3...",
            "123--_default/1Abff-_/___-afds44BC",
        ] {
            assert_eq!(right.parse::<Resource>().unwrap().as_str(), right);
            let long: Resource = format!("kbs:///{right}").parse().unwrap();
            assert_eq!(long.as_str(), right);
        }
        for wrong in [
            "",
            "a",
            "a/b",
            "a/b/",
            "/a/b",
            "a//c",
            "a/b/c/d",
            ".a/b/c",
            "a/../c",
            "a/b/c?x=1",
            "a/b/ü",
            "a/b/c ",
            "a/b%2fc/d",
            &format!("a/b/{}", "c".repeat(600)),
        ] {
            assert!(wrong.parse::<Resource>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_repository_of_jobs_is_nobody_elses() {
        let ours: Resource = format!("cdvm/{}/key", "ab".repeat(32)).parse().unwrap();
        let owners: Resource = "cdvm2/a/b".parse().unwrap();
        assert!(ours.is_of_a_job() && !owners.is_of_a_job());
    }
}
