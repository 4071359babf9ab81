//! How evidence is tied to one job: the init data (what the machine is started
//! with, and so HOST_DATA) and the report data (which key speaks for it).

mod initdata;
mod reportdata;

pub use initdata::{
    InitData, InitDataError, decode_annotation, encode_annotation, init_data, manifest_of,
    policy_digest, policy_text,
};
pub use reportdata::{ReportData, report_data};
