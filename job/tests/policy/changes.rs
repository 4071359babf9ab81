//! Each leaf of each recorded request is changed, left out, and one is added beside
//! it: refused, but for what a table names with its reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::guest::{Guest, RECORDED};

/// What may be done to a place and the request still passes: its value `c`hanged, the
/// place `r`emoved, an item or field `a`dded to it, its first item `d`oubled. Place:
/// the request (`*`: any container's), then a JSON pointer in which `*` is any one
/// name, or any rest at the end.
#[rustfmt::skip]
const FREE: &[(&str, &str, &str)] = &[
    // They end, start or ask about what was allowed before: no condition.
    ("DestroySandboxRequest", "", "a"),
    ("GetOOMEventRequest", "", "a"),
    ("GuestDetailsRequest", "", "a"),
    ("GuestDetailsRequest", "/*", "cr"),
    ("RemoveContainerRequest", "", "a"),
    ("RemoveContainerRequest", "/*", "cr"),
    ("RemoveStaleVirtiofsShareMountsRequest", "", "a"),
    ("StartContainerRequest", "", "a"),
    ("StartContainerRequest", "/container_id", "cr"),
    ("WaitProcessRequest", "", "a"),
    ("WaitProcessRequest", "/*", "cr"),
    ("SignalProcessRequest", "/container_id", "cr"),
    ("SignalProcessRequest", "/exec_id", "cr"),
    // The network is the host's own, who sees and cuts it; loopback is the guest's.
    ("UpdateInterfaceRequest", "/interface/IPAddresses", "d"),
    ("UpdateInterfaceRequest", "/interface/IPAddresses/*", "cr"),
    ("UpdateInterfaceRequest", "/interface/device", "cr"),
    ("UpdateInterfaceRequest", "/interface/devicePath", "cr"),
    ("UpdateInterfaceRequest", "/interface/hwAddr", "c"),
    ("UpdateInterfaceRequest", "/interface/mtu", "cr"),
    ("UpdateInterfaceRequest", "/interface/name", "c"),
    ("UpdateInterfaceRequest", "/interface/type_", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes", "d"),
    ("UpdateRoutesRequest", "/routes/Routes/0", "r"),
    ("UpdateRoutesRequest", "/routes/Routes/*/dest", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/device", "c"),
    ("UpdateRoutesRequest", "/routes/Routes/*/family", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/flags", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/gateway", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/mtu", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/scope", "cr"),
    ("UpdateRoutesRequest", "/routes/Routes/*/source", "c"),
    // Names, and where names are asked for: the host answers them anyway.
    ("CreateSandboxRequest", "/hostname", "cr"),
    ("CreateSandboxRequest", "/sandbox_id", "cr"),
    ("CreateSandboxRequest", "/dns", "rad"),
    ("CreateSandboxRequest", "/dns/*", "cr"),
    // Shared memory: there or not, and then in the guest alone.
    ("CreateSandboxRequest", "/storages", "d"),
    ("CreateSandboxRequest", "/storages/0", "r"),
    ("CreateSandboxRequest", "/storages/0/shared", "r"),
    // Guests before Kata 3.29 do not say these; the mode says them.
    ("CopyFileRequest", "/file_type", "r"),
    ("CopyFileRequest", "/symlink_target", "r"),
    // What is in a copied file, and whose it is, is the host's; where, is not.
    ("CopyFileRequest", "/file_size", "cr"),
    ("CopyFileRequest", "/dir_mode", "cr"),
    ("CopyFileRequest", "/uid", "cr"),
    ("CopyFileRequest", "/gid", "cr"),
    ("CopyFileRequest", "/offset", "cr"),
    // Nobody reads these in the guest, or they bound what the host gives.
    ("*", "/stdin_port", "c"),
    ("*", "/stdout_port", "c"),
    ("*", "/stderr_port", "c"),
    ("*", "/storages/*/shared", "r"),
    ("*", "/OCI/Hostname", "c"),
    ("*", "/OCI/Process/OOMScoreAdj", "c"),
    ("*", "/OCI/Linux/CgroupsPath", "c"),
    ("*", "/OCI/Linux/Resources/CPU/Period", "c"),
    ("*", "/OCI/Linux/Resources/CPU/Quota", "c"),
    ("*", "/OCI/Linux/Resources/CPU/Shares", "c"),
    ("*", "/OCI/Linux/Resources/Memory/Limit", "c"),
    ("*", "/OCI/Linux/Resources/Memory/Reservation", "c"),
    ("*", "/OCI/Linux/Resources/Memory/Swap", "c"),
    // Shared memory is there once or twice.
    ("sandbox", "/OCI/Mounts/3", "r"),
    ("sandbox", "/OCI/Mounts/6", "r"),
    // Annotations are repeated for people; the two types are not among them.
    ("*", "/OCI/Annotations/io.kubernetes.cri.image-name", "cr"),
    ("*", "/OCI/Annotations/io.kubernetes.cri.container-name", "cr"),
    ("*", "/OCI/Annotations/io.kubernetes.cri.sandbox-id", "r"),
    ("*", "/OCI/Annotations/io.kubernetes.cri.sandbox-name", "cr"),
    ("*", "/OCI/Annotations/io.kubernetes.cri.sandbox-namespace", "cr"),
    ("*", "/OCI/Annotations/io.kubernetes.cri.sandbox-uid", "cr"),
    ("*", "/OCI/Annotations/io.katacontainers.pkg.oci.bundle_path", "cr"),
    ("*", "/OCI/Annotations/io.katacontainers.config.hypervisor.kernel_params", "r"),
    ("*", "/OCI/Annotations/io.katacontainers.config.runtime.create_container_timeout", "r"),
    ("sandbox", "/OCI/Annotations/io.kubernetes.cri.sandbox-cpu-*", "cr"),
    ("sandbox", "/OCI/Annotations/io.kubernetes.cri.sandbox-memory", "cr"),
    ("sandbox", "/OCI/Annotations/io.kubernetes.cri.sandbox-log-directory", "cr"),
    ("sandbox", "/OCI/Annotations/nerdctl~1network-namespace", "cr"),
    // Where programs lie and where Kubernetes is: the agent reads CDVM_MANIFEST alone.
    ("*", "/OCI/Process/Env", "d"),
    ("sandbox", "/OCI/Process/Env/0", "cr"),
    ("init", "/OCI/Process/Env/*", "cr"),
    ("main", "/OCI/Process/Env/0", "cr"),
    ("main", "/OCI/Process/Env/1", "cr"),
    ("main", "/OCI/Process/Env/3", "cr"),
    ("main", "/OCI/Process/Env/4", "cr"),
    ("main", "/OCI/Process/Env/5", "cr"),
    ("main", "/OCI/Process/Env/6", "cr"),
    ("main", "/OCI/Process/Env/7", "cr"),
    ("main", "/OCI/Process/Env/8", "cr"),
    ("main", "/OCI/Process/Env/9", "cr"),
    ("main", "/OCI/Process/Env/10", "cr"),
    // More may be hidden; less may not. What this runtime hides beyond the list:
    ("*", "/OCI/Linux/MaskedPaths", "d"),
    ("*", "/OCI/Linux/ReadonlyPaths", "d"),
    ("sandbox", "/OCI/Linux/MaskedPaths/1", "cr"),
    ("init", "/OCI/Linux/MaskedPaths/0", "cr"),
    ("init", "/OCI/Linux/MaskedPaths/2", "cr"),
    ("init", "/OCI/Linux/MaskedPaths/11", "cr"),
    ("main", "/OCI/Linux/MaskedPaths/0", "cr"),
    ("main", "/OCI/Linux/MaskedPaths/2", "cr"),
    ("main", "/OCI/Linux/MaskedPaths/11", "cr"),
];

/// One change of a request.
struct Change {
    what: char,
    place: String,
    body: Value,
}

/// Text behind which a container's request has JSON in a text.
const PULL: &str = "image_guest_pull=";

/// Every single change of a request, also in the JSON that it has in a text: its
/// annotations are the same ones again.
fn changes(honest: &Value) -> Vec<Change> {
    let mut all = changes_of(honest);
    let place = "/storages/0/driver_options/0";
    let pull = honest.pointer(place).and_then(Value::as_str);
    if let Some(text) = pull.and_then(|text| text.strip_prefix(PULL)) {
        let inner = changes_of(&serde_json::from_str(text).unwrap());
        all.extend(inner.into_iter().map(|inner| {
            let mut body = honest.clone();
            *body.pointer_mut(place).unwrap() = json!(format!("{PULL}{}", inner.body));
            let rest = inner.place.strip_prefix("/metadata");
            let place = rest.map(|rest| format!("/OCI/Annotations{rest}"));
            let place = place.unwrap_or(inner.place);
            Change {
                place,
                body,
                ..inner
            }
        }));
    }
    all
}

fn changes_of(honest: &Value) -> Vec<Change> {
    let mut places = Vec::new();
    walk(honest, "", &mut places);
    let mut all = Vec::new();
    for place in places {
        let value = honest.pointer(&place).unwrap();
        let mut add = |what, edit: &dyn Fn(&mut Value)| {
            let mut body = honest.clone();
            edit(&mut body);
            let place = place.clone();
            all.push(Change { what, place, body });
        };
        let here = |body: &mut Value, edit: &dyn Fn(&mut Value)| {
            edit(body.pointer_mut(&place).unwrap());
        };
        match value {
            Value::Object(_) => add('a', &|body| here(body, &|it| it["x"] = json!("x"))),
            Value::Array(items) => {
                add('a', &|body| {
                    here(body, &|it| it.as_array_mut().unwrap().push(json!("x")));
                });
                if let Some(first) = items.first() {
                    add('d', &|body| {
                        here(body, &|it| it.as_array_mut().unwrap().push(first.clone()));
                    });
                }
            }
            leaf => add('c', &|body| here(body, &|it| *it = another(leaf))),
        }
        if let Some((parent, name)) = place.rsplit_once('/') {
            add('r', &|body| match body.pointer_mut(parent).unwrap() {
                Value::Array(items) => {
                    items.remove(name.parse().unwrap());
                }
                fields => {
                    let name = name.replace("~1", "/").replace("~0", "~");
                    fields.as_object_mut().unwrap().remove(&name);
                }
            });
        }
    }
    all
}

/// Every place of a request, as JSON pointers.
fn walk(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(field, &format!("{at}/{name}"), out);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{i}"), out);
            }
        }
        _ => {}
    }
}

