//! News as JSON objects for programs: `{"event":…}`, one per line; `cli/README.md`
//! documents them. Keys are hex as everywhere in the protocol. Pure.

mod jobs;

use serde_json::{Value, json};

use super::{News, Offered};
use crate::explain::Explanation;
use crate::verdict::{Finding, Verdict};
use collateral::item::{Item, Signer};
use collateral::told::{From, Missing, Used};

/// The objects for one piece of news.
pub(crate) fn objects(news: &News) -> Vec<Value> {
    let object = match news {
        News::Key { key, file } => {
            json!({"event": "key", "key": key, "npub": dvm::keys::npub(*key), "file": file})
        }
        News::Offered(offered) => offer(offered),
        News::Requested {
            job,
            service,
            provider,
            relays,
            public,
        } => json!({
            "event": "request", "job": job, "service": service, "provider": provider,
            "relays": relays, "public": public,
        }),
        News::Written { job, name } => json!({"event": "written", "job": job, "name": name}),
        News::Provider { status, text } => {
            json!({"event": "provider", "status": status.to_string(), "text": text})
        }
        News::Silence { provider, seconds } => {
            json!({"event": "silence", "provider": provider, "seconds": seconds})
        }
        News::Machine { key } => json!({"event": "machine", "key": key}),
        News::Judged { verdict, as_of } => {
            let mut objects = checks(verdict);
            objects.push(finding(verdict, as_of.map(job::Timestamp::as_secs)));
            return objects;
        }
        News::Asking { item, server, url } => with_item(
            Some(item),
            json!({"event": "asking", "server": server, "url": url}),
        ),
        News::Waiting {
            server,
            seconds,
            why,
        } => json!({"event": "waiting", "server": server, "seconds": seconds, "why": why}),
        News::Collateral(used) => collateral(used),
        #[cfg(feature = "tdx")]
        News::IntelUndated { undated, from } => intel_undated(*undated, from),
        News::Missing(missing) => {
            let Missing { item, why, next } = &**missing;
            let object = json!({"event": "missing", "why": why, "next": next});
            with_item(item.as_ref(), object)
        }
        News::Exported { items, bytes, path } => {
            json!({"event": "exported", "items": items, "bytes": bytes, "path": path})
        }
        News::Imported { items } => json!({"event": "imported", "items": items}),
        News::Unbound { fields } => json!({"event": "unbound", "fields": fields}),
        News::Explained(explanation) => explained(explanation),
        News::AnotherMachine { key, first } => {
            json!({"event": "another-machine", "key": key, "first": first})
        }
        News::Sent {
            key,
            bytes,
            blobs,
            input,
            mark,
        } => json!({
            "event": "sent", "key": key, "bytes": bytes, "blobs": blobs, "input": input,
            "simulated": mark.is_simulated(),
        }),
        News::InputAccepted { input } => json!({"event": "input-accepted", "input": input}),
        News::Progress { text, progress } => {
            let (done, of) = progress.unzip();
            json!({"event": "progress", "text": text, "done": done, "of": of})
        }
        News::Part { number, bytes } => json!({"event": "part", "seq": number, "bytes": bytes}),
        News::Question { text } => json!({"event": "question", "text": text}),
        News::Done { bytes } => json!({"event": "done", "bytes": bytes}),
        News::Arrived { job } => json!({"event": "arrived", "job": job}),
        News::Saved {
            bytes,
            output,
            path,
            receipt,
            mark,
        } => json!({
            "event": "result", "bytes": bytes, "output": output, "path": path,
            "receipt": receipt, "simulated": mark.is_simulated(),
        }),
        News::Destroyed { text } => json!({"event": "destroyed", "text": text}),
        News::NothingWasConfidential => json!({"event": "simulated", "simulated": true}),
        News::Cancelled { job } => json!({"event": "cancelled", "job": job}),
        News::Measured { vcpus, measurement } => json!({
            "event": "measurement", "vcpus": vcpus, "measurement": hex::encode(measurement),
        }),
        News::Own(own) => jobs::own(own),
        News::Warning { text } => json!({"event": "warning", "text": text}),
        News::Hint { text } => json!({"event": "hint", "text": text}),
        News::Stopped(problem) => json!({
            "event": "error", "exit": problem.exit.code(), "what": problem.what,
            "meaning": problem.meaning, "next": problem.next,
        }),
    };
    vec![object]
}

fn collateral(used: &Used) -> Value {
    let Used { item, from, made } = used;
    let (from, place) = whence(from);
    let (made_at, age) = made.unzip();
    let object = json!({
        "event": "collateral", "from": from, "place": place, "made_at": made_at,
        "age_seconds": age,
    });
    with_item(Some(item), object)
}

