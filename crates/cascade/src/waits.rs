use std::collections::BTreeMap;
use std::fmt;

use rewitness_crds::cascade::Remaining;
use rewitness_crds::{Reason, visible};
use rewitness_messaging::{Kind, ResourceId, Timestamp};

use super::dependent::{Dependent, Unlisted};

/// How many dependents are named of each group.
const EXAMPLES: usize = 3;

/// How many finalizers are named of a dependent, which may have a thousand.
const FINALIZERS: usize = 4;

/// How many groups tell their causes apart; what comes beyond is grouped by the kind of the cause alone.
const GROUPS: usize = 16;

/// How many bytes of a message a status keeps.
const MESSAGE: usize = 256;

/// Dependents of one kind that are left for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Their kind.
    pub kind: Kind,
    /// Why they are left.
    pub cause: Cause,
    /// How many they are; 0 if that is not known.
    pub count: u64,
    /// Since when the first of them is being deleted.
    pub since: Option<Timestamp>,
    /// Some of them.
    pub examples: Vec<ResourceId>,
}

/// Why a dependent is left, or why it is not known whether any is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It is being deleted, and nothing but time is missing.
    Terminating,
    /// It is being deleted, and is kept by Cascades of which it is a parent itself.
    Cascading {
        /// Their finalizers.
        finalizers: Vec<String>,
    },
    /// It is being deleted, and somebody keeps it.
    Finalizers {
        /// Whose finalizers.
        finalizers: Vec<String>,
    },
    /// It is about to be deleted.
    Due,
    /// The rule leaves its deletion to somebody else.
    AwaitsOthers,
    /// It lives in a protected namespace.
    Protected,
    /// Its deletion was refused.
    Refused {
        /// The server's words.
        message: String,
    },
    /// The server no longer has the kind.
    NotServed,
    /// The kind cannot be listed, for want of a right.
    Forbidden {
        /// The server's words.
        message: String,
    },
    /// The kind cannot be listed.
    Unlisted {
        /// Why.
        message: String,
    },
}

impl Cause {
    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Terminating => Reason::Terminating,
            Self::Cascading { .. } => Reason::Cascading,
            Self::Finalizers { .. } => Reason::Finalizers,
            Self::Due => Reason::Due,
            Self::AwaitsOthers => Reason::AwaitsOthers,
            Self::Protected => Reason::Protected,
            Self::Refused { .. } => Reason::Refused,
            Self::NotServed => Reason::KindNotServed,
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::Unlisted { .. } => Reason::Unlisted,
        }
    }

    /// Whether it ends by itself, as far as can be seen.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Terminating | Self::Cascading { .. } | Self::Due)
    }

    /// Why a dependent that is being deleted is still there; `removes` tells the finalizers that Cascades
    /// remove in the end.
    pub(crate) fn of_terminating(dependent: &Dependent, removes: impl Fn(&str) -> bool) -> Self {
        let finalizers = dependent.finalizers.clone();
        match () {
            () if finalizers.is_empty() => Self::Terminating,
            () if finalizers.iter().all(|finalizer| removes(finalizer)) => Self::Cascading { finalizers },
            () => Self::Finalizers { finalizers },
        }
    }

    /// The same with as much as is told of it: what tenants and webhooks write has no end.
    fn bounded(self) -> Self {
        let some = |finalizers: Vec<String>| {
            finalizers.iter().take(FINALIZERS).map(|one| clipped(one, MESSAGE)).collect()
        };
        match self {
            Self::Cascading { finalizers } => Self::Cascading { finalizers: some(finalizers) },
            Self::Finalizers { finalizers } => Self::Finalizers { finalizers: some(finalizers) },
            Self::Refused { message } => Self::Refused { message: clipped(&message, MESSAGE) },
            Self::Forbidden { message } => Self::Forbidden { message: clipped(&message, MESSAGE) },
            Self::Unlisted { message } => Self::Unlisted { message: clipped(&message, MESSAGE) },
            other => other,
        }
    }

    /// The same without what makes it differ from dependent to dependent.
    fn in_general(self) -> Self {
        match self {
            Self::Cascading { .. } => Self::Cascading { finalizers: Vec::new() },
            Self::Finalizers { .. } => Self::Finalizers { finalizers: Vec::new() },
            Self::Refused { .. } => Self::Refused { message: "for various other reasons".to_owned() },
            other => other,
        }
    }

    pub(crate) fn of_unlisted(unlisted: &Unlisted) -> Self {
        match unlisted {
            Unlisted::NotServed => Self::NotServed,
            Unlisted::Forbidden { message } => Self::Forbidden { message: message.clone() },
            Unlisted::Failed { message } => Self::Unlisted { message: message.clone() },
            Unlisted::Unclear(unclear) => Self::Unlisted { message: unclear.to_string() },
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminating => f.write_str("being deleted"),
            Self::Cascading { finalizers } if finalizers.is_empty() => {
                f.write_str("being deleted, with dependents of its own")
            }
            Self::Cascading { finalizers } => {
                write!(f, "being deleted, with dependents of its own ({})", finalizers.join(", "))
            }
            Self::Finalizers { finalizers } if finalizers.is_empty() => {
                f.write_str("kept by various other finalizers")
            }
            Self::Finalizers { finalizers } => write!(f, "kept by the finalizer {}", finalizers.join(", ")),
            Self::Due => f.write_str("about to be deleted"),
            Self::AwaitsOthers => f.write_str("left to somebody else by action: Wait"),
            Self::Protected => f.write_str("in a protected namespace; never deleted"),
            Self::Refused { message } => write!(f, "refused: {message}"),
            Self::NotServed => f.write_str(
                "not served; bring the kind back, or drop it from the rule before a deletion begins",
            ),
            Self::Forbidden { message } => write!(f, "cannot be listed: {message}"),
            Self::Unlisted { message } => write!(f, "cannot be listed: {message}"),
        }
    }
}

