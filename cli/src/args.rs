//! Arguments as they are typed. What they mean together is decided in
//! `settings.rs` and by the commands. No `Debug`: some of them are secret.

pub(crate) mod config;
pub(crate) mod jobs;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::exit::EXIT_CODES;

/// Give data to an algorithm without giving it to its provider: order a job, verify the machine that runs it,
/// and only then send the data, sealed to that one machine.
#[derive(Parser)]
#[command(name = "cdvm", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The name of a file that is read, also an empty one: what is wrong with it is said
/// where it is looked for.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Options of every command.
#[expect(clippy::struct_excessive_bools, reason = "flags, as they are typed")]
#[derive(ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Relay to use, 1 to 8; repeat it [env: CDVM_RELAYS, with commas]
    #[arg(
        long = "relay",
        value_name = "URL",
        global = true,
        value_delimiter = ','
    )]
    pub(crate) relays: Vec<String>,
    /// What to take for true, instead of what ships and your own trust.toml
    #[arg(long, value_name = "FILE", global = true, value_parser = path())]
    pub(crate) trust: Option<PathBuf>,
    /// For development: accept machines without hardware. Nothing is confidential then
    #[arg(
        long = "accept-simulated-evidence-nothing-is-confidential",
        global = true
    )]
    pub(crate) accept_simulated: bool,
    /// For development: use ws://, http:// and private addresses
    #[arg(long, global = true)]
    pub(crate) allow_plain_relays: bool,
    /// Where certificates and revocation lists that a machine did not send are asked for: AMD's key server or a
    /// mirror. Who runs it learns from which address which chip is asked about [env: CDVM_KEY_SERVER] [default:
    /// https://kdsintf.amd.com]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) key_server: Option<String>,
    /// Where Intel's collateral for quotes of TDX is asked for: Intel's service or a mirror of it (PCCS). Who runs it
    /// learns from which address which kind of platform is asked about [env: CDVM_INTEL_SERVER]
    #[cfg(feature = "tdx")]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) intel_server: Option<String>,
    /// Ask no key server; use what is kept (cdvm collateral)
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// One JSON object per line on stdout; lines for people go to stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where jobs are kept [default: $XDG_DATA_HOME/cdvm or ~/.local/share/cdvm]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// Your key [default: a fresh one per job]
    #[arg(long, value_name = "FILE", global = true, value_parser = path())]
    pub(crate) key: Option<PathBuf>,
    /// Show what the program does, on stderr
    #[arg(long, global = true)]
    pub(crate) debug: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make or show a key of your own
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// List what providers offer
    Offers(Offers),
    /// Do it all: request, verify, send, save the result
    Run(Run),
    /// Order a job; no data leave
    Request(Request),
    /// Verify the machine that answered an order
    Verify(Verify),
    /// Send the data to the verified machine
    Send(Send),
    /// Follow a job
    Watch(Watch),
    /// Wait for the result of a job and save it
    Result(ResultArgs),
    /// Cancel an order
    Cancel(Cancel),
    /// List the jobs that are kept here
    #[command(after_help = jobs::JOBS)]
    Jobs(jobs::Jobs),
    /// Tell what is known of one job
    #[command(after_help = jobs::SHOW)]
    Show(jobs::Show),
    /// Remove what is kept of jobs that are over
    #[command(after_help = jobs::FORGET)]
    Forget(jobs::Forget),
    /// Show and change what you would otherwise type each time
    #[command(after_help = config::CONFIG)]
    Config(config::Show),
    /// Compute what the hardware reports of a guest, for your trust file
    #[command(after_help = INPUTS)]
    Measure(Measure),
    /// Show, bring and carry away the vendor's certificates and revocation lists
    #[command(after_help = COLLATERAL)]
    Collateral {
        #[command(subcommand)]
        command: CollateralCommand,
    },
    /// Keep secrets that only attested machines get: grants, counts and the log of your key broker (cdvm-kbs)
    Kbs,
}

/// The end of `cdvm measure --help`.
pub(crate) const INPUTS: &str = "\
With --kata all of it is taken from a release of Kata you trust, not from the
provider's machine:

  cdvm measure --vcpus 2-8 --kata kata-go-static-VERSION-amd64.tar.zst

Older releases are named kata-static-VERSION-amd64.tar.zst or .tar.xz. Append
what is printed to trust.toml; --explain draws it.

