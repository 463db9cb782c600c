use rewitness_messaging::Kind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::endpoint::root;
use super::{ApiError, Endpoint, Server, get_document};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(default)]
    versions: Vec<GroupVersion>,
    preferred_version: Option<GroupVersion>,
}

#[derive(Deserialize, PartialEq)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

/// One kind is looked for in its own group alone, so that what is broken in other groups does not
/// matter.
impl Server {
    /// The versions of a group, the preferred one first. Of a group that is not served: none.
    ///
    /// # Errors
    ///
    /// As [`Server::call`].
    pub async fn versions(&self, group: &str) -> Result<Vec<String>, ApiError> {
        if group.is_empty() {
            return Ok(vec!["v1".to_owned()]);
        }
        let found = self.document::<Group>(format!("/apis/{group}")).await?;
        let Some(Group { versions, preferred_version }) = found else { return Ok(Vec::new()) };
        let others = versions.into_iter().filter(|version| Some(version) != preferred_version.as_ref());
        let others: Vec<GroupVersion> = others.collect();
        Ok(preferred_version.into_iter().chain(others).map(|version| version.version).collect())
    }

    /// Where a version of its group serves a kind for these verbs. `None` is certain: the version
    /// answered, and does not have it.
    ///
    /// # Errors
    ///
    /// As [`Server::call`].
    pub async fn find(
        &self,
        kind: &Kind,
        version: &str,
        verbs: &[&str],
    ) -> Result<Option<Endpoint>, ApiError> {
        let path = root(&kind.group, version);
        let Some(Resources { resources }) = self.document(path).await? else { return Ok(None) };
        let is_served = |resource: &Resource| {
            let can = |verb: &&str| resource.verbs.iter().any(|served| served == verb);
            resource.kind == *kind.kind && !resource.name.contains('/') && verbs.iter().all(can)
        };
        let found = resources.into_iter().find(is_served);
        Ok(found.map(|resource| Endpoint::of(kind, version, &resource.name, resource.namespaced)))
    }

    async fn document<T: DeserializeOwned>(&self, path: String) -> Result<Option<T>, ApiError> {
        match self.call(get_document(path)).await {
            Ok(document) => Ok(Some(document)),
            Err(ApiError::NoPath | ApiError::NoObject) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
