//! The broker's certificate: from files, or of its own making.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::args::Transport;
use crate::place::create_private;

/// What takes connections; `None` for plain HTTP.
pub(crate) fn acceptor(transport: &Transport, state: &Path) -> Result<Option<TlsAcceptor>> {
    let (certificate, key) = match (&transport.tls_certificate, &transport.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ if transport.insecure_http_on_loopback => return Ok(None),
        _ => {
            let (certificate, key) = (state.join("tls.pem"), state.join("tls.key"));
            if !certificate.exists() {
                make(&transport.tls_self_made, &certificate, &key)?;
            }
            (certificate, key)
        }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("failed to read certificates from {}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(&key)
        .with_context(|| format!("failed to read a key from {}", key.display()))?;
    let first = chain.first().context("there is no certificate")?;
    let fingerprint = hex::encode(digest(&SHA256, first));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .context("the certificate and its key do not fit")?;
    tracing::info!(sha256 = fingerprint, file = %certificate.display(), "the broker's certificate");
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn make(names: &[String], certificate: &Path, key: &Path) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.context("failed to make a certificate: a name is none")?;
    create_private(key, made.signing_key.serialize_pem().as_bytes())?;
    create_private(certificate, made.cert.pem().as_bytes())
}
