//! What to do next: a command to type, and what it does.

use std::fmt;

use serde::Serialize;

/// A command to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    pub(crate) command: String,
    /// What it does.
    pub(crate) effect: String,
    /// What to think of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caution: Option<String>,
    pub(crate) rank: Rank,
}

/// How readily a step is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Rank {
    /// It undoes what is in the way.
    Act,
    /// It changes nothing.
    Look,
    /// It is only right if it is what one wants.
    Choice,
    /// Something is lost by it.
    LastResort,
}

impl Step {
    /// Something to do.
    pub(crate) fn act(command: impl fmt::Display, effect: impl Into<String>) -> Self {
        Self { command: command.to_string(), effect: effect.into(), caution: None, rank: Rank::Act }
    }

    /// Something to look at.
    pub(crate) fn look(command: impl fmt::Display, effect: impl Into<String>) -> Self {
        Self { rank: Rank::Look, ..Self::act(command, effect) }
    }

    /// Something that nothing calls for but one's own wish.
    pub(crate) fn choice(command: impl fmt::Display, effect: impl Into<String>) -> Self {
        Self { rank: Rank::Choice, ..Self::act(command, effect) }
    }

    /// Something to do when nothing else helps.
    pub(crate) fn last_resort(
        command: impl fmt::Display,
        effect: impl Into<String>,
        caution: impl Into<String>,
    ) -> Self {
        Self { rank: Rank::LastResort, ..Self::act(command, effect).caution(caution) }
    }

    pub(crate) fn caution(mut self, caution: impl Into<String>) -> Self {
        self.caution = Some(caution.into());
        self
    }

    pub(crate) fn is_last_resort(&self) -> bool {
        self.rank == Rank::LastResort
    }

    /// What it does, for people.
    pub(crate) fn explanation(&self) -> String {
        let last = if self.is_last_resort() { "last resort: " } else { "" };
        let caution = self.caution.as_ref().map(|caution| format!(". Mind: {caution}"));
        format!("{last}{}{}", self.effect, caution.unwrap_or_default())
    }
}
