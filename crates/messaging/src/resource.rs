use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What sort of resource: an API group and the name of a kind in it.
///
/// The version by which a server happens to serve the kind is no part of it: the same resource can
/// be read by several.
///
/// ```
/// use rewitness_messaging::Kind;
/// assert_eq!(Kind::new("example.com", "Widget").to_string(), "Widget.example.com");
/// assert_eq!(Kind::new("", "ConfigMap").to_string(), "ConfigMap");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind {
    /// The API group; empty for Kubernetes' core group.
    pub group: Arc<str>,
    /// The kind's name in upper camel case, as `Widget`.
    pub kind: Arc<str>,
}

impl Kind {
    /// A kind from its group (empty for the core group) and its name.
    pub fn new(group: impl Into<Arc<str>>, kind: impl Into<Arc<str>>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.group {
            "" => f.write_str(&self.kind),
            group => write!(f, "{}.{group}", self.kind),
        }
    }
}

/// The identity of one resource for as long as it exists.
///
/// Two resources that had the same name at different times are told apart by their uid, and are
/// never taken for each other (promise Q7).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceId {
    /// What sort of resource it is.
    pub kind: Kind,
    /// The namespace, or `None` for a cluster-scoped resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Arc<str>>,
    /// The name, unique among the living of the same kind and namespace.
    pub name: Arc<str>,
    /// The uid, unique for ever.
    pub uid: Uid,
}

impl ResourceId {
    /// `team-a/web`, or `web` for what lives in no namespace.
    pub fn qualified_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.to_string(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.qualified_name())
    }
}

/// A resource's uid, unique over all time.
///
/// Any text is allowed. One that is a canonical lower-case UUID, as Kubernetes' are, is kept in 16
/// bytes without an allocation, and is shown exactly as it came.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(UidRepr);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum UidRepr {
    Uuid(u128),
    Text(Arc<str>),
}

impl Uid {
    /// A uid from its text.
    pub fn new(text: &str) -> Self {
        match parse_uuid(text) {
            Some(bits) => Self(UidRepr::Uuid(bits)),
            None => Self(UidRepr::Text(text.into())),
        }
    }

    /// The 128 bits of a canonical UUID, or `None` if the text is something else.
    pub(crate) fn bits(&self) -> Option<u128> {
        match self.0 {
            UidRepr::Uuid(bits) => Some(bits),
            UidRepr::Text(_) => None,
        }
    }

    pub(crate) fn from_bits(bits: u128) -> Self {
        Self(UidRepr::Uuid(bits))
    }
}

/// The bits of `text` if it is a UUID in its canonical form: 8-4-4-4-12 lower-case hex digits.
fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    if [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
        return None;
    }
    // By halves, since each is a machine word.
    let high = [&bytes[..8], &bytes[9..13], &bytes[14..18]];
    let low = [&bytes[19..23], &bytes[24..]];
    Some(u128::from(parse_hex(high)?) << 64 | u128::from(parse_hex(low)?))
}

/// The bits of 16 lower-case hex digits, given in parts.
fn parse_hex<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Option<u64> {
    let mut bits = 0;
    for byte in parts.into_iter().flatten() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bits = bits << 4 | u64::from(digit);
    }
    Some(bits)
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidRepr::Text(text) => f.write_str(text),
            UidRepr::Uuid(bits) => {
                let part = |shift: u32, digits: u32| (bits >> shift) & ((1 << (4 * digits)) - 1);
                write!(
                    f,
                    "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                    part(96, 8),
                    part(80, 4),
                    part(64, 4),
                    part(48, 4),
                    part(0, 12)
                )
            }
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

/// The version of a resource in its system of record: Kubernetes' resourceVersion.
///
/// Comparable as an integer among resources of one kind, which Kubernetes guarantees since 1.35
/// (KEP-5504). [`Version::UNKNOWN`] stands for a version that is no integer; nothing is decided
/// by its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version of a source whose versions are not integers.
    pub const UNKNOWN: Self = Self(0);

    /// A version from its text; [`Version::UNKNOWN`] if that is no integer.
    pub fn parse(text: &str) -> Self {
        Self(text.parse().unwrap_or_default())
    }

    /// Whether `self` is certain to be older than `other`.
    pub fn is_older_than(self, other: Self) -> bool {
        self != Self::UNKNOWN && self < other
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_shown_exactly_as_it_came() {
        for text in [
            "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab",
            "00000000-0000-0000-0000-000000000000",
            "0E4E3B1C-8F4F-4C55-9F0A-0123456789AB",
            "0e4e3b1c8f4f4c559f0a0123456789ab",
            "0e4e3b1c-8f4f-4c55-9f0a-0123456789a-",
            "u1",
            "",
        ] {
            assert_eq!(Uid::new(text).to_string(), text);
        }
        assert!(Uid::new("0e4e3b1c-8f4f-4c55-9f0a-0123456789ab").bits().is_some());
        assert!(Uid::new("0E4E3B1C-8F4F-4C55-9F0A-0123456789AB").bits().is_none());
    }
}
