//! The expectation for comparing and measuring: nothing of a report is left out,
//! and every choice is open.

use evidence::{
    Accept, Expected, Flag, Mitigations, PerGeneration, Revocation, Root, Tcb, TcbFloor,
};

/// An expectation that leaves every choice open; what a report binds is taken
/// from the report.
pub fn anything(root: Root, report: &[u8]) -> Expected {
    let zero = Tcb {
        fmc: 0,
        bootloader: 0,
        tee: 0,
        snp: 0,
        microcode: 0,
    };
    Expected {
        tcb_floors: vec![TcbFloor {
            generation: root.generation(),
            lowest: zero,
        }],
        roots: vec![root],
        revocation: Revocation::NotChecked,
        mitigations: PerGeneration::all(Mitigations::Any),
        unknown_bits: Vec::new(),
        measurement: Accept::Any,
        host_data: field(report, 0x0c0),
        report_data: field(report, 0x050),
        vmpl: u32::from_le_bytes(field(report, 0x030)),
        debug: Flag::Any,
        migration: Flag::Any,
        smt_allowed: Flag::Any,
        single_socket: Flag::Any,
        cxl_allowed: Flag::Any,
        aes_256_xts: Flag::Any,
        rapl_off: Flag::Any,
        ciphertext_hiding: Flag::Any,
        page_swap_disabled: Flag::Any,
        abi_minimum: (0, 0),
        platform_smt: Flag::Any,
        platform_tsme: Flag::Any,
        platform_ecc: Flag::Any,
        platform_rapl_disabled: Flag::Any,
        platform_ciphertext_hiding: Flag::Any,
        platform_alias_check: Flag::Any,
        platform_iommu_write_safe: Flag::Any,
        platform_tio: Flag::Any,
        guest_svn_minimum: 0,
        family_id: Accept::Any,
        image_id: Accept::Any,
        id_key_digest: Accept::Any,
        author_key_digest: Accept::Any,
        report_id: Accept::Any,
        report_id_ma: Accept::Any,
        chip_id: Accept::Any,
    }
}

/// The bytes at an offset; zero where a report is too short for them.
fn field<const N: usize>(report: &[u8], at: usize) -> [u8; N] {
    let found = report.get(at..at + N);
    found
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0; N])
}
