//! SIMULATED attestation reports: the 1184 bytes of AMD's format, field by field.

use aws_lc_rs::digest::{SHA384, digest};
use serde_json::{Value, json};

use crate::{Chip, Error, Generation};

/// Every field of a report that a test may want to set.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Format version, 2 to 6.
    pub version: u32,
    /// The guest's own security version.
    pub guest_svn: u32,
    /// Guest policy; 0x30000 is Kata's: SMT allowed, no debug, no migration.
    pub policy: u64,
    /// Family id of the ID block.
    pub family_id: [u8; 16],
    /// Image id of the ID block.
    pub image_id: [u8; 16],
    /// Privilege level.
    pub vmpl: u32,
    /// Signature algorithm.
    pub signature_algorithm: u32,
    /// Platform info.
    pub platform_info: u64,
    /// Key info.
    pub key_info: u32,
    /// What the guest asked for.
    pub report_data: [u8; 64],
    /// Launch measurement.
    pub measurement: [u8; 48],
    /// Digest of the init data.
    pub host_data: [u8; 32],
    /// ID key digest.
    pub id_key_digest: [u8; 48],
    /// Author key digest.
    pub author_key_digest: [u8; 48],
    /// Report id of this guest.
    pub report_id: [u8; 32],
    /// Report id of the migration agent; all ones without.
    pub report_id_ma: [u8; 32],
    /// CPUID family, model, stepping.
    pub cpuid: [u8; 3],
    /// Chip.
    pub chip_id: [u8; 64],
    /// fmc, bootloader, tee, snp, microcode of: current, reported, committed, launch.
    pub tcb: [[u8; 5]; 4],
    /// Firmware: build, minor, major.
    pub firmware: [u8; 3],
    /// Launch and current mitigation vectors (version 5).
    pub mitigations: [u64; 2],
    /// Current, launch and committed extended TCB (version 6).
    pub extended_tcbs: [[u8; 32]; 3],
}

impl Fields {
    /// A good report by `chip`.
    pub fn new(chip: &Chip) -> Self {
        let spec = chip.spec();
        Self {
            version: 3,
            guest_svn: 0,
            policy: 0x30000,
            family_id: [0; 16],
            image_id: [0; 16],
            vmpl: 0,
            signature_algorithm: 1,
            platform_info: chip.generation().platform_info(),
            key_info: if spec.common_name.ends_with("VLEK") {
                1 << 2
            } else {
                0
            },
            report_data: [0; 64],
            measurement: [0; 48],
            host_data: [0; 32],
            id_key_digest: [0; 48],
            author_key_digest: [0; 48],
            report_id: [0x1d; 32],
            report_id_ma: [0xff; 32],
            cpuid: chip.generation().cpuid(),
            chip_id: spec.chip_id,
            tcb: [spec.tcb; 4],
            firmware: [29, 55, 1],
            mitigations: [0; 2],
            extended_tcbs: [[0; 32]; 3],
        }
    }

    /// The report, signed by `chip`.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, chip: &Chip) -> Result<Vec<u8>, Error> {
        sign(self.unsigned(chip.generation()), chip)
    }

    /// The 672 bytes a signature is over.
    pub fn unsigned(&self, generation: Generation) -> Vec<u8> {
        let [current, reported, committed, launch] = self.tcb.map(|tcb| generation.tcb_bytes(tcb));
        let [build, minor, major] = self.firmware;
        let mut out = Vec::with_capacity(1184);
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        put(&self.version.to_le_bytes());
        put(&self.guest_svn.to_le_bytes());
        put(&self.policy.to_le_bytes());
        put(&self.family_id);
        put(&self.image_id);
        put(&self.vmpl.to_le_bytes());
        put(&self.signature_algorithm.to_le_bytes());
        put(&current);
        put(&self.platform_info.to_le_bytes());
        put(&self.key_info.to_le_bytes());
        put(&[0; 4]);
        put(&self.report_data);
        put(&self.measurement);
        put(&self.host_data);
        put(&self.id_key_digest);
        put(&self.author_key_digest);
        put(&self.report_id);
        put(&self.report_id_ma);
        put(&reported);
        put(if self.version >= 3 {
            &self.cpuid
        } else {
            &[0; 3]
        });
        put(&[0; 21]);
        put(&self.chip_id);
        put(&committed);
        put(&[build, minor, major, 0, build, minor, major, 0]);
        put(&launch);
        for vector in self.mitigations {
            put(&if self.version >= 5 { vector } else { 0 }.to_le_bytes());
        }
        put(&[0; 24]);
        for tcb in self.extended_tcbs {
            put(if self.version >= 6 { &tcb } else { &[0; 32] });
        }
        put(&[0; 32]);
        out
    }
}

