//! The line of a real start, the releases that are known, and what cannot be read.

use super::class::Class;
use super::line::{POD_PARAMETER, compose, fields, text};
use super::policy::{Policy, of_initrd};
use super::rules::{RELEASES, known};
use super::settings::Settings;
use super::verity;

const SNP: &str = r#"
[hypervisor.qemu]
kernel = "/opt/kata/k"
image = "/opt/kata/i"
firmware = "/opt/kata/f"
rootfs_type = "ext4"
kernel_params = "agent.guest_components_rest_api=none x=1"
kernel_verity_params = "root_hash=ab12,salt=cd34,data_blocks=10,data_block_size=4096,hash_block_size=4096"
confidential_guest = true
sev_snp_guest = true
default_vcpus = 1
block_device_driver = "virtio-scsi"
disable_guest_selinux = true
guest_extension_images = [{ name = "gpu", path = "/x", verity_params = "" }]
[agent.kata]
launch_process_timeout = 6
visible_cdi_devices = true
[runtime]
static_sandbox_resource_mgmt = true
"#;

fn class(files: &[&str]) -> Class {
    let mut settings = Settings::default();
    for (index, file) in files.iter().enumerate() {
        settings.add(&format!("{index}.toml"), file).unwrap();
    }
    Class::read(&settings).unwrap()
}

fn line(files: &[&str], version: &str, vcpus: u16) -> String {
    let rule = known(version).unwrap().rule;
    text(&compose(&class(files), rule, vcpus).unwrap())
}

#[test]
fn a_real_starts_line_is_composed_word_for_word() {
    let recorded = include_str!("../../../tests/measure/kata/command-line.txt");
    let files = [
        include_str!("../../../tests/measure/kata/coco-dev.toml"),
        include_str!("../../../tests/measure/kata/coco-dev-changes.toml"),
    ];
    assert_eq!(line(&files, "4.1.0", 2), recorded.trim_end());
}

#[test]
fn the_pods_parameter_is_the_one_the_policy_holds_pods_to() {
    let policy = include_str!("../../../../docs/protocol/v1/policy.rego");
    assert!(policy.contains(&format!("value == {POD_PARAMETER:?}")));
}

#[test]
fn releases_compose_by_their_own_rules() {
    const FIRST: &str = "tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 \
        i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 ";
    const PLAIN: &str =
        "root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 ";
    const VERITY: &str = "dm-mod.create=\"dm-verity,,,ro,0 80 verity 1 /dev/vda1 /dev/vda2 4096 4096 10 0 sha256 ab12 cd34\" \
        root=/dev/dm-0 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 ";
    const MIDDLE: &str = "console=hvc0 console=hvc1 quiet systemd.show_status=false panic=1 ";
    const UNIT: &str = "selinux=0 systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service \
        systemd.mask=systemd-networkd.socket scsi_mod.scan=none ";
    const POD: &str = "agent.guest_components_rest_api=all";
    let old_end = format!("agent.guest_components_rest_api=none x=1 {POD}");
    let end = format!("x=1 {POD}");
    let launch = "agent.launch_process_timeout=6 ";
    let cdi = "agent.visible_cdi_devices=true ";
    for (versions, expected) in [
        (
            &["3.20.0", "3.23.0"][..],
            format!("{FIRST}{PLAIN}{MIDDLE}nr_cpus=4 {UNIT}{old_end}"),
        ),
        (
            &["3.24.0", "3.26.0"],
            format!("{FIRST}{PLAIN}{MIDDLE}nr_cpus=4 {UNIT}{end}"),
        ),
        (
            &["3.27.0", "3.28.0"],
            format!("{FIRST}{VERITY}{MIDDLE}nr_cpus=4 {UNIT}{end}"),
        ),
        (
            &["3.29.0", "3.31.0"],
            format!("{FIRST}{VERITY}{MIDDLE}nr_cpus=4 {UNIT}{launch}{end}"),
        ),
        (
            &["3.32.0"],
            format!("{FIRST}{VERITY}{MIDDLE}{UNIT}{launch}{cdi}{end}"),
        ),
        (
            &["4.0.0", "4.1.0"],
            format!(
                "{FIRST}{VERITY}{MIDDLE}{UNIT}{launch}{cdi}{end} kata.extension.gpu.verity_params"
            ),
        ),
    ] {
        for version in versions {
            assert_eq!(line(&[SNP], version, 4), expected, "{version}");
        }
    }
    assert_eq!(known("4.2.0"), None);
    assert!(RELEASES.is_sorted_by_key(|release| {
        let numbers = release.version.split('.');
        numbers
            .map(|part| part.parse::<u32>().unwrap())
            .collect::<Vec<_>>()
    }));
}

