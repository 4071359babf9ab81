//! Three answers that are never mixed: no report, signed by firmware that is newer
//! than this program, and known and refused.

use simvendor::Fields;

use crate::world::{World, machine, simulated_root, trust};

/// Evidence of a machine that the trust file knows, but for what `change` does.
fn evidence(change: impl FnOnce(&mut Fields)) -> Vec<u8> {
    let (_, chip) = machine();
    let mut fields = Fields::new(chip);
    fields.measurement = simvendor::measurement(2, "");
    change(&mut fields);
    fields.sign(chip).unwrap()
}

/// The code and what was said of a report.
async fn verified(world: &World, report: &[u8]) -> crate::world::Ended {
    let (_, chip) = machine();
    // A report with its certificate, as snpguest stores them: the report stays raw.
    let dir = world.path("evidence");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("report.bin"), report).unwrap();
    std::fs::write(dir.join("vcek.der"), chip.certificate()).unwrap();
    let any = ["--host-data", "any", "--report-data", "any"];
    let mut args = vec!["verify", "--evidence", "evidence"];
    args.extend(any);
    world.cdvm(&args).end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_newer_firmware_and_refused_are_three_answers() {
    let world = World::new().await;
    // Known, and good.
    verified(&world, &evidence(|_| ())).await.assert(0, &[]);

    // No report: where no signature reaches, there is something.
    let mut none = evidence(|_| ());
    none[0x2d0] = 1;
    verified(&world, &none).await.assert(7, &["Unreadable: "]);

    // Signed by newer firmware: which field, which bits, what to do.
    let newer = evidence(|f| f.platform_info |= 1 << 9);
    let ended = verified(&world, &newer).await;
    ended.assert(
        3,
        &[
            "✗ simulated · newer firmware",
            "PLATFORM_INFO bits 0x200: update this program",
            "genuine, and signed by firmware that is newer than this program",
            "[snp] unknown_bits",
        ],
    );
    let version = evidence(|f| f.version = 7);
    let ended = verified(&world, &version).await;
    ended.assert(3, &["newer firmware", "report version 7: update"]);
    // Nobody signed this one.
    let mut forged = newer.clone();
    forged[0x041] ^= 1;
    let ended = verified(&world, &forged).await;
    ended.assert(3, &["✗ simulated · signature"]);
    assert!(!ended.says("newer firmware"));

    // Known and refused stays that, beside any unknown bit.
    let debug = evidence(|f| f.policy |= 1 << 19);
    verified(&world, &debug)
        .await
        .assert(3, &["✗ simulated · debug"]);

    // Named in the trust file: that bit, and no other.
    let named = "[snp]\nunknown_bits = [\"PLATFORM_INFO:9\"]\n";
    let text = format!("{}{named}", trust(&simulated_root()));
    std::fs::write(world.path("trust.toml"), text).unwrap();
    verified(&world, &newer)
        .await
        .assert(0, &["PLATFORM_INFO bits 0x200, by name"]);
    let other = evidence(|f| f.platform_info |= 0b11 << 9);
    verified(&world, &other)
        .await
        .assert(3, &["PLATFORM_INFO bits 0x400: update"]);
    let weak = evidence(|f| {
        f.platform_info |= 1 << 9;
        f.policy |= 1 << 19;
    });
    verified(&world, &weak)
        .await
        .assert(3, &["✗ simulated · debug"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mitigations_that_the_trust_file_demands_are_held() {
    let world = World::new().await;
    let demand = "[snp]\nmitigations = [\"AMD-SB-3016\"]\n";
    let text = format!("{}{demand}", trust(&simulated_root()));
    std::fs::write(world.path("trust.toml"), text).unwrap();
    let with =
        |version, mitigations| evidence(|f| (f.version, f.mitigations) = (version, mitigations));
    verified(&world, &with(5, [0x3f; 2]))
        .await
        .assert(0, &["mitigations: expected all of 0x4 at launch and now"]);
    for (version, vectors) in [
        (5, [0xb; 2]),
        (5, [0x1; 2]),
        (5, [0xb, 0x3f]),
        (4, [0x3f; 2]),
    ] {
        verified(&world, &with(version, vectors))
            .await
            .assert(3, &["✗ simulated · mitigations"]);
    }
}
