use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lenient::{Field, Key, Read, Text};
use super::object::{Entry, Object, decode};
use super::split::split_items;
use crate::call::ApiError;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<'a, T = Entry<'a>> {
    /// The version of the whole list.
    pub(crate) version: Text<'a>,
    /// What continues the list; `None` on its last page.
    pub(crate) continue_token: Option<Text<'a>>,
    /// The objects, in the server's order.
    pub(crate) items: Vec<T>,
}

/// Decodes a page. `expected` is how many objects it may have, at most.
///
/// # Errors
///
/// Only if it is no page at all: no JSON object, or one without the list's own metadata, as when
/// the answer was cut off. No object in it makes it fail.
pub(crate) fn decode_page(body: &[u8], expected: u32) -> Result<Page<'_>, ApiError> {
    decode_items::<false, _>(body, expected, Object::into_entry)
}

/// Decodes a page, of each object its whole metadata.
///
/// # Errors
///
/// As [`decode_page`].
pub(crate) fn decode_metadata_page(
    body: &[u8],
    expected: u32,
) -> Result<Page<'_, Object<'_, true>>, ApiError> {
    decode_items(body, expected, |object| object)
}

fn decode_items<'a, const ANNOTATIONS: bool, T>(
    body: &'a [u8],
    expected: u32,
    of: fn(Object<'a, ANNOTATIONS>) -> T,
) -> Result<Page<'a, T>, ApiError> {
    let unreadable = |reason: String| ApiError::Unreadable { reason };
    let items = Vec::with_capacity((expected as usize).min(body.len() / 64));
    let mut page = Parts { metadata: Field::Absent, items, of };
    let mut json = serde_json::Deserializer::from_slice(body);
    let whole = PartsVisitor(&mut page).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = whole {
        let (envelope, items) = split_items(body).ok_or_else(|| unreadable(error.to_string()))?;
        let metadata = list_metadata(body, envelope).ok_or_else(|| unreadable(error.to_string()))?;
        page.metadata = Field::Value(metadata);
        page.items = items.into_iter().map(decode).map(of).collect();
    }
    let metadata = page.metadata.value().unwrap_or_default();
    let version = metadata.version.value().filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| unreadable("a list without a resourceVersion".to_owned()))?;
    let continue_token = metadata.continue_token.value().filter(|token| !token.is_empty());
    Ok(Page { version, continue_token, items: page.items })
}

/// The list's own metadata from what stands before and after its items.
fn list_metadata(body: &[u8], items_at: Range<usize>) -> Option<ListMetadata<'static>> {
    // Both ends are small; they are joined around an empty list, and their texts copied.
    let joined = [&body[..items_at.start], &body[items_at.end..]].concat();
    let mut parts = Parts { metadata: Field::Absent, items: Vec::new(), of: drop::<Object<'_, false>> };
    PartsVisitor(&mut parts).deserialize(&mut serde_json::Deserializer::from_slice(&joined)).ok()?;
    let metadata = parts.metadata.value()?;
    let owned = |text: Field<Text<'_>>| match text.value() {
        Some(text) => Field::Value(Text::Owned(text.into_owned())),
        None => Field::Absent,
    };
    Some(ListMetadata { version: owned(metadata.version), continue_token: owned(metadata.continue_token) })
}

struct Parts<'a, const ANNOTATIONS: bool, T> {
    metadata: Field<ListMetadata<'a>>,
    items: Vec<T>,
    of: fn(Object<'a, ANNOTATIONS>) -> T,
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
struct PartsVisitor<'p, 'a, const ANNOTATIONS: bool, T>(&'p mut Parts<'a, ANNOTATIONS, T>);

impl<'de, const ANNOTATIONS: bool, T> DeserializeSeed<'de> for PartsVisitor<'_, 'de, ANNOTATIONS, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const ANNOTATIONS: bool, T> Visitor<'de> for PartsVisitor<'_, 'de, ANNOTATIONS, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "metadata" => self.0.metadata = entries.next_value()?,
                "items" => entries.next_value_seed(Items(self.0))?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Items<'p, 'a, const ANNOTATIONS: bool, T>(&'p mut Parts<'a, ANNOTATIONS, T>);

impl<'de, const ANNOTATIONS: bool, T> DeserializeSeed<'de> for Items<'_, 'de, ANNOTATIONS, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const ANNOTATIONS: bool, T> Visitor<'de> for Items<'_, 'de, ANNOTATIONS, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Field<Object<'de, ANNOTATIONS>>>()? {
            self.0.items.push((self.0.of)(item.value().unwrap_or_default()));
        }
        Ok(())
    }

    /// An empty list of some servers.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
