//! One request to the vendor's key server, or a mirror of it: bounded in bytes
//! and time, and its failures by what can be done about them.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context as _, Result};
use relay::Plain;
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url};

use super::item::{Item, causes};
use crate::exit::Problem;

/// The vendor's own.
pub(crate) const DEFAULT: &str = "https://kdsintf.amd.com";

/// Pace of requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two requests to one server: the vendor answers about one in ten
    /// seconds and address.
    pub(super) between: Duration,
    /// A connection that takes longer will not come.
    pub(super) connect: Duration,
    /// A request that takes longer hangs: the largest answer has a megabyte.
    pub(super) request: Duration,
    /// How often one item is asked for.
    pub(super) tries: u32,
    /// How long one item is worth waiting for: a guest waits for its data not
    /// much longer.
    pub(super) patience: Duration,
}

impl Pace {
    /// For the vendor's server.
    pub(super) const VENDOR: Self = Self {
        between: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        request: Duration::from_secs(30),
        tries: 4,
        patience: Duration::from_secs(90),
    };
}

/// A key server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    base: Url,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Outage {
    /// 429, with what its Retry-After said.
    #[error("it answered 429: too many requests from here")]
    Throttled(Option<Duration>),
    /// 5xx.
    #[error("it answered {0}")]
    Broken(u16),
    /// Nothing in time.
    #[error("it did not answer in time")]
    Silent,
    /// The answer broke off.
    #[error("its answer broke off: {0}")]
    Cut(String),
    /// No connection: no network, no such name, or TLS failed.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// 404: it does not know such a thing.
    #[error("it answered 404: it has no such thing")]
    NotThere,
    /// Another answer than success; a redirect is one.
    #[error("it answered {0}")]
    Refused(u16),
    /// More than the item can have.
    #[error("its answer has more than {0} bytes")]
    TooLong(usize),
}

impl Outage {
    /// Whether it may be over the next time.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Broken(_) | Self::Silent | Self::Cut(_) => true,
            Self::Unreachable(_) | Self::NotThere | Self::Refused(_) | Self::TooLong(_) => false,
        }
    }
}

impl Address {
    /// Takes what was typed. Private addresses are fine: nobody but the customer
    /// names a mirror.
    pub(crate) fn new(typed: &str, plain: Plain) -> Result<Self, Problem> {
        let wrong = |why: &str| {
            let next = "name one as --key-server https://HOST";
            Problem::usage(format!("the key server {typed:?} {why}"), next)
        };
        let base = Url::parse(typed.trim()).map_err(|_| wrong("is not a URL"))?;
        let bare = base.username().is_empty() && base.password().is_none();
        if base.host_str().is_none() || !bare || base.query().is_some() || base.fragment().is_some()
        {
            return Err(wrong("is not a plain URL with a host"));
        }
        match (base.scheme(), plain) {
            ("https", _) | ("http", Plain::Allowed) => Ok(Self { base }),
            _ => Err(wrong(
                "is not encrypted: use https://, or, for development, --allow-plain-relays",
            )),
        }
    }

    /// As people know it, and as its turns are kept.
    pub(super) fn name(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Where an item is.
    pub(super) fn of(&self, item: &Item) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/{}", item.path())
    }
}

/// A key server that can be asked.
pub(super) struct Server {
    address: Address,
    client: reqwest::Client,
}

impl Server {
    pub(super) fn new(address: Address, pace: Pace) -> Result<Self> {
        let tls = relay::client_config().context("failed to set up TLS")?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // It is asked directly: a redirect would tell others which chip it is.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(pace.connect)
            .timeout(pace.request)
            .build()
            .context("failed to set up HTTP")?;
        Ok(Self { address, client })
    }

    /// Asks once.
    pub(super) async fn get(&self, item: &Item) -> Result<Vec<u8>, Outage> {
        let sent = self.client.get(self.address.of(item)).send().await;
        let mut response = sent.map_err(outage)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(Outage::Throttled(retry_after(&response))),
            StatusCode::NOT_FOUND => return Err(Outage::NotThere),
            status if status.is_server_error() => return Err(Outage::Broken(status.as_u16())),
            status => return Err(Outage::Refused(status.as_u16())),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(outage)? {
            if body.len() + chunk.len() > item.most() {
                return Err(Outage::TooLong(item.most()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Seconds; the vendor's server sends no dates there, and what cannot be read is
/// answered with our own pace.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn outage(error: reqwest::Error) -> Outage {
    // The address is told beside it.
    let error = error.without_url();
    let text = error.source().map_or_else(|| error.to_string(), causes);
    if error.is_timeout() {
        Outage::Silent
    } else if error.is_connect() {
        Outage::Unreachable(text)
    } else {
        Outage::Cut(text)
    }
}

#[cfg(test)]
mod tests {
    use relay::Plain;

    use super::{Address, DEFAULT};

    #[test]
    fn a_key_server_is_named_by_an_encrypted_url() {
        let name = |typed: &str, plain| Address::new(typed, plain).map(|address| address.name());
        assert_eq!(name(DEFAULT, Plain::Refused).unwrap(), "kdsintf.amd.com");
        let mirror = "https://10.0.0.7:8443/kds/";
        assert_eq!(name(mirror, Plain::Refused).unwrap(), "10.0.0.7:8443");
        assert!(name("http://127.0.0.1:1", Plain::Allowed).is_ok());
        for wrong in [
            "http://kdsintf.amd.com",
            "kdsintf.amd.com",
            "https://a@b.example",
            "https://b.example/?x",
            "ftp://b.example",
            "",
        ] {
            assert_eq!(
                name(wrong, Plain::Refused).unwrap_err().exit.code(),
                2,
                "{wrong}"
            );
        }
    }
}
