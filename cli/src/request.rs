//! Ordering: find the offer, hold what is given against its terms, sign, keep,
//! and only then let the order leave, sealed to the provider unless it is public.

use anyhow::{Context as _, Result};
use dvm::Keys;
use dvm::order::{NewOrder, private_order, sign_order};
use job::Order;

use crate::context::Context;
use crate::exit::Problem;
use crate::line::{Line, ending};
use crate::material::{Material, check_params, public_params};
use crate::news::{News, tell};
use crate::offers::{self, Found};
use crate::settings::Named;
use crate::state::{Kept, Route, Signer, Stage};
use crate::{args, clock, keys};

/// `cdvm request`.
pub(crate) async fn request(context: &Context<'_>, args: args::Request) -> Result<()> {
    let args::Request { wanted, yaml } = args;
    let signer = signer(context)?;
    if yaml {
        let kept = place(context, &wanted, Route::Kubectl, signer, None).await?;
        context.work_on(&kept.dir);
        let (job, name) = (kept.order.id(), kept.order.object_name());
        context.teller.tell(&News::Written { job, name });
        tell::print(manifest(&kept.order).trim_end());
        let (_, text) = ending::where_it_stands(Stage::Ordered, job);
        context.teller.tell(&News::Hint { text });
        return Ok(());
    }
    let kept = place(context, &wanted, route(&wanted), signer, None).await?;
    let mut line = Line::open(context, kept, None).await?;
    publish(context, &mut line).await?;
    let (_, text) = ending::where_it_stands(Stage::Ordered, line.kept.order.id());
    context.teller.tell(&News::Hint { text });
    Ok(())
}

/// How an order travels unless `kubectl` carries it.
pub(crate) const fn route(wanted: &args::Wanted) -> Route {
    if wanted.public {
        Route::Public
    } else {
        Route::Private
    }
}

/// Whose key signs an order that is placed now.
pub(crate) fn signer(context: &Context<'_>) -> Result<Signer> {
    let Some(Named { path: file, by }) = &context.settings.own_key else {
        return Ok(Signer::Fresh(Keys::generate()));
    };
    let path = std::path::absolute(file).context("failed to find the key file")?;
    Ok(Signer::Own(keys::read(by, file)?, path))
}

/// Signs and keeps an order for what is wanted. With `material` nothing is
/// ordered that it does not fit.
pub(crate) async fn place(
    context: &Context<'_>,
    wanted: &args::Wanted,
    route: Route,
    signer: Signer,
    material: Option<&Material>,
) -> Result<Kept> {
    let state = context.settings.state()?;
    let params = public_params(&wanted.params)?;
    let which = offers::Wanted::parse(Some(&wanted.service), wanted.provider.as_deref())?;
    let Found { offer, event } = offers::find(context, &which).await?;
    let terms = &offer.content.cdvm;
    match material {
        Some(material) => material.check(terms, &params)?,
        None => check_params(terms, &params)?,
    }
    let needed = terms
        .input
        .wait_seconds
        .saturating_add(terms.timeout_seconds);
    if wanted.expires < needed {
        let text = format!(
            "the order expires after {} s, and the service may need {needed} s: better --expires {needed}",
            wanted.expires
        );
        context.teller.tell(&News::Warning { text });
    }
    let now = clock::now();
    let new = NewOrder {
        kind: offer.kind,
        provider: offer.provider,
        offer: offer.id,
        relays: context.settings.relays()?.to_vec(),
        expiration: now.plus(wanted.expires),
        params,
    };
    let order = sign_order(signer.keys(), new, now)
        .map_err(|error| Problem::usage(error.to_string(), "change what is ordered"))?;
    Kept::create(&state, order, (offer, &event), signer, route)
}

/// Lets the order leave.
pub(crate) async fn publish(context: &Context<'_>, line: &mut Line) -> Result<()> {
    let order = &line.kept.order;
    let public = line.kept.route == Route::Public;
    let published = if public {
        line.publish(order.event()).await?
    } else {
        line.to_provider(&private_order(order, clock::now()))
            .await?
    };
    context.teller.tell(&News::Requested {
        job: order.id(),
        service: line.kept.offer.service.clone(),
        provider: order.provider(),
        relays: published.accepted.len(),
        public,
    });
    line.expect_answer();
    Ok(())
}

/// The order as Kubernetes takes it. A fixed text: this program knows no more
/// of Kubernetes.
fn manifest(order: &Order) -> String {
    format!(
        "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {}\nspec:\n  request: {}\n",
        order.object_name(),
        json_for_yaml(&dvm::event::to_json(order.event())),
    )
}

/// JSON is YAML but for characters that YAML forbids or takes for line breaks;
/// JSON may escape any of them, and means the same.
fn json_for_yaml(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        let forbidden = matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        );
        if forbidden {
            let code = u32::from(character);
            out.extend(format!("\\u{code:04x}").chars());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use dvm::Keys;
    use dvm::order::{NewOrder, sign_order};
    use job::{OfferId, PublicKey, Timestamp};

    use super::manifest;

    #[test]
    fn the_manifest_holds_the_order_as_it_was_signed() {
        let value = "\u{85}\u{2028}\u{7f}\u{feff} naïve 😀 \"\\\n".to_owned();
        let now = Timestamp::from_secs(1_790_000_000);
        let new = NewOrder {
            kind: 5999,
            provider: PublicKey::from_bytes([4; 32]),
            offer: OfferId::from_bytes([15; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: now.plus(3600),
            params: vec![("note".to_owned(), vec![value])],
        };
        let order = sign_order(&Keys::generate(), new, now).unwrap();
        let text = manifest(&order);
        let (head, json) = text.split_once("  request: ").unwrap();
        let name = order.object_name();
        assert_eq!(
            head,
            format!(
                "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {name}\nspec:\n"
            )
        );
        assert!(!json.contains(['\u{85}', '\u{2028}', '\u{7f}', '\u{feff}']));
        assert_eq!(json.lines().count(), 1);
        assert_eq!(dvm::order::parse_order(json).unwrap(), order);
    }
}