What is measured, and where it is found for Kata (runtime class kata-qemu-snp,
configuration-qemu-snp.toml):

  firmware      The OVMF image in `firmware`.
  kernel        The file in `kernel`. QEMU runs with kernel-hashes=on.
  initrd        None: the root file system is the disk in `image`; the command
                line has its dm-verity root hash, so it is measured too.
  command line  All of it, each space, as QEMU gets it behind -append: the
                runtime's own parameters, the root file system with its verity
                hash (`kernel_verity_params`), `kernel_params`, and the pod's
                kernel parameter, which for every job here is
                  agent.guest_components_rest_api=all
                Know why each word is there (--kata says it): whoever writes
                it commands the guest. Where it says nr_cpus=, each count of a
                range has its own line.
  vCPUs         QEMU's -smp, which is `resources.vcpus` of an offer. Each count
                has a measurement of its own.
  vCPU type     QEMU's -cpu; Kata takes EPYC-v4. The version behind a name
                changes nothing. For `-cpu host`: FAMILY/MODEL/STEPPING of the
                provider's processor, as in /proc/cpuinfo.
  features      SEV_FEATURES: 0x1 unless QEMU or KVM is told to use more, such
                as 0x20 for debug-swap or 0x200 for secure-tsc.

Not measured: memory size, disks, devices, the guest policy and init data; the
last two stand in the evidence beside the measurement.";

/// What `cdvm collateral --help` teaches.
const COLLATERAL: &str = "\
A machine's evidence is signed by its chip, or by a key the vendor lent to its provider (VLEK). To verify it
takes the certificate of that key, those above it, and the vendor's list of what it revoked. What a machine
does not send is fetched from AMD's key server when it is needed, one request in ten seconds, and kept where
jobs are kept. The key server is not trusted: everything is verified under the compiled-in roots, each time
it is used. It does learn from which address which chip is asked about; --key-server names a mirror, and
--offline asks nobody.

To verify without a network:
  cdvm collateral export --evidence attestation.json --output bundle.json    where there is one
  cdvm collateral import bundle.json                                         where there is none
  cdvm verify --offline

Nothing is fetched for evidence made without hardware. The certificate of a provider's key comes only with
the evidence. In builds with TDX, what Intel says of a quote's platform is fetched from Intel's service in the
same manner (--intel-server), four parts, one a second.";