/// The beginning of a text, in at most so many bytes, made plain.
pub(crate) fn clipped(text: &str, bytes: usize) -> String {
    const MORE: &str = "…";
    let mut text = visible(text).into_owned();
    if text.len() > bytes {
        let mut end = bytes - MORE.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(MORE);
    }
    text
}

/// Groups dependents by kind and cause. There are few groups, and little in each, however many dependents
/// there are and whatever is in them.
pub(crate) fn group<'a>(dependents: impl IntoIterator<Item = (&'a Dependent, Cause)>) -> Vec<Wait> {
    let mut groups: BTreeMap<(Kind, Cause), Wait> = BTreeMap::new();
    for (dependent, cause) in dependents {
        let mut key = (dependent.id.kind.clone(), cause.bounded());
        if groups.len() >= GROUPS && !groups.contains_key(&key) {
            key.1 = key.1.in_general();
        }
        let wait = groups.entry(key.clone()).or_insert_with(|| Wait {
            kind: key.0,
            cause: key.1,
            count: 0,
            since: None,
            examples: Vec::new(),
        });
        wait.count += 1;
        wait.since = [wait.since, dependent.deleting].into_iter().flatten().min();
        if wait.examples.len() < EXAMPLES {
            wait.examples.push(dependent.id.clone());
        }
    }
    groups.into_values().collect()
}

impl From<&Wait> for Remaining {
    fn from(wait: &Wait) -> Self {
        Self {
            kind: wait.kind.to_string(),
            count: wait.count,
            cause: wait.cause.reason().to_string(),
            message: clipped(&wait.cause.to_string(), MESSAGE),
            since: wait.since,
            examples: wait.examples.iter().map(ResourceId::qualified_name).collect(),
        }
    }
}

/// `3 Cluster.compute.example.com kept by the finalizer x/y (team-a/web, …)`, or `Cluster.compute.example.com: cannot
/// be listed: …` of a kind as a whole.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remaining = Remaining::from(self);
        match self.count {
            0 => write!(f, "{}: {}", remaining.kind, remaining.message)?,
            count => write!(f, "{count} {} {}", remaining.kind, remaining.message)?,
        }
        if !self.examples.is_empty() {
            let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
            write!(f, " ({}{more})", remaining.examples.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{dependent, time};

    #[test]
    fn what_is_left_is_said_once_for_each_kind_and_cause() {
        let deleting = |uid: &str, finalizers: &[&str]| Dependent {
            deleting: Some(time(uid.len() as i64)),
            finalizers: finalizers.iter().map(ToString::to_string).collect(),
            ..dependent(uid)
        };
        let dependents = [
            deleting("a", &["x/y"]),
            deleting("bb", &["x/y"]),
            deleting("c", &["x/y"]),
            deleting("d", &["x/y"]),
            deleting("e", &[]),
            deleting("f", &["cascade.rewitness.dev/sub"]),
            deleting("g", &["cascade.rewitness.dev/sub", "x/y"]),
        ];
        let waits = group(
            dependents
                .iter()
                .map(|one| (one, Cause::of_terminating(one, |one| one == "cascade.rewitness.dev/sub"))),
        );
        let said: Vec<_> = waits.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "1 Cluster.example.com being deleted (team-a/e)",
                "1 Cluster.example.com being deleted, with dependents of its own (cascade.rewitness.dev/sub) (team-a/f)",
                "1 Cluster.example.com kept by the finalizer cascade.rewitness.dev/sub, x/y (team-a/g)",
                "4 Cluster.example.com kept by the finalizer x/y (team-a/a, team-a/bb, team-a/c, …)",
            ]
        );
        assert_eq!(waits[3].since, Some(time(1)));
    }
}
