//! `cdvm collateral`: what is kept, and in one file for a machine without a
//! network.

use std::path::Path;

use anyhow::{Context as _, Result};
use evidence::Generation;
use job::Trust;

use super::fetch::Fetcher;
use super::gather::Gathering;
use super::item::Item;
use super::subject::{Subject, is_vendors};
use super::{Effort, From, Missing, bundle};
use crate::args::{CollateralCommand, Export};
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::news::News;
use crate::tell::Teller;
use crate::verify::input::{self, Alone, Bare, Quoted};
use crate::{clock, files};

/// Shows, exports or imports.
pub(crate) async fn collateral(context: &Context<'_>, command: CollateralCommand) -> Result<()> {
    let trust = context.settings.trust()?;
    let fetcher = Fetcher {
        teller: context.teller,
        collateral: &context.collateral,
        effort: Effort::Fetch,
        now: clock::now(),
    };
    match command {
        CollateralCommand::List => {
            list(fetcher, &trust);
            Ok(())
        }
        CollateralCommand::Export(args) => export(fetcher, &trust, args).await,
        CollateralCommand::Import { file } => import(fetcher, &trust, &file),
    }
}

fn list(fetcher: Fetcher<'_>, trust: &Trust) {
    let mut number = 0;
    for entry in fetcher.collateral.store.entries() {
        let bytes = entry.read().unwrap_or_default();
        match entry.item.verify(&bytes, trust, fetcher.now) {
            Ok(made_at) => {
                number += 1;
                fetcher.tell(entry.item, From::Disk, made_at);
            }
            Err(unfit) => {
                let text = format!("{} is kept and not used: {unfit}", entry.item);
                fetcher.teller.tell(&News::Warning { text });
            }
        }
    }
    if number == 0 {
        let text = "nothing is kept; it is fetched when a machine is verified, or brought: \
                    cdvm collateral import FILE";
        fetcher.teller.tell(&News::Hint {
            text: text.to_owned(),
        });
    }
}

async fn export(fetcher: Fetcher<'_>, trust: &Trust, args: Export) -> Result<()> {
    let Export {
        output,
        evidence,
        generations,
    } = args;
    let mut gathering = Gathering::new(fetcher, trust);
    for path in &evidence {
        match input::any(path)? {
            Alone::Report(bare) => for_report(&mut gathering, trust, path, bare).await?,
            Alone::Quote(quoted) => for_quote(&mut gathering, path, &quoted).await?,
        }
    }
    for name in &generations {
        let mut known = Generation::ALL.into_iter();
        let generation = known.find(|known| known.name().eq_ignore_ascii_case(name));
        let generation = generation.context("failed to name a processor")?;
        if !is_vendors(generation, trust) {
            let what = format!("your trust file has no root of the vendor for {generation}");
            let next = "nothing is fetched under a simulated root: name another trust file";
            return Err(Problem::usage(what, next).into());
        }
        let gathered = gathering.for_generation(generation);
        gathered.await.map_err(nothing_written)?;
    }
    if evidence.is_empty() && generations.is_empty() {
        gathering.all_kept();
    }
    if gathering.items().is_empty() {
        let next = "name evidence or processors to fetch it for: --evidence FILE, --for milan";
        return Err(Problem::usage("nothing is kept that could be exported", next).into());
    }
    write(fetcher.teller, gathering.items(), &output)
}

async fn for_report(
    gathering: &mut Gathering<'_>,
    trust: &Trust,
    path: &Path,
    bare: Bare,
) -> Result<()> {
    let Bare {
        report,
        certificate,
        beside: _,
    } = bare;
    let subject = Subject::of_hardware(&report, trust).ok_or_else(|| {
        let what = format!("{} needs no collateral of a vendor", path.display());
        let next = "it is simulated, or of a processor your trust file has no root for";
        Problem::usage(what, next)
    })?;
    let gathered = gathering.for_evidence(&subject, &certificate);
    Ok(gathered.await.map_err(nothing_written)?)
}

#[cfg(feature = "tdx")]
async fn for_quote(gathering: &mut Gathering<'_>, path: &Path, quoted: &Quoted) -> Result<()> {
    let platform = input::readable(path, || {
        let quote = evidence::tdx::Quote::parse(&quoted.quote).map_err(|error| {
            input::NotRead::new(format!("not a quote of TDX: {error}")).problem(path)
        })?;
        let platform = quote.platform();
        platform.context("its certificates name no platform of Intel's")
    })?;
    let gathered = gathering.for_platform(platform);
    Ok(gathered.await.map_err(nothing_written)?)
}

#[cfg(not(feature = "tdx"))]
#[expect(
    clippy::unused_async,
    reason = "as the one that fetches, which takes its place"
)]
async fn for_quote(_: &mut Gathering<'_>, path: &Path, _: &Quoted) -> Result<()> {
    Err(crate::verify::without_tdx(path).into())
}

fn nothing_written(missing: Missing) -> Problem {
    let Missing { item, why, next } = missing;
    let what = item.map_or_else(String::new, |item| format!("{item}: "));
    let what = format!("{what}{why}");
    Problem::new(Exit::Failed, what, "Nothing was written", next)
}

/// Writes a bundle.
pub(super) fn write(teller: &Teller, items: &[(Item, Vec<u8>)], path: &Path) -> Result<()> {
    let json = bundle::write(items);
    files::replace(path, &json)?;
    teller.tell(&News::Exported {
        items: items.len(),
        bytes: json.len() as u64,
        path: path.to_owned(),
    });
    Ok(())
}

/// Takes a bundle, if all of it verifies.
pub(super) fn import(fetcher: Fetcher<'_>, trust: &Trust, path: &Path) -> Result<()> {
    let read = || anyhow::Ok(bundle::read(&files::read(path, bundle::MAX_BUNDLE)?)?);
    let items = read().map_err(|error| Problem::unreadable(path, &error))?;
    let mut verified = Vec::new();
    for (item, bytes) in items {
        let made_at = item.verify(&bytes, trust, fetcher.now).map_err(|unfit| {
            let what = format!("{}, {item}: {unfit}", path.display());
            let meaning = "Nothing of the bundle was taken";
            let next = "export it again; is the clock here right?";
            Problem::new(Exit::Failed, what, meaning, next)
        })?;
        verified.push((item, made_at, bytes));
    }
    let number = verified.len();
    for (item, made_at, bytes) in verified {
        fetcher.collateral.store.keep(&item, made_at, &bytes)?;
        fetcher.tell(item, From::Bundle(path.to_owned()), made_at);
    }
    fetcher.teller.tell(&News::Imported { items: number });
    Ok(())
}
