//! The `sev` crate's answer. It reads files, and panics at some broken images.

use std::fs;
use std::panic::{Location, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sev::measurement::snp::{SnpMeasurementArgs, snp_calc_launch_digest};
use sev::measurement::vmsa::GuestFeatures;

use crate::agreement::{Direct, Guest};

/// What `sev` measures, or nothing.
pub(crate) fn theirs(guest: &Guest<'_>) -> Option<String> {
    be_quiet_about_its_panics();
    let dir = Scratch::new();
    let firmware = dir.write("firmware", guest.image);
    let (mut kernel_file, mut initrd_file, mut line) = (None, None, None);
    if let Some(Direct {
        kernel,
        initrd,
        append,
    }) = guest.kernel
    {
        kernel_file = Some(dir.write("kernel", kernel));
        initrd_file = initrd.map(|initrd| dir.write("initrd", initrd));
        line = append;
    }
    let (vcpus, vcpu_type, features) = (guest.vcpus, guest.vcpu, guest.features);
    let measured = catch_unwind(move || {
        snp_calc_launch_digest(SnpMeasurementArgs {
            vcpus: vcpus.into(),
            vcpu_type,
            ovmf_file: firmware,
            guest_features: GuestFeatures(features),
            kernel_file,
            initrd_file,
            append: line,
            ovmf_hash_str: None,
            vmm_type: None,
        })
    });
    Some(measured.ok()?.ok()?.get_hex_ld())
}

fn be_quiet_about_its_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map(Location::file);
            if !place.is_some_and(|file| file.contains("/sev-")) {
                usual(info);
            }
        }));
    });
}

/// A directory of one call, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("launch-{}-{number}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, bytes).unwrap();
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
