/// Why bytes from outside were refused. `field` is the path of the member, as in the proto file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A member without which the message means nothing is absent or empty.
    #[error("{field} is missing")]
    Missing {
        /// Which member.
        field: &'static str,
    },
    /// A member of fixed length has another one.
    #[error("{field} has {found} bytes, {wanted} are wanted")]
    Length {
        /// Which member.
        field: &'static str,
        /// Bytes received.
        found: usize,
        /// Bytes that the member always has.
        wanted: usize,
    },
    /// A member is longer than its named bound.
    #[error("{field} has {found} items or bytes, at most {max} are accepted")]
    TooLong {
        /// Which member.
        field: &'static str,
        /// Items or bytes received.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// A member has a value outside what it may be.
    #[error("{field} has a value that is not accepted: {why}")]
    Value {
        /// Which member.
        field: &'static str,
        /// The rule that was broken.
        why: &'static str,
    },
}
