//! The message that starts the job: which inputs stand in it, which become
//! blobs, and what its digest is, known before anything is stored anywhere.

use anyhow::{Context as _, Result};
use dvm::input::Start;
use dvm::payload::Payload;
use dvm::seal::MAX_RUMOR;
use job::Digest;
use relay::Blobs;
use zeroize::Zeroizing;

use crate::clock;
use crate::context::Context;
use crate::exit::Problem;
use crate::material::Material;
use crate::state::Kept;
use crate::state::commitment::Committed;

/// Where each input travels.
pub(super) fn places(kept: &Kept, machine: Committed, material: &Material) -> Result<Vec<Place>> {
    let lens: Vec<usize> = material.inputs.iter().map(|input| input.len()).collect();
    let fits = |places: &[Place]| {
        let start = outline(kept, material, places);
        let rumor = start.map(|start| start.to_rumor(&kept.order, machine.key(), clock::now()));
        rumor.is_ok_and(|rumor| rumor.json_len() <= MAX_RUMOR)
    };
    choose(&lens, fits).ok_or_else(|| {
        let what = "the inputs and parameters do not fit one message, even with blobs";
        Problem::usage(what, "give fewer of them").into()
    })
}

/// The message that starts the job, with blobs that are nowhere yet: as long as
/// the real one at least, and with the same digest.
pub(super) fn outline(kept: &Kept, material: &Material, places: &[Place]) -> Result<Start> {
    let servers = &kept.offer.content.cdvm.blob_servers;
    let payload = |(data, place): (&Zeroizing<Vec<u8>>, &Place)| match place {
        Place::Message => Ok(Payload::Inline(data.clone())),
        Place::Blob => {
            let (mut blob, _) = dvm::blob::encrypt(&[]).context("failed to encrypt")?;
            let nowhere = Digest::from_bytes([0; 32]);
            blob.urls = servers
                .iter()
                .map(|server| format!("{server}/{nowhere}"))
                .collect();
            blob.digest = Digest::of(data);
            (blob.size, blob.length) = (u64::MAX, u64::MAX);
            anyhow::Ok(Payload::Blob(blob))
        }
    };
    let inputs = material.inputs.iter().zip(places).map(payload);
    Ok(Start {
        inputs: inputs.collect::<Result<_>>()?,
        params: material.params.clone(),
    })
}

/// The message that starts the job, with its blobs stored.
pub(super) async fn store(
    context: &Context<'_>,
    kept: &Kept,
    material: Material,
    places: &[Place],
) -> Result<Start> {
    let Material { inputs, params } = material;
    let servers = &kept.offer.content.cdvm.blob_servers;
    let blobs = Blobs::new(context.settings.plain).context("failed to set up blob servers")?;
    let mut payloads = Vec::new();
    for (data, place) in inputs.into_iter().zip(places) {
        payloads.push(match place {
            Place::Message => Payload::Inline(data),
            Place::Blob => {
                let stored = blobs.store(&data, servers, clock::now()).await;
                Payload::Blob(stored.context("failed to store an input as a blob")?)
            }
        });
    }
    Ok(Start {
        inputs: payloads,
        params,
    })
}

/// Where an input travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the message itself.
    Message,
    /// On a blob server.
    Blob,
}

/// The largest inputs become blobs until the message fits; the same inputs
/// always travel the same way, so that they have the same digest.
fn choose(lens: &[usize], fits: impl Fn(&[Place]) -> bool) -> Option<Vec<Place>> {
    let place = |len: &usize| {
        if *len > MAX_RUMOR {
            Place::Blob
        } else {
            Place::Message
        }
    };
    let mut places: Vec<Place> = lens.iter().map(place).collect();
    while !fits(&places) {
        let inline = places
            .iter_mut()
            .zip(lens)
            .filter(|(place, _)| **place == Place::Message);
        let (largest, _) = inline.max_by_key(|(_, len)| **len)?;
        *largest = Place::Blob;
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::{Place, choose};

    #[test]
    fn the_largest_inputs_become_blobs_until_the_message_fits() {
        use Place::{Blob, Message};
        // A message that takes 100 bytes, of which a blob takes 10.
        let cost = |lens: &[usize], places: &[Place]| {
            let each = lens.iter().zip(places);
            each.map(|(len, place)| if *place == Blob { 10 } else { *len })
                .sum::<usize>()
        };
        for (lens, expected) in [
            (&[50, 50][..], Some(vec![Message, Message])),
            (&[60, 50], Some(vec![Blob, Message])),
            (&[30, 90, 80], Some(vec![Message, Blob, Blob])),
            (&[], Some(vec![])),
            (&[40_000], Some(vec![Blob])),
            (&[20; 11], None),
        ] {
            assert_eq!(choose(lens, |places| cost(lens, places) <= 100), expected);
        }
    }
}
