//! Certificates as hosts hand them to guests: a table by GUID (AMD 56421, GHCB
//! specification, SNP Extended Guest Request), and PEM as people store them.

use std::fmt::Write as _;

/// GUIDs of the table's entries, in the order of their text.
pub const VCEK_GUID: [u8; 16] = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd_u128.to_be_bytes();
/// Of a provider's key.
pub const VLEK_GUID: [u8; 16] = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1_u128.to_be_bytes();
/// Of the intermediate.
pub const ASK_GUID: [u8; 16] = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782_u128.to_be_bytes();
/// Of the root.
pub const ARK_GUID: [u8; 16] = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae_u128.to_be_bytes();

/// A table with these entries, in this order.
pub fn certificate_table(entries: &[([u8; 16], &[u8])]) -> Vec<u8> {
    let mut table = Vec::new();
    // The entry that ends it counts too.
    let mut at = 24 * (entries.len() + 1);
    for (guid, data) in entries {
        table.extend(guid);
        for number in [at, data.len()] {
            table.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        at += data.len();
    }
    table.extend([0; 24]);
    table.extend(entries.iter().flat_map(|(_, data)| *data));
    table
}

/// Certificates in PEM, one behind the other, each line ended by `end`.
pub fn pem(ders: &[&[u8]], end: &str) -> String {
    let mut text = String::new();
    for der in ders {
        let body = base64(der);
        let lines = body.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let _ = write!(text, "-----BEGIN CERTIFICATE-----{end}");
        for line in lines {
            let _ = write!(text, "{line}{end}");
        }
        let _ = write!(text, "-----END CERTIFICATE-----{end}");
    }
    text
}

/// RFC 4648, 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or_default())
        });
        (0..4_usize).map(move |at| {
            let digit = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap_or_default();
            match DIGITS.get(digit) {
                Some(digit) if at <= three.len() => char::from(*digit),
                _ => '=',
            }
        })
    });
    digits.collect()
}
