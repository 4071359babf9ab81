//! Finding a job among those that are kept: by its first digits, or the newest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use job::JobId;

use crate::exit::Problem;

/// Shortest abbreviation of J: two jobs of one person hardly share it.
const MIN_PREFIX: usize = 6;

/// The job whose id starts with `prefix`, or the newest.
pub(super) fn find(state: &Path, prefix: Option<&str>) -> Result<JobId> {
    let jobs = jobs(state)?;
    match prefix {
        Some(prefix) => by_prefix(&jobs, prefix),
        None => newest(state, jobs),
    }
}

/// All jobs that are kept, in no order.
fn jobs(state: &Path) -> Result<Vec<JobId>> {
    let entries = match std::fs::read_dir(state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("failed to read {}", state.display()));
        }
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let jobs = names.filter_map(|name| name.parse::<JobId>().ok());
    Ok(jobs.filter(|job| path(state, *job).exists()).collect())
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
            let what = format!("{} jobs start with {prefix:?}", many.len());
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
        assert!(by_prefix(&twins, "111111").is_err());
    }
}
