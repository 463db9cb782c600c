use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderValue;
use rewitness_messaging::Kind;
use tokio::time::Instant;

use super::documents::{self, PlainGroup, Served};
use super::resolved_kind::ResolvedKind;
use super::resolver::Resolver;
use crate::Error;
use crate::call::{ApiError, Endpoint, Server, get, get_document, path, root};

/// Aggregated discovery (KEP-3352): everything in two answers. Older servers answer with the
/// plain list of groups, which is the last choice.
const AGGREGATED: HeaderValue = HeaderValue::from_static(
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
);

/// How long what was found is taken for granted. What is no longer so shows itself earlier, by the
/// answer to a call; see [`Discovery::forget`].
const FRESH: Duration = Duration::from_secs(60);

/// Which kinds a server serves, and by which paths.
///
/// A kind is looked for in its own group alone, so that what is broken in other groups does not matter,
/// and is remembered for a minute, by all clones together. A kind that cannot be listed is as good as not
/// served. Everything that is served is read by [`all`](Self::all), for names that people type.
///
/// ```no_run
/// # async fn example(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use rewitness_kubernetes::Discovery;
/// use rewitness_messaging::Kind;
///
/// let discovery = Discovery::from(client);
/// if let Some(widgets) = discovery.find(&Kind::new("example.com", "Widget"), None).await? {
///     println!("{widgets} is served by version {}", widgets.version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Discovery {
    server: Server,
    found: Arc<Mutex<Found>>,
}

/// By the version that was named.
type Found = HashMap<Wanted, (Instant, Arc<Endpoint>)>;

/// A kind, and the version by which somebody knows it.
type Wanted = (Kind, Option<String>);

impl Resolver {
    /// Reads what the server serves.
    ///
    /// # Errors
    ///
    /// As [`Discovery::all`].
    pub async fn new(client: &kube::Client) -> Result<Self, Error> {
        Discovery::from(client.clone()).all().await
    }
}

impl<S: Into<Server>> From<S> for Discovery {
    fn from(server: S) -> Self {
        Self { server: server.into(), found: Arc::default() }
    }
}

impl Discovery {
    /// The server that is asked.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where a kind is served, as found in the last minute: by the version that is named, or else by
    /// another of its group, since the objects are the same.
    ///
    /// # Errors
    ///
    /// As [`find_now`](Self::find_now).
    pub async fn find(&self, kind: &Kind, version: Option<&str>) -> Result<Option<Arc<Endpoint>>, ApiError> {
        match self.known(&(kind.clone(), version.map(str::to_owned))) {
            Some(endpoint) => Ok(Some(endpoint)),
            None => Ok(self.find_now(kind, version).await?.map(|found| Arc::new(found.endpoint()))),
        }
    }

