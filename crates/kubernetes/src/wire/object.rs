use std::collections::BTreeMap;

use rewitness_messaging::schedule::Observation;
use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid, Version};
use serde::de::{IgnoredAny, MapAccess};

use super::lenient::{Field, Flaw, Key, Pairs, Read, Text};
use crate::call::ApiError;

/// What is read of an object's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The namespace; `None` if it lives in none.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: Uid,
    /// The resourceVersion as text: it is opaque, and goes back to the server as it came.
    pub version: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The deletion timestamp as text: patches test it as the server wrote it.
    pub deleting: Option<String>,
    /// The finalizers; `None` if it has no list of them, which is not the same to a patch as an empty one.
    pub finalizers: Option<Vec<String>>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Metadata {
    /// Which resource it is.
    pub fn into_id(self, kind: &Kind) -> ResourceId {
        ResourceId {
            kind: kind.clone(),
            namespace: self.namespace.map(Into::into),
            name: self.name.into(),
            uid: self.uid,
        }
    }
}

/// One object of a list or a watch.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// What it shows.
    Object(Observation<'a>),
    /// It cannot be read. What identifies it is given as far as that can be had.
    Unreadable { namespace: Option<Text<'a>>, name: Option<Text<'a>>, uid: Option<Text<'a>> },
}

impl Entry<'_> {
    /// Whether nothing tells which object it is.
    pub(crate) fn is_nameless(&self) -> bool {
        matches!(self, Self::Unreadable { name: None, uid: None, .. })
    }
}

/// An object with the fields that are picked, and with its annotations only if they are asked for: they
/// can be most of it. In a watch it can be a `Status` too.
#[derive(Debug, Default)]
pub(crate) struct Object<'a, const ANNOTATIONS: bool> {
    pub(super) metadata: Field<RawMetadata<'a, ANNOTATIONS>>,
    pub(super) code: Field<i64>,
    pub(super) message: Field<Text<'a>>,
}

#[derive(Debug, Default)]
pub(crate) struct RawMetadata<'a, const ANNOTATIONS: bool> {
    name: Field<Text<'a>>,
    namespace: Field<Text<'a>>,
    uid: Field<Text<'a>>,
    pub(super) resource_version: Field<Text<'a>>,
    generation: Field<i64>,
    creation_timestamp: Field<Text<'a>>,
    deletion_timestamp: Field<Text<'a>>,
    finalizers: Field<Vec<Text<'a>>>,
    labels: Field<Pairs<'a>>,
    annotations: Field<Pairs<'a>>,
}

impl<'de, const ANNOTATIONS: bool> Read<'de> for Object<'de, ANNOTATIONS> {
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

impl<'de, const ANNOTATIONS: bool> Read<'de> for RawMetadata<'de, ANNOTATIONS> {
    fn map<A: MapAccess<'de>>(mut entries: A) -> Result<Field<Self>, A::Error> {
        let mut metadata = Self::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                "name" => metadata.name = entries.next_value()?,
                "namespace" => metadata.namespace = entries.next_value()?,
                "uid" => metadata.uid = entries.next_value()?,
                "resourceVersion" => metadata.resource_version = entries.next_value()?,
                "generation" => metadata.generation = entries.next_value()?,
                "creationTimestamp" => metadata.creation_timestamp = entries.next_value()?,
                "deletionTimestamp" => metadata.deletion_timestamp = entries.next_value()?,
                "finalizers" => metadata.finalizers = entries.next_value()?,
                "labels" => metadata.labels = entries.next_value()?,
                "annotations" if ANNOTATIONS => metadata.annotations = entries.next_value()?,
                // Most of an object's metadata is managedFields, which is skipped unparsed.
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Field::Value(metadata))
    }
}

impl<'a, const ANNOTATIONS: bool> Object<'a, ANNOTATIONS> {
    /// What it shows as a resource.
    pub(super) fn into_entry(self) -> Entry<'a> {
        let metadata = self.metadata.value().unwrap_or_default();
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

impl<'a, const ANNOTATIONS: bool> RawMetadata<'a, ANNOTATIONS> {
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

impl<const ANNOTATIONS: bool> TryFrom<Object<'_, ANNOTATIONS>> for Metadata {
    type Error = ApiError;

    fn try_from(object: Object<'_, ANNOTATIONS>) -> Result<Self, ApiError> {
        let metadata = object.metadata.value().unwrap_or_default();
        let name = metadata.name.clone().value().unwrap_or_default().into_owned();
        metadata.read().map_err(|Flaw| ApiError::Unreadable {
            reason: match &*name {
                "" => "the metadata of an object without a name".to_owned(),
                name => format!("the metadata of {name}"),
            },
        })
    }
}

impl<const ANNOTATIONS: bool> RawMetadata<'_, ANNOTATIONS> {
    fn read(self) -> Result<Metadata, Flaw> {
        let owned = |text: Text<'_>| text.into_owned();
        let pairs = |pairs: Field<Pairs<'_>>| {
            let pairs = pairs.optional()?.map(|pairs| pairs.0).unwrap_or_default();
            Ok(pairs.into_iter().map(|(key, value)| (owned(key), owned(value))).collect())
        };
        let created = self.creation_timestamp.optional()?.map(|text| text.parse::<Timestamp>());
        Ok(Metadata {
            namespace: self.namespace.optional()?.map(owned).filter(|namespace| !namespace.is_empty()),
            name: owned(non_empty(self.name.required()?)?),
            uid: Uid::new(&non_empty(self.uid.required()?)?),
            version: owned(non_empty(self.resource_version.required()?)?),
            created: created.transpose().map_err(|_| Flaw)?,
            deleting: self.deletion_timestamp.optional()?.map(owned),
            finalizers: self.finalizers.optional()?.map(|list| list.into_iter().map(owned).collect()),
            labels: pairs(self.labels)?,
            annotations: pairs(self.annotations)?,
        })
    }
}

/// One object by itself, with its annotations.
///
/// # Errors
///
/// [`ApiError::Unreadable`] if anything of its metadata is not what it should be.
pub(crate) fn decode_metadata(body: &[u8]) -> Result<Metadata, ApiError> {
    decode::<true>(body).try_into()
}

/// One object by itself: the answer to a read or a patch, or one that was split out of a page.
pub(crate) fn decode_object(body: &[u8]) -> Entry<'_> {
    decode::<false>(body).into_entry()
}

/// Of what is no object at all: one without anything.
pub(super) fn decode<const ANNOTATIONS: bool>(body: &[u8]) -> Object<'_, ANNOTATIONS> {
    let object = serde_json::from_slice::<Field<Object<'_, ANNOTATIONS>>>(body);
    object.ok().and_then(Field::value).unwrap_or_default()
}
