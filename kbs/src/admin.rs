//! Who may put secrets there over HTTP: bearer JWTs of named issuers, and roles with
//! patterns of paths, in the words of Trustee's `[admin]` (`kbs/docs/admin.md`, v0.21).
//!
//! Without any, nobody may. There is no mode that lets everybody.

use anyhow::{Context as _, bail};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use regex::Regex;
use serde::Deserialize;

use crate::resource::Resource;

/// Longest token.
const MAX_TOKEN: usize = 8 * 1024;

/// Administrators over HTTP.
pub struct Admin {
    issuers: Vec<Issuer>,
    rules: Vec<(String, Regex)>,
}

struct Issuer {
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
    name: String,
    audience: String,
}

/// The file of administrators.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    identity_providers: Vec<Provider>,
    acls: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    issuer: String,
    audience: String,
    public_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    role: String,
    allowed_endpoints: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    role: String,
}

/// Why somebody is no administrator; they read one word of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No bearer token.
    #[error("no bearer token")]
    NoToken,
    /// One that no issuer signed, or that is over, or says not for whom.
    #[error("a token that no issuer here signed, or that is over")]
    Token,
    /// A role without a rule for this path.
    #[error("the role {0:?} may not write there")]
    Role(String),
}

impl Admin {
    /// Nobody.
    pub const fn nobody() -> Self {
        Self {
            issuers: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Reads the file of administrators.
    ///
    /// # Errors
    /// When it makes no sense; the text says what to write.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let File {
            identity_providers,
            acls,
        } = toml::from_str(text).context("failed to read the administrators")?;
        let mut issuers = Vec::new();
        for Provider {
            issuer,
            audience,
            public_key,
        } in identity_providers
        {
            let (key, algorithms) = public_key_of(&public_key).with_context(|| {
                format!("the issuer {issuer:?} has no public key: PEM of Ed25519, P-256 or RSA")
            })?;
            issuers.push(Issuer {
                key,
                algorithms,
                name: issuer,
                audience,
            });
        }
        let mut rules = Vec::new();
        for Rule {
            role,
            allowed_endpoints: pattern,
        } in acls
        {
            if !pattern.starts_with("^/kbs/v0/resource/") || !pattern.ends_with('$') {
                bail!(
                    "the rule of {role:?} is {pattern:?}, and must begin with ^/kbs/v0/resource/ and end with $"
                );
            }
            let regex = Regex::new(&pattern)
                .with_context(|| format!("the rule of {role:?} is no pattern"))?;
            rules.push((role, regex));
        }
        Ok(Self { issuers, rules })
    }

    /// The role that may write `resource`, by an `Authorization` header.
    ///
    /// # Errors
    /// Why not.
    pub fn require(&self, header: Option<&str>, resource: &Resource) -> Result<String, Denied> {
        let token = header
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| token.len() <= MAX_TOKEN)
            .ok_or(Denied::NoToken)?;
        let role = self.role(token).ok_or(Denied::Token)?;
        // Never the path that was asked for, which can be written in several ways.
        let path = format!("/kbs/v0/resource/{resource}");
        let mut rules = self.rules.iter();
        if rules.any(|(of, pattern)| *of == role && pattern.is_match(&path)) {
            Ok(role)
        } else {
            Err(Denied::Role(role))
        }
    }

    fn role(&self, token: &str) -> Option<String> {
        let algorithm = decode_header(token).ok()?.alg;
        self.issuers.iter().find_map(|issuer| {
            if !issuer.algorithms.contains(&algorithm) {
                return None;
            }
            let mut validation = Validation::new(algorithm);
            validation.set_issuer(&[&issuer.name]);
            validation.set_audience(&[&issuer.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            validation.validate_nbf = true;
            let token = decode::<Claims>(token, &issuer.key, &validation).ok()?;
            Some(token.claims.role)
        })
    }
}

fn public_key_of(pem: &str) -> Option<(DecodingKey, Vec<Algorithm>)> {
    let pem = pem.as_bytes();
    DecodingKey::from_ed_pem(pem)
        .map(|key| (key, vec![Algorithm::EdDSA]))
        .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (key, vec![Algorithm::ES256])))
        .or_else(|_| {
            DecodingKey::from_rsa_pem(pem)
                .map(|key| (key, vec![Algorithm::RS256, Algorithm::PS256]))
        })
        .ok()
}
