//! What a process of the sandbox may still ask the kernel for: a filter on system
//! calls, and Landlock where the kernel has it. Both are inherited and final.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Where the workload may write.
const WRITABLE: [&str; 3] = ["/tmp", "/cdvm/job/out", "/dev"];

/// System calls that no computation on a file needs, refused with EPERM: those
/// that build namespaces and mounts, look into other processes, load code into
/// the kernel, set clocks, or have a history of holes.
const REFUSED: [libc::c_long; 56] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_uselib,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Flags of clone(2) that make namespaces.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Restricts this thread and all it starts.
pub(super) fn restrict() -> io::Result<()> {
    file_access()?;
    // Its flags lie in memory where a filter cannot look; libraries fall back to
    // clone(2) when it is unknown.
    let unknown = u32::try_from(libc::ENOSYS).unwrap_or_default();
    apply(&filter([(libc::SYS_clone3, Vec::new())], unknown)?)?;
    let refused = REFUSED.map(|call| (call, Vec::new()));
    let conditional = [
        (libc::SYS_clone, namespace_rules()?),
        (libc::SYS_socket, other_than_unix()?),
        (libc::SYS_socketpair, other_than_unix()?),
    ];
    let not_permitted = u32::try_from(libc::EPERM).unwrap_or_default();
    apply(&filter(
        refused.into_iter().chain(conditional),
        not_permitted,
    )?)
}

/// Reads and runs everything in its root, writes in three places.
fn file_access() -> io::Result<()> {
    let abi = ABI::V6;
    let status = Ruleset::default()
        // What this kernel does not know is left to the mounts.
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(["/"], AccessFs::from_read(abi))))
        .and_then(|ruleset| {
            ruleset.add_rules(path_beneath_rules(WRITABLE, AccessFs::from_all(abi)))
        })
        .and_then(landlock::RulesetCreated::restrict_self);
    status.map(drop).map_err(io::Error::other)
}

fn namespace_rules() -> io::Result<Vec<SeccompRule>> {
    let rule = |flag: libc::c_int| {
        let flag = u64::from(flag.unsigned_abs());
        let has_flag = SeccompCmpOp::MaskedEq(flag);
        condition(0, has_flag, flag)
    };
    NAMESPACES.into_iter().map(rule).collect()
}

fn other_than_unix() -> io::Result<Vec<SeccompRule>> {
    let unix = u64::from(libc::AF_UNIX.unsigned_abs());
    Ok(vec![condition(0, SeccompCmpOp::Ne, unix)?])
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
    let condition = condition.map_err(io::Error::other)?;
    SeccompRule::new(vec![condition]).map_err(io::Error::other)
}

fn filter(
    calls: impl IntoIterator<Item = (libc::c_long, Vec<SeccompRule>)>,
    errno: u32,
) -> io::Result<BpfProgram> {
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.into_iter().collect();
    let arch = TargetArch::x86_64;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        arch,
    );
    filter.and_then(TryInto::try_into).map_err(io::Error::other)
}

fn apply(program: &BpfProgram) -> io::Result<()> {
    apply_filter(program).map_err(io::Error::other)
}
