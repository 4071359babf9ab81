//! Collected, written to one file, taken elsewhere, and judged with there.

use std::path::PathBuf;

use evidence::{Evidence, Generation};

use super::{
    Answer, Bench, CHAIN, Ear, Effort, Fetcher, From, Item, LIST, PACE, Reach, Source, Subject,
    VLEK_CHAIN, VLEK_LIST, by_chip, by_provider, key, made, now, offline, trust, used, world,
};
use crate::bundle::{export, import};
use crate::gather::Gathering;

/// What is collected for.
enum For<'e> {
    Evidence(&'e [Evidence]),
    Processors,
    Everything,
}

impl Bench {
    fn bundle(&self) -> PathBuf {
        self.dir.with_extension("bundle")
    }

    fn elsewhere(&self) -> PathBuf {
        self.dir.with_extension("elsewhere")
    }

    /// Exports; where each item came from, or why there is no bundle.
    async fn export(&self, reach: Reach, what: For<'_>) -> Result<Vec<(Item, From)>, String> {
        let source = Source::with_pace(Some(&self.dir), reach, PACE);
        let (listener, trust) = (Ear::default(), trust(None));
        let fetcher = Fetcher {
            listener: &listener,
            source: &source,
            effort: Effort::Fetch,
            now: now(),
        };
        let mut gathering = Gathering::new(fetcher, &trust);
        let gathered = match what {
            For::Evidence(all) => {
                let mut gathered = Ok(());
                for Evidence {
                    report,
                    certificate,
                } in all
                {
                    let subject = Subject::of(report).unwrap();
                    let one = gathering.for_evidence(&subject, certificate).await;
                    gathered = gathered.and(one);
                }
                gathered
            }
            For::Processors => gathering.for_generation(Generation::Genoa).await,
            For::Everything => {
                gathering.all_kept();
                Ok(())
            }
        };
        gathered.map_err(|missing| missing.why)?;
        export(gathering.items(), &self.bundle()).unwrap();
        let used = used(&listener.told());
        assert_eq!(used.len(), gathering.items().len());
        Ok(used)
    }

    /// Imports where nothing is kept yet: what was taken.
    fn import(&self) -> Vec<Item> {
        let dir = self.elsewhere();
        let _ = std::fs::remove_dir_all(&dir);
        let source = Source::with_pace(Some(&dir), Reach::Offline, PACE);
        let listener = Ear::default();
        let fetcher = Fetcher {
            listener: &listener,
            source: &source,
            effort: Effort::Fetch,
            now: now(),
        };
        import(fetcher, &trust(None), &self.bundle()).unwrap();
        let used = used(&listener.told());
        let bundle = From::Bundle(self.bundle());
        assert!(used.iter().all(|(_, from)| *from == bundle), "{used:?}");
        used.into_iter().map(|(item, _)| item).collect()
    }

    /// Whether it is accepted where the bundle was taken, without a network.
    async fn accepted_elsewhere(&self, evidence: &Evidence) -> bool {
        offline(&self.elsewhere(), evidence).await.accepted
    }

    fn clean(&self) {
        let _ = std::fs::remove_file(self.bundle());
        let _ = std::fs::remove_dir_all(self.elsewhere());
    }
}

#[tokio::test]
async fn a_bundle_for_evidence_makes_it_pass_where_there_is_no_network() {
    let bench = Bench::new().await;
    let both = [by_chip(), by_provider(&world().vlek)];
    let server = bench.from();
    let items = [key(), LIST, VLEK_CHAIN, VLEK_LIST];
    let exported = bench.export(bench.reach(), For::Evidence(&both)).await;
    let fetched = items.clone().map(|item| (item, server.clone()));
    assert_eq!(exported.unwrap(), fetched);
    assert_eq!(bench.import(), items);
    for evidence in &both {
        assert!(bench.accepted_elsewhere(evidence).await);
    }

    // One of them alone, now without the server.
    let exported = bench
        .export(Reach::Offline, For::Evidence(&both[..1]))
        .await;
    let kept = [(key(), From::Disk), (LIST, From::Disk)];
    assert_eq!(exported.unwrap(), kept);
    bench.import();
    assert!(bench.accepted_elsewhere(&both[0]).await);
    assert!(!bench.accepted_elsewhere(&both[1]).await);
    // Everything that is kept.
    let exported = bench.export(Reach::Offline, For::Everything).await;
    assert_eq!(exported.unwrap().len(), 4);
    assert_eq!(bench.import().len(), 4);
    assert!(bench.accepted_elsewhere(&both[1]).await);
    bench.clean();
}

#[tokio::test]
async fn a_bundle_for_processors_has_all_but_the_keys_of_chips() {
    let bench = Bench::new().await;
    let exported = bench.export(bench.reach(), For::Processors).await.unwrap();
    let items: Vec<Item> = exported.into_iter().map(|(item, _)| item).collect();
    assert_eq!(items, [CHAIN, LIST, VLEK_CHAIN, VLEK_LIST]);
    assert_eq!(bench.import(), items);
    let (own, lent) = (by_chip(), by_provider(&world().vlek));
    assert!(bench.accepted_elsewhere(&lent).await);
    assert!(!bench.accepted_elsewhere(&own).await);
    let brought = Evidence {
        certificate: world().chip.certificate().to_vec(),
        ..own
    };
    assert!(bench.accepted_elsewhere(&brought).await);
    bench.clean();
}

#[tokio::test]
async fn a_bundle_carries_the_newest_list_there_is() {
    let bench = Bench::new().await;
    let brought = [Evidence {
        certificate: world().chip.certificate().to_vec(),
        ..by_chip()
    }];
    let from = async |days: Option<u64>| {
        if let Some(days) = days {
            bench.serves(&LIST, &[Answer::Body(made(days))]);
        }
        let reach = if days.is_some() {
            bench.reach()
        } else {
            Reach::Offline
        };
        let exported = bench.export(reach, For::Evidence(&brought)).await.unwrap();
        let [(LIST, from)] = exported.as_slice() else {
            panic!("{exported:?}");
        };
        from.clone()
    };
    assert_eq!(from(Some(9)).await, bench.from());
    // What is kept is no reason not to ask; a mirror that is behind changes nothing.
    assert_eq!(from(Some(3)).await, bench.from());
    assert_eq!(from(Some(20)).await, From::Disk);
    assert_eq!(from(None).await, From::Disk);
    bench.import();
    assert_eq!(bench.files().len(), 2);
    let taken = std::fs::read_dir(bench.elsewhere()).unwrap().count();
    assert_eq!(taken, 1);
    bench.clean();
}

#[tokio::test]
async fn without_one_of_its_items_no_bundle_is_written() {
    let bench = Bench::new().await;
    bench.serves(&VLEK_LIST, &[Answer::Status(404, None)]);
    let lent = [by_provider(&world().vlek)];
    let why = bench.export(bench.reach(), For::Evidence(&lent)).await;
    assert!(why.unwrap_err().contains("404"));
    let bare = [Evidence {
        certificate: Vec::new(),
        ..by_provider(&world().vlek)
    }];
    let why = bench.export(bench.reach(), For::Evidence(&bare)).await;
    assert!(why.unwrap_err().contains("only the provider"));
    let why = bench.export(Reach::Offline, For::Processors).await;
    assert!(why.unwrap_err().contains("--offline"));
    assert!(!bench.bundle().exists());
}
