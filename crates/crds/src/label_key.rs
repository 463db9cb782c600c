use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::names::{is_dns_subdomain, is_label_value, shown};

/// The key of a label. It cannot be empty, and neither can a selector that is made of it: what an
/// empty selector selects is everything.
///
/// The rules are those of [labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set):
/// an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`, a letter or
/// digit at both ends.
///
/// ```
/// use rewitness_crds::LabelKey;
///
/// assert!("example.com/project".parse::<LabelKey>().is_ok());
/// assert!("".parse::<LabelKey>().is_err());
/// assert!("project=x".parse::<LabelKey>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelKey(String);

/// A text that cannot be the key of a label.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no label key: write an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`"
)]
pub struct InvalidLabelKey {
    text: String,
}

impl LabelKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelKey {
    type Err = InvalidLabelKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for LabelKey {
    type Error = InvalidLabelKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, &*text),
        };
        if is_label_value(name) && !name.is_empty() && prefix.is_none_or(is_dns_subdomain) {
            Ok(Self(text))
        } else {
            Err(InvalidLabelKey { text: shown(&text) })
        }
    }
}

impl From<LabelKey> for String {
    fn from(key: LabelKey) -> Self {
        key.0
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for LabelKey {
    fn schema_name() -> Cow<'static, str> {
        "LabelKey".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 317,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')",
                "message": "is no label key: write an optional DNS name and a slash, then at most 63 letters, \
                            digits, '-', '_' and '.', as in example.com/project",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_label_keys_are_label_keys() {
        let long = "x".repeat(64);
        for (text, valid) in [
            ("project", true),
            ("example.com/project", true),
            ("example.com/Project_1.x", true),
            ("", false),
            ("/", false),
            ("/project", false),
            ("example.com/", false),
            ("a/b/c", false),
            ("Example.com/project", false),
            ("example..com/project", false),
            ("-project", false),
            ("project,other", false),
            ("!project", false),
            (&long, false),
        ] {
            assert_eq!(text.parse::<LabelKey>().is_ok(), valid, "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<LabelKey>(&json).is_ok(), valid, "{json}");
        }
    }
}
