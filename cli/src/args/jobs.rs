//! Arguments about what is kept of jobs.

use clap::Args as ClapArgs;

/// What `cdvm jobs --help` teaches.
pub(super) const JOBS: &str = "\
Example:
  cdvm jobs                     the newest 50, newest first
  cdvm jobs --most 1000 --json  more of them, for a program
  cdvm show 4f1c9be0            one of them, told in full";

/// What `cdvm show --help` teaches.
pub(super) const SHOW: &str = "\
Example:
  cdvm show              the newest job
  cdvm show 4f1c9be0     the job whose id starts so

It shows what is known here. Nobody is asked: what a provider or machine said while
no cdvm listened is heard with cdvm watch JOB.";

/// What `cdvm forget --help` teaches.
pub(super) const FORGET: &str = "\
Example:
  cdvm forget 4f1c9be0                 asks, and forgets one job
  cdvm forget --all-ended --yes        in a script: all that are over

Removed are cdvm's own files of the job: its key (overwritten first), order, offer,
evidence and receipt. Results stay where they were saved, and so does a key of your
own (--key). A job that may still have a result is kept unless you say --force:
without its key nobody can open the result. On disks that copy what they overwrite
(SSDs, snapshots, backups) a key may remain; encrypt such disks.";

#[derive(ClapArgs)]
pub(crate) struct Jobs {
    /// Show at most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) most: u16,
}

#[derive(ClapArgs)]
pub(crate) struct Show {
    /// Job, by at least six digits of its id [default: the newest]
    pub(crate) job: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct Forget {
    /// Jobs, each by at least six digits of its id
    #[arg(value_name = "JOB", required_unless_present = "all_ended")]
    pub(crate) jobs: Vec<String>,
    /// All jobs that are over
    #[arg(long, conflicts_with_all = ["jobs", "force"])]
    pub(crate) all_ended: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also jobs that may still have a result: nobody can open it then
    #[arg(long)]
    pub(crate) force: bool,
}
