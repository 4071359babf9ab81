//! `cdvm collateral`: what is kept, and in one file for a machine without a
//! network.

use std::path::Path;

use anyhow::{Context as _, Result};
use collateral::bundle::{self, ImportError};
use collateral::fetch::Fetcher;
use collateral::gather::Gathering;
use collateral::item::Item;
use collateral::source::Effort;
use collateral::subject::{Subject, is_vendors};
use collateral::told::{From, Missing};
use evidence::Generation;
use job::Trust;

use crate::args::{CollateralCommand, Export};
use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::given::{self, Kind};
use crate::news::News;
use crate::news::tell::Teller;
use crate::verify::input::{self, Alone, Bare, Quoted};

/// Shows, exports or imports.
pub(crate) async fn collateral(context: &Context<'_>, command: CollateralCommand) -> Result<()> {
    let trust = context.settings.trust()?;
    let fetcher = context.fetcher(Effort::Fetch, clock::now());
    match command {
        CollateralCommand::List => {
            list(fetcher, &trust);
            Ok(())
        }
        CollateralCommand::Export(args) => export(fetcher, &trust, args).await,
        CollateralCommand::Import { file } => {
            given::look("the bundle", &file, Kind::File)?;
            import(fetcher, &trust, &file)
        }
    }
}

fn list(fetcher: Fetcher<'_, Teller>, trust: &Trust) {
    let mut number = 0;
    for (item, verified) in fetcher.source.listed(trust, fetcher.now) {
        match verified {
            Ok(made_at) => {
                number += 1;
                fetcher.tell(item, From::Disk, made_at);
            }
            Err(unfit) => {
                let text = format!("{item} is kept and not used: {unfit}");
                fetcher.listener.tell(&News::Warning { text });
            }
        }
    }
    if number == 0 {
        let text = "nothing is kept; it is fetched when a machine is verified, or brought: \
                    cdvm collateral import FILE";
        fetcher.listener.tell(&News::Hint {
            text: text.to_owned(),
        });
    }
}

async fn export(fetcher: Fetcher<'_, Teller>, trust: &Trust, args: Export) -> Result<()> {
    let Export {
        output,
        evidence,
        generations,
    } = args;
    for path in &evidence {
        given::look("--evidence", path, Kind::FileOrFolder)?;
    }
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
    write(fetcher.listener, gathering.items(), &output)
}

async fn for_report(
    gathering: &mut Gathering<'_, Teller>,
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
async fn for_quote(
    gathering: &mut Gathering<'_, Teller>,
    path: &Path,
    quoted: &Quoted,
) -> Result<()> {
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
async fn for_quote(_: &mut Gathering<'_, Teller>, path: &Path, _: &Quoted) -> Result<()> {
    Err(crate::verify::without_tdx(path).into())
}

fn nothing_written(missing: Missing) -> Problem {
    let Missing { item, why, next } = missing;
    let what = item.map_or_else(String::new, |item| format!("{item}: "));
    let what = format!("{what}{why}");
    Problem::new(Exit::Failed, what, "Nothing was written", next)
}

/// Writes a bundle.
fn write(teller: &Teller, items: &[(Item, Vec<u8>)], path: &Path) -> Result<()> {
    let bytes = bundle::export(items, path)?;
    teller.tell(&News::Exported {
        items: items.len(),
        bytes,
        path: path.to_owned(),
    });
    Ok(())
}

/// Takes a bundle, if all of it verifies.
fn import(fetcher: Fetcher<'_, Teller>, trust: &Trust, path: &Path) -> Result<()> {
    let items = bundle::import(fetcher, trust, path).map_err(|error| match error {
        ImportError::Unreadable(error) => Problem::unreadable(path, &error).into(),
        ImportError::NotKept(error) => error,
        ImportError::Unfit(item, unfit) => {
            let what = format!("{}, {item}: {unfit}", path.display());
            let meaning = "Nothing of the bundle was taken";
            let next = "export it again; is the clock here right?";
            Problem::new(Exit::Failed, what, meaning, next).into()
        }
    })?;
    fetcher.listener.tell(&News::Imported { items });
    Ok(())
}
