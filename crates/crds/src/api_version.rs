use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::names::{is_dns_label, is_dns_subdomain, shown};

/// A group and a version, as Kubernetes' `apiVersion` writes them: `apps/v1`, or `v1` for the core
/// group.
///
/// ```
/// use rewitness_crds::ApiVersion;
///
/// let apps: ApiVersion = "apps/v1".parse()?;
/// assert_eq!((&*apps.group, &*apps.version), ("apps", "v1"));
/// let core: ApiVersion = "v1".parse()?;
/// assert_eq!((&*core.group, core.to_string()), ("", "v1".to_owned()));
/// # Ok::<(), rewitness_crds::InvalidApiVersion>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiVersion {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
}

/// A text that is no `apiVersion`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no apiVersion: write <group>/<version>, or <version> alone for the core group")]
pub struct InvalidApiVersion {
    text: String,
}

impl ApiVersion {
    /// The group in a text that was checked elsewhere, or that may be of any kind.
    ///
    /// ```
    /// use rewitness_crds::ApiVersion;
    ///
    /// assert_eq!((ApiVersion::group_of("apps/v1"), ApiVersion::group_of("v1")), ("apps", ""));
    /// ```
    pub fn group_of(text: &str) -> &str {
        text.split_once('/').map_or("", |(group, _)| group)
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        // Both become parts of a path, where nothing but names may stand.
        let is_core = !text.contains('/');
        if (is_core || is_dns_subdomain(group)) && is_dns_label(version) {
            Ok(Self { group: group.to_owned(), version: version.to_owned() })
        } else {
            Err(InvalidApiVersion { text: shown(text) })
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.group {
            "" => f.write_str(&self.version),
            group => write!(f, "{group}/{}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_its_place_in_a_path_is_no_api_version() {
        for text in [
            "",
            "/",
            "/v1",
            "apps/",
            "a/b/c",
            "apps/v1?x",
            "Apps/v1",
            "apps v1",
            "a..b/v1",
            "apps/v1.",
            "v1\n",
        ] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }
}
