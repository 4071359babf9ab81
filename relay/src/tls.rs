//! One TLS stack: rustls with aws-lc-rs and the roots of the web compiled in.

use std::sync::Arc;

/// Chooses aws-lc-rs for the whole process. First line of every `main` and of
/// every test that opens a connection: the tree holds a second provider, and
/// rustls refuses to choose between two.
pub fn install_crypto_provider() {
    // An error means that it was installed before: what we want.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// Client configuration with the compiled-in roots: what every connection of ours
/// to a server uses.
///
/// # Errors
/// When the cryptography was built without a TLS version.
pub fn client_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = webpki_roots::TLS_SERVER_ROOTS
        .iter()
        .cloned()
        .collect::<rustls::RootCertStore>();
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
