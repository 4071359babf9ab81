//! A hostile provider changes pod and init data so that the guest starts and
//! answers, or answers itself. The customer refuses, names the check, and sends
//! nothing: the relays hold no event for any key that claimed to be the machine.

use anyhow::Context as _;
use dvm::Keys;
use e2e::attacks::Attack;
use e2e::commons::run;
use e2e::customer::{Customer, Said};
use e2e::hostile::Hostile;
use e2e::provider::Provider;
use job::{Attempt, Deployment, Manifest, Order, PublicKey};

/// Runs a customer against an attack; it must refuse by `check`.
async fn refused(
    hostile: &mut Hostile,
    customer: &Customer,
    check: &str,
    attack: impl AsyncFnOnce(&mut Hostile, Order) -> anyhow::Result<()>,
) -> anyhow::Result<Said> {
    let input = customer.write("letter.txt", "write to anna@example.org")?;
    let output = customer.file("masked.txt");
    let service = hostile.offer.service.clone();
    let hear_and_attack = async {
        let order = hostile.order().await?;
        attack(hostile, order).await
    };
    let (said, attacked) = tokio::join!(customer.run(&service, &input, &output), hear_and_attack);
    attacked?;
    let said = said?;
    assert_eq!(said.code, 3, "{}\n{}", said.stdout, said.stderr);
    let refused = said.event("refused").context("nothing was refused")?;
    assert_eq!(refused["check"], check, "{}", said.stderr);
    assert!(
        said.stderr.contains("Your data was not sent"),
        "{}",
        said.stderr
    );
    let machine = said.event("machine").context("no machine answered")?;
    let key: PublicKey = machine["key"].as_str().context("no key")?.parse()?;
    nothing_sent(&hostile.provider, key).await;
    assert!(hostile.provider.held_blobs().is_empty());
    assert!(!output.exists());
    Ok(said)
}

/// No relay holds an event for a key.
async fn nothing_sent(provider: &Provider, key: PublicKey) {
    for relay in &provider.relays {
        assert!(!relay.events().await.is_empty(), "the relay works");
        assert!(relay.events_to(key).await.is_empty());
    }
}

/// An attack on a customer who wants to have a letter masked.
fn check(attack: Attack) -> anyhow::Result<()> {
    run(async {
        let mut hostile = Hostile::start(&attack.name(), "redact").await?;
        let customer = Customer::new(&hostile.provider, "victim")?;
        let check = attack.refused_by();
        refused(&mut hostile, &customer, check, async |hostile, order| {
            attack.answer(hostile, &order).await
        })
        .await?;
        Ok(())
    })
}

#[test]
fn another_image_is_refused() -> anyhow::Result<()> {
    check(Attack::Image)
}

#[test]
fn another_command_is_refused() -> anyhow::Result<()> {
    check(Attack::Command)
}

#[test]
fn another_environment_is_refused() -> anyhow::Result<()> {
    check(Attack::Environment)
}

#[test]
fn other_terms_are_refused() -> anyhow::Result<()> {
    check(Attack::Terms)
}

#[test]
fn other_rules_over_the_right_manifest_are_refused() -> anyhow::Result<()> {
    check(Attack::Rules)
}

#[test]
fn evidence_of_another_job_is_refused() -> anyhow::Result<()> {
    check(Attack::OtherJob)
}

/// The machine is the right one, but another key claims to be its.
#[test]
fn evidence_for_another_key_is_refused() -> anyhow::Result<()> {
    check(Attack::OtherKey)
}

#[test]
fn evidence_under_another_root_is_refused() -> anyhow::Result<()> {
    check(Attack::OtherRoot)
}

#[test]
fn a_guest_that_can_be_debugged_is_refused() -> anyhow::Result<()> {
    check(Attack::Debug)
}

