//! A SIMULATED guest: started with the init data of a job, it attests and asks as the
//! guest components do. What is sealed to it, it opens by another library than the
//! broker's.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aes_kw::KwAes256;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use dvm::Keys;
use dvm::order::{NewOrder, sign_order};
use job::{Attempt, Deployment, ImageRef, Manifest, OfferId, Order, Terms, Timestamp, init_data};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384};
use simvendor::Fields;

use crate::broker::{RESOURCE, machine, now};

pub(crate) fn agent() -> ImageRef {
    format!("registry.example/agent@sha256:{}", "77".repeat(32))
        .parse()
        .unwrap()
}

pub(crate) fn terms() -> Terms {
    serde_json::from_value(json!({
        "workload": {
            "image": format!("registry.example/score@sha256:{}", "91".repeat(32)),
            "imageEnv": ["PATH=/"], "argv": ["/score"], "env": [],
        },
        "params": [],
        "input": {"maxBytes": 1024, "waitSeconds": 600, "chat": false},
        "output": {"from": "stdout", "maxBytes": 1024},
        "network": {"allow": []},
        "secrets": [
            {"name": "model-key", "resource": format!("kbs:///{RESOURCE}")},
            {"name": "own", "resource": "job"},
        ],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 900,
        "blobServers": [],
        "kbs": {"url": "https://kbs.example", "certificate": ""},
    }))
    .unwrap()
}

pub(crate) fn order(keys: &Keys) -> Order {
    let new = NewOrder {
        kind: 5999,
        provider: Keys::generate().public_key(),
        offer: OfferId::from_bytes([0x0f; 32]),
        relays: vec!["wss://relay.example".to_owned()],
        expiration: Timestamp::from_secs(now() + 3600),
        params: Vec::new(),
    };
    sign_order(keys, new, Timestamp::from_secs(now())).unwrap()
}

pub(crate) fn manifest_of(order: Order, terms: Terms, attempt: u32) -> Manifest {
    let deployment = Deployment {
        attempt: Attempt::try_from(attempt).unwrap(),
        not_after: Timestamp::from_secs(now() + 1800),
        agent: agent(),
    };
    Manifest::new(order, terms, deployment).unwrap()
}

/// One virtual machine.
pub(crate) struct Guest {
    pub(crate) init_data: String,
    pub(crate) host_data: job::Digest,
    report_id: [u8; 32],
    key: p256::SecretKey,
    client: Client,
    url: String,
}

impl Guest {
    /// A machine of a new order.
    pub(crate) fn new(url: &str) -> Self {
        Self::of(url, &manifest_of(order(&Keys::generate()), terms(), 1))
    }

    /// A machine that runs this.
    pub(crate) fn of(url: &str, manifest: &Manifest) -> Self {
        let data = init_data(manifest).unwrap();
        Self {
            init_data: data.as_str().to_owned(),
            host_data: data.digest(),
            report_id: *dvm::keys::random_bytes(),
            key: p256::SecretKey::from_slice(&*dvm::keys::random_bytes()).unwrap(),
            client: client(),
            url: url.to_owned(),
        }
    }

    /// The same machine's client, begun anew: another key, as after each token.
    pub(crate) fn again(&self) -> Self {
        Self {
            init_data: self.init_data.clone(),
            host_data: self.host_data,
            report_id: self.report_id,
            key: p256::SecretKey::from_slice(&*dvm::keys::random_bytes()).unwrap(),
            client: client(),
            url: self.url.clone(),
        }
    }

    pub(crate) fn tee_pubkey(&self) -> Value {
        let point = p256::Sec1Point::from(self.key.public_key());
        let (x, y) = (
            BASE64URL.encode(point.x().unwrap()),
            BASE64URL.encode(point.y().unwrap()),
        );
        json!({"kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": x, "y": y})
    }

