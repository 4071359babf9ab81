//! Which checks mean what together, for people. A check that stands in no group
//! is shown by its name: nothing is left out.

mod alone;

use job::Check;

use super::{Mark, Verdict};
use crate::text::{short_hex, short_image};

/// One line per group, and one for checks no group knows.
pub(super) fn lines(verdict: &Verdict) -> Vec<String> {
    let seen = Seen(&verdict.checks);
    let groups = groups(verdict);
    let mut lines: Vec<String> = groups
        .iter()
        .filter(|group| group.members.iter().any(|name| has(verdict, name)))
        .map(|group| {
            let (detail, source) = (group.detail)(&seen);
            line(verdict.mark, (group.title)(verdict.mark), &detail, &source)
        })
        .collect();
    // What this table does not know yet is shown all the same.
    let known = |name: &str| groups.iter().any(|group| group.members.contains(&name));
    let others: Vec<&str> = verdict
        .checks
        .iter()
        .map(|check| &*check.name)
        .filter(|name| !known(name))
        .collect();
    if !others.is_empty() {
        lines.push(line(verdict.mark, "also checked", &others.join(", "), ""));
    }
    lines
}

/// How many groups are about any machine; the others are about that of an order.
const OF_MACHINES: usize = 4;

/// The groups for this verdict: of a job's machine, of a report or of a quote.
fn groups(verdict: &Verdict) -> Vec<&'static Group> {
    if has(verdict, "quote") {
        return alone::QUOTE.iter().collect();
    }
    let (machine, job) = GROUPS.split_at(OF_MACHINES);
    let others = match verdict.key {
        Some(_) => job,
        None => &alone::REPORT,
    };
    machine.iter().chain(others).collect()
}

fn has(verdict: &Verdict, name: &str) -> bool {
    verdict.checks.iter().any(|check| check.name == name)
}

fn line(mark: Mark, title: &str, detail: &str, source: &str) -> String {
    let left = format!("{title:<34}{detail}");
    let line = format!("  ✓ {}{left:<74}  {source}", mark.prefix());
    line.trim_end().to_owned()
}

/// One thing that several checks mean together.
struct Group {
    title: fn(Mark) -> &'static str,
    members: &'static [&'static str],
    detail: fn(&Seen<'_>) -> (String, String),
}

/// What the checks saw, by name.
struct Seen<'c>(&'c [Check]);

impl Seen<'_> {
    fn get(&self, name: &str) -> &str {
        let check = self.0.iter().find(|check| check.name == name);
        check.map_or("", |check| &check.seen)
    }

    fn expected(&self, name: &str) -> &str {
        let check = self.0.iter().find(|check| check.name == name);
        check.map_or("", |check| &check.expected)
    }

    /// `name (value)` in two.
    fn named(&self, name: &str) -> (&str, &str) {
        let seen = self.get(name);
        let (name, value) = seen.split_once(" (").unwrap_or((seen, ""));
        (name, value.trim_end_matches(')'))
    }
}

static GROUPS: [Group; 8] = [
    Group {
        title: |mark| match mark {
            Mark::Hardware => "signed by AMD hardware",
            Mark::Simulated | Mark::Either => "signed by a SIMULATED vendor",
        },
        members: &[
            "report version",
            "processor",
            "vendor chain",
            "signing key",
            "signing key's validity",
            "signing key's product",
            "signing key's kind",
            "signing key's chip",
            "signing key's TCB",
            "signature algorithm",
            "signature",
            "newer firmware",
            "chip",
        ],
        detail: |seen| {
            let (processor, kind) = (seen.get("processor"), seen.get("signing key's kind"));
            let signer = match kind {
                // It is for all of a provider's chips.
                "VLEK" => "VLEK, of no certain chip".to_owned(),
                kind => format!("{kind} of chip {}", short_hex(seen.get("chip"))),
            };
            (format!("{processor}, {signer}"), String::new())
        },
    },
    Group {
        title: |_| "not revoked, firmware new enough",
        members: &[
            "revocation list",
            "not revoked",
            "signing key not revoked",
            "reported TCB",
            "committed TCB",
            "launch TCB",
            "current TCB",
            "extended TCBs",
            "mitigations",
        ],
        detail: |seen| {
            // `made 2026-09-20T14:13:20Z, in force until …`: its day.
            let list = seen.get("revocation list");
            let made = list.split('T').next().unwrap_or_default();
            let tcb = seen.get("reported TCB");
            // The two components that firmware updates are about.
            let firmware = tcb.find("snp").and_then(|at| tcb.get(at..)).unwrap_or(tcb);
            (firmware.to_owned(), format!("revocation list {made}"))
        },
    },
    Group {
        title: |_| "debug off, migration off, privilege level 0",
        members: &[
            "privilege level",
            "debug",
            "migration",
            "SMT allowed",
            "single socket",
            "CXL allowed",
            "AES-256-XTS demanded",
            "RAPL off demanded",
            "ciphertext hiding demanded",
            "page swap disabled",
            "firmware ABI asked for",
            "platform SMT",
            "platform TSME",
            "platform ECC",
            "platform RAPL off",
            "ciphertext hiding",
            "alias check",
            "IOMMU writes safe",
            "platform TIO",
        ],
        detail: |_| (String::new(), String::new()),
    },
    Group {
        title: |_| "guest image",
        members: &[
            "guest image",
            "guest SVN",
            "family id",
            "image id",
            "ID key",
            "author key",
            "report id",
            "migration agent",
        ],
        detail: |seen| {
            let (name, measurement) = seen.named("guest image");
            (
                name.to_owned(),
                format!("measurement {}", short_hex(measurement)),
            )
        },
    },
    Group {
        title: |_| "started with exactly this job",
        members: &[
            "manifest",
            "order",
            "attempt",
            "ends",
            "policy",
            "HOST_DATA",
        ],
        detail: |seen| {
            let host_data = short_hex(seen.get("HOST_DATA"));
            (
                "policy, images, no network, no exec".to_owned(),
                format!("HOST_DATA {host_data}"),
            )
        },
    },
    Group {
        title: |_| "agent",
        members: &["agent"],
        detail: |seen| {
            let (name, image) = seen.named("agent");
            (name.to_owned(), image_digest(image))
        },
    },
    Group {
        title: |_| "workload",
        members: &[
            "offer",
            "provider",
            "workload image",
            "workload command",
            "workload environment",
            "workload image's ENV",
            "terms",
        ],
        detail: |seen| {
            let image = seen.get("workload image");
            let path = image.split('@').next().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or_default();
            (format!("{name}, as offered"), image_digest(image))
        },
    },
    Group {
        title: |_| "this key, this request, this challenge",
        members: &["recipient", "answers this order", "REPORT_DATA"],
        detail: |seen| {
            let value = ascii(seen.get("REPORT_DATA"));
            (String::new(), format!("REPORT_DATA {}", short_hex(&value)))
        },
    },
];

fn image_digest(image: &str) -> String {
    image
        .split_once('@')
        .map_or_else(String::new, |(_, digest)| short_image(digest))
}

/// The guest puts the characters of a digest into REPORT_DATA; a check shows
/// the hex of these. The characters, when they are that.
fn ascii(hex_of_text: &str) -> String {
    let text = hex::decode(hex_of_text).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .unwrap_or_else(|| hex_of_text.to_owned())
}
