//! The demo's Cascade: what it says, and what its status and its Events say of it.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rewitness_controlplane::until;
use rewitness_crds::{Cascade, CascadeStatus};
use rewitness_e2e::{Align, table};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::{GROUP, PROJECT, SESSION};
use crate::stage::SOON;

/// Its name.
pub(crate) const CASCADE: &str = "demo-project";

/// Its finalizer on projects.
pub(crate) fn finalizer() -> String {
    rewitness_crds::cascade::finalizer(CASCADE)
}

/// Cascade and the demo's own one in the API.
pub(crate) struct Cascades {
    client: Client,
    session: String,
}

impl Cascades {
    /// The one of this run.
    pub(crate) fn new(client: Client, session: String) -> Self {
        Self { client, session }
    }

    /// Selects it, and no other.
    pub(crate) fn selector(&self) -> String {
        format!("{SESSION}={}", self.session)
    }

    /// What the demo writes.
    pub(crate) fn text(&self) -> String {
        let session = &self.session;
        format!(
            "\
apiVersion: rewitness.dev/v1alpha1
kind: Cascade
metadata:
  name: {CASCADE}
  labels: {{ {SESSION}: {session} }}
spec:
  mode: Plan
  parent: {{ apiVersion: {GROUP}/v1, kind: Project }}
  stages:
  - name: clusters
    dependents:
    - {{ apiVersion: {GROUP}/v1, kind: Cluster,
        reference: {{ label: {PROJECT} }} }}
  - name: networks
    dependents:
    - {{ apiVersion: {GROUP}/v1, kind: Network,
        reference: {{ label: {PROJECT} }} }}
"
        )
    }

    /// Installs what is in `deploy/crds`, labelled as the session's, unless it is there. Answers whether it was not.
    pub(crate) async fn install(&self) -> Result<bool> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut is_new = false;
        for mut definition in rewitness_crds::definitions() {
            definition.metadata.labels = Some([(SESSION.to_owned(), self.session.clone())].into());
            match definitions.create(&PostParams::default(), &definition).await {
                Ok(_) => is_new = true,
                Err(kube::Error::Api(answer)) if answer.is_already_exists() => {}
                Err(error) => return Err(error).context("install Cascade"),
            }
        }
        let is_served = async || {
            let served = self.client.list_api_group_resources("rewitness.dev/v1alpha1").await;
            let is_found = served.is_ok_and(|served| served.resources.iter().any(|it| it.kind == "Cascade"));
            Ok((is_found && self.api().list(&ListParams::default()).await.is_ok()).then_some(()))
        };
        until("Cascade is served", SOON, is_served).await?;
        Ok(is_new)
    }

    /// Hands the text to the API server as it stands: it reads YAML.
    pub(crate) async fn apply(&self) -> Result<()> {
        let request = http::Request::patch(format!(
            "/apis/rewitness.dev/v1alpha1/cascades/{CASCADE}?fieldManager=demo&fieldValidation=Strict"
        ))
        .header("content-type", "application/apply-patch+yaml")
        .body(self.text().into_bytes())?;
        self.client.request::<Cascade>(request).await.map(drop).context("apply the Cascade")
    }

    pub(crate) async fn enforce(&self) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": {"mode": "Enforce"}}));
        let patched = self.api().patch(CASCADE, &PatchParams::default(), &patch).await;
        patched.map(drop).context("enforce the Cascade")
    }

    pub(crate) async fn delete(&self) -> Result<()> {
        let deleted = self.api().delete(CASCADE, &DeleteParams::default()).await;
        deleted.map(drop).context("delete the Cascade")
    }

    /// Reads it; `None` if it is gone.
    pub(crate) async fn read(&self) -> Result<Option<Cascade>> {
        self.api().get_opt(CASCADE).await.context("read the Cascade")
    }

    /// Waits until the status is about what the Cascade says now, and as wanted.
    pub(crate) async fn status<T>(
        &self,
        what: &str,
        wanted: impl Fn(&CascadeStatus) -> Option<T>,
    ) -> Result<T> {
        let mut said = String::new();
        let found = until(what, SOON, async || {
            let cascade = self.read().await?.context("the Cascade is gone")?;
            let status = cascade.status.unwrap_or_default();
            let ready = status.conditions.first();
            said = ready.map(|it| format!("{}: {}", it.reason, it.message)).unwrap_or_default();
            let is_current = status.observed_generation == cascade.metadata.generation;
            Ok(wanted(&status).filter(|_| is_current))
        });
        found.await.with_context(|| format!("the status says {said:?}"))
    }

    /// What `kubectl get cascades` shows of it, which is what the API server answers to it.
    pub(crate) async fn columns(&self) -> Result<Vec<String>> {
        let request = http::Request::get(format!("/apis/rewitness.dev/v1alpha1/cascades/{CASCADE}"))
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())?;
        let shown: Columns = self.client.request(request).await.context("read the Cascade's columns")?;
        let narrow = |at: &usize| shown.column_definitions[*at].priority == 0;
        let places: Vec<usize> = (0..shown.column_definitions.len()).filter(narrow).collect();
        let names: Vec<String> =
            places.iter().map(|at| shown.column_definitions[*at].name.to_uppercase()).collect();
        let columns: Vec<(&str, Align)> = names.iter().map(|name| (&**name, Align::Left)).collect();
        let cell = |row: &Row, at: usize| match row.cells.get(at) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(value) => value.to_string(),
        };
        let rows: Vec<Vec<String>> =
            shown.rows.iter().map(|row| places.iter().map(|at| cell(row, *at)).collect()).collect();
        Ok(table(&columns, &rows))
    }

    /// Waits until this is told of an object by Events, in this order and nothing else; answers them with their notes.
    /// That something blocks is told after a minute, so that it is only told of where the machine is slow.
    pub(crate) async fn told(&self, uid: &str, reasons: &[&str]) -> Result<Vec<(String, String)>> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let mut told: Vec<(String, String)> = Vec::new();
        let found = until("the Events are there", SOON, async || {
            let events = api.list(&ListParams::default()).await.context("list the Events")?.items;
            let about = |event: &&Event| {
                event.regarding.as_ref().and_then(|object| object.uid.as_deref()) == Some(uid)
            };
            // In the order of their names, as kubectl describe has them.
            let is_late = |event: &&Event| event.reason.as_deref() == Some("DependentBlocked");
            told = events
                .iter()
                .filter(about)
                .filter(|event| !is_late(event))
                .map(|event| {
                    (event.reason.clone().unwrap_or_default(), event.note.clone().unwrap_or_default())
                })
                .collect();
            Ok((told.len() >= reasons.len()).then_some(()))
        });
        found.await.with_context(|| format!("Events tell {told:?} instead of {reasons:?}"))?;
        let is_so = told.iter().map(|(reason, _)| &**reason).eq(reasons.iter().copied());
        ensure!(is_so, "Events tell {told:?} instead of {reasons:?}");
        Ok(told)
    }

    fn api(&self) -> Api<Cascade> {
        Api::all(self.client.clone())
    }
}

/// A table of the API server.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Columns {
    column_definitions: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    /// 0, or it is for `-o wide`.
    #[serde(default)]
    priority: i32,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
}
