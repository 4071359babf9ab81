//! Data in a message: in the message itself, or a blob that it names.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::Digest;
use zeroize::Zeroizing;

use crate::blob::BlobRef;
use crate::tags::{MessageError, tag};

/// Data of a customer or a workload. No `Debug`: it is what must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// In the message.
    Inline(Zeroizing<Vec<u8>>),
    /// On a blob server.
    Blob(BlobRef),
}

impl Payload {
    /// Data that stand in the message.
    pub fn inline(data: impl Into<Vec<u8>>) -> Self {
        Self::Inline(Zeroizing::new(data.into()))
    }

    /// SHA-256 of the data, wherever they are.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Inline(data) => Digest::of(data),
            Self::Blob(blob) => blob.digest,
        }
    }

    /// Bytes of data.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(data) => data.len() as u64,
            Self::Blob(blob) => blob.length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As a tag: `[name, text, "text"]`, `[name, base64, "base64"]` or
    /// `[name, url, "blob", …]`.
    pub(crate) fn to_tag(&self, name: &str) -> Vec<String> {
        match self {
            Self::Inline(data) => match core::str::from_utf8(data) {
                Ok(text) => tag([name, text, "text"]),
                Err(_) => tag([name, &BASE64.encode(data), "base64"]),
            },
            Self::Blob(blob) => {
                let url = blob.urls.first().map_or("", String::as_str);
                let mut tag = tag([name, url, "blob"]);
                tag.extend(blob.to_values());
                tag
            }
        }
    }

    /// Reads the values of such a tag.
    pub(crate) fn from_values(values: &[String]) -> Result<Self, MessageError> {
        match values {
            [text, form] if form == "text" => Ok(Self::inline(text.clone())),
            [text, form] if form == "base64" => BASE64
                .decode(text)
                .map(Self::inline)
                .map_err(|_| MessageError::Tag("base64")),
            [url, form, rest @ ..] if form == "blob" => {
                BlobRef::from_values(url, rest).map(Self::Blob)
            }
            _ => Err(MessageError::Tag("i")),
        }
    }
}
