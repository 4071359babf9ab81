//! `cdvm collateral`: what is kept, and in one file for a machine without a
//! network.

use std::path::Path;

use anyhow::{Context as _, Result};
use evidence::{Generation, RootClass};
use job::{Timestamp, Trust};

use super::item::{Item, Signer, fits};
use super::{From, Missing, Reach, Used, bundle, subject};
use crate::args::{CollateralCommand, Export};
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::news::News;
use crate::verify::input::{self, Bare};
use crate::{clock, files};

/// Shows, exports or imports.
pub(crate) async fn collateral(context: &Context<'_>, command: CollateralCommand) -> Result<()> {
    let trust = context.settings.trust()?;
    match command {
        CollateralCommand::List => {
            list(context, &trust);
            Ok(())
        }
        CollateralCommand::Export(args) => export(context, &trust, args).await,
        CollateralCommand::Import { file } => import(context, &trust, &file),
    }
}

fn list(context: &Context<'_>, trust: &Trust) {
    let now = clock::now();
    let mut number = 0;
    for entry in context.collateral.store.entries() {
        let bytes = entry.read().unwrap_or_default();
        match entry.item.verify(&bytes, trust, now) {
            Ok(made_at) => {
                number += 1;
                tell(context, Used::new(entry.item, From::Disk, made_at, now));
            }
            Err(unfit) => {
                let text = format!("{} is kept and not used: {unfit}", entry.item);
                context.teller.tell(&News::Warning { text });
            }
        }
    }
    if number == 0 {
        let text = "nothing is kept; it is fetched when a machine is verified, or brought: \
                    cdvm collateral import FILE";
        context.teller.tell(&News::Hint {
            text: text.to_owned(),
        });
    }
}

async fn export(context: &Context<'_>, trust: &Trust, args: Export) -> Result<()> {
    let Export {
        output,
        evidence,
        generations,
    } = args;
    let now = clock::now();
    let mut items: Vec<(Item, Vec<u8>)> = Vec::new();
    for path in &evidence {
        for_evidence(context, trust, path, now, &mut items).await?;
    }
    for name in &generations {
        let known = Generation::ALL.into_iter();
        let mut known = known.filter(|known| known.name().eq_ignore_ascii_case(name));
        let generation = known.next().context("failed to name a processor")?;
        for_generation(context, trust, generation, now, &mut items).await?;
    }
    if evidence.is_empty() && generations.is_empty() {
        all(context, trust, now, &mut items);
    }
    if items.is_empty() {
        let next = "name evidence or processors to fetch it for: --evidence FILE, --for milan";
        return Err(Problem::usage("nothing is kept that could be exported", next).into());
    }
    let json = bundle::write(&items);
    files::replace(&output, &json)?;
    context.teller.tell(&News::Exported {
        items: items.len(),
        bytes: json.len() as u64,
        path: output,
    });
    Ok(())
}

/// Everything that is kept and verifies.
fn all(context: &Context<'_>, trust: &Trust, now: Timestamp, items: &mut Vec<(Item, Vec<u8>)>) {
    for entry in context.collateral.store.entries() {
        let Some(bytes) = entry.read() else { continue };
        if let Ok(made_at) = entry.item.verify(&bytes, trust, now) {
            tell(
                context,
                Used::new(entry.item.clone(), From::Disk, made_at, now),
            );
            items.push((entry.item, bytes));
        }
    }
}

/// The certificate of the chip's key, if the evidence did not bring it, and the
/// revocation list.
async fn for_evidence(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    now: Timestamp,
    items: &mut Vec<(Item, Vec<u8>)>,
) -> Result<()> {
    let Bare {
        report: bytes,
        certificate,
    } = input::any(path)?;
    let Some((report, generation)) = subject(&bytes, trust) else {
        let what = format!("{} needs no collateral of a vendor", path.display());
        let next = "it is simulated, or of a processor your trust file has no root for";
        return Err(Problem::usage(what, next).into());
    };
    if certificate.is_empty() {
        let item = Item::key_of(&report, generation).map_err(|why| {
            let next = "ask the provider to have the machine send it with its evidence";
            Problem::new(Exit::Failed, why, "", next)
        })?;
        let good = |certificate: &[u8]| fits(&bytes, certificate, trust, now);
        let kept = context.collateral.kept(&item, now);
        match kept.filter(|kept| good(kept)) {
            Some(kept) => add(context, trust, item, kept, From::Disk, now, items)?,
            None => fetch(context, trust, item, good, now, items).await?,
        }
    }
    let list = Item::list_of(&report, generation);
    newest_list(context, trust, list, now, items).await
}

