//! What evidence of AMD SEV-SNP proves, and what it does not.

use super::Words;

/// Evidence that the chip's own key signed (VCEK).
pub(super) const BY_CHIP: Words = Words {
    accepted: "Every check held. If AMD's processors and firmware do what AMD says, this is proven:",
    proven: &[
        "A genuine AMD processor signed it: the key's certificate leads to AMD's root, compiled in here, and AMD had \
         not revoked what is above it on the day of the revocation list shown.",
        FIRMWARE,
        MEMORY,
        RELEASE,
    ],
    of_order: &[
        "It was started for your order, with exactly the rules, agent, workload and terms shown: another order, \
         offer or policy would give another HOST_DATA.",
        "The key shown was made inside it, for this order and your challenge: what is sealed to this key, nobody \
         outside this machine opens. An old or foreign report would give another REPORT_DATA.",
    ],
    init_data: (
        "It was started with the init data whose digest you gave (HOST_DATA).",
        "Which job it runs: HOST_DATA was not compared, by choice. Any workload, any policy may be in it.",
    ),
    report_data: (
        "It asked for this report with the value you gave (REPORT_DATA).",
        "Who showed it, and when: REPORT_DATA was not compared, by choice. Anybody can show a copy, years later.",
    ),
    left_open: &[],
    physical: "Physical attacks: who can open the machine is outside of what AMD protects against. See the attacks below.",
    soundness: "Soundness of the processor: what is broken and not revoked still signs. On EPYC Milan, researchers reported in \
         2026, software alone extracts the seed of all attestation keys (arXiv 2605.12990): then evidence for any \
         firmware can be forged, and no floor excludes it.",
    attacks: &ATTACKS,
};

/// Evidence that a key signed which AMD lent to a cloud provider (VLEK). AMD derives
/// it from the provider's own seed, and hands it out sealed to each chip (Linux,
/// `sev-guest.rst`, 2.7; AMD 56860, SNP_VLEK_LOAD).
pub(super) const BY_PROVIDER: Words = Words {
    proven: &[
        "A key that AMD lent to a cloud provider (VLEK) signed it: its certificate leads to AMD's root, compiled in \
         here, and AMD had revoked neither it nor what is above it on the day of the revocation list shown. AMD says \
         that only genuine processors get such a key.",
        FIRMWARE,
        MEMORY,
        RELEASE,
    ],
    left_open: &[
        "Which chip signed: the key is for all of a provider's chips. No certificate vouches for the chip id, and two \
         reports under this key may come from two machines.",
        "That every other chip of the provider is sound: who gets this key out of one of them signs for all, also for \
         machines that never were.",
        "Whose provider's key it is: the name in its certificate is not compared with anything.",
    ],
    ..BY_CHIP
};

const FIRMWARE: &str =
    "The firmware is at least what your trust file asks for, and cannot be rolled back below that.";

const MEMORY: &str = "The machine's memory was encrypted and debugging by the host was off when it started; both cannot be changed \
     while it runs, and nobody may migrate it.";

const RELEASE: &str = "It started as one of the guest releases of your trust file: firmware, kernel, command line and, through the \
     root hash there, the root file system.";

/// Published attacks by who holds the machine. Evidence looks the same before,
/// during and after them.
const ATTACKS: [(&str, &str); 4] = [
    (
        "Battering RAM (2025)",
        "an interposer on the DDR4 memory bus that redirects memory after the boot-time checks; reads and changes a \
         guest's memory on SEV-SNP. No firmware update helps",
    ),
    (
        "TEE.fail (2025)",
        "an interposer that records the DDR5 memory bus; encryption is deterministic, so keys can be read out of what \
         is written; shown on SGX and TDX, and on SEV-SNP with ciphertext hiding on. No firmware update helps",
    ),
    (
        "WireTap (2025)",
        "an interposer that records the DDR4 memory bus; shown on Intel SGX, where it read the key that signs \
         evidence. The same kind of attack",
    ),
    (
        "BadRAM (2024, CVE-2024-21944)",
        "memory modules that lie about their size, without an interposer; evidence can be forged. Newer firmware checks \
         for it at boot: the check `alias check` says whether this machine's did",
    ),
];
