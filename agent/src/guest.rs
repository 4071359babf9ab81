//! The guest components' API (`http://127.0.0.1:8006`, api-server-rest): signed
//! evidence, and secrets for attested guests.

use std::time::Duration;

use job::{NoEvidence, ReportData};
use reqwest::{Client, StatusCode};
use zeroize::Zeroizing;

const BASE: &str = "http://127.0.0.1:8006";

/// Longest wait for one answer. The guest's own limit is 50 s; a refused secret
/// takes several rounds.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Longest answer that is read: evidence has 7 kB, a secret at most this.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The guest around us.
pub(crate) struct Guest {
    client: Client,
    base: String,
}

impl Guest {
    /// A client for loopback, and nothing else.
    pub(crate) fn new() -> reqwest::Result<Self> {
        Self::at(BASE)
    }

    fn at(base: &str) -> reqwest::Result<Self> {
        let client = Client::builder()
            // An image holds no roots of the web, and loopback needs none.
            .tls_certs_only([])
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        let base = base.to_owned();
        Ok(Self { client, base })
    }

    /// Evidence over `data`, as the guest components print it; or why there is none.
    pub(crate) async fn evidence(&self, data: ReportData) -> Result<Vec<u8>, NoEvidence> {
        // Hex needs no escaping in a query.
        let answer = self.get(&format!("/aa/evidence?runtime_data={data}")).await;
        answer.map(|answer| answer.to_vec())
    }

    /// A secret, by `repository/type/tag`.
    pub(crate) async fn resource(&self, path: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.get(&format!("/cdh/resource/{path}")).await.ok()
    }

    async fn get(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, NoEvidence> {
        let broken = |_| NoEvidence::NoGuestApi;
        let url = format!("{}{path}", self.base);
        let mut answer = self.client.get(url).send().await.map_err(broken)?;
        class(answer.status())?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(NoEvidence::NoReport);
            }
        }
        Ok(body)
    }
}

/// Success, or the class of what is none.
fn class(status: StatusCode) -> Result<(), NoEvidence> {
    if status.is_success() {
        Ok(())
    } else if status.is_server_error() {
        Err(NoEvidence::FailedGuestApi)
    } else {
        Err(NoEvidence::RefusedByGuestApi)
    }
}

#[cfg(test)]
mod tests {
    use job::{Challenge, Digest, JobId, NoEvidence, PublicKey, ReportData, report_data};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::Guest;

    fn bound() -> ReportData {
        let key = |byte| PublicKey::from_bytes([byte; 32]);
        report_data(
            key(1),
            JobId::from_bytes([2; 32]),
            key(3),
            key(4),
            Challenge::from_bytes([5; 32]),
            Digest::of(b"manifest"),
        )
    }

    /// What a guest whose API writes `answer` is said to have.
    async fn evidence(answer: &'static str) -> Result<Vec<u8>, NoEvidence> {
        relay::install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guest = Guest::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        tokio::join!(guest.evidence(bound()), serve).0
    }

    #[tokio::test]
    async fn an_answer_without_success_says_its_class() {
        for (answer, expected) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
                Ok(b"{}".to_vec()),
            ),
            (
                "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
                Err(NoEvidence::RefusedByGuestApi),
            ),
            (
                "HTTP/1.1 304 Not Modified\r\n\r\n",
                Err(NoEvidence::RefusedByGuestApi),
            ),
            (
                "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
                Err(NoEvidence::FailedGuestApi),
            ),
            // It breaks off.
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
                Err(NoEvidence::NoGuestApi),
            ),
        ] {
            assert_eq!(evidence(answer).await, expected, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_guest_without_an_api_is_said_to_have_none() {
        relay::install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guest = Guest::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        drop(listener);
        let evidence = guest.evidence(bound()).await;
        assert_eq!(evidence, Err(NoEvidence::NoGuestApi));
    }
}
