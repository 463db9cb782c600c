use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::discovery::{ApiCapabilities, Scope};
use kube::runtime::watcher;
use kube::{Api, Client, discovery};
use rewitness_cascade::CountSource;
use rewitness_messaging::Version;
use tokio::time::{sleep, timeout};

use super::{Config, Shared};

/// How many objects a page of a list has.
const PAGE: u32 = 500;

/// One watch.
pub(super) struct Watch {
    client: Client,
    config: Config,
    shared: Arc<Shared>,
    source: CountSource,
    version: String,
    trouble: Trouble,
}

/// What goes wrong, said once for each cause.
#[derive(Default)]
struct Trouble {
    in_a_row: u32,
    said: Option<u16>,
}

/// Why a watch does not go on.
struct Failure {
    /// The status of the answer; 0 if there was none.
    code: u16,
    message: String,
}

impl Failure {
    fn silent() -> Self {
        Self { code: 0, message: "no news for a long time".to_owned() }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self { code: status.code, message: status.message.clone() },
            kube::Error::Discovery(error) => Self { code: 404, message: error.to_string() },
            error => Self { code: 0, message: error.to_string() },
        }
    }
}

impl From<watcher::Error> for Failure {
    fn from(error: watcher::Error) -> Self {
        use watcher::Error::{
            InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed,
        };
        match error {
            InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => error.into(),
            WatchError(status) => Self { code: status.code, message: status.message },
            NoResourceVersion => Self { code: 0, message: error.to_string() },
        }
    }
}

impl Watch {
    pub(super) fn new(
        client: Client,
        config: Config,
        shared: Arc<Shared>,
        source: CountSource,
        version: String,
    ) -> Self {
        Self { client, config, shared, source, version, trouble: Trouble::default() }
    }

    pub(super) async fn run(mut self) {
        loop {
            let found = timeout(self.config.silence, self.find()).await;
            let failure = match found.unwrap_or_else(|_| Err(Failure::silent())) {
                Ok((resource, capabilities)) => self.follow(&resource, &capabilities).await,
                Err(failure) => failure,
            };
            self.fail(failure).await;
        }
    }

    /// Where the kind is served: by the version that a rule names, or else by the preferred one of
    /// its group.
    async fn find(&self) -> Result<(ApiResource, ApiCapabilities), Failure> {
        let kind = &self.source.kind;
        let named = GroupVersionKind::gvk(&kind.group, &self.version, &kind.kind);
        match discovery::pinned_kind(&self.client, &named).await {
            Ok(found) => Ok(found),
            Err(error) => {
                let failure = Failure::from(error);
                if failure.code != 404 || kind.group.is_empty() {
                    return Err(failure);
                }
                let group = discovery::group(&self.client, &kind.group).await?;
                group.recommended_kind(&kind.kind).ok_or(failure)
            }
        }
    }

    /// Lists and watches until it has to be found out anew where the kind is served, or what is
    /// there.
    async fn follow(&mut self, resource: &ApiResource, capabilities: &ApiCapabilities) -> Failure {
        let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(self.client.clone(), resource);
        let config = watcher::Config::default()
            .labels(&self.source.label)
            .page_size(PAGE)
            .timeout(self.config.watch_seconds);
        let mut events = pin!(watcher(api, config));
        let namespaced = capabilities.scope == Scope::Namespaced;
        loop {
            let failure = match timeout(self.config.silence, events.next()).await {
                Ok(Some(Ok(event))) => {
                    self.take(event, namespaced);
                    continue;
                }
                Ok(Some(Err(error))) => Failure::from(error),
                Ok(None) | Err(_) => return Failure::silent(),
            };
            // By itself the watcher would ask for ever for a version that has expired, if it is told
            // so when a watch begins, and where a kind is not served any more.
            if matches!(failure.code, 404 | 410) {
                return failure;
            }
            self.fail(failure).await;
        }
    }

    fn take(&mut self, event: watcher::Event<PartialObjectMeta<DynamicObject>>, namespaced: bool) {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let mut state = self.shared.state();
        let table = state.tables.table(&self.source, namespaced);
        let (gone, listing) = (matches!(event, Delete(_)), matches!(event, InitApply(_)));
        match event {
            Init => return table.begin_list(),
            InitDone => table.end_list(),
            Apply(object) | InitApply(object) | Delete(object) => {
                let metadata = object.metadata;
                let version = Version::parse(&metadata.resource_version.unwrap_or_default());
                let uid = metadata.uid.unwrap_or_default();
                let labels = metadata.labels.unwrap_or_default();
                // A server that knows no selectors shows objects that do not have the label.
                match labels.get(&self.source.label).filter(|_| !gone) {
                    Some(value) => table.apply(&uid, metadata.namespace.as_deref(), value, version),
                    None => table.remove(&uid, version),
                }
            }
        }
        if table.has_shrunk() {
            self.shared.shrunk.notify_one();
        }
        drop(state);
        // A list that breaks off at its second page each time is trouble.
        if listing {
            return;
        }
        if self.trouble.said.take().is_some() {
            tracing::info!(kind = %self.source.kind, label = self.source.label, "dependents are counted again");
        }
        self.trouble.in_a_row = 0;
    }

    /// Says why, and waits.
    async fn fail(&mut self, failure: Failure) {
        let Failure { code, message } = failure;
        let (kind, label) = (&self.source.kind, &self.source.label);
        // What may not be seen, or is not served, is not shown as if it were known.
        if matches!(code, 403 | 404)
            && let Some(table) = self.shared.state().tables.get_mut(&self.source)
        {
            table.distrust();
        }
        match code {
            // Both belong to the life of a watch.
            0 | 410 => tracing::debug!(%kind, label, code, message, "the count of dependents begins anew"),
            _ if self.trouble.said == Some(code) => {}
            _ => tracing::warn!(%kind, label, code, message, "dependents are not counted for the time being"),
        }
        self.trouble.said = if matches!(code, 0 | 410) { self.trouble.said } else { Some(code) };
        let pause = Duration::from_millis(250).saturating_mul(1 << self.trouble.in_a_row.min(16));
        self.trouble.in_a_row += 1;
        sleep(pause.min(self.config.longest_pause)).await;
    }
}