    pub(crate) fn evidence(&self, nonce: &str) -> Value {
        // Sorted by hand: RFC 8785.
        let key = self.tee_pubkey();
        let bound = format!(
            "{{\"additional-evidence\":\"\",\"nonce\":\"{nonce}\",\"tee-pubkey\":{{\"alg\":\"ECDH-ES+A256KW\",\
             \"crv\":\"P-256\",\"kty\":\"EC\",\"x\":{},\"y\":{}}}}}",
            key["x"], key["y"]
        );
        let mut report_data = [0; 64];
        report_data[..48].copy_from_slice(&Sha384::digest(bound));
        let (_, chip) = machine();
        let fields = Fields {
            measurement: simvendor::measurement(2, ""),
            host_data: *self.host_data.as_bytes(),
            report_id: self.report_id,
            report_data,
            ..Fields::new(chip)
        };
        simvendor::guest_components_json(&fields.sign(chip).unwrap(), chip)
    }

    pub(crate) async fn challenge(&self) -> (String, String) {
        let request = json!({"version": "0.4.0", "tee": "snp", "extra-params":
            {"supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"]}});
        let answer = self.post("auth", None, request.to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let challenge: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(challenge["extra-params"], "");
        (cookie, challenge["nonce"].as_str().unwrap().to_owned())
    }

    pub(crate) fn attestation(&self, nonce: &str) -> Value {
        json!({
            "init-data": {"format": "toml", "body": self.init_data},
            "runtime-data": {"nonce": nonce, "tee-pubkey": self.tee_pubkey()},
            "tee-evidence": {"primary_evidence": self.evidence(nonce), "additional_evidence": ""},
        })
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        cookie: Option<&str>,
        body: String,
    ) -> reqwest::Response {
        let request = self
            .client
            .post(format!("{}/kbs/v0/{path}", self.url))
            .body(body);
        let request = match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// The whole handshake: cookie and token.
    pub(crate) async fn attest(&self) -> (String, String) {
        let (cookie, nonce) = self.challenge().await;
        let body = self.attestation(&nonce).to_string();
        let answer = self.post("attest", Some(&cookie), body).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        (cookie, answer["token"].as_str().unwrap().to_owned())
    }

    /// What a request for a secret is answered.
    pub(crate) async fn ask(
        &self,
        path: &str,
        header: (&str, &str),
    ) -> Result<String, (StatusCode, Value)> {
        let url = format!("{}/kbs/v0/resource/{path}", self.url);
        let answer = self
            .client
            .get(url)
            .header(header.0, header.1)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        if status == StatusCode::OK {
            Ok(String::from_utf8(self.open(&body)).unwrap())
        } else {
            Err((status, body))
        }
    }

    /// As its confidential data hub does.
    pub(crate) async fn fetch(&self, path: &str) -> Option<String> {
        let (_, token) = self.attest().await;
        self.ask(path, ("authorization", &format!("Bearer {token}")))
            .await
            .ok()
    }

    fn open(&self, jwe: &Value) -> Vec<u8> {
        let part = |name: &str| BASE64URL.decode(jwe[name].as_str().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&part("protected")).unwrap();
        let at = |name: &str| {
            BASE64URL
                .decode(header["epk"][name].as_str().unwrap())
                .unwrap()
        };
        let theirs =
            p256::PublicKey::from_sec1_bytes(&[vec![4], at("x"), at("y")].concat()).unwrap();
        let agreed = p256::ecdh::diffie_hellman(self.key.to_nonzero_scalar(), theirs.as_affine());
        let name = b"ECDH-ES+A256KW";
        let mut hash = Sha256::new();
        hash.update([0, 0, 0, 1]);
        hash.update(agreed.raw_secret_bytes());
        hash.update([0, 0, 0, 14]);
        hash.update(name);
        hash.update([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        let kek: [u8; 32] = hash.finalize().into();
        let mut key = [0; 32];
        KwAes256::new(&kek.into())
            .unwrap_key(&part("encrypted_key"), &mut key)
            .unwrap();
        let iv: [u8; 12] = part("iv").try_into().unwrap();
        let msg = [part("ciphertext"), part("tag")].concat();
        let aad = jwe["protected"].as_str().unwrap().as_bytes();
        let cipher = Aes256Gcm::new(&key.into());
        cipher
            .decrypt(&iv.into(), Payload { msg: &msg, aad })
            .unwrap()
    }
}

pub(crate) fn client() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap()
}
