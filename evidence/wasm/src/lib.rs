//! `evidence` as one WebAssembly module, for measuring: its size, and one
//! verification in a JavaScript engine (`time.mjs`). Not an interface for pages:
//! the input is what the native measurement writes, the expectation is open.

#[expect(unreachable_pub, reason = "elsewhere it is reached")]
#[path = "../../differential/src/anything.rs"]
mod anything;

use std::sync::Mutex;

use evidence::{Evidence, Generation, Root, Timestamp, verify};

/// The input: seconds of now (8 bytes), then root, intermediate, certificate and
/// report, each behind its length (4 bytes), numbers little-endian; of Genoa.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes room for an input of `len` bytes and says where to write it.
#[expect(unsafe_code, reason = "a JavaScript engine calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn input(len: usize) -> *mut u8 {
    INPUT.lock().map_or(core::ptr::null_mut(), |mut input| {
        input.clear();
        input.resize(len, 0);
        input.as_mut_ptr()
    })
}

/// Verifies the input, whole chain: 1 when it is good, 0 when not.
#[expect(unsafe_code, reason = "a JavaScript engine calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn whole_chain() -> u32 {
    INPUT
        .lock()
        .map_or(0, |input| is_good(&input).unwrap_or(false).into())
}

fn is_good(mut input: &[u8]) -> Option<bool> {
    let now = u64::from_le_bytes(take(&mut input, 8)?.try_into().ok()?);
    let mut part = || {
        let len = u32::from_le_bytes(take(&mut input, 4)?.try_into().ok()?);
        take(&mut input, usize::try_from(len).ok()?)
    };
    let root = Root::simulated(Generation::Genoa, part()?, part()?).ok()?;
    let evidence = Evidence {
        certificate: part()?.to_vec(),
        report: part()?.to_vec(),
    };
    let expected = anything::anything(root, &evidence.report);
    Some(verify(&evidence, &expected, Timestamp::from_secs(now)).is_ok())
}

fn take<'i>(input: &mut &'i [u8], len: usize) -> Option<&'i [u8]> {
    let (taken, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(taken)
}
