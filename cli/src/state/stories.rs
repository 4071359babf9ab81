//! Reading what is kept of jobs, one or the newest ones, without their keys.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use job::JobId;

use super::commitment::Committed;
use super::records::{Evidence, Receipt};
use super::{notes, papers, started};
use crate::story::{self, Key, Story};

/// Names looked at in the folder of jobs; a job a minute fills it in two months.
const MAX_NAMES: usize = 100_000;

/// Things that are no jobs which are named one by one.
const MAX_ODD: usize = 10;

/// What lies beside jobs and belongs there.
const BESIDE: [&str; 2] = ["collateral", "key.nsec"];

/// Jobs that are kept.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The newest ones, newest first.
    pub(crate) stories: Vec<Story>,
    /// Jobs that were not read.
    pub(crate) more: usize,
    /// What lies there and is no job that can be read, and why.
    pub(crate) odd: Vec<(String, String)>,
    /// The rest of that.
    pub(crate) more_odd: usize,
}

/// At most `most` of the jobs kept in `state`.
pub(crate) fn newest(state: &Path, most: usize) -> Result<Shelf> {
    let mut shelf = Shelf::default();
    let mut jobs: Vec<(SystemTime, JobId)> = Vec::new();
    for name in super::find::names(state)?.take(MAX_NAMES) {
        let Ok(job) = name.parse::<JobId>() else {
            if !BESIDE.contains(&name.as_str()) {
                shelf.set_aside(name, "is no job of cdvm".to_owned());
            }
            continue;
        };
        match std::fs::metadata(state.join(&name).join("order.json")) {
            Ok(order) => jobs.push((order.modified().unwrap_or(SystemTime::UNIX_EPOCH), job)),
            Err(_) => shelf.set_aside(name, "has no order.json".to_owned()),
        }
    }
    jobs.sort_unstable_by(|one, other| other.cmp(one));
    shelf.more = jobs.len().saturating_sub(most);
    for (_, job) in jobs.into_iter().take(most) {
        match read(state, job) {
            Ok(story) => shelf.stories.push(story),
            Err(error) => shelf.set_aside(job.to_string(), format!("is damaged: {error:#}")),
        }
    }
    Ok(shelf)
}

impl Shelf {
    fn set_aside(&mut self, name: String, why: String) {
        if self.odd.len() < MAX_ODD {
            self.odd.push((name, why));
        } else {
            self.more_odd += 1;
        }
    }
}

/// The story of one job.
///
/// # Errors
/// When what is kept of it is damaged.
pub(crate) fn read(state: &Path, job: JobId) -> Result<Story> {
    let dir = state.join(job.to_string());
    let papers = papers(&dir)?;
    if papers.order.id() != job {
        anyhow::bail!("its order.json is of another job, {}", papers.order.id());
    }
    let receipt = Receipt::of_job(&dir)?.map(|receipt| story::Receipt {
        file: dir.join(Receipt::FILE),
        output: receipt.output,
    });
    Ok(Story {
        job,
        offer: papers.offer.id,
        service: papers.offer.service.clone(),
        offered_at: papers.offered_at,
        image: papers.offer.content.cdvm.workload.image.as_str().to_owned(),
        provider: papers.order.provider(),
        ordered_at: papers.order.created_at(),
        expiration: papers.order.expiration(),
        route: papers.route.words(),
        key: papers.own.map_or(Key::OfTheJob, Key::Own),
        machine: Evidence::of_job(&dir)?.map(|evidence| evidence.machine()),
        committed: Committed::read(&dir)?.map(Committed::key),
        sent: started(&dir)?,
        receipt,
        notes: notes::read(&dir)?,
        dir,
    })
}