#[derive(Subcommand)]
pub(crate) enum CollateralCommand {
    /// What is kept, verified now, with its age
    List,
    /// Write it to one file for a machine without a network
    Export(Export),
    /// Take it from such a file; what does not verify is not taken
    Import {
        /// What `cdvm collateral export` wrote
        file: PathBuf,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Export {
    /// Where it goes
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Fetch what this evidence needs, and write that: attestation.json of a job, or evidence alone in any form that
    /// `cdvm verify --evidence` reads; repeat it [default: all that is kept]
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) evidence: Vec<PathBuf>,
    /// Fetch chains and revocation lists of these processors, for chips' and for providers' keys, and write them;
    /// repeat it
    #[arg(long = "for", value_name = "PROCESSOR", value_parser = ["milan", "genoa", "turin"])]
    pub(crate) generations: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; the secret goes into a file that only you can read
    New {
        /// Where it goes; `-` prints the secret [default: key.nsec where jobs are kept]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the public key (npub) of a key file
    Show {
        file: PathBuf,
        /// Print the secret key instead
        #[arg(long)]
        secret: bool,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Offers {
    /// Offers of this name only
    pub(crate) service: Option<String>,
    /// Offers of this provider only
    #[arg(long, value_name = "NPUB|HEX")]
    pub(crate) provider: Option<String>,
    /// Show ids, parameters and limits too
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// What is ordered.
#[derive(ClapArgs)]
pub(crate) struct Wanted {
    /// Name of a service, or id of an offer
    #[arg(value_name = "SERVICE|OFFER-ID")]
    pub(crate) service: String,
    /// By this provider
    #[arg(long, value_name = "NPUB|HEX")]
    pub(crate) provider: Option<String>,
    /// Parameter everybody may see; repeat it, for more values too
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Publish the order for everybody to see, instead of sealing it to the provider
    #[arg(long)]
    pub(crate) public: bool,
    /// The order is good for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) expires: u64,
}

/// What is sent, sealed to the machine.
#[derive(ClapArgs)]
pub(crate) struct Data {
    /// File to send, `-` for stdin; repeat it
    #[arg(long = "input", value_name = "FILE", value_parser = path())]
    pub(crate) inputs: Vec<PathBuf>,
    /// Parameter only the machine may see; @FILE reads it from a file
    #[arg(long = "secret-param", value_name = "NAME=VALUE|NAME=@FILE")]
    pub(crate) secret_params: Vec<String>,
}

/// Where the result goes.
#[derive(ClapArgs)]
pub(crate) struct Target {
    /// Where the result goes, `-` for stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Do not wait for the provider's word that the machine is gone
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// How long to wait.
#[derive(ClapArgs)]
pub(crate) struct Patience {
    /// Give up after this long [default: when the order expires]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// How much to show of a verdict.
#[derive(ClapArgs)]
pub(crate) struct Detail {
    /// Show every check, with what was expected and seen
    #[arg(long)]
    pub(crate) verbose: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) detail: Detail,
}

#[derive(ClapArgs)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Send nothing; print the order as a ConfidentialJob for `kubectl apply -f -`
    #[arg(long, conflicts_with = "public")]
    pub(crate) yaml: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Verify {
    /// Job, by at least six digits of its id [default: the newest]
    #[arg(conflicts_with_all = ["attestation", "evidence", "event"])]
    pub(crate) job: Option<String>,
    /// Verify a file instead, as it is kept of a job; no relay is contacted
    #[arg(long, value_name = "FILE", requires = "order", requires = "offer", conflicts_with_all = ["evidence", "event"], value_parser = path())]
    pub(crate) attestation: Option<PathBuf>,
    /// Verify evidence alone: a report of SEV-SNP (its bytes, also with the certificate table behind them, or Azure's HCL
    /// report), or a quote of Intel TDX (in a build with it); each also as hex, base64 or in the JSON of guest
    /// components, Trustee or Constellation; or a folder as snpguest fills it. It is held against what your trust file
    /// says of any machine
    #[arg(long, value_name = "FILE|FOLDER", conflicts_with_all = ["event", "order", "offer"], value_parser = path())]
    pub(crate) evidence: Option<PathBuf>,
    /// Verify a Nostr event: the gift wrap a machine sent, opened with --key, or the rumor that was in one
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) event: Option<PathBuf>,
    /// The signed order [default with --event: the one that is kept here]
    #[arg(long, value_name = "FILE", requires = "offer", value_parser = path())]
    pub(crate) order: Option<PathBuf>,
    /// The signed offer
    #[arg(long, value_name = "FILE", requires = "order", value_parser = path())]
    pub(crate) offer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) binding: Binding,
    /// With --evidence and a quote of TDX: Intel's collateral for its platform, JSON
    #[arg(long, value_name = "FILE", requires = "evidence", value_parser = path())]
    pub(crate) collateral: Option<PathBuf>,
    /// Verify a file as at this time, such as 2026-11-20T00:00:00Z, or Unix seconds [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "job")]
    pub(crate) at: Option<String>,
    /// Say in words what the evidence proves, and what it does not
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show what the checks mean together, instead of each with what was expected and seen
    #[arg(long)]
    pub(crate) summary: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// What evidence alone is held against.
#[derive(ClapArgs)]
pub(crate) struct Binding {
    /// With --evidence: 64 hex digits, SHA-256 of the init data (with a quote of TDX also 96, SHA-384); or the word
    /// `any`
    #[arg(long, value_name = "HEX|any", requires = "evidence")]
    pub(crate) host_data: Option<String>,
    /// With --evidence: 64 hex digits, the digest whose characters the guest asked to be signed; 128, the bytes; or
    /// the word `any`
    #[arg(long, value_name = "HEX|any", requires = "evidence")]
    pub(crate) report_data: Option<String>,
    /// With --evidence and a report of SEV-SNP: a guest of this size [default: any in the trust file]
    #[arg(long, value_name = "NUMBER", requires = "evidence")]
    pub(crate) vcpus: Option<u32>,
}

#[derive(ClapArgs)]
pub(crate) struct Send {
    /// Job, by at least six digits of its id [default: the newest]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) detail: Detail,
}

#[derive(ClapArgs)]
pub(crate) struct Watch {
    /// Job, by at least six digits of its id [default: the newest]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(ClapArgs)]
pub(crate) struct ResultArgs {
    /// Job, by at least six digits of its id [default: the newest]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(ClapArgs)]
pub(crate) struct Cancel {
    /// Job, by at least six digits of its id [default: the newest]
    pub(crate) job: Option<String>,
}

/// What a guest starts with.
#[derive(ClapArgs)]
#[command(group = clap::ArgGroup::new("entries").args(["trust_entries", "kata"]).multiple(true))]
pub(crate) struct Measure {
    /// OVMF image (QEMU's -bios)
    #[arg(long, value_name = "FILE", required_unless_present = "kata", value_parser = path())]
    pub(crate) firmware: Option<PathBuf>,
    /// Kernel (QEMU's -kernel, with kernel-hashes=on)
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) kernel: Option<PathBuf>,
    /// Initrd (QEMU's -initrd)
    #[arg(long, value_name = "FILE", requires = "kernel", value_parser = path())]
    pub(crate) initrd: Option<PathBuf>,
    /// Kernel command line (QEMU's -append); every space counts. With a range of counts, each has its own nr_cpus=
    #[arg(
        long,
        value_name = "TEXT",
        requires = "kernel",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) append: String,
    /// Take firmware, kernel, root file system and command line from a release of Kata instead: its archive, or the
    /// folder it was unpacked to. Prints [[guests]] tables, each word of the line with where it comes from
    #[arg(long, value_name = "PATH", conflicts_with_all = ["firmware", "kernel", "initrd", "append", "vcpu_type"], value_parser = path())]
    pub(crate) kata: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) of_kata: OfKata,
    /// How many vCPUs it starts with: one count or a range, each is measured
    #[arg(long, value_name = "N|N-M")]
    pub(crate) vcpus: String,
    /// Their type, by QEMU's name (QEMU's -cpu) or FAMILY/MODEL/STEPPING
    #[arg(long, value_name = "TYPE", default_value = "EPYC-v4")]
    pub(crate) vcpu_type: String,
    /// Guest features that KVM turns on (SEV_FEATURES)
    #[arg(long, value_name = "HEX", default_value = "0x1")]
    pub(crate) guest_features: String,
    /// What starts the guest
    #[arg(long, value_enum, default_value_t = Vmm::Qemu)]
    pub(crate) vmm: Vmm,
    /// Print [[guests]] tables for trust.toml, instead of one line per count
    #[arg(long)]
    pub(crate) trust_entries: bool,
    #[command(flatten)]
    pub(crate) entry: Entry,
}

impl Measure {
    /// Whether it prints what is no news.
    pub(crate) const fn prints_text(&self) -> bool {
        self.trust_entries || self.of_kata.explain
    }
}

/// Which guest of a release of Kata.
#[derive(ClapArgs)]
pub(crate) struct OfKata {
    /// With --kata: the runtime class
    #[arg(
        long,
        value_name = "CLASS",
        requires = "kata",
        default_value = "kata-qemu-snp"
    )]
    pub(crate) class: String,
    /// With --kata: compose as this release does, whatever the release says it is
    #[arg(long, value_name = "VERSION", requires = "kata")]
    pub(crate) force_kata_rule: Option<String>,
    /// With --kata: draw what the guests start with and why, instead of tables
    #[arg(long, requires = "kata", conflicts_with = "trust_entries")]
    pub(crate) explain: bool,
}

/// Virtual machine monitors whose order of pages we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vmm {
    // With KVM.
    Qemu,
}

/// What a trust file says of a guest beside its measurement.
#[derive(ClapArgs)]
pub(crate) struct Entry {
    /// Name of the guest in trust.toml [default: guest; with --kata: version and class]
    #[arg(long, value_name = "TEXT", requires = "entries")]
    pub(crate) name: Option<String>,
    /// Where its files come from; what was measured is added
    #[arg(long, value_name = "TEXT", requires = "entries")]
    pub(crate) source: Option<String>,
    /// Accept it from this time on, such as 2026-11-20T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME", requires = "entries")]
    pub(crate) from: Option<String>,
    /// Accept it up to this time [default: in 365 days]
    #[arg(long, value_name = "TIME", requires = "entries")]
    pub(crate) until: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_make_sense_together() {
        super::Args::command().debug_assert();
    }
}
