//! Cancellations over a restart: one ConfigMap, made by the chart, whose keys are
//! `<order>.<customer>` and whose values say until when. Each write is a patch of
//! what changed.

use std::collections::BTreeMap;

use job::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Map, Value, json};

use crate::cancelled::{Kept, Key};

/// The ConfigMap.
pub(crate) struct Memory {
    api: Api<ConfigMap>,
    name: String,
}

/// What changed: `None` is erased.
pub(crate) type Changes = [(Key, Option<Kept>)];

impl Memory {
    /// The ConfigMap `name` of a namespace.
    pub(crate) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
        }
    }

    /// What was saved.
    pub(crate) async fn load(&self) -> Result<Vec<(Key, Kept)>, kube::Error> {
        let data = self.api.get(&self.name).await?.data.unwrap_or_default();
        Ok(read(&data))
    }

    /// Saves what changed.
    pub(crate) async fn save(&self, changes: &Changes) -> Result<(), kube::Error> {
        let patch = Patch::Merge(json!({ "data": write(changes) }));
        let params = PatchParams::default();
        self.api.patch(&self.name, &params, &patch).await.map(drop)
    }
}

fn write(changes: &Changes) -> Map<String, Value> {
    let changes = changes.iter().map(|((job, by), kept)| {
        let value = match kept {
            None => Value::Null,
            Some(Kept { until, known }) => {
                let word = if *known { "known" } else { "early" };
                format!("{word} {}", until.as_secs()).into()
            }
        };
        (format!("{job}.{by}"), value)
    });
    changes.collect()
}

fn read(data: &BTreeMap<String, String>) -> Vec<(Key, Kept)> {
    let entries = data.iter().filter_map(|(key, value)| {
        let entry = entry(key, value);
        if entry.is_none() {
            tracing::warn!(key, "no cancellation: somebody else wrote this entry");
        }
        entry
    });
    entries.collect()
}

fn entry(key: &str, value: &str) -> Option<(Key, Kept)> {
    let (job, by) = key.split_once('.')?;
    let (word, until) = value.split_once(' ')?;
    let known = match word {
        "known" => true,
        "early" => false,
        _ => return None,
    };
    let until = Timestamp::from_secs(until.parse().ok()?);
    Some(((job.parse().ok()?, by.parse().ok()?), Kept { until, known }))
}

#[cfg(test)]
mod tests {
    use super::{Kept, read, write};
    use job::{JobId, PublicKey, Timestamp};
    use std::collections::BTreeMap;

    #[test]
    fn what_was_written_is_read_and_other_entries_are_not() {
        let entry = |n: u8, known| {
            let key = (JobId::from_bytes([n; 32]), PublicKey::from_bytes([n; 32]));
            let until = Timestamp::from_secs(1_790_000_000 + u64::from(n));
            (key, Kept { until, known })
        };
        let entries = [entry(1, true), entry(2, false)];
        let changes: Vec<_> = entries
            .iter()
            .map(|(key, kept)| (*key, Some(*kept)))
            .collect();
        let written = write(&changes);
        // A ConfigMap's keys have at most 253 characters of these.
        for key in written.keys() {
            assert!(key.len() <= 253);
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'));
        }
        let texts = written.iter();
        let mut data: BTreeMap<String, String> = texts
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        data.insert("other".to_owned(), "known 1".to_owned());
        data.insert(format!("{}.x", "01".repeat(32)), "known 1".to_owned());
        data.insert(
            format!("{0}.{0}", "03".repeat(32)),
            "maybe 1790000000".to_owned(),
        );
        assert_eq!(read(&data), entries);
        let erased = write(&[(entries[0].0, None)]);
        assert!(erased.len() == 1 && erased.values().all(serde_json::Value::is_null));
    }
}