/// Everything above the keys of these processors.
async fn for_generation(
    context: &Context<'_>,
    trust: &Trust,
    generation: Generation,
    now: Timestamp,
    items: &mut Vec<(Item, Vec<u8>)>,
) -> Result<()> {
    if !trust
        .root(generation)
        .is_some_and(|root| root.class() == RootClass::Vendor)
    {
        let what = format!("your trust file has no root of the vendor for {generation}");
        let next = "nothing is fetched under a simulated root: name another trust file";
        return Err(Problem::usage(what, next).into());
    }
    let chain = Item::Chain(generation);
    match context.collateral.kept(&chain, now) {
        Some(kept) if chain.verify(&kept, trust, now).is_ok() => {
            add(context, trust, chain, kept, From::Disk, now, items)?;
        }
        Some(_) | None => fetch(context, trust, chain, |_| true, now, items).await?,
    }
    let list = Item::List(generation, Signer::Vcek);
    newest_list(context, trust, list, now, items).await
}

/// What is exported should be good for long: a new list, unless nothing may be
/// fetched and one is kept.
async fn newest_list(
    context: &Context<'_>,
    trust: &Trust,
    item: Item,
    now: Timestamp,
    items: &mut Vec<(Item, Vec<u8>)>,
) -> Result<()> {
    if items.iter().any(|(listed, _)| *listed == item) {
        return Ok(());
    }
    let date = |bytes: &[u8]| item.verify(bytes, trust, now).ok().flatten();
    let kept = context.collateral.kept(&item, now);
    let kept_of = kept.as_deref().and_then(date);
    match (&context.collateral.reach, kept) {
        (Reach::Offline, Some(kept)) => add(context, trust, item, kept, From::Disk, now, items),
        (Reach::Offline | Reach::Server(_), _) => {
            // What is kept is no reason not to ask: it may be old.
            let newer = |bytes: &[u8]| date(bytes) > kept_of;
            fetch(context, trust, item.clone(), newer, now, items).await
        }
    }
}

async fn fetch(
    context: &Context<'_>,
    trust: &Trust,
    item: Item,
    good: impl Fn(&[u8]) -> bool,
    now: Timestamp,
    items: &mut Vec<(Item, Vec<u8>)>,
) -> Result<()> {
    let collateral = &context.collateral;
    let fetched = collateral.fetch(context.teller, &item, trust, now, good);
    let (bytes, from) = fetched.await.map_err(|missing| {
        let Missing { item, why, next } = missing;
        let what = item.map_or_else(String::new, |item| format!("{item}: "));
        Problem::new(
            Exit::Failed,
            format!("{what}{why}"),
            "Nothing was written",
            next,
        )
    })?;
    add(context, trust, item, bytes, from, now, items)
}

fn add(
    context: &Context<'_>,
    trust: &Trust,
    item: Item,
    bytes: Vec<u8>,
    from: From,
    now: Timestamp,
    items: &mut Vec<(Item, Vec<u8>)>,
) -> Result<()> {
    let made_at = item.verify(&bytes, trust, now);
    let made_at = made_at.with_context(|| format!("failed to verify the {item}"))?;
    tell(context, Used::new(item.clone(), from, made_at, now));
    items.push((item, bytes));
    Ok(())
}

fn import(context: &Context<'_>, trust: &Trust, path: &Path) -> Result<()> {
    let read = || anyhow::Ok(bundle::read(&files::read(path, bundle::MAX_BUNDLE)?)?);
    let items = read().map_err(|error| Problem::unreadable(path, &error))?;
    let now = clock::now();
    let mut verified = Vec::new();
    for (item, bytes) in items {
        let made_at = item.verify(&bytes, trust, now).map_err(|unfit| {
            let what = format!("{}, {item}: {unfit}", path.display());
            let meaning = "Nothing of the bundle was taken";
            let next = "export it again; is the clock here right?";
            Problem::new(Exit::Failed, what, meaning, next)
        })?;
        verified.push((item, made_at, bytes));
    }
    let number = verified.len();
    for (item, made_at, bytes) in verified {
        context.collateral.store.keep(&item, made_at, &bytes)?;
        let from = From::Bundle(path.to_owned());
        tell(context, Used::new(item, from, made_at, now));
    }
    context.teller.tell(&News::Imported { items: number });
    Ok(())
}

fn tell(context: &Context<'_>, used: Used) {
    context.teller.tell(&News::Collateral(Box::new(used)));
}
