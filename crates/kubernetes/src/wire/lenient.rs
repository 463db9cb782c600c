//! Field types that take whatever comes, and tell absent from unreadable.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A field as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Field<T> {
    /// It is not there, or null.
    #[default]
    Absent,
    /// It is there.
    Value(T),
    /// It is there, and not what it should be.
    Flawed,
}

impl<T> Field<T> {
    /// The value; `None` if absent. A flaw is an error.
    pub(super) fn optional(self) -> Result<Option<T>, Flaw> {
        match self {
            Self::Absent => Ok(None),
            Self::Value(value) => Ok(Some(value)),
            Self::Flawed => Err(Flaw),
        }
    }

    /// The value; absence is a flaw too.
    pub(super) fn required(self) -> Result<T, Flaw> {
        self.optional()?.ok_or(Flaw)
    }

    pub(super) fn value(self) -> Option<T> {
        self.optional().ok().flatten()
    }
}

/// Something that should be readable is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw;

pub(super) type Text<'a> = Cow<'a, str>;

/// How a type reads one shape of JSON value; every other shape is a flaw.
pub(super) trait Read<'de>: Sized {
    fn text(_: Text<'de>) -> Field<Self> {
        Field::Flawed
    }
    fn integer(_: i64) -> Field<Self> {
        Field::Flawed
    }
    fn sequence<A: SeqAccess<'de>>(mut items: A) -> Result<Field<Self>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Flawed)
    }
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Flawed)
    }
}

impl<'de> Read<'de> for Text<'de> {
    fn text(text: Text<'de>) -> Field<Self> {
        Field::Value(text)
    }
}

impl<'de> Read<'de> for i64 {
    fn integer(value: i64) -> Field<Self> {
        Field::Value(value)
    }
}

impl<'de, T: Read<'de>> Read<'de> for Vec<T> {
    fn sequence<A: SeqAccess<'de>>(mut items: A) -> Result<Field<Self>, A::Error> {
        let mut values = Some(Vec::new());
        while let Some(item) = items.next_element::<Field<T>>()? {
            match (item, &mut values) {
                (Field::Value(item), Some(values)) => values.push(item),
                _ => values = None,
            }
        }
        Ok(values.map_or(Field::Flawed, Field::Value))
    }
}

/// The entries of a map whose values are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pairs<'a>(pub(super) Vec<(Text<'a>, Text<'a>)>);

impl<'de> Read<'de> for Pairs<'de> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut pairs = Some(Vec::with_capacity(entries.size_hint().unwrap_or(0)));
        while let Some((key, value)) = entries.next_entry::<Field<Text<'de>>, Field<Text<'de>>>()? {
            match (key, value, &mut pairs) {
                (Field::Value(key), Field::Value(value), Some(pairs)) => pairs.push((key, value)),
                _ => pairs = None,
            }
        }
        Ok(pairs.map_or(Field::Flawed, |pairs| Field::Value(Self(pairs))))
    }
}

impl<'de, T: Read<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Read<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Field::Flawed, T::integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Flawed)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Flawed)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        T::sequence(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        T::map(entries)
    }
}

/// A key of a map that is compared and forgotten.
pub(super) struct Key<'de>(pub(super) Text<'de>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Field::<Text<'de>>::deserialize(deserializer)?.value().unwrap_or_default()))
    }
}
