//! The first state of a virtual processor, as QEMU and KVM leave it when the
//! guest is measured (AMD APM volume 2, appendix B, table B-4: "VMSA Layout,
//! State Save Area for SEV-ES").

use super::PAGE;
use super::vcpu::{GuestFeatures, VcpuType};

/// Where the processor that boots starts (APM volume 2, 14.1.5).
pub(super) const RESET_VECTOR: u32 = 0xffff_fff0;

/// The address every such page is measured at (KVM, `arch/x86/kvm/svm/sev.c`,
/// INITIAL_VMSA_GPA): all ones, cut to a page below the bits an address has.
pub(super) const ADDRESS: u64 = 0xffff_ffff_f000;

/// The page of a processor that starts at `start`.
pub(super) fn page(start: u32, vcpu: VcpuType, features: GuestFeatures) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    let mut put = |at: usize, bytes: &[u8]| {
        for (place, byte) in page.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    // Segments, as after a reset (APM volume 2, 14.1.3): attributes as in a
    // descriptor. Only the code segment depends on where the processor starts.
    let data = segment(0, 0x93, 0);
    put(0x000, &data); // ES
    put(0x010, &segment(0xf000, 0x9b, start & 0xffff_0000)); // CS
    put(0x020, &data); // SS
    put(0x030, &data); // DS
    put(0x040, &data); // FS
    put(0x050, &data); // GS
    put(0x060, &segment(0, 0, 0)); // GDTR
    put(0x070, &segment(0, 0x82, 0)); // LDTR
    put(0x080, &segment(0, 0, 0)); // IDTR
    put(0x090, &segment(0, 0x8b, 0)); // TR
    put(0x0d0, &0x1000_u64.to_le_bytes()); // EFER: SVME, which KVM sets
    put(0x148, &0x40_u64.to_le_bytes()); // CR4: MCE, which KVM sets
    put(0x158, &0x10_u64.to_le_bytes()); // CR0: ET
    put(0x160, &0x400_u64.to_le_bytes()); // DR7
    put(0x168, &0xffff_0ff0_u64.to_le_bytes()); // DR6
    put(0x170, &0x2_u64.to_le_bytes()); // RFLAGS
    put(0x178, &u64::from(start & 0xffff).to_le_bytes()); // RIP
    put(0x268, &0x0007_0406_0007_0406_u64.to_le_bytes()); // G_PAT
    put(0x310, &u64::from(vcpu.signature()).to_le_bytes()); // RDX
    put(0x3b0, &features.bits().to_le_bytes()); // SEV_FEATURES
    put(0x3e8, &0x1_u64.to_le_bytes()); // XCR0: x87
    put(0x408, &0x1f80_u32.to_le_bytes()); // MXCSR
    put(0x410, &0x37f_u16.to_le_bytes()); // x87 control word
    page
}

/// Selector, attributes, limit and base; every limit is 64 KiB.
fn segment(selector: u16, attributes: u16, base: u32) -> [u8; 16] {
    let ([s0, s1], [a0, a1]) = (selector.to_le_bytes(), attributes.to_le_bytes());
    let [b0, b1, b2, b3] = base.to_le_bytes();
    [s0, s1, a0, a1, 0xff, 0xff, 0, 0, b0, b1, b2, b3, 0, 0, 0, 0]
}