/// Another value of the same type.
fn another(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(_) => json!(4711),
        Value::String(text) => json!(format!("{text}x")),
        _ => json!({}),
    }
}

/// Which row of the table frees a change.
fn freed(name: &str, kind: &str, change: &Change) -> Option<usize> {
    FREE.iter().position(|(request, place, what)| {
        let named = *request == name || *request == "*" && kind == "CreateContainerRequest";
        named && what.contains(change.what) && fits(&change.place, place)
    })
}

/// Whether a place is one of a pattern's.
fn fits(place: &str, pattern: &str) -> bool {
    let (mut place, mut pattern) = (place.split('/'), pattern.split('/').peekable());
    while let Some(wanted) = pattern.next() {
        let Some(name) = place.next() else {
            return false;
        };
        let fit = match wanted.strip_suffix('*') {
            Some("") if pattern.peek().is_none() => return true,
            Some(start) => name.starts_with(start),
            None => name == wanted,
        };
        if !fit {
            return false;
        }
    }
    place.next().is_none()
}

#[test]
fn every_single_change_of_a_recorded_request_is_refused_but_for_what_is_named_free() {
    let (mut guest, mut used) = (Guest::new(), BTreeSet::new());
    let (mut wrong, mut tried, mut seen) = (Vec::new(), 0, BTreeSet::new());
    for request in RECORDED.iter() {
        // The same kind again, of another container: nothing new.
        let again = !seen.insert((request.name, request.body.to_string().len()));
        let changes = if again || request.kind == "AllowRequestsFailingPolicy" {
            Vec::new()
        } else {
            changes(&request.body)
        };
        let mut trial = guest.clone();
        for change in changes {
            tried += 1;
            let (allowed, _) = trial.ask(request.kind, &change.body);
            if allowed {
                trial = guest.clone();
            }
            match (allowed, freed(request.name, request.kind, &change)) {
                (true, Some(row)) => drop(used.insert(row)),
                (false, None) => {}
                (allowed, _) => {
                    let is = if allowed { "passes" } else { "is refused" };
                    wrong.push(format!(
                        "{} {} {} {is}",
                        request.name, change.what, change.place
                    ));
                }
            }
        }
        let (allowed, prints) = guest.ask(request.kind, &request.body);
        let wanted = request.kind != "AllowRequestsFailingPolicy";
        assert_eq!(allowed, wanted, "{}: {prints}", request.name);
    }
    assert!(wrong.is_empty(), "of {tried}:\n{}", wrong.join("\n"));
    assert!(tried > 1500, "only {tried} changes");
    let unused = (0..FREE.len()).filter(|row| !used.contains(row));
    let unused: Vec<_> = unused.map(|row| FREE[row]).collect();
    assert!(unused.is_empty(), "named free, and is not: {unused:?}");
}
