//! A build without Intel TDX.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_tdx_says_so_and_how_to_get_one_that_has_it() {
    let world = World::new().await;
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../evidence/tests/vectors/tdx");
    let quote = std::fs::read(format!("{dir}/v4.quote")).unwrap();
    std::fs::write(world.path("v4.quote"), quote).unwrap();
    let args = [
        "verify",
        "--evidence",
        "v4.quote",
        "--host-data",
        "any",
        "--report-data",
        "any",
    ];
    let export = [
        "collateral",
        "export",
        "--evidence",
        "v4.quote",
        "--output",
        "b.json",
    ];
    for args in [&args[..], &export] {
        let ended = world.cdvm(args).end().await;
        ended.assert(
            7,
            &[
                "v4.quote is a quote of Intel TDX, and this build of cdvm has no TDX",
                "nothing is known about the machine",
                "--features tdx",
            ],
        );
    }
}
