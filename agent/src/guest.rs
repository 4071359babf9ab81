//! The guest components' API (`http://127.0.0.1:8006`, api-server-rest): signed
//! evidence, and secrets for attested guests.

use std::time::Duration;

use job::ReportData;
use reqwest::Client;
use zeroize::Zeroizing;

const BASE: &str = "http://127.0.0.1:8006";

/// Longest wait for one answer. The guest's own limit is 50 s; a refused secret
/// takes several rounds.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Longest answer that is read: evidence has 7 kB, a secret at most this.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The guest around us.
pub(crate) struct Guest(Client);

impl Guest {
    /// A client for loopback, and nothing else.
    pub(crate) fn new() -> reqwest::Result<Self> {
        let client = Client::builder()
            // An image holds no roots of the web, and loopback needs none.
            .tls_certs_only([])
            .no_proxy()
            .timeout(TIMEOUT)
            .build();
        client.map(Self)
    }

    /// Evidence over `data`, as the guest components print it.
    pub(crate) async fn evidence(&self, data: ReportData) -> Option<Vec<u8>> {
        // Hex needs no escaping in a query.
        self.get(&format!("/aa/evidence?runtime_data={data}"))
            .await
            .map(|answer| answer.to_vec())
    }

    /// A secret, by `repository/type/tag`.
    pub(crate) async fn resource(&self, path: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.get(&format!("/cdh/resource/{path}")).await
    }

    async fn get(&self, path: &str) -> Option<Zeroizing<Vec<u8>>> {
        let answer = self.0.get(format!("{BASE}{path}")).send().await.ok()?;
        let mut answer = answer.error_for_status().ok()?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return None;
            }
        }
        Some(body)
    }
}
