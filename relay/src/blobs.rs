//! Storing and fetching encrypted blobs on Blossom servers (BUD-01, BUD-02).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dvm::blob::{BlobError, BlobRef, upload_authorization};
use futures_util::StreamExt as _;
use job::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::tls;
use crate::urls::{Plain, UrlError};

/// Longest silence of a server before it is given up.
const IDLE: Duration = Duration::from_secs(30);

/// Longest upload or download, whatever its size.
const TOTAL: Duration = Duration::from_mins(10);

/// Stores and fetches blobs.
#[derive(Clone)]
pub struct Blobs {
    client: reqwest::Client,
    plain: Plain,
}

/// Why a blob was not stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobStoreError {
    /// No HTTP client.
    #[error("failed to set up HTTP")]
    Client(#[source] reqwest::Error),
    /// No TLS.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// A server that is not used.
    #[error("failed to use a blob server")]
    Url(#[source] UrlError),
    /// The terms name no server.
    #[error("the data are too large for a message, and the offer names no blob server")]
    NoServer,
    /// The server could not be reached, or broke off.
    #[error("failed to talk to the blob server at {0}")]
    Http(String, #[source] reqwest::Error),
    /// The server said no.
    #[error("the blob server at {0} answered {1}")]
    Status(String, u16),
    /// More than was said.
    #[error("the blob at {0} is longer than the {1} bytes that were said")]
    TooLong(String, u64),
    /// Larger than this job takes.
    #[error("the data have {size} bytes, and this job takes {most}")]
    TooLarge {
        /// Bytes said.
        size: u64,
        /// Bytes taken.
        most: u64,
    },
    /// Not the blob that was named.
    #[error("failed to open the blob")]
    Blob(#[source] BlobError),
}

impl Blobs {
    /// A client; `plain` decides about unencrypted and private servers.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(plain: Plain) -> Result<Self, BlobStoreError> {
        let tls = tls::client_config().map_err(BlobStoreError::Tls)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would lead past the check of the URL.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(PublicOnly(plain)))
            .read_timeout(IDLE)
            .timeout(TOTAL)
            .build()
            .map_err(BlobStoreError::Client)?;
        Ok(Self { client, plain })
    }

    /// Encrypts `data` under a fresh key and stores it on every server that takes
    /// it, at least one.
    ///
    /// # Errors
    /// When no server took it.
    pub async fn store(
        &self,
        data: &[u8],
        servers: &[String],
        now: Timestamp,
    ) -> Result<BlobRef, BlobStoreError> {
        let (mut blob, stored) = dvm::blob::encrypt(data).map_err(BlobStoreError::Blob)?;
        let mut last = BlobStoreError::NoServer;
        for server in servers {
            match self.upload(server, &blob, stored.clone(), now).await {
                Ok(url) => blob.urls.push(url),
                Err(error) => {
                    tracing::warn!(server, %error, "failed to store a blob");
                    last = error;
                }
            }
        }
        if blob.urls.is_empty() {
            return Err(last);
        }
        Ok(blob)
    }

    async fn upload(
        &self,
        server: &str,
        blob: &BlobRef,
        stored: Vec<u8>,
        now: Timestamp,
    ) -> Result<String, BlobStoreError> {
        let url = self.plain.blob(server).map_err(BlobStoreError::Url)?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let host = url.host_str().unwrap_or_default();
        let response = self
            .client
            .put(format!("{base}/upload"))
            .header(
                "Authorization",
                upload_authorization(blob.stored, host, now),
            )
            .header("Content-Type", "application/octet-stream")
            .header("X-SHA-256", blob.stored.to_string())
            .body(stored)
            .send()
            .await
            .map_err(|error| BlobStoreError::Http(base.clone(), error))?;
        if !response.status().is_success() {
            return Err(BlobStoreError::Status(base, response.status().as_u16()));
        }
        // Where it is follows from what it is (BUD-01); nobody's answer is needed.
        Ok(format!("{base}/{}", blob.stored))
    }

    /// Fetches and decrypts a blob from the first server that has it. What is
    /// larger than `most` bytes of data is refused before it is fetched.
    ///
    /// # Errors
    /// When no server has it, or it is not what was named.
    pub async fn fetch(
        &self,
        blob: &BlobRef,
        most: u64,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, BlobStoreError> {
        // Padding adds an eighth at most, encryption 16 bytes.
        let largest = most.saturating_add(most / 4).saturating_add(64);
        if blob.length > most || blob.size > largest {
            return Err(BlobStoreError::TooLarge {
                size: blob.length.max(blob.size),
                most,
            });
        }
        let mut last = BlobStoreError::NoServer;
        for url in &blob.urls {
            let fetched = match self.download(url, blob.size).await {
                Ok(stored) => blob.decrypt(&stored).map_err(BlobStoreError::Blob),
                Err(error) => Err(error),
            };
            match fetched {
                Ok(data) => return Ok(data),
                Err(error) => {
                    tracing::warn!(url, %error, "failed to fetch a blob");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn download(&self, url: &str, size: u64) -> Result<Vec<u8>, BlobStoreError> {
        let checked = self.plain.blob(url).map_err(BlobStoreError::Url)?;
        let http = |error| BlobStoreError::Http(url.to_owned(), error);
        let response = self.client.get(checked).send().await.map_err(http)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(BlobStoreError::Status(url.to_owned(), status));
        }
        let mut stored = Vec::new();
        let mut body = response.bytes_stream();
        while let Some(chunk) = body.next().await {
            stored.extend_from_slice(&chunk.map_err(http)?);
            if stored.len() as u64 > size {
                return Err(BlobStoreError::TooLong(url.to_owned(), size));
            }
        }
        Ok(stored)
    }
}

/// Resolves names to the addresses that may be used: a public name can point
/// into a private network.
struct PublicOnly(Plain);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let plain = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                found.filter(|address| plain.allows(address.ip())).collect();
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}
