//! URLs that other people give us are requests we make for them: only encrypted
//! transport, only public addresses, unless development says otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether `ws://`, `http://` and private addresses are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Never. Anything else is a way into the network this program stands in.
    Refused,
    /// Used: `--allow-plain-relays`, for development.
    Allowed,
}

/// Why a URL is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL, or one with user, query or fragment.
    #[error("{0:?} is not a plain URL with a host")]
    Form(String),
    /// Another scheme than TLS.
    #[error("{0:?} is not encrypted: use {1}://, or, for development, --allow-plain-relays")]
    Scheme(String, &'static str),
    /// A private address.
    #[error(
        "{0:?} names a private address: use a public one, or, for development, --allow-plain-relays"
    )]
    Private(String),
}

impl Plain {
    /// Takes a relay's URL.
    ///
    /// # Errors
    /// When it is not to be used.
    pub fn relay(self, text: &str) -> Result<Url, UrlError> {
        self.check(text, "wss", "ws")
    }

    /// Takes a blob server's or blob's URL.
    ///
    /// # Errors
    /// When it is not to be used.
    pub fn blob(self, text: &str) -> Result<Url, UrlError> {
        self.check(text, "https", "http")
    }

    fn check(
        self,
        text: &str,
        encrypted: &'static str,
        plain: &'static str,
    ) -> Result<Url, UrlError> {
        let form = || UrlError::Form(text.to_owned());
        let url = Url::parse(text).map_err(|_| form())?;
        let host = url.host().ok_or_else(form)?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(form());
        }
        match self {
            Self::Allowed if url.scheme() == plain || url.scheme() == encrypted => Ok(url),
            Self::Refused if url.scheme() == encrypted && is_public(&host) => Ok(url),
            Self::Refused if url.scheme() == encrypted => Err(UrlError::Private(text.to_owned())),
            Self::Refused | Self::Allowed => Err(UrlError::Scheme(text.to_owned(), encrypted)),
        }
    }

    /// Whether an address a name resolved to may be connected to.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        self == Self::Allowed || is_public_address(address)
    }
}

/// Whether `url` lies on `server`: the same scheme, host and port, however each is
/// written (`HTTPS://Blobs.Example:443`), and a path behind it.
pub fn lies_on(url: &str, server: &str) -> bool {
    let (Ok(url), Ok(server)) = (Url::parse(url), Url::parse(server)) else {
        return false;
    };
    let bare = url.username().is_empty() && url.password().is_none();
    bare && url.path().len() > 1
        && url.origin().is_tuple()
        && url.origin() == server.origin()
        && url.path().starts_with(server.path())
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            // A name without a dot is of the local network, and so are these.
            let local = ["localhost", "local", "internal", "cluster.local", "svc"];
            let name = name.trim_end_matches('.');
            name.contains('.')
                && !local
                    .iter()
                    .any(|end| name == *end || name.ends_with(&format!(".{end}")))
        }
        Host::Ipv4(address) => is_public_address(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_public_address(IpAddr::V6(*address)),
    }
}

fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_public_v4(address),
            None => is_public_v6(address),
        },
    }
}

/// Everything but what IANA's registry calls special purpose and not global.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_unspecified()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; documentation and the tunnels that embed IPv4
    // addresses are inside it.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && (second == 0x0db8 || second == 0))
        && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::{Plain, lies_on};

    #[test]
    fn a_blob_lies_on_a_server_however_the_server_is_written() {
        let blob = "https://blobs.example/0a";
        for server in [
            "https://blobs.example",
            "https://blobs.example/",
            "https://Blobs.Example",
            "https://blobs.example:443",
        ] {
            assert!(lies_on(blob, server), "{server}");
        }
        assert!(lies_on(
            "HTTPS://BLOBS.example:443/0a",
            "https://blobs.example"
        ));
        assert!(lies_on("http://b.example:8080/0a", "http://B.example:8080"));
        for other in [
            "http://blobs.example/0a",
            "https://blobs.example:444/0a",
            "https://blobs.example.evil/0a",
            "https://evil/https://blobs.example/0a",
            "https://blobs.example@evil/0a",
            "https://user@blobs.example/0a",
            "https://user:word@blobs.example/0a",
            "https://blobs.example",
            "https://blobs.example/",
            "file:///0a",
            "blobs.example/0a",
            "",
        ] {
            assert!(!lies_on(other, "https://blobs.example"), "{other}");
        }
        assert!(!lies_on("file:///0a", "file:///"));
        assert!(!lies_on(blob, "not a URL"));
    }

    #[test]
    fn only_encrypted_public_urls_are_used() {
        for url in [
            "wss://relay.example",
            "wss://relay.example:7777/path",
            "wss://8.8.8.8",
        ] {
            assert!(Plain::Refused.relay(url).is_ok(), "{url}");
        }
        for url in [
            "ws://relay.example",
            "wss://localhost",
            "wss://relay",
            "wss://127.0.0.1",
            "wss://10.0.0.1",
            "wss://192.168.1.1",
            "wss://169.254.169.254",
            "wss://[::1]",
            "wss://[fd00::1]",
            "wss://[::ffff:10.0.0.1]",
            "wss://100.64.0.1",
            "wss://0.0.0.0",
            "wss://kubernetes.default.svc",
            "wss://a.cluster.local",
            "wss://user@relay.example",
            "wss://relay.example/?x=1",
            "https://relay.example",
            "relay.example",
            "",
            "wss://2130706433",
            "wss://0x7f.1",
        ] {
            assert!(Plain::Refused.relay(url).is_err(), "{url}");
        }
        assert!(Plain::Allowed.relay("ws://127.0.0.1:7777").is_ok());
        assert!(Plain::Allowed.relay("http://127.0.0.1").is_err());
        assert!(Plain::Allowed.blob("http://127.0.0.1:3000").is_ok());
        assert!(Plain::Refused.blob("http://blobs.example").is_err());
    }
}
