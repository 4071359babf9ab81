//! What Kata's host half tells its guest of the network it has: read with iproute2 from
//! the pod's network namespace, which the cluster's plugin has prepared.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::kata::Request;

/// Requests about the network of a sandbox with this `config.json`.
pub(crate) fn requests(config: &Value) -> Result<Vec<Request>> {
    let namespaces = config
        .pointer("/linux/namespaces")
        .and_then(Value::as_array);
    let mut all = namespaces.into_iter().flatten();
    let network = all.find(|it| it.get("type").and_then(Value::as_str) == Some("network"));
    let Some(path) = network.and_then(|it| it.get("path")?.as_str()) else {
        return Ok(Vec::new());
    };
    let (links, routes): (Vec<Link>, Vec<Route>) = (ip(path, "address")?, ip(path, "route")?);
    Ok(translate(&links, &routes))
}

/// Asks iproute2 in the namespace at this path.
fn ip<T: DeserializeOwned>(namespace: &str, object: &str) -> Result<T> {
    let net = format!("--net={namespace}");
    let output = Command::new("nsenter")
        .args([&net, "ip", "-json", object])
        .output()
        .context("failed to run nsenter")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("ip {object} failed in {namespace}: {why}");
    }
    serde_json::from_slice(&output.stdout).context("ip printed something else than expected")
}

/// What `ip -json address` prints of an interface.
#[derive(Deserialize)]
struct Link {
    ifname: String,
    mtu: u32,
    /// Of its hardware.
    #[serde(default)]
    address: String,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    family: String,
    local: String,
    prefixlen: u8,
}

/// What `ip -json route` prints of a route.
#[derive(Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    gateway: Option<String>,
    dev: String,
}

/// Requests from what iproute2 prints.
fn translate(links: &[Link], routes: &[Route]) -> Vec<Request> {
    let links = links.iter().filter(|link| link.ifname != "lo");
    let mut requests: Vec<Request> = links.map(interface).collect();
    // Those to neighbours come with the addresses.
    let routes: Vec<Value> = routes
        .iter()
        .filter_map(|route| {
            let dest = if route.dst == "default" {
                "0.0.0.0/0"
            } else {
                &route.dst
            };
            Some(json!({
                "dest": dest, "gateway": route.gateway.as_ref()?, "device": route.dev, "source": "",
                "scope": 0, "family": 0, "flags": 0, "mtu": 0,
            }))
        })
        .collect();
    requests.push(Request {
        name: "UpdateRoutesRequest",
        body: json!({"routes": {"Routes": routes}}),
    });
    requests
}

fn interface(link: &Link) -> Request {
    let addresses: Vec<Value> = link
        .addr_info
        .iter()
        .map(|it| {
            json!({
                "family": i32::from(it.family == "inet6"),
                "address": it.local,
                "mask": it.prefixlen.to_string(),
            })
        })
        .collect();
    Request {
        name: "UpdateInterfaceRequest",
        body: json!({"interface": {
            "device": link.ifname, "name": link.ifname, "IPAddresses": addresses, "mtu": link.mtu,
            "hwAddr": link.address, "devicePath": "", "type_": "virtual", "raw_flags": 0,
        }}),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test stops at once"
)]
mod tests {
    use serde_json::{from_value, json};

    use super::translate;
    use crate::kata::tests::recorded;

    #[test]
    fn a_network_is_told_as_a_real_host_told_it() {
        // As iproute2 6.1 prints them, shortened.
        let addresses = json!([
            {"ifname": "lo", "mtu": 65536, "address": "00:00:00:00:00:00", "addr_info": [
                {"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
            {"ifname": "eth0", "mtu": 1500, "address": "8e:3b:66:3f:9a:a6", "addr_info": [
                {"family": "inet", "local": "10.88.0.22", "prefixlen": 16},
                {"family": "inet6", "local": "fe80::8c3b:66ff:fe3f:9aa6", "prefixlen": 64}]},
        ]);
        let routes = json!([
            {"dst": "default", "gateway": "10.88.0.1", "dev": "eth0", "flags": []},
            {"dst": "10.88.0.0/16", "dev": "eth0", "scope": "link", "prefsrc": "10.88.0.22"},
        ]);
        let links: Vec<_> = from_value(addresses).unwrap();
        let routes: Vec<_> = from_value(routes).unwrap();
        let told = translate(&links, &routes);
        for request in &told {
            assert_eq!(request.body, recorded(request.name)[0], "{}", request.name);
        }
        assert_eq!(told.len(), 2);
    }
}
