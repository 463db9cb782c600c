use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Envelope, Version};

/// One handing of an [`Envelope`] to one consumer.
///
/// What describes the handing lives here and never in the envelope, so that an envelope that is
/// stored or forwarded says the same thing for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Which resource, and whether it is being deleted.
    pub envelope: Envelope,
    /// Where the resource is in its life.
    pub state: State,
    /// Why it is delivered now.
    pub cause: Cause,
    /// The number of the attempt, from 1; a success or a change of the resource resets it.
    pub attempt: u32,
    /// The version at which the source last showed the resource.
    pub version: Version,
    /// Whether the subscription's hold is on the resource.
    pub hold: HoldState,
    /// The labels that the subscription asked for, those that the resource has, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

/// Where a resource is in its life, as it is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// It is there, and nobody has asked for its deletion.
    Live,
    /// Its deletion was asked for, and it is still there: clean-up is due.
    Deleting,
    /// It has left the system of record. Only for subscriptions that ask for it.
    Gone,
}

/// Why a delivery is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// It was there when the queue started, or when the subscription began.
    Replay,
    /// It changed.
    Change,
    /// The attempt before failed.
    Retry,
    /// The consumer had asked to see it again.
    Requeue,
}

/// Whether a subscription's hold is on a resource (promise Q6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HoldState {
    /// The subscription holds nothing.
    NotAsked,
    /// The hold is on the resource: it cannot go before this consumer has answered `Done` to its
    /// deletion.
    Held,
    /// The hold is not on the resource. On one that is being deleted it can no longer be put
    /// there, so nothing may be promised; on a live one it is on its way.
    NotHeld,
}

macro_rules! lower_case_names {
    ($type:ty { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name in lower case, for lines and metric labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

lower_case_names!(State { Live => "live", Deleting => "deleting", Gone => "gone" });
lower_case_names!(Cause { Replay => "replay", Change => "change", Retry => "retry", Requeue => "requeue" });
