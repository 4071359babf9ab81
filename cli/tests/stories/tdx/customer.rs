//! A customer with real quotes, their collateral, and a trust file of her own.

use evidence::tdx::Quote;

use crate::world::{Cdvm, Ended, World};

/// 2025-07-01, in the days of `v4`'s collateral.
pub(super) const IN_2025: &str = "1751328000";

/// 2026-10-20, in those of `v5-td15ex`'s.
pub(super) const IN_2026: &str = "1792454400";

/// The parts of both.
pub(super) const PARTS: [&str; 4] = [
    "tcbinfo-b0c06f000000",
    "qeidentity",
    "rootcacrl",
    "pckcrl-platform",
];

pub(super) const RULES: &str = "collateral_max_age_days = 30\nlowest_status = \"UpToDate\"\nadvisories = []\n\
     evaluation_minimum = 17\n";

pub(super) fn vector(name: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../evidence/tests/vectors/tdx");
    std::fs::read(format!("{dir}/{name}")).unwrap()
}

pub(super) fn quote(name: &str) -> Quote {
    Quote::parse(&vector(&format!("{name}.quote"))).unwrap()
}

/// A guest with these registers, hex or `any`.
pub(super) fn guest(name: &str, mr_td: &[u8; 48], rtmrs: &[String; 4]) -> String {
    let mr_td = hex::encode(mr_td);
    format!("[[tdx_guests]]\nname = \"{name}\"\nmr_td = \"{mr_td}\"\nrtmrs = {rtmrs:?}\n")
}

/// The guest that the quote is of.
pub(super) fn guest_of(name: &str, quote: &Quote) -> String {
    guest(name, &quote.mr_td(), &quote.rtmrs().map(hex::encode))
}

/// A customer with quotes and collateral, and a trust file of her own.
pub(super) struct Customer(pub(super) World);

impl Customer {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        for name in ["v4", "v5-td15", "v5-td15ex"] {
            for file in [format!("{name}.quote"), format!("{name}.collateral.json")] {
                std::fs::write(world.path(&file), vector(&file)).unwrap();
            }
        }
        let customer = Self(world);
        let guests = ["v4", "v5-td15ex"].map(|name| guest_of(name, &quote(name)));
        customer.trusts(RULES, &guests);
        customer
    }

    /// Writes the trust file: rules, if there are any, and guests.
    pub(super) fn trusts(&self, rules: &str, guests: &[String]) {
        let dates =
            "source = \"test\"\nfrom = 2025-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z\n";
        let rules = match rules {
            "" => String::new(),
            rules => format!("[tdx]\n{rules}{dates}"),
        };
        let guests = guests.iter().map(|guest| format!("{guest}{dates}"));
        let guests: String = guests.collect();
        let text = format!("version = 1\nrevocation_max_age_days = 30\n{rules}{guests}");
        std::fs::write(self.0.path("tdx.toml"), text).unwrap();
    }

    /// `cdvm verify` with this trust file.
    pub(super) fn verify(&self, args: &[&str]) -> Cdvm {
        let mut all = vec!["verify", "--trust", "tdx.toml"];
        all.extend(args);
        self.0.cdvm_bare(&all)
    }

    /// Holds a quote against the trust file alone, on this day.
    pub(super) async fn held(
        &self,
        quote: &str,
        collateral: &str,
        at: &str,
        more: &[&str],
    ) -> Ended {
        let mut args = vec!["--evidence", quote, "--collateral", collateral, "--at", at];
        args.extend(["--host-data", "any", "--report-data", "any"]);
        args.extend(more);
        self.verify(&args).end().await
    }

    /// `v4` in 2025.
    pub(super) async fn v4(&self) -> Ended {
        let (quote, collateral) = ("v4.quote", "v4.collateral.json");
        self.held(quote, collateral, IN_2025, &[]).await
    }
}
