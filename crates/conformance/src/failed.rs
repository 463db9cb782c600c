use std::fmt;

/// What a case, or a step of one, comes to.
pub type Result<T = (), E = Failed> = std::result::Result<T, E>;

/// Why a case did not pass.
///
/// Any error becomes one by way of `?`; like `anyhow::Error` it is no `std::error::Error` itself,
/// which is what makes that conversion possible.
pub enum Failed {
    /// The promise was broken, or the driver could not do its part.
    Broken(String),
    /// The case does not apply: the driver cannot force what it needs, or the backend says in its
    /// capabilities that it does not promise this.
    NotApplicable(String),
}

impl Failed {
    /// A broken promise.
    pub fn new(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        Self::Broken(text)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(what) => f.write_str(what),
            Self::NotApplicable(why) => write!(f, "not applicable: {why}"),
        }
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Ends a case as broken, with a message, unless something holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::Failed::new(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;
