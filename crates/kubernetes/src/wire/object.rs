use rewitness_messaging::schedule::Observation;
use rewitness_messaging::{Timestamp, Version};
use serde::de::{IgnoredAny, MapAccess};

use super::lenient::{Field, Flaw, Key, Pairs, Read, Text};

/// One object of a list or a watch.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// What it shows.
    Object(Observation<'a>),
    /// It cannot be read. What identifies it is given as far as that can be had.
    Unreadable { namespace: Option<Text<'a>>, name: Option<Text<'a>>, uid: Option<Text<'a>> },
}

impl Entry<'_> {
    /// An object of which nothing at all can be read.
    pub(super) const NAMELESS: Self = Self::Unreadable { namespace: None, name: None, uid: None };

    /// Whether nothing tells which object it is.
    pub(crate) fn is_nameless(&self) -> bool {
        matches!(self, Self::Unreadable { name: None, uid: None, .. })
    }
}

/// An object with the fields that are picked; in a watch it can be a `Status` too.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) metadata: Field<Metadata<'a>>,
    pub(super) code: Field<i64>,
    pub(super) message: Field<Text<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Metadata<'a> {
    name: Field<Text<'a>>,
    namespace: Field<Text<'a>>,
    uid: Field<Text<'a>>,
    pub(super) resource_version: Field<Text<'a>>,
    generation: Field<i64>,
    deletion_timestamp: Field<Text<'a>>,
    finalizers: Field<Vec<Text<'a>>>,
    labels: Field<Pairs<'a>>,
}

impl<'de> Read<'de> for Object<'de> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut object = Self::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "metadata" => object.metadata = entries.next_value()?,
                "code" => object.code = entries.next_value()?,
                "message" => object.message = entries.next_value()?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Value(object))
    }
}

impl<'de> Read<'de> for Metadata<'de> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut metadata = Self::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "name" => metadata.name = entries.next_value()?,
                "namespace" => metadata.namespace = entries.next_value()?,
                "uid" => metadata.uid = entries.next_value()?,
                "resourceVersion" => metadata.resource_version = entries.next_value()?,
                "generation" => metadata.generation = entries.next_value()?,
                "deletionTimestamp" => metadata.deletion_timestamp = entries.next_value()?,
                "finalizers" => metadata.finalizers = entries.next_value()?,
                "labels" => metadata.labels = entries.next_value()?,
                // Most of an object's metadata is managedFields, which is skipped unparsed.
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Value(metadata))
    }
}

impl<'a> Object<'a> {
    /// What it shows as a resource.
    pub(super) fn into_entry(self) -> Entry<'a> {
        let Some(metadata) = self.metadata.value() else { return Entry::NAMELESS };
        let identity = (metadata.namespace.clone(), metadata.name.clone(), metadata.uid.clone());
        match metadata.observe() {
            Ok(observation) => Entry::Object(observation),
            Err(Flaw) => {
                let (namespace, name, uid) = identity;
                Entry::Unreadable { namespace: namespace.value(), name: name.value(), uid: uid.value() }
            }
        }
    }
}

impl<'a> Metadata<'a> {
    fn observe(self) -> Result<Observation<'a>, Flaw> {
        let deletion = self.deletion_timestamp.optional()?;
        Ok(Observation {
            namespace: self.namespace.optional()?.filter(|namespace| !namespace.is_empty()),
            name: non_empty(self.name.required()?)?,
            uid: non_empty(self.uid.required()?)?,
            version: self.resource_version.optional()?.map_or(Version::UNKNOWN, |text| Version::parse(&text)),
            generation: self.generation.optional()?.unwrap_or(0),
            deletion_timestamp: deletion
                .map(|text| text.parse::<Timestamp>())
                .transpose()
                .map_err(|_| Flaw)?,
            labels: self.labels.optional()?.map(|pairs| pairs.0).unwrap_or_default(),
            holds: self.finalizers.optional()?.unwrap_or_default(),
        })
    }
}

fn non_empty(text: Text<'_>) -> Result<Text<'_>, Flaw> {
    if text.is_empty() { Err(Flaw) } else { Ok(text) }
}

/// One object by itself: the answer to a read or a patch, or one that was split out of a page.
pub(crate) fn decode_object(body: &[u8]) -> Entry<'_> {
    match serde_json::from_slice::<Field<Object<'_>>>(body) {
        Ok(Field::Value(object)) => object.into_entry(),
        _ => Entry::NAMELESS,
    }
}
