//! What a server answered, before anybody looked into it.

/// An answer of a vendor's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its bytes, as many as the item may have.
    pub(crate) body: Vec<u8>,
    /// PEM in the item's header, if it has one.
    pub(crate) chain: Option<String>,
}