/// The same customer orders the same again: only the challenge is new.
#[test]
fn old_evidence_for_a_new_challenge_is_refused() -> anyhow::Result<()> {
    run(async {
        let mut hostile = Hostile::start("old", "redact").await?;
        let customer = Customer::new(&hostile.provider, "old")?;
        let key = customer.file("key");
        let key = key.to_str().context("not UTF-8")?;
        let made = customer.cdvm(&["key", "new", "--out", key]).await?;
        assert_eq!(made.code, 0, "{}", made.stderr);
        let ordered = customer.cdvm(&["request", "redact", "--key", key]).await?;
        assert_eq!(ordered.code, 0, "{}", ordered.stderr);
        let first = hostile.order().await?;
        hostile.launch(&hostile.manifest(&first)?).await?;
        let old = hostile.attestation().await?.into();

        let again = customer.with(&["--key", key]);
        refused(&mut hostile, &again, "order", async |hostile, order| {
            assert_eq!(order.customer(), first.customer());
            assert_ne!(order.challenge(), first.challenge());
            hostile.claim(&order, &Keys::generate(), old).await
        })
        .await?;
        Ok(())
    })
}

/// Both guests are genuine, and made of the same order. The first one got the data
/// and says nothing more.
#[test]
fn a_second_genuine_guest_is_refused() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::bare("second").await?;
        let service = provider.probe("sleeper", &["sleep", "60"])?;
        let mut hostile = Hostile::offering(provider, &service).await?;
        let customer = Customer::new(&hostile.provider, "second")?;
        let input = customer.write("letter.txt", "write to anna@example.org")?;
        let input = input.to_str().context("not UTF-8")?;
        let output = customer.file("masked.txt");
        let output = output.to_str().context("not UTF-8")?;
        let run = [
            "--json",
            "run",
            "sleeper",
            "--input",
            input,
            "--output",
            output,
            "--timeout",
            "12",
        ];
        let attack = async {
            let order = hostile.order().await?;
            let manifest = hostile.manifest(&order)?;
            hostile.launch(&manifest).await?;
            hostile.attestation().await?;
            let deployment = Deployment {
                attempt: Attempt::try_from(2)?,
                ..manifest.deployment().clone()
            };
            let second = Manifest::new(order, manifest.terms().clone(), deployment)?;
            hostile.launch(&second).await?;
            Ok(hostile.attestation().await?.author)
        };
        let (said, second): (_, anyhow::Result<PublicKey>) =
            tokio::join!(customer.cdvm(&run), attack);
        let (said, second) = (said?, second?);
        assert_eq!(said.code, 3, "{said:#?}");
        assert!(said.event("input-accepted").is_some(), "{said:#?}");
        let another = said.event("another-machine").context("no other machine")?;
        assert_eq!(another["key"], second.to_string());
        assert!(
            said.stderr.contains("one job has one machine"),
            "{}",
            said.stderr
        );
        nothing_sent(&hostile.provider, second).await;
        Ok(())
    })
}

/// Everything is as ordered, and everything is simulated.
#[test]
fn simulated_evidence_is_refused_without_the_flag() -> anyhow::Result<()> {
    run(async {
        let mut hostile = Hostile::start("simulated", "redact").await?;
        let honest = async |hostile: &mut Hostile, order: Order| {
            hostile.launch(&hostile.manifest(&order)?).await?;
            Ok(())
        };
        // As shipped: nobody vouched for this agent.
        let customer = Customer::wary(&hostile.provider, "shipped")?;
        refused(&mut hostile, &customer, "agent", honest).await?;

        // With agent, guest and rules of the simulated machine, and the vendor's roots.
        let customer = Customer::wary(&hostile.provider, "vendor")?;
        let simulated = std::fs::read_to_string(hostile.provider.world.trust())?;
        let trust = customer.write("trust.toml", without_roots(&simulated))?;
        let customer = customer.with(&["--trust", trust.to_str().context("not UTF-8")?]);
        refused(&mut hostile, &customer, "signing key", honest).await?;

        // With its roots, but without the flag, the file is refused as a whole.
        let trust = hostile.provider.world.trust();
        let customer = Customer::wary(&hostile.provider, "root")?;
        let customer = customer.with(&["--trust", trust.to_str().context("not UTF-8")?]);
        let said = customer
            .cdvm(&[
                "run",
                "redact",
                "--input",
                "/dev/null",
                "--output",
                "/dev/null",
            ])
            .await?;
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains("simulated"), "{}", said.stderr);
        Ok(())
    })
}

/// A trust file without its tables of roots and revocation lists.
fn without_roots(trust: &str) -> String {
    let tables = trust.split_inclusive("\n\n");
    let kept = tables
        .filter(|table| !table.contains("[[roots]]") && !table.contains("[[revocation_lists]]"));
    kept.collect()
}
