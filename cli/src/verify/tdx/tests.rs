//! What is typed for a quote, and what it means.

use crate::verify::binding::Wanted;

#[test]
fn a_digest_of_init_data_is_followed_by_zeroes_and_never_cut() {
    let config_id = |typed: &str| Wanted::config_id(Some(typed));
    let mut padded = [0; 48];
    padded[..32].fill(0xab);
    let of_sha256 = config_id(&"ab".repeat(32)).unwrap();
    assert_eq!(of_sha256, Wanted::Exactly(padded));
    let of_sha384 = config_id(&"ab".repeat(48)).unwrap();
    assert_eq!(of_sha384, Wanted::Exactly([0xab; 48]));
    assert_eq!(config_id("any").unwrap(), Wanted::Any);
    for wrong in [
        "",
        "all",
        &"ab".repeat(31),
        &"ab".repeat(64),
        &"zz".repeat(32),
    ] {
        assert_eq!(config_id(wrong).unwrap_err().exit.code(), 2);
    }
    assert_eq!(Wanted::config_id(None).unwrap_err().exit.code(), 2);
}
