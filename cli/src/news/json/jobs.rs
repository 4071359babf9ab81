//! Jobs and settings that are kept, for programs.

use serde_json::{Value, json};

use crate::news::{Listed, Own};
use crate::story::{Key, Machine, Story};

/// The object of something that is kept.
pub(super) fn own(own: &Own) -> Value {
    match own {
        Own::Job(listed) => object("job", listed),
        Own::Told(listed) => object("story", listed),
        Own::NoJob { name, why } => json!({"event": "no-job", "name": name, "why": why}),
        Own::Forgotten {
            job,
            files,
            key,
            left,
        } => json!({
            "event": "forgotten", "job": job, "files": files, "key": key, "left": left,
        }),
        Own::Setting {
            name,
            values,
            from,
            place,
        } => json!({
            "event": "setting", "name": name, "values": values, "from": from, "place": place,
        }),
    }
}

/// The object of one job.
fn object(event: &str, listed: &Listed) -> Value {
    let Listed {
        story,
        standing,
        class,
        why,
        age_seconds,
        expired,
    } = listed;
    let Story { notes, .. } = story;
    let refused = |machine: &Machine| {
        let refused = machine.refused.as_ref();
        refused.map(|refused| json!({"check": refused.check, "meaning": refused.meaning}))
    };
    let machine = |machine: &Machine| {
        json!({
            "key": machine.key, "judged_at": machine.at, "simulated": machine.simulated,
            "refused": refused(machine),
        })
    };
    let class = (!class.is_empty()).then_some(class);
    let saved = notes.saved.as_ref();
    let receipt = story.receipt.as_ref();
    let own_key = match &story.key {
        Key::OfTheJob => None,
        Key::Own(path) => Some(path),
    };
    json!({
        "event": event, "job": story.job, "service": story.service, "offer": story.offer,
        "provider": story.provider, "npub": dvm::keys::npub(story.provider),
        "ordered_at": story.ordered_at, "expiration": story.expiration, "expired": expired,
        "age_seconds": age_seconds, "route": story.route, "standing": standing.word(),
        "ended": class, "why": why, "by": notes.ended.as_ref().map(|ended| ended.by),
        "machine": story.machine.as_ref().map(machine), "committed": story.committed,
        "input": story.sent, "output": receipt.map(|receipt| receipt.output),
        "result": saved.and_then(|saved| saved.path.as_ref()),
        "result_bytes": saved.map(|saved| saved.bytes),
        "receipt": receipt.map(|receipt| &receipt.file),
        "destroyed": notes.destroyed.as_ref().map(|destroyed| &destroyed.text),
        "own_key": own_key, "dir": story.dir,
    })
}
