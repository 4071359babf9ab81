//! Reading tags of messages: each named tag once, of the right form.

use core::str::FromStr;

/// Why a message is not what its kind says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Another kind.
    #[error("a message of kind {0} was not expected here")]
    Kind(u16),
    /// A tag that must be there exactly once.
    #[error("the message has the tag {0:?} {1} times, and must have it once")]
    Count(&'static str, usize),
    /// A tag whose values have the wrong form.
    #[error("the message's tag {0:?} has the wrong form")]
    Tag(&'static str),
    /// A tag nobody here knows.
    #[error("the message has the tag {0:?}, which means nothing here")]
    Unknown(String),
    /// A content of the wrong form.
    #[error("the message's content has the wrong form")]
    Content,
}

/// The values of all tags with this name, without the name.
pub(crate) fn all<'t>(
    tags: &'t [Vec<String>],
    name: &'static str,
) -> impl Iterator<Item = &'t [String]> {
    tags.iter()
        .filter_map(|tag| tag.split_first())
        .filter(move |(first, _)| *first == name)
        .map(|(_, values)| values)
}

/// The values of the one tag with this name.
pub(crate) fn once<'t>(
    tags: &'t [Vec<String>],
    name: &'static str,
) -> Result<&'t [String], MessageError> {
    let mut found = all(tags, name);
    match (found.next(), found.count()) {
        (Some(values), 0) => Ok(values),
        (first, more) => Err(MessageError::Count(
            name,
            more + usize::from(first.is_some()),
        )),
    }
}

/// The one value of the one tag with this name.
pub(crate) fn text<'t>(
    tags: &'t [Vec<String>],
    name: &'static str,
) -> Result<&'t str, MessageError> {
    match once(tags, name)? {
        [value] => Ok(value),
        _ => Err(MessageError::Tag(name)),
    }
}

/// The one value of the one tag with this name, parsed.
pub(crate) fn parsed<T: FromStr>(
    tags: &[Vec<String>],
    name: &'static str,
) -> Result<T, MessageError> {
    text(tags, name)?
        .parse()
        .map_err(|_| MessageError::Tag(name))
}

/// One tag.
pub(crate) fn tag<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).to_vec()
}
