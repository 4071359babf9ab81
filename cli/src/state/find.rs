//! Finding a job among those that are kept: by its first digits, or the newest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use job::JobId;

use crate::exit::Problem;

/// Shortest abbreviation of J: two jobs of one person hardly share it.
const MIN_PREFIX: usize = 6;

/// Most jobs named when several are meant.
const MAX_LISTED: usize = 8;

/// Whether a job has to be whole to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// With an order.
    Yes,
    /// Also what an interrupted command left.
    OrNot,
}

/// The job whose id starts with `prefix`, or the newest.
pub(super) fn find(state: &Path, prefix: Option<&str>, whole: Whole) -> Result<JobId> {
    let mut jobs: Vec<JobId> = names(state)?.filter_map(|name| name.parse().ok()).collect();
    let digits = prefix.unwrap_or_default().to_ascii_lowercase();
    // One of thousands is looked for: only what may be it is looked at.
    jobs.retain(|job| {
        let meant = job.to_string().starts_with(&digits);
        meant && (whole == Whole::OrNot || path(state, *job).exists())
    });
    match prefix {
        Some(prefix) => by_prefix(&jobs, prefix),
        None => newest(state, jobs),
    }
}

/// The names in the folder of jobs, in no order; none if there is no folder.
pub(super) fn names(state: &Path) -> Result<impl Iterator<Item = String> + use<>> {
    let entries = match std::fs::read_dir(state) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("failed to read {}", state.display()));
        }
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        Some(entry.ok()?.file_name().to_string_lossy().into_owned())
    };
    Ok(entries.into_iter().flatten().filter_map(name))
}

fn path(state: &Path, job: JobId) -> PathBuf {
    state.join(job.to_string()).join("order.json")
}

fn by_prefix(jobs: &[JobId], prefix: &str) -> Result<JobId> {
    let next =
        "give the job's id, or at least its first six digits, as `cdvm request` printed them";
    if prefix.len() < MIN_PREFIX {
        return Err(
            Problem::usage(format!("{prefix:?} is too short to find a job by"), next).into(),
        );
    }
    let digits = prefix.to_ascii_lowercase();
    let found = jobs
        .iter()
        .filter(|job| job.to_string().starts_with(&digits));
    match found.collect::<Vec<_>>().as_slice() {
        [job] => Ok(**job),
        [] => Err(Problem::usage(format!("no job {prefix:?} is kept here"), next).into()),
        many => {
            let listed = many.iter().take(MAX_LISTED).map(ToString::to_string);
            let listed = listed.collect::<Vec<_>>().join("\n");
            let what = format!("{} jobs start with {prefix:?}:\n{listed}", many.len());
            Err(Problem::usage(what, "give more digits").into())
        }
    }
}

fn newest(state: &Path, jobs: Vec<JobId>) -> Result<JobId> {
    let written = |job: &JobId| {
        let metadata = std::fs::metadata(path(state, *job));
        metadata.and_then(|metadata| metadata.modified()).ok()
    };
    let newest = jobs.into_iter().max_by_key(written);
    newest.ok_or_else(|| {
        let what = format!("no job is kept in {}", state.display());
        Problem::usage(what, "order one: cdvm request SERVICE, or cdvm run").into()
    })
}

#[cfg(test)]
mod tests {
    use super::by_prefix;
    use job::JobId;

    #[test]
    fn a_job_is_found_by_its_first_digits_if_they_are_its_alone() {
        let jobs = [[0x11; 32], [0x12; 32]].map(JobId::from_bytes);
        let lettered = [JobId::from_bytes([0xab; 32])];
        assert_eq!(by_prefix(&lettered, "ABABab").unwrap(), lettered[0]);
        assert_eq!(by_prefix(&jobs, "111111").unwrap(), jobs[0]);
        assert_eq!(by_prefix(&jobs, &jobs[1].to_string()).unwrap(), jobs[1]);
        for wrong in ["", "11111", "222222", "../111111"] {
            assert!(by_prefix(&jobs, wrong).is_err(), "{wrong}");
        }
        let mut twin = [0x11; 32];
        twin[31] = 0;
        let twins = [jobs[0], JobId::from_bytes(twin)];
        let error = by_prefix(&twins, "111111").unwrap_err().to_string();
        assert!(twins.iter().all(|twin| error.contains(&twin.to_string())));
    }
}
