use crate::call::ApiError;
use serde::de::{IgnoredAny, MapAccess};

use super::lenient::{Field, Key, Read, Text};
use super::object::{Entry, Object};

/// One event of a watch.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The resource is there, as shown.
    Shown { entry: Entry<'a>, version: Text<'a> },
    /// The resource has left, or no longer matches the selector.
    Left { entry: Entry<'a>, version: Text<'a> },
    /// Everything up to this version has been shown.
    Bookmark { version: Text<'a> },
    /// The server ends the watch.
    Failed(ApiError),
    /// Something that this version of the protocol does not know, or that cannot be read.
    Unreadable,
}

#[derive(Default)]
struct Envelope<'a> {
    sort: Field<Text<'a>>,
    object: Field<Object<'a, false>>,
}

impl<'de> Read<'de> for Envelope<'de> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut envelope = Self::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "type" => envelope.sort = entries.next_value()?,
                "object" => envelope.object = entries.next_value()?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Value(envelope))
    }
}

/// Decodes one line of a watch. Never fails.
pub(crate) fn decode_event(line: &[u8]) -> Event<'_> {
    let Ok(Field::Value(Envelope { sort, object })) = serde_json::from_slice(line) else {
        return Event::Unreadable;
    };
    let Some(sort) = sort.value() else { return Event::Unreadable };
    // An object that is nothing at all still is one resource that cannot be read.
    let object = object.value().unwrap_or_default();
    let version = version_of(&object);
    match &*sort {
        "ADDED" | "MODIFIED" => Event::Shown { version, entry: object.into_entry() },
        "DELETED" => Event::Left { version, entry: object.into_entry() },
        "BOOKMARK" => Event::Bookmark { version },
        "ERROR" => {
            let status = object.code.value().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
            let message = object.message.value().unwrap_or_default().into_owned();
            Event::Failed(ApiError::from_watch(status, message))
        }
        _ => Event::Unreadable,
    }
}

/// Empty if it cannot be had.
fn version_of<'a>(object: &Object<'a, false>) -> Text<'a> {
    match &object.metadata {
        Field::Value(metadata) => metadata.resource_version.clone().value().unwrap_or_default(),
        _ => Text::default(),
    }
}
