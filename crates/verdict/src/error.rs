use thiserror::Error;

/// An error of whoever asked: the way out is to ask for something else.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

/// A shorthand for a [`WrongUse`].
pub fn wrong_use(message: impl Into<String>) -> anyhow::Error {
    WrongUse(message.into()).into()
}
