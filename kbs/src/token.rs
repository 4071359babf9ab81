//! The token an attested guest is given: it names the session and nothing else, and
//! means nothing to anybody but the broker that signed it.

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use job::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::session::{LIFETIME_SECS, SessionId};

const ISSUER: &str = "cdvm-kbs";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: u64,
    exp: u64,
    jti: String,
}

/// Signs and reads tokens, under a key of this process.
pub(crate) struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
}

impl Tokens {
    /// Under a fresh key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let pkcs8 = made.ok().context("failed to make a key for tokens")?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref());
        let pair = pair.ok().context("failed to read the key for tokens")?;
        Ok(Self {
            sign: EncodingKey::from_ec_der(pkcs8.as_ref()),
            verify: DecodingKey::from_ec_der(pair.public_key().as_ref()),
        })
    }

    /// The token of a session.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub(crate) fn issue(&self, session: SessionId, now: Timestamp) -> anyhow::Result<String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            iat: now.as_secs(),
            exp: now.plus(LIFETIME_SECS).as_secs(),
            jti: session.to_string(),
        };
        encode(&Header::new(Algorithm::ES256), &claims, &self.sign)
            .context("failed to sign a token")
    }

    /// The session a token names; whether that is over, sessions know.
    pub(crate) fn read(&self, token: &str) -> Option<SessionId> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        // The session's own time counts, by the broker's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = decode::<Claims>(token, &self.verify, &validation)
            .ok()?
            .claims;
        SessionId::parse(&claims.jti)
    }
}
