//! Offers as a table, and in full what one may want to know before ordering.

use job::{Param, TermsForm};

use super::{Detail, Row};
use crate::news::Offered;
use crate::text::{cut, short_image, short_key, size};

/// The heading above offers.
pub(crate) fn heading() -> String {
    columns("SERVICE", "PROVIDER", "WHAT IT DOES", "TEE", "IMAGE")
}

/// The lines of one offer.
pub(super) fn rows(offered: &Offered, detail: Detail) -> Vec<Row> {
    let offer = &offered.offer;
    let line = columns(
        &cut(&offer.service, 16),
        &short_key(offer.provider),
        &cut(&offer.content.about, 44),
        // The only one this version of the protocol has.
        "SEV-SNP",
        &short_image(offer.content.cdvm.workload.image.digest()),
    );
    let mut lines = vec![line];
    if detail == Detail::Full {
        lines.extend(in_full(offered));
    }
    lines.into_iter().map(Row::Plain).collect()
}

fn columns(service: &str, provider: &str, about: &str, tee: &str, image: &str) -> String {
    format!("{service:<16}  {provider:<13}  {about:<44}  {tee:<7}  {image}")
}

fn in_full(offered: &Offered) -> [String; 6] {
    let offer = &offered.offer;
    let TermsForm {
        workload,
        params,
        input,
        output,
        resources,
        timeout_seconds,
        blob_servers,
        ..
    } = &*offer.content.cdvm;
    let params: Vec<String> = params.iter().map(param).collect();
    [
        format!("  offer       {} of {}", offer.id, offered.created_at),
        format!("  provider    {}", dvm::keys::npub(offer.provider)),
        format!("  image       {}", workload.image),
        format!("  parameters  {}", listed(&params)),
        format!(
            "  limits      {} in, {} out, {timeout_seconds} s; {} vCPUs, {} MiB",
            size(input.max_bytes),
            size(output.max_bytes),
            resources.vcpus,
            resources.memory_mib,
        ),
        format!("  large data  {}", listed(blob_servers)),
    ]
}

fn param(param: &Param) -> String {
    let Param {
        name,
        required,
        values,
    } = param;
    let required = if *required { ", required" } else { "" };
    match values.as_slice() {
        [] => format!("{name}{required}"),
        values => format!("{name}{required} (one of {values:?})"),
    }
}

fn listed(entries: &[String]) -> String {
    if entries.is_empty() {
        return "none".to_owned();
    }
    entries.join("; ")
}
