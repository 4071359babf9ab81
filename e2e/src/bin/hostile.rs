//! `hostile ATTACK`: a provider that offers *redact*, and answers its first order
//! with an attack. Prints what a customer needs to know, then `answered` when the
//! machine was made to speak.

use anyhow::Context as _;
use e2e::attacks::Attack;
use e2e::hostile::Hostile;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name);
    let attack = attack.with_context(|| {
        let names = Attack::ALL.map(Attack::name).join(", ");
        format!("usage: hostile ATTACK, one of {names}")
    })?;
    let mut hostile = Hostile::start(&format!("hostile-{name}"), "redact").await?;
    println!("{}", hostile.provider.servers.relays.join(","));
    let order = hostile.order().await?;
    attack.answer(&mut hostile, &order).await?;
    println!("answered");
    // Its relays end with it: the customer has to hear the answer first.
    std::future::pending().await
}