    fn known(&self, wanted: &Wanted) -> Option<Arc<Endpoint>> {
        let found = self.found();
        let (at, endpoint) = found.get(wanted)?;
        (at.elapsed() < FRESH).then(|| endpoint.clone())
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a kind is served now. `None` is certain: its group, or each of its versions, answered, and
    /// does not have it.
    ///
    /// # Errors
    ///
    /// [`ApiError`] if the server could not be asked about the group.
    pub async fn find_now(
        &self,
        kind: &Kind,
        version: Option<&str>,
    ) -> Result<Option<ResolvedKind>, ApiError> {
        let mut failed = None;
        let named: Vec<String> = version.into_iter().map(str::to_owned).collect();
        let mut found = self.first(kind, &named, &mut failed).await;
        // A server that does not answer at all says nothing of other versions either.
        if found.is_none() && failed.as_ref().is_none_or(ApiError::is_answer) {
            let mut others = self.versions(&kind.group).await?;
            others.retain(|other| !named.contains(other));
            found = self.first(kind, &others, &mut failed).await;
        }
        let Some(found) = found else {
            self.forget(kind);
            return failed.map_or(Ok(None), Err);
        };
        let wanted = (kind.clone(), version.map(str::to_owned));
        self.found().insert(wanted, (Instant::now(), Arc::new(found.endpoint())));
        Ok(Some(found))
    }

    /// By the first of these versions that has the kind. One that cannot be read hides no other, and is
    /// why it failed.
    async fn first(
        &self,
        kind: &Kind,
        versions: &[String],
        failed: &mut Option<ApiError>,
    ) -> Option<ResolvedKind> {
        for version in versions {
            match self.look(kind, version).await {
                Ok(None) => {}
                Ok(found) => return found,
                Err(error) => *failed = Some(error),
            }
        }
        None
    }

    /// Looks again at the next chance, because a call was answered that the kind is not there.
    pub fn forget(&self, kind: &Kind) {
        self.found().retain(|(known, _), _| known != kind);
    }

    /// Everything that is served.
    ///
    /// # Errors
    ///
    /// [`Error::Discover`] if the server cannot be asked. A single API service that is down, or that says
    /// nothing that can be read, is no error; [`Resolver::broken`] names it.
    pub async fn all(&self) -> Result<Resolver, Error> {
        // The core group goes before all others.
        let (core, others) = futures::try_join!(self.read_root("/api"), self.read_root("/apis"))
            .map_err(|error| Error::Discover { error })?;
        Ok(Resolver::of(Served {
            kinds: core.kinds.into_iter().chain(others.kinds).collect(),
            broken: core.broken.into_iter().chain(others.broken).collect(),
        }))
    }

    /// Aggregated discovery, and plain discovery for the groups that it does not have.
    async fn read_root(&self, path: &str) -> Result<Served, ApiError> {
        let (aggregated, plain) = futures::join!(
            self.server.bytes(get(path.to_owned(), AGGREGATED)),
            self.server.bytes(get_document(path.to_owned())),
        );
        let found = aggregated.as_ref().ok().and_then(|body| documents::aggregated(body));
        let plain = plain.and_then(|body| documents::plain_groups(&body));
        let (mut found, groups) = match (found, plain) {
            (Some(found), plain) => (found, plain.unwrap_or_default()),
            (None, Ok(plain)) => (Default::default(), plain),
            (None, Err(error)) => return Err(aggregated.err().unwrap_or(error)),
        };
        for group in groups.into_iter().filter(|group| !found.read.contains(&group.name)) {
            self.read_group(group, &mut found.served).await;
        }
        Ok(found.served)
    }

    async fn read_group(&self, group: PlainGroup, served: &mut Served) {
        for version in &group.versions {
            match self.resources(&group.name, version).await {
                Ok(resources) => served.add_plain(&group.name, version, resources.unwrap_or_default()),
                // One API service that is down must not hide the others.
                Err(_) => served.breaks(&group.name, version),
            }
        }
    }

    async fn look(&self, kind: &Kind, version: &str) -> Result<Option<ResolvedKind>, ApiError> {
        let Some(resources) = self.resources(&kind.group, version).await? else { return Ok(None) };
        let mut served = Served::default();
        served.add_plain(&kind.group, version, resources);
        let is_wanted = |one: &ResolvedKind| one.kind == *kind && one.can(&["list"]);
        Ok(served.kinds.into_iter().find(is_wanted))
    }

    /// The versions of a group, the preferred one first. Of a group that is not served: none.
    async fn versions(&self, group: &str) -> Result<Vec<String>, ApiError> {
        if group.is_empty() {
            return Ok(vec!["v1".to_owned()]);
        }
        let body = self.document(path("/apis", &[group])).await?;
        Ok(body.map(|body| documents::plain_group(&body)).transpose()?.unwrap_or_default().versions)
    }

    async fn resources(
        &self,
        group: &str,
        version: &str,
    ) -> Result<Option<Vec<serde_json::Value>>, ApiError> {
        let body = self.document(root(group, version)).await?;
        body.map(|body| documents::plain_resources(&body)).transpose()
    }

    async fn document(&self, path: String) -> Result<Option<bytes::Bytes>, ApiError> {
        match self.server.bytes(get_document(path)).await {
            Ok(body) => Ok(Some(body)),
            Err(ApiError::NoPath | ApiError::NoObject) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
