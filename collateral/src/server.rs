//! One request to a vendor's server, or a mirror of it: bounded in bytes and time,
//! and its failures by what can be done about them.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use job::Timestamp;
use relay::Plain;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};

use crate::answer::Answer;
#[cfg(feature = "tdx")]
use crate::intel::{self, Intels};
use crate::item::{Item, causes};
use crate::retry_after;

/// AMD's own.
pub const DEFAULT: &str = "https://kdsintf.amd.com";

/// Pace of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two requests to one server: the vendor answers about one in ten
    /// seconds and address.
    pub(crate) between: Duration,
    /// A connection that takes longer will not come.
    pub(crate) connect: Duration,
    /// A request that takes longer hangs: the largest answer has a megabyte.
    pub(crate) request: Duration,
    /// How often one item is asked for.
    pub(crate) tries: u32,
    /// How long one item is worth waiting for: a guest waits for its data not
    /// much longer.
    pub(crate) patience: Duration,
}

impl Pace {
    /// For AMD's server.
    pub(crate) const AMD: Self = Self {
        between: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        request: Duration::from_secs(30),
        tries: 4,
        patience: Duration::from_secs(90),
    };
}

/// Whom to ask, by vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// AMD's key server, or a mirror of it.
    pub amd: Address,
    /// Intel's provisioning service, or a mirror of it (PCCS); nobody is asked without.
    #[cfg(feature = "tdx")]
    pub intel: Option<Address>,
}

/// Where an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The server, as people know it, and as its turns are kept.
    pub(crate) server: String,
    pub(crate) url: String,
}

impl Servers {
    /// AMD's alone, whatever else this build knows.
    pub const fn of_amd(amd: Address) -> Self {
        Self {
            amd,
            #[cfg(feature = "tdx")]
            intel: None,
        }
    }

    /// Where an item is, if a server for it is named.
    #[cfg_attr(
        not(feature = "tdx"),
        expect(clippy::unnecessary_wraps, reason = "AMD's server is always named")
    )]
    pub(crate) fn place(&self, item: &Item) -> Option<Place> {
        #[cfg(feature = "tdx")]
        let intel = self.intel.as_ref();
        Some(match item {
            Item::Key { .. } | Item::Chain(..) | Item::List(..) => self.amd.place(&item.path()),
            #[cfg(feature = "tdx")]
            Item::Intel(Intels::RootCaCrl) if intel.is_some_and(|it| it.is(intel::DEFAULT)) => {
                let url = Url::parse(intel::ROOT_CA_CRL).ok();
                let host = url.as_ref().and_then(Url::host_str);
                Place {
                    server: host.unwrap_or_default().to_owned(),
                    url: intel::ROOT_CA_CRL.to_owned(),
                }
            }
            #[cfg(feature = "tdx")]
            Item::Intel(_) => intel?.place(&item.path()),
        })
    }
}

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: Url,
}

/// Why a text is no address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Of no URL's form.
    #[error("is not a URL")]
    NoUrl,
    /// With a user, a query or a fragment, or without a host.
    #[error("is not a plain URL with a host")]
    NotBare,
    /// Plain HTTP, or something else.
    #[error("is not encrypted")]
    NotEncrypted,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Outage {
    /// 429, with what its Retry-After said.
    #[error("it answered 429: too many requests from here")]
    Throttled(Option<Duration>),
    /// 5xx, with what its Retry-After said.
    #[error("it answered {0}")]
    Broken(u16, Option<Duration>),
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
    /// How long the server wants to be left alone, if it said so.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(asked) | Self::Broken(_, asked) => *asked,
            Self::Silent
            | Self::Cut(_)
            | Self::Unreachable(_)
            | Self::NotThere
            | Self::Refused(_)
            | Self::TooLong(_) => None,
        }
    }

    /// Whether it may be over the next time.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Broken(..) | Self::Silent | Self::Cut(_) => true,
            Self::Unreachable(_) | Self::NotThere | Self::Refused(_) | Self::TooLong(_) => false,
        }
    }
}

impl Address {
    /// Takes what was typed. Private addresses are fine: nobody but who asks names a
    /// mirror.
    ///
    /// # Errors
    /// When it is no URL of a server, or not encrypted.
    pub fn new(typed: &str, plain: Plain) -> Result<Self, AddressError> {
        let base = Url::parse(typed.trim()).map_err(|_| AddressError::NoUrl)?;
        let bare = base.username().is_empty() && base.password().is_none();
        if base.host_str().is_none() || !bare || base.query().is_some() || base.fragment().is_some()
        {
            return Err(AddressError::NotBare);
        }
        match (base.scheme(), plain) {
            ("https", _) | ("http", Plain::Allowed) => Ok(Self { base }),
            _ => Err(AddressError::NotEncrypted),
        }
    }

    /// As people know it, and as its turns are kept.
    fn name(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn place(&self, path: &str) -> Place {
        let base = self.base.as_str().trim_end_matches('/');
        Place {
            server: self.name(),
            url: format!("{base}/{path}"),
        }
    }

    #[cfg(feature = "tdx")]
    fn is(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| url == self.base)
    }
}

/// Who asks.
pub(crate) fn client(pace: Pace) -> Result<Client> {
    let tls = relay::client_config().context("failed to set up TLS")?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        // It is asked directly: a redirect would tell others which chip it is.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(pace.connect)
        .timeout(pace.request)
        .build()
        .context("failed to set up HTTP")
}

/// Asks once.
pub(crate) async fn get(client: &Client, place: &Place, item: &Item) -> Result<Answer, Outage> {
    let sent = client.get(&place.url).send().await;
    let mut response = sent.map_err(outage)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(Outage::Throttled(retry_after(&response))),
        StatusCode::NOT_FOUND => return Err(Outage::NotThere),
        status if status.is_server_error() => {
            return Err(Outage::Broken(status.as_u16(), retry_after(&response)));
        }
        status => return Err(Outage::Refused(status.as_u16())),
    }
    let chain = item.chain_header();
    let chain = chain.and_then(|name| percent_decoded(response.headers().get(name)?));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(outage)? {
        if body.len() + chunk.len() > item.most() {
            return Err(Outage::TooLong(item.most()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { body, chain })
}

fn percent_decoded(value: &HeaderValue) -> Option<String> {
    let decoded = percent_encoding::percent_decode(value.as_bytes());
    decoded.decode_utf8().ok().map(String::from)
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?;
    retry_after::wait(value.to_str().ok()?, now())
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

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.unwrap_or_default().as_secs())
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
            assert!(name(wrong, Plain::Refused).is_err(), "{wrong}");
        }
    }
}
