//! The job it exists for: a secret document goes through a confidential pod on a
//! real Kubernetes, and comes back; over Nostr, and by kubectl.

use std::time::Duration;

use dvm::{Keys, open};
use e2e::commons::{commons, run};
use e2e::customer::Customer;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_secret_table_is_analysed_over_nostr() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let customer = Customer::new(provider, "table")?;
        let data = provider.world.root.join("examples/analyse/data");
        let output = customer.file("report.md");
        let said = customer
            .run(
                "analyse",
                &data.join("breast-cancer-wisconsin.csv"),
                &output,
            )
            .await?;
        assert_eq!(said.code, 0, "{}", said.stderr);
        // The same report as the program gives outside.
        assert_eq!(
            std::fs::read(&output)?,
            std::fs::read(data.join("report.md"))?
        );
        assert!(
            said.stderr.to_lowercase().contains("simulated"),
            "{}",
            said.stderr
        );
        for kind in ["request", "machine", "sent", "result"] {
            assert!(said.event(kind).is_some(), "no {kind}: {}", said.stdout);
        }

        // Data and result went as blobs; nobody but the customer opens anything.
        assert!(!provider.held_blobs().is_empty());
        let strangers = [provider.keys.clone(), Keys::generate()];
        let order: job::Event = serde_json::from_str(&kept(&customer, "order.json")?)?;
        let to_customer = provider.relays[0].events_to(order.pubkey).await;
        assert!(to_customer.len() >= 4);
        for event in &to_customer {
            assert_eq!(event.kind, dvm::kind::GIFT_WRAP);
            assert!(strangers.iter().all(|keys| open(event, keys).is_err()));
        }
        Ok(())
    })
}

/// A file of the customer's only job.
fn kept(customer: &Customer, name: &str) -> anyhow::Result<String> {
    let mut jobs = std::fs::read_dir(customer.state())?;
    let job = jobs.next().expect("a job was kept")?;
    assert!(jobs.next().is_none());
    Ok(std::fs::read_to_string(job.path().join(name))?)
}

#[test]
fn the_same_by_kubectl() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let customer = Customer::new(provider, "kubectl")?;
        let order = customer
            .cdvm(&["request", "redact", "--param", "summary=yes", "--yaml"])
            .await?;
        assert_eq!(order.code, 0, "{}", order.stderr);
        let applied = provider.apply_text(&order.stdout)?;
        assert!(
            applied.status.success(),
            "{}",
            String::from_utf8_lossy(&applied.stderr)
        );

        let verified = customer.cdvm(&["verify"]).await?;
        assert_eq!(verified.code, 0, "{}", verified.stderr);
        let letter = provider.world.root.join("examples/redact/data/letter.txt");
        let letter = letter.to_str().expect("UTF-8");
        let sent = customer.cdvm(&["send", "--input", letter]).await?;
        assert_eq!(sent.code, 0, "{}", sent.stderr);
        let output = customer.file("letter.txt");
        let output = output.to_str().expect("UTF-8");
        let result = customer.cdvm(&["result", "--output", output]).await?;
        assert_eq!(result.code, 0, "{}", result.stderr);
        let masked = provider
            .world
            .root
            .join("examples/redact/data/letter.masked.txt");
        assert_eq!(
            std::fs::read_to_string(output)?,
            std::fs::read_to_string(masked)?
        );

        let name = order
            .stdout
            .lines()
            .find_map(|line| line.trim().strip_prefix("name: "));
        let job = provider
            .destroyed(name.expect("the object has a name"), SOON)
            .await?;
        assert_eq!(
            job.status.and_then(|status| status.ending).as_deref(),
            Some("Received")
        );
        Ok(())
    })
}

#[test]
fn offers_are_found_on_the_relays() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let customer = Customer::new(provider, "offers")?;
        let said = customer.cdvm(&["offers"]).await?;
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stdout.contains("analyse") && said.stdout.contains("redact"));
        Ok(())
    })
}