#[test]
fn settings_change_the_words_they_change_in_kata() {
    let of = |more: &str| line(&[SNP, more], "4.1.0", 2);
    for (more, word) in [
        (
            "[hypervisor.qemu]\nenable_iommu = true",
            " pci=lastbus=0 intel_iommu=on iommu=pt dm-mod.create=",
        ),
        (
            "[hypervisor.qemu]\nuse_legacy_serial = true",
            " console=ttyS0 quiet ",
        ),
        (
            "[hypervisor.qemu]\nenable_debug = true",
            " debug systemd.show_status=true systemd.log_level=debug panic=1 ",
        ),
        (
            "[hypervisor.qemu]\ndisable_guest_selinux = false",
            " selinux=1 ",
        ),
        (
            "[hypervisor.qemu]\nblock_device_driver = \"virtio-blk\"",
            " systemd.mask=systemd-networkd.socket agent.launch",
        ),
        (
            "[hypervisor.qemu]\nrootfs_type = \"erofs\"",
            " rootflags=ro rootfstype=erofs ",
        ),
        (
            "[hypervisor.qemu]\nkernel_params = 'a=\"b c\"  d'",
            " a=\"b c\" d agent.guest",
        ),
        (
            "[agent.kata]\nenable_debug = true",
            " scsi_mod.scan=none agent.log=debug agent.launch",
        ),
        ("[agent.kata]\nenable_tracing = true", " agent.trace=true "),
        (
            "[agent.kata]\ndebug_console_enabled = true",
            " agent.debug_console agent.debug_console_vport=1026 ",
        ),
        (
            "[agent.kata]\nlaunch_process_timeout = 15",
            " agent.launch_process_timeout=15 ",
        ),
    ] {
        let line = of(more);
        assert!(line.contains(word), "{more}: {line}");
        assert!(!of("").contains(word), "{word}");
    }
    // Without confidentiality the image is an NVDIMM.
    let line = of("[hypervisor.qemu]\nconfidential_guest = false\nkernel_verity_params = \"\"");
    assert!(
        line.contains(" root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro "),
        "{line}"
    );
    assert!(line.contains(" nr_cpus=2 "), "{line}");
}

#[test]
fn configurations_that_kata_or_nobody_reads_alike_are_refused() {
    for more in [
        "[hypervisor.qemu]\nkernel_params = 1",
        "[hypervisor.qemu]\nenable_debug = \"true\"",
        "[hypervisor.qemu]\nKernel_Params = \"x\"",
        "[Hypervisor.qemu]\nkernel_params = \"x\"",
        "[hypervisor]\nqemu = 1",
        "[hypervisor.clh]\nkernel = \"x\"",
        "[hypervisor.qemu]\ninitrd = \"/opt/kata/i\"",
        "[hypervisor.qemu]\nimage = \"\"",
        "[hypervisor.qemu]\npflashes = [\"x\"]",
        "[hypervisor.qemu]\nfirmware_volume = \"x\"",
        "[hypervisor.qemu]\nguest_extension_images = [{ name = \"a b\" }]",
        "[hypervisor.qemu]\nguest_extension_images = [{ name = \"a\", verity_params = \"salt=1\" }]",
        "[agent.other]\nenable_debug = true",
        "[agent.kata]\nlaunch_process_timeout = -1",
        "[hypervisor.qemu",
    ] {
        let mut settings = Settings::default();
        settings.add("a", SNP).unwrap();
        let read = settings
            .add("b", more)
            .and_then(|()| Class::read(&settings));
        assert!(read.is_err(), "{more}");
    }
    for more in [
        "[hypervisor.qemu]\nkernel_params = \"=x\"",
        "[hypervisor.qemu]\nkernel_params = \"a\\nb\"",
        "[hypervisor.qemu]\nkernel_params = \"a\\u0000\"",
        "[hypervisor.qemu]\nrootfs_type = \"btrfs\"",
        "[hypervisor.qemu]\nkernel_verity_params = \"root_hash=ab\"",
    ] {
        let composed = compose(&class(&[SNP, more]), known("4.1.0").unwrap().rule, 2);
        assert!(composed.is_err(), "{more}");
    }
}

#[test]
fn parameters_are_split_at_spaces_outside_of_quotes() {
    assert_eq!(
        fields("  a=1  b=\"c d\" \t e \"f  g"),
        ["a=1", "b=\"c d\"", "e", "\"f  g"]
    );
    assert!(fields("  ").is_empty());
}

