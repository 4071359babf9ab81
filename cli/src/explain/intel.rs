//! What evidence of Intel TDX proves, and what it does not.

use super::Words;

pub(super) const WORDS: Words = Words {
    accepted: "Every check held. If Intel's processors, TDX module and quoting enclave do what Intel says, this is \
               proven:",
    proven: &[
        "A genuine Intel platform signed it: its key's certificate leads to Intel's root, compiled in here, and Intel \
         had not revoked anything on that path on the day of the collateral shown.",
        "Processor, TDX module and quoting enclave have, in Intel's word of that day, at least the status that your \
         trust file asks for, and no security advisory applies but those it names. What Intel said later is not in it.",
        "The machine (a TD) was encrypted in memory, and debugging and profiling by the host were off when it started; \
         this cannot be changed while it runs. Nobody may migrate it, and no service TD and no device shares its trust.",
        "It started with the firmware (MRTD) of a guest release of your trust file, and when it asked for this quote \
         its registers RTMR0 to RTMR3 held what that entry says: the firmware's configuration, kernel, command line \
         and initial file system, and what its programs added.",
    ],
    // Jobs are not run on TDX.
    of_order: &[],
    init_data: (
        "It was started with the init data whose digest you gave (MRCONFIGID).",
        "Which job it runs: MRCONFIGID was not compared, by choice. Any workload, any policy may be in it.",
    ),
    report_data: (
        "It asked for this quote with the value you gave (REPORTDATA).",
        "Who showed it, and when: REPORTDATA was not compared, by choice. Anybody can show a copy, years later.",
    ),
    left_open: &[
        "What a register holds that your trust file leaves open with the word `any`: with RTMR1 or RTMR2 open, any \
         kernel or command line may run.",
    ],
    physical: "Physical attacks: who can open the machine is outside of what Intel protects against. See the attacks below.",
    soundness: "Soundness of the processor: what is broken and not revoked still signs, and a quoting enclave whose key \
         was read out signs for machines that never were. No status and no advisory excludes it.",
    attacks: &ATTACKS,
};

/// Published attacks by who holds the machine; those about Intel first. Evidence
/// looks the same before, during and after them.
const ATTACKS: [(&str, &str); 4] = [
    (
        "TEE.fail (2025)",
        "an interposer that records the DDR5 memory bus; encryption is deterministic, so keys can be read out of what \
         is written; shown on TDX, and on SGX, whose enclaves sign the quotes of TDX. No update helps",
    ),
    (
        "WireTap (2025)",
        "an interposer that records the DDR4 memory bus; shown on Intel SGX, where it read the key of a quoting enclave, \
         which signs evidence. The same kind of attack",
    ),
    (
        "Battering RAM (2025)",
        "an interposer on the DDR4 memory bus that redirects memory after the boot-time checks; shown on Intel SGX and \
         SEV-SNP",
    ),
    (
        "BadRAM (2024, CVE-2024-21944)",
        "memory modules that lie about their size, without an interposer; shown on SEV-SNP",
    ),
];
