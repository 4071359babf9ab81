//! The most expensive quotes, collateral, lists and certificates that are read at all, signed by somebody with
//! a key of their own: one test, because memory is counted per process.

#[cfg(test)]
mod costly;
#[cfg(test)]
mod der;