#[test]
fn verity_parameters_are_whole_or_none() {
    let good = "root_hash=ab,salt=cd,data_blocks=3,data_block_size=1024,hash_block_size=512";
    assert_eq!(verity::parse(good).unwrap().unwrap().sectors, 6);
    assert_eq!(verity::parse(" ").unwrap(), None);
    // Another name is not looked at, the last one of a name counts.
    let more = format!("x=y, salt=ff,,{good}");
    assert_eq!(verity::parse(&more).unwrap(), verity::parse(good).unwrap());
    for (old, new) in [
        ("root_hash=ab,", ""),
        ("salt=cd,", ""),
        ("data_blocks=3,", ""),
        (",hash_block_size=512", ""),
        ("root_hash=ab", "root_hash="),
        ("root_hash=ab", "root_hash=a b"),
        ("salt=cd", "salt=\""),
        ("salt=cd", "salt"),
        ("=3", "=0"),
        ("=3", "=+3"),
        ("=3", "=18446744073709551615"),
        ("=3", "=18446744073709551616"),
        ("=1024", "=1000"),
        ("=512", "=511"),
        ("=512", "=0"),
    ] {
        let bad = good.replace(old, new);
        assert!(verity::parse(&bad).is_err(), "{bad}");
    }
}

/// An archive in cpio's "newc" form.
fn cpio(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    let trailer: (&str, u32, &[u8]) = ("TRAILER!!!", 0, b"");
    for (name, mode, contents) in files.iter().chain([&trailer]) {
        archive.extend(b"070701");
        let numbers = [
            0,
            *mode as usize,
            0,
            0,
            1,
            0,
            contents.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        for number in numbers {
            archive.extend(format!("{number:08x}").bytes());
        }
        archive.extend(name.bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(*contents);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_777;

#[test]
fn a_default_policy_that_sticks_is_seen() {
    let policy = |text: &str| {
        of_initrd(&cpio(&[
            ("./init", FILE, b"#!/bin/sh"),
            (
                "./etc/kata-opa/default-policy.rego",
                LINK,
                b"allow-all.rego",
            ),
            ("./etc/kata-opa/allow-all.rego", FILE, text.as_bytes()),
        ]))
    };
    for fine in [
        "package agent_policy\ndefault SetPolicyRequest := true\n",
        "# AllowRequestsFailingPolicy := true\ndefault AllowRequestsFailingPolicy := false\n",
    ] {
        assert!(matches!(policy(fine), Policy::Fine(_)), "{fine}");
    }
    for sticks in [
        "package agent_policy\ndefault AllowRequestsFailingPolicy := true\n",
        "AllowRequestsFailingPolicy = true",
        "AllowRequestsFailingPolicy if { true }",
        "x := `\n#`; AllowRequestsFailingPolicy := true",
        "default AllowRequestsFailingPolicy := false\nAllowRequestsFailingPolicy := true",
    ] {
        assert_eq!(policy(sticks), Policy::IgnoresFailures, "{sticks}");
    }
    // The later file of one name is the one that the kernel leaves.
    let twice = cpio(&[
        (
            "etc/kata-opa/default-policy.rego",
            FILE,
            b"default AllowRequestsFailingPolicy := false",
        ),
        (
            "/etc/kata-opa/default-policy.rego",
            FILE,
            b"default AllowRequestsFailingPolicy := true",
        ),
    ]);
    assert_eq!(of_initrd(&twice), Policy::IgnoresFailures);
    let two = [cpio(&[("a", FILE, b"b")]), vec![0; 512], twice].concat();
    assert_eq!(of_initrd(&two), Policy::IgnoresFailures);
}

#[test]
fn what_is_not_read_of_an_initrd_says_so() {
    let not_read = |initrd: &[u8]| matches!(of_initrd(initrd), Policy::NotRead(_));
    assert!(not_read(b""));
    assert!(not_read(b"\x28\xb5\x2f\xfd"));
    assert!(not_read(&cpio(&[("init", FILE, b"x")])));
    let name = "etc/kata-opa/default-policy.rego";
    assert!(not_read(&cpio(&[(name, LINK, b"default-policy.rego")])));
    assert!(not_read(&cpio(&[(name, FILE, b"")])));
    let whole = cpio(&[(name, FILE, b"package agent_policy")]);
    // Cut off anywhere before its last name, or with any byte of a header changed: never a panic.
    for len in 0..whole.len() {
        let _ = of_initrd(whole.get(..len).unwrap());
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut other = whole.clone();
            *other.get_mut(at).unwrap() ^= 1 << bit;
            let _ = of_initrd(&other);
        }
    }
}
