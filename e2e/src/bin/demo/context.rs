//! Somebody's cluster: what is asked before anything is written to it, and what is removed from it at the end.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::until;
use rewitness_crds::{CASCADES, Cascade};
use tokio::task::spawn_blocking;

use crate::cascades::CASCADE;
use crate::cleanup;
use crate::platform::{GROUP, NAMESPACES, SESSION, things};
use crate::screen::{Screen, Style};
use crate::session::Session;

/// How long a cluster may take to remove the CRDs or the namespaces.
const REMOVAL: Duration = Duration::from_secs(90);

/// A context of the kubeconfig.
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) client: Client,
    server: String,
}

impl Context {
    /// Reads the context from the kubeconfig, as kubectl finds it.
    pub(crate) async fn read(name: &str) -> Result<Self> {
        let kubeconfig = Kubeconfig::read().context("read the kubeconfig")?;
        let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        ensure!(
            names.contains(&name),
            "there is no context {name}; the kubeconfig has: {}",
            names.join(", ")
        );
        let options = KubeConfigOptions { context: Some(name.to_owned()), ..KubeConfigOptions::default() };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .with_context(|| format!("use the context {name}"))?;
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(Duration::from_secs(30));
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config).with_context(|| format!("make a client for {server}"))?;
        Ok(Self { name: name.to_owned(), client, server })
    }

    /// Says which cluster this is and what will be written to it, and asks, unless it is there to be played with.
    pub(crate) async fn agree(&self, yes: bool, screen: &Screen) -> Result<bool> {
        let version = self.client.apiserver_version().await;
        let version = version.with_context(|| format!("reach the API server {}", self.server))?.git_version;
        screen.line(format_args!("context  {}", screen.paint(Style::Bold, &self.name)));
        screen.line(format_args!("server   {} ({version})", screen.paint(Style::Bold, &self.server)));
        screen.line("");
        screen.prose(&format!(
            "The demo creates three CRDs of the API group {GROUP}, the namespaces {}, {} small resources, and the \
             Cascade {CASCADE}, which is about those resources alone; the CRD {CASCADES} too, unless it is there. At \
             its end it removes all of that.",
            NAMESPACES.join(", "),
            things().len()
        ));
        if yes || is_a_playground(&self.name) {
            return Ok(true);
        }
        ensure!(stdin().is_terminal(), "there is no terminal to ask on; YES=1 goes on without asking");
        screen.ask("Continue? [y/N]");
        let answer = spawn_blocking(|| {
            let mut answer = String::new();
            stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = answer.await?.context("read the answer")?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Makes sure that nothing of the demo's is there, and removes what earlier runs of this checkout left when they
    /// were killed.
    pub(crate) async fn prepare(&self, sessions: &Path, screen: &Screen) -> Result<()> {
        let found = self.find().await?;
        if found.is_nothing() {
            return Ok(());
        }
        let cut_off = Session::cut_off(sessions)?;
        let ours =
            |id: &Option<String>| id.as_ref().is_some_and(|id| cut_off.iter().any(|it| it.id() == *id));
        ensure!(
            found.sessions.iter().all(ours),
            "{} is there already ({}), and was not left by a demo of this checkout.\n{}",
            found.what(),
            self.server,
            found.way_out()
        );
        screen.line("An earlier demo was cut off here. What it left is removed first.");
        let left: Vec<Session> =
            cut_off.into_iter().filter(|session| found.sessions.contains(&Some(session.id()))).collect();
        let ids: Vec<String> = left.iter().map(Session::id).collect();
        self.clean(&ids).await?;
        left.into_iter().for_each(Session::forget);
        Ok(())
    }

    /// Removes everything of these runs of the demo, and waits until it is gone.
    pub(crate) async fn clean(&self, sessions: &[String]) -> Result<()> {
        let ours = ListParams::default().labels(&of_sessions(sessions));
        cleanup::cascades(&self.client, &ours).await?;
        cleanup::finalizers(&self.client).await?;
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let of_platform = ours.clone().fields(&format!("metadata.name!={CASCADES}"));
        cleanup::remove(&definitions, &of_platform).await?;
        cleanup::remove(&namespaces, &ours).await?;
        cleanup::definition(&self.client, &ours).await?;
        let gone = until("everything is removed", REMOVAL, async || {
            Ok(self.find().await?.is_nothing().then_some(()))
        });
        gone.await.context("the cluster still removes what the demo left to it")?;
        cleanup::events(&self.client).await
    }

    async fn find(&self) -> Result<Found> {
        let groups = self.client.list_api_groups().await.context("list the API groups")?;
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let definitions = definitions.list_metadata(&ListParams::default()).await.context("list the CRDs")?;
        let in_group = format!(".{GROUP}");
        let of_platform = definitions.items.iter().filter(|it| it.name_any().ends_with(&in_group));
        let mut sessions: BTreeSet<Option<String>> = of_platform.map(session_of).collect();
        let group = groups.groups.iter().any(|group| group.name == GROUP) || !sessions.is_empty();
        // Without the label it is somebody else's, and used as it is.
        let of_cascades =
            definitions.items.iter().filter(|it| it.name_any() == CASCADES).find_map(session_of);
        let cascade = self.find_cascade().await?;
        let brought = of_cascades.is_some();
        sessions.extend(of_cascades.map(Some).into_iter().chain(cascade.clone()));
        let all: Api<Namespace> = Api::all(self.client.clone());
        let mut namespaces = Vec::new();
        for name in NAMESPACES {
            if let Some(namespace) = all.get_metadata_opt(name).await.context("look for the namespaces")? {
                sessions.insert(session_of(&namespace));
                namespaces.push(name);
            }
        }
        Ok(Found { group, namespaces, cascade: cascade.is_some(), definition: brought, sessions })
    }

    /// Whose the Cascade of the demo's name is, if there is one.
    async fn find_cascade(&self) -> Result<Option<Option<String>>> {
        let cascades: Api<Cascade> = Api::all(self.client.clone());
        match cascades.get_metadata(CASCADE).await {
            Ok(found) => Ok(Some(session_of(&found))),
            // There is none; or no path, while the definition is being removed.
            Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(None),
            Err(error) => Err(error).context("look for the Cascade"),
        }
    }
}

/// What of the demo's is in a cluster.
struct Found {
    group: bool,
    namespaces: Vec<&'static str>,
    /// The Cascade of its name.
    cascade: bool,
    /// The definition of Cascade, as a demo has brought it.
    definition: bool,
    /// Whose it is; `None` for what no demo created.
    sessions: BTreeSet<Option<String>>,
}

impl Found {
    fn is_nothing(&self) -> bool {
        !self.group && self.namespaces.is_empty() && !self.cascade && !self.definition
    }

    fn what(&self) -> String {
        match (self.group, &self.namespaces[..], self.cascade) {
            (true, ..) => format!("the API group {GROUP}"),
            (_, [_, ..], _) => format!("the namespace {}", self.namespaces.join(", ")),
            (.., true) => format!("the Cascade {CASCADE}"),
            (.., false) => format!("the CRD {CASCADES} of a demo"),
        }
    }

    fn way_out(&self) -> String {
        let ours = of_sessions(self.sessions.iter().flatten());
        let cascade = match self.cascade {
            true => format!(
                "\n  kubectl delete cascade {CASCADE} --wait=false\n  rewitness run -l '{ours}'   until it is gone"
            ),
            false => String::new(),
        };
        format!(
            "If it is a demo's, and that demo does not run any more, remove it yourself:{cascade}\n  rewitness \
             unhold demo clusters.{GROUP} -A\n  kubectl delete crd,namespace -l '{ours}'"
        )
    }
}

/// Whether a context is one of a local cluster that is made to be thrown away.
fn is_a_playground(context: &str) -> bool {
    context.starts_with("kind-") || context.starts_with("k3d-") || context == "minikube"
}

/// Selects what these runs created, and nothing that carries the label for another reason.
fn of_sessions<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(String::as_str).collect();
    format!("{SESSION} in ({})", ids.join(","))
}

fn session_of<K>(object: &PartialObjectMeta<K>) -> Option<String> {
    object.metadata.labels.as_ref()?.get(SESSION).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_clusters_are_not_asked_about() {
        for name in ["kind-dev", "k3d-dev", "minikube"] {
            assert!(is_a_playground(name), "{name}");
        }
        for name in ["prod", "kindergarten", "k3dx", "minikube-prod", "my-kind-dev"] {
            assert!(!is_a_playground(name), "{name}");
        }
    }
}
