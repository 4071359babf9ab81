//! Collateral in one file, to carry to a machine without a network: JSON, with a
//! version and bounds. Nothing in a bundle is believed: it is verified when
//! it is taken, and again when it is used.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{Generation, Tcb};
use job::Trust;
use serde::{Deserialize, Serialize};

use crate::fetch::Fetcher;
use crate::files;
#[cfg(feature = "tdx")]
use crate::intel::Intels;
use crate::item::{Item, Signer, Unfit};
use crate::told::{From, Listen};

/// Longest bundle: six lists of the longest sort in base64 have 8.4 MB.
const MAX_BUNDLE: u64 = 10 * 1024 * 1024;

/// Most items: some hundred machines.
const MAX_ITEMS: usize = 1024;

const FORMAT: &str = "cdvm collateral";

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
enum BundleError {
    /// Not JSON of this form.
    #[error("not a bundle of collateral")]
    Form(#[source] serde_json::Error),
    /// Another format or version.
    #[error("not a bundle of this version, but {0:?} version {1}")]
    Version(String, u64),
    /// Too many.
    #[error("a bundle of {0} items, and {MAX_ITEMS} are the most")]
    TooMany(usize),
    /// Not base64, or not hex.
    #[error("item {0} cannot be decoded")]
    Item(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    version: u64,
    items: Vec<ItemForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum ItemForm {
    Key {
        generation: Generation,
        chip: String,
        tcb: Tcb,
        data: String,
    },
    Chain {
        generation: Generation,
        signer: SignerForm,
        data: String,
    },
    List {
        generation: Generation,
        signer: SignerForm,
        data: String,
    },
    #[cfg(feature = "tdx")]
    Intel { part: String, data: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SignerForm {
    Vcek,
    Vlek,
}

impl core::convert::From<Signer> for SignerForm {
    fn from(signer: Signer) -> Self {
        match signer {
            Signer::Vcek => Self::Vcek,
            Signer::Vlek => Self::Vlek,
        }
    }
}

impl core::convert::From<SignerForm> for Signer {
    fn from(form: SignerForm) -> Self {
        match form {
            SignerForm::Vcek => Self::Vcek,
            SignerForm::Vlek => Self::Vlek,
        }
    }
}

/// The file for these items.
fn write(items: &[(Item, Vec<u8>)]) -> Vec<u8> {
    let form = |(item, bytes): &(Item, Vec<u8>)| {
        let data = BASE64.encode(bytes);
        match item.clone() {
            Item::Key {
                generation,
                chip,
                tcb,
            } => ItemForm::Key {
                generation,
                chip: hex::encode(chip),
                tcb,
                data,
            },
            Item::Chain(generation, signer) => ItemForm::Chain {
                generation,
                signer: signer.into(),
                data,
            },
            Item::List(generation, signer) => ItemForm::List {
                generation,
                signer: signer.into(),
                data,
            },
            #[cfg(feature = "tdx")]
            Item::Intel(part) => ItemForm::Intel {
                part: part.name(),
                data,
            },
        }
    };
    let form = Form {
        format: FORMAT.to_owned(),
        version: 1,
        items: items.iter().map(form).collect(),
    };
    // Strings and numbers always are JSON.
    serde_json::to_vec_pretty(&form).unwrap_or_default()
}

/// Writes items to a file; how long it is.
///
/// # Errors
/// When it cannot be written.
pub fn export(items: &[(Item, Vec<u8>)], path: &Path) -> anyhow::Result<u64> {
    let json = write(items);
    files::replace(path, &json)?;
    Ok(json.len() as u64)
}

/// Why nothing of a file was taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no bundle, or cannot be read.
    #[error("{0:#}")]
    Unreadable(anyhow::Error),
    /// An item does not verify.
    #[error("{0}: {1}")]
    Unfit(Item, Unfit),
    /// It cannot be kept.
    #[error("{0:#}")]
    NotKept(anyhow::Error),
}

/// Takes a file, if all of it verifies; how many items it had.
///
/// # Errors
/// When nothing of it was taken, or it could not all be kept.
pub fn import<L: Listen>(
    fetcher: Fetcher<'_, L>,
    trust: &Trust,
    path: &Path,
) -> Result<usize, ImportError> {
    let bytes = || anyhow::Ok(read(&files::read(path, MAX_BUNDLE)?)?);
    let items = bytes().map_err(ImportError::Unreadable)?;
    let mut verified = Vec::new();
    for (item, bytes) in items {
        match item.verify(&bytes, trust, fetcher.now) {
            Ok(made_at) => verified.push((item, made_at, bytes)),
            Err(unfit) => return Err(ImportError::Unfit(item, unfit)),
        }
    }
    let number = verified.len();
    for (item, made_at, bytes) in verified {
        let kept = fetcher.source.store.keep(&item, made_at, &bytes);
        kept.map_err(ImportError::NotKept)?;
        fetcher.tell(item, From::Bundle(path.to_owned()), made_at);
    }
    Ok(number)
}

/// The items of a file; nothing about them is verified.
fn read(json: &[u8]) -> Result<Vec<(Item, Vec<u8>)>, BundleError> {
    let Form {
        format,
        version,
        items,
    } = serde_json::from_slice(json).map_err(BundleError::Form)?;
    if format != FORMAT || version != 1 {
        return Err(BundleError::Version(format, version));
    }
    if items.len() > MAX_ITEMS {
        return Err(BundleError::TooMany(items.len()));
    }
    let items = items.into_iter().zip(1..);
    items
        .map(|(form, number)| item(form).ok_or(BundleError::Item(number)))
        .collect()
}

fn item(form: ItemForm) -> Option<(Item, Vec<u8>)> {
    let (item, data) = match form {
        ItemForm::Key {
            generation,
            chip,
            tcb,
            data,
        } => {
            let key = Item::Key {
                generation,
                chip: hex::decode(chip).ok().filter(|chip| chip.len() <= 64)?,
                tcb,
            };
            (key, data)
        }
        ItemForm::Chain {
            generation,
            signer,
            data,
        } => (Item::Chain(generation, signer.into()), data),
        ItemForm::List {
            generation,
            signer,
            data,
        } => (Item::List(generation, signer.into()), data),
        #[cfg(feature = "tdx")]
        ItemForm::Intel { part, data } => (Item::Intel(Intels::parse(&part)?), data),
    };
    Some((item, BASE64.decode(data).ok()?))
}

#[cfg(test)]
mod tests {
    use evidence::{Generation, Tcb};

    use super::{BundleError, read, write};
    use crate::item::{Item, Signer};

    #[test]
    fn a_bundle_is_read_as_it_was_written_and_nothing_else_is_one() {
        let tcb = Tcb {
            fmc: 1,
            bootloader: 2,
            tee: 3,
            snp: 4,
            microcode: 5,
        };
        let key = Item::Key {
            generation: Generation::Turin,
            chip: vec![7; 8],
            tcb,
        };
        let items = vec![
            (key, vec![1, 2]),
            (
                Item::Chain(Generation::Milan, Signer::Vcek),
                b"PEM".to_vec(),
            ),
            (Item::Chain(Generation::Milan, Signer::Vlek), Vec::new()),
            (Item::List(Generation::Genoa, Signer::Vlek), vec![0x30]),
        ];
        let json = write(&items);
        assert_eq!(read(&json).unwrap(), items);

        let text = String::from_utf8(json).unwrap();
        let read = |text: &str| read(text.as_bytes());
        let other = text.replace("\"version\": 1", "\"version\": 2");
        assert!(matches!(read(&other), Err(BundleError::Version(_, 2))));
        let other = text.replace("cdvm collateral", "trust");
        assert!(matches!(read(&other), Err(BundleError::Version(..))));
        let other = text.replace("\"AQI=\"", "\"?\"");
        assert!(matches!(read(&other), Err(BundleError::Item(1))));
        for other in [
            &text[..text.len() / 2],
            "",
            "{}",
            &text.replace("\"kind\"", "\"sort\""),
        ] {
            assert!(matches!(read(other), Err(BundleError::Form(_))), "{other}");
        }
        let many = vec![(Item::Chain(Generation::Milan, Signer::Vcek), Vec::new()); 1025];
        let many = super::read(&write(&many));
        assert!(matches!(many, Err(BundleError::TooMany(1025))));
    }
}