/// `unsigned`, the 672 bytes of a report or whatever stands in their place, with
/// the signature of `chip` behind them.
///
/// # Errors
/// When signing fails.
pub fn sign(mut unsigned: Vec<u8>, chip: &Chip) -> Result<Vec<u8>, Error> {
    let signature = chip.sign(&unsigned)?;
    let (r, s) = signature.split_at(48);
    for scalar in [r, s] {
        unsigned.extend(scalar.iter().rev());
        unsigned.extend([0; 24]);
    }
    unsigned.extend([0; 368]);
    Ok(unsigned)
}

/// The measurement of the simulated guest: like the real one it depends on the
/// number of vCPUs and the kernel's parameters, and not on memory.
pub fn measurement(vcpus: u32, kernel_params: &str) -> [u8; 48] {
    let text = format!("simulated guest 1\n{vcpus}\n{kernel_params}");
    let mut out = [0; 48];
    for (to, from) in out
        .iter_mut()
        .zip(digest(&SHA384, text.as_bytes()).as_ref())
    {
        *to = *from;
    }
    out
}

/// Evidence as the guest components' attestation agent prints it.
pub fn guest_components_json(report: &[u8], chip: &Chip) -> Value {
    let bytes = |at: usize, len: usize| report.get(at..at + len).unwrap_or_default();
    let number = |at: usize, len: usize| {
        bytes(at, len)
            .iter()
            .rev()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let tcb = |at: usize| match (chip.generation(), bytes(at, 8)) {
        (Generation::Turin, [fmc, bootloader, tee, snp, .., microcode]) => json!({
            "fmc": fmc, "bootloader": bootloader, "tee": tee, "snp": snp, "microcode": microcode,
        }),
        (_, [bootloader, tee, _, _, _, _, snp, microcode]) => json!({
            "fmc": null, "bootloader": bootloader, "tee": tee, "snp": snp, "microcode": microcode,
        }),
        _ => Value::Null,
    };
    let firmware = |at: usize| match bytes(at, 3) {
        [build, minor, major] => json!({"major": major, "minor": minor, "build": build}),
        _ => Value::Null,
    };
    let vector = |at: usize| (number(0x000, 4) >= 5).then(|| number(at, 8));
    let out = json!({
        "version": number(0x000, 4), "guest_svn": number(0x004, 4), "policy": number(0x008, 8),
        "family_id": bytes(0x010, 16), "image_id": bytes(0x020, 16), "vmpl": number(0x030, 4),
        "sig_algo": number(0x034, 4), "current_tcb": tcb(0x038), "plat_info": number(0x040, 8),
        "key_info": number(0x048, 4), "report_data": bytes(0x050, 64),
        "measurement": bytes(0x090, 48), "host_data": bytes(0x0c0, 32),
        "id_key_digest": bytes(0x0e0, 48), "author_key_digest": bytes(0x110, 48),
        "report_id": bytes(0x140, 32), "report_id_ma": bytes(0x160, 32),
        "reported_tcb": tcb(0x180), "cpuid_fam_id": number(0x188, 1),
        "cpuid_mod_id": number(0x189, 1), "cpuid_step": number(0x18a, 1),
        "chip_id": bytes(0x1a0, 64), "committed_tcb": tcb(0x1e0), "current": firmware(0x1e8),
        "committed": firmware(0x1ec), "launch_tcb": tcb(0x1f0),
        "launch_mit_vector": vector(0x1f8), "current_mit_vector": vector(0x200),
        "signature": {"r": bytes(0x2a0, 72), "s": bytes(0x2e8, 72)},
    });
    let kind = chip.spec().common_name.trim_start_matches("SEV-");
    json!({
        "attestation_report": out,
        "cert_chain": [{"cert_type": kind, "data": chip.certificate()}],
    })
}
