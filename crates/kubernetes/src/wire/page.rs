use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

use super::lenient::{Field, Key, Read, Text};
use super::object::{Entry, Object, decode_object};
use super::split::split_items;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The version of the whole list.
    pub(crate) version: Text<'a>,
    /// What continues the list; `None` on its last page.
    pub(crate) continue_token: Option<Text<'a>>,
    /// The objects, in the server's order.
    pub(crate) items: Vec<Entry<'a>>,
}

/// Decodes a page. `expected` is how many objects it may have, at most.
///
/// # Errors
///
/// Only if it is no page at all: no JSON object, or one without the list's own metadata, as when
/// the answer was cut off. No object in it makes it fail.
pub(crate) fn decode_page(body: &[u8], expected: u32) -> Result<Page<'_>, serde_json::Error> {
    let mut page =
        Parts { items: Vec::with_capacity((expected as usize).min(body.len() / 64)), ..Parts::default() };
    let mut json = serde_json::Deserializer::from_slice(body);
    let whole = PartsVisitor(&mut page).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = whole {
        page = split_items(body)
            .map(|(envelope, items)| (envelope, items.into_iter().map(decode_object).collect()))
            .and_then(|(envelope, items)| Parts::from_envelope(body, envelope, items))
            .ok_or(error)?;
    }
    let metadata = page.metadata.value().unwrap_or_default();
    let version = metadata.version.value().filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| serde::de::Error::custom("a list without a resourceVersion"))?;
    let continue_token = metadata.continue_token.value().filter(|token| !token.is_empty());
    Ok(Page { version, continue_token, items: page.items })
}

#[derive(Default)]
struct Parts<'a> {
    metadata: Field<ListMetadata<'a>>,
    items: Vec<Entry<'a>>,
}

impl<'a> Parts<'a> {
    /// The list's own metadata from what stands before and after its items.
    fn from_envelope(
        body: &'a [u8],
        items_at: std::ops::Range<usize>,
        items: Vec<Entry<'a>>,
    ) -> Option<Self> {
        // Both ends are small; they are joined around an empty list, and their texts copied.
        let joined = [&body[..items_at.start], &body[items_at.end..]].concat();
        let mut parts = Parts::default();
        PartsVisitor(&mut parts).deserialize(&mut serde_json::Deserializer::from_slice(&joined)).ok()?;
        let metadata = parts.metadata.value()?;
        let owned = |text: Field<Text<'_>>| match text.value() {
            Some(text) => Field::Value(Text::Owned(text.into_owned())),
            None => Field::Absent,
        };
        let metadata =
            ListMetadata { version: owned(metadata.version), continue_token: owned(metadata.continue_token) };
        Some(Self { metadata: Field::Value(metadata), items })
    }
}

#[derive(Default)]
struct ListMetadata<'a> {
    version: Field<Text<'a>>,
    continue_token: Field<Text<'a>>,
}

impl<'de> Read<'de> for ListMetadata<'de> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut metadata = Self::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "resourceVersion" => metadata.version = entries.next_value()?,
                "continue" => metadata.continue_token = entries.next_value()?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Value(metadata))
    }
}

/// Reads into parts that exist already, so that the items go where room was made for them.
struct PartsVisitor<'p, 'a>(&'p mut Parts<'a>);

impl<'de> DeserializeSeed<'de> for PartsVisitor<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PartsVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "metadata" => self.0.metadata = entries.next_value()?,
                "items" => entries.next_value_seed(Items(&mut self.0.items))?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Items<'p, 'a>(&'p mut Vec<Entry<'a>>);

impl<'de> DeserializeSeed<'de> for Items<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Field<Object<'de>>>()? {
            self.0.push(item.value().map_or(Entry::NAMELESS, Object::into_entry));
        }
        Ok(())
    }

    /// An empty list of some servers.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
