//! References to container images, always by digest.

use core::fmt;
use core::str::FromStr;

/// `host[:port]/repository@sha256:<64 hex>`: what a guest pulls and nothing
/// else. No tag: a tag can be moved after the customer looked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRef(String);

/// Why a text is not a reference by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    /// No digest.
    #[error("it names no digest: write host/repository@sha256:<64 hex digits>; a tag can be moved")]
    NoDigest,
    /// The digest of a template that nobody filled in.
    #[error("its digest is a placeholder: build it: make images")]
    Placeholder,
    /// Anything else.
    #[error("it is not host[:port]/repository@sha256:<64 lower-case hex digits>")]
    Form,
}

impl ImageRef {
    /// Longest reference: what containerd takes.
    const MAX_LEN: usize = 255;

    /// The reference as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256:<64 hex>`.
    pub fn digest(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, digest)| digest)
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    /// Accepts exactly
    /// `^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$`.
    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        let Some((name, digest)) = text.split_once("@sha256:") else {
            return Err(ImageRefError::NoDigest);
        };
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digest.len() != 64 || !digest.bytes().all(hex) || text.len() > Self::MAX_LEN {
            return Err(ImageRefError::Form);
        }
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut parts = name.split('/');
        let host = parts.next().unwrap_or_default();
        let (host, port) = host.split_once(':').unwrap_or((host, "0"));
        let host_fits = !host.is_empty() && host.bytes().all(|b| lower(b) || b".-".contains(&b));
        let port_fits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let mut repository = parts.peekable();
        let named = repository.peek().is_some();
        let repository_fits = repository
            .all(|part| !part.is_empty() && part.bytes().all(|b| lower(b) || b"._-".contains(&b)));
        if !(host_fits && port_fits && named && repository_fits) {
            return Err(ImageRefError::Form);
        }
        if digest.bytes().all(|byte| byte == b'0') {
            return Err(ImageRefError::Placeholder);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({})", self.0)
    }
}

impl serde::Serialize for ImageRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for ImageRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|error| {
            serde::de::Error::custom(format!("the image {text:?} cannot be used: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ImageRef, ImageRefError};

    #[test]
    fn only_a_reference_by_digest_is_accepted() {
        let digest = "ab".repeat(32);
        for name in [
            "localhost:5000/analyse",
            "registry.example/a/b-c/d_e.f",
            "r.example/x",
        ] {
            let text = format!("{name}@sha256:{digest}");
            assert_eq!(text.parse::<ImageRef>().unwrap().as_str(), text);
        }
        let tag: Result<ImageRef, _> = "localhost:5000/analyse:latest".parse();
        assert_eq!(tag, Err(ImageRefError::NoDigest));
        let zeros = format!("r.example/x@sha256:{}", "0".repeat(64));
        assert_eq!(zeros.parse::<ImageRef>(), Err(ImageRefError::Placeholder));
        for name in [
            "",
            "analyse",
            "Registry/x",
            "r.example/",
            "r.example//x",
            "r.example/x:1",
            "r:/x",
            "r.example/x y",
            "r.example/x\n",
            "r.example/'''",
        ] {
            let text = format!("{name}@sha256:{digest}");
            assert_eq!(text.parse::<ImageRef>(), Err(ImageRefError::Form), "{text}");
        }
        for digest in [
            "AB".repeat(32),
            "ab".repeat(31),
            "ab".repeat(33),
            String::new(),
        ] {
            let text = format!("r.example/x@sha256:{digest}");
            assert_eq!(text.parse::<ImageRef>(), Err(ImageRefError::Form), "{text}");
        }
    }
}