#[cfg(feature = "tdx")]
fn intel_undated(parts: usize, from: &From) -> Value {
    let (from, place) = whence(from);
    json!({
        "event": "collateral", "item": "intel", "undated": parts, "from": from, "place": place,
        "made_at": null, "age_seconds": null,
    })
}

/// What it came from, and which one.
fn whence(from: &From) -> (&'static str, Option<String>) {
    match from {
        From::Disk => ("disk", None),
        From::Server(name) => ("server", Some(name.clone())),
        From::Bundle(path) => ("bundle", Some(path.display().to_string())),
    }
}

/// The item's own fields beside those of `object`.
fn with_item(item: Option<&Item>, mut object: Value) -> Value {
    let (name, signer, chip, tcb) = match item {
        None => (None, None, None, None),
        Some(Item::Key { chip, tcb, .. }) => (
            Some("key"),
            Some(Signer::Vcek),
            Some(hex::encode(chip)),
            Some(tcb),
        ),
        Some(Item::Chain(_, signer)) => (Some("chain"), Some(*signer), None, None),
        Some(Item::List(_, signer)) => (Some("list"), Some(*signer), None, None),
        #[cfg(feature = "tdx")]
        Some(Item::Intel(_)) => (Some("intel"), None, None, None),
    };
    if let Some(fields) = object.as_object_mut() {
        let generation = item.and_then(Item::generation);
        fields.insert("item".to_owned(), json!(name));
        fields.insert("generation".to_owned(), json!(generation));
        fields.insert("signer".to_owned(), json!(signer.map(Signer::name)));
        fields.insert("chip".to_owned(), json!(chip));
        fields.insert("tcb".to_owned(), json!(tcb));
        #[cfg(feature = "tdx")]
        if let Some(Item::Intel(part)) = item {
            fields.insert("part".to_owned(), json!(part.name()));
        }
    }
    object
}

fn explained(explanation: &Explanation) -> Value {
    let Explanation {
        standing,
        proves,
        does_not,
        attacks,
    } = explanation;
    let attack = |(name, what): &(&str, &str)| json!({"name": name, "what": what});
    let attacks: Vec<Value> = attacks.iter().map(attack).collect();
    json!({
        "event": "explained", "standing": standing, "proves": proves, "does_not": does_not,
        "attacks": attacks,
    })
}

fn checks(verdict: &Verdict) -> Vec<Value> {
    let failed = match verdict.finding {
        Finding::Accepted => verdict.checks.len(),
        Finding::Refused { .. } => verdict.checks.len().saturating_sub(1),
    };
    let checks = verdict.checks.iter().enumerate();
    let object = |(at, check): (usize, &job::Check)| {
        json!({
            "event": "check", "name": check.name, "expected": check.expected,
            "seen": check.seen, "passed": at < failed,
            "simulated": verdict.mark.is_simulated(),
        })
    };
    checks.map(object).collect()
}

fn finding(verdict: &Verdict, as_of: Option<u64>) -> Value {
    let simulated = verdict.mark.is_simulated();
    match &verdict.finding {
        Finding::Accepted => json!({
            "event": "accepted", "key": verdict.key, "simulated": simulated, "as_of": as_of,
        }),
        Finding::Refused {
            meaning,
            advice,
            source,
        } => json!({
            "event": "refused", "key": verdict.key, "simulated": simulated, "as_of": as_of,
            "check": verdict.checks.last().map(|check| &check.name),
            "meaning": meaning, "advice": advice, "source": source,
        }),
    }
}

fn offer(offered: &Offered) -> Value {
    let Offered { offer, created_at } = offered;
    json!({
        "event": "offer", "offer": offer.id, "service": offer.service,
        "provider": offer.provider, "npub": dvm::keys::npub(offer.provider),
        "kind": offer.kind, "name": offer.content.name, "about": offer.content.about,
        "tee": "SEV-SNP", "image": offer.content.cdvm.workload.image.as_str(),
        "created_at": created_at, "terms": offer.content.cdvm,
    })
}

#[cfg(test)]
mod tests {
    use super::{News, objects};
    use crate::verdict::{Mark, tests};

    #[test]
    fn every_check_is_an_object_and_the_last_of_a_refusal_did_not_pass() {
        for (verdict, event) in [
            (tests::accepted(Mark::Simulated), "accepted"),
            (tests::refused(Mark::Simulated), "refused"),
        ] {
            let number = verdict.checks.len();
            let news = News::Judged {
                verdict: Box::new(verdict),
                as_of: None,
            };
            let objects = objects(&news);
            assert_eq!(objects.len(), number + 1);
            assert!(objects.iter().all(|object| object["simulated"] == true));
            assert_eq!(objects[number]["event"], event);
            assert_eq!(objects[number - 1]["passed"], event == "accepted");
            assert!(
                objects[..number - 1]
                    .iter()
                    .all(|check| check["passed"] == true)
            );
        }
    }
}
