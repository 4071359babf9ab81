//! A lying agent: as the real one it makes a key and asks the guest for evidence
//! over it, bound to the right manifest; but it does not check what the guest was
//! started with, and would read the data aloud. Customers must never accept it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use dvm::{Keys, wrap};
use job::{Attestation, Manifest, Timestamp, report_data};
use relay::{Plain, Relays};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    relay::install_crypto_provider();
    if lie().await.is_none() {
        std::process::exit(1);
    }
    // Waits for the data as an honest one would.
    tokio::time::sleep(Duration::from_mins(2)).await;
}

async fn lie() -> Option<()> {
    let manifest = BASE64.decode(std::env::var("CDVM_MANIFEST").ok()?).ok()?;
    let manifest = Manifest::parse(&manifest, dvm::verify).ok()?;
    let order = manifest.order();
    let keys = Keys::generate();
    let bound = report_data(
        keys.public_key(),
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let client = reqwest::Client::builder().tls_certs_only([]).build().ok()?;
    let url = format!("http://127.0.0.1:8006/aa/evidence?runtime_data={bound}");
    let json = client.get(url).send().await.ok()?.bytes().await.ok()?;
    let evidence = evidence::from_guest_components(&json).ok()?;
    let attestation = Attestation {
        author: keys.public_key(),
        recipient: order.customer(),
        job: order.id(),
        report: evidence.report,
        certificate: evidence.certificate,
        manifest: manifest.bytes().to_vec(),
    };
    let now = Timestamp::from_secs(order.created_at().as_secs());
    let rumor = dvm::attestation::to_rumor(&attestation, now);
    let relays = Relays::connect(order.relays(), Plain::Allowed).await.ok()?;
    let event = wrap(&rumor, &keys, order.customer(), now).ok()?;
    relays.publish(&event).await.ok().map(drop)
}
