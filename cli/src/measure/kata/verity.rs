//! `kernel_verity_params` of a Kata configuration: what the root file system's
//! tree of hashes is (`ParseKernelVerityParams` of
//! `src/runtime/virtcontainers/hypervisor.go`). Pure.

use crate::exit::Problem;

/// Sizes are multiples of this (`verityBlockSizeBytes`), which is also
/// device-mapper's sector.
const SECTOR: u64 = 512;

/// A tree of hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verity {
    pub(super) root_hash: String,
    pub(super) salt: String,
    pub(super) data_blocks: u64,
    pub(super) data_block_size: u64,
    pub(super) hash_block_size: u64,
    /// Of the data.
    pub(super) sectors: u64,
}

/// Reads them; nothing when there are none. Kata takes any text for the root hash
/// and the salt; here they are hex, since nothing else is a hash and a space would
/// make another line.
///
/// # Errors
/// When Kata would start no guest with them.
pub(super) fn parse(params: &str) -> Result<Option<Verity>, Problem> {
    if params.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |what: &str| {
        Problem::usage(
            format!("kernel_verity_params {what}"),
            "take the configuration as it was released",
        )
    };
    let mut values: [(&str, Option<&str>); 5] = [
        ("root_hash", None),
        ("salt", None),
        ("data_blocks", None),
        ("data_block_size", None),
        ("hash_block_size", None),
    ];
    for field in params
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
    {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| wrong(&format!("has {field:?}, which is no name and value")))?;
        // The last one counts; what has another name is not looked at.
        if let Some(known) = values.iter_mut().find(|(name, _)| *name == key) {
            known.1 = Some(value);
        }
    }
    let [
        root_hash,
        salt,
        data_blocks,
        data_block_size,
        hash_block_size,
    ] = values;
    let hex = |(name, value): (&str, Option<&str>)| {
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| wrong(&format!("has no {name}")))?;
        if value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(value.to_owned())
        } else {
            Err(wrong(&format!("has {name} {value:?}, which is not hex")))
        }
    };
    let number = |(name, value): (&str, Option<&str>), multiple: u64| {
        let value = value.ok_or_else(|| wrong(&format!("has no {name}")))?;
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse::<u64>().ok().filter(|_| digits);
        number
            .filter(|number| *number != 0 && number.is_multiple_of(multiple))
            .ok_or_else(|| wrong(&format!("has {name} {value:?}, which Kata refuses")))
    };
    let (data_blocks, data_block_size) =
        (number(data_blocks, 1)?, number(data_block_size, SECTOR)?);
    // Kata multiplies without looking; a line that wrapped around is no release's.
    let sectors = (data_block_size / SECTOR).checked_mul(data_blocks);
    Ok(Some(Verity {
        root_hash: hex(root_hash)?,
        salt: hex(salt)?,
        data_blocks,
        data_block_size,
        hash_block_size: number(hash_block_size, SECTOR)?,
        sectors: sectors.ok_or_else(|| wrong("has more data than 64 bits count"))?,
    }))
}
