//! Values that a cluster or a kubeconfig knows.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta};
use kube::core::ObjectList;
use kube::{Api, ResourceExt as _};
use rewitness_crds::{Cascade, is_plain};
use rewitness_kubernetes::{ResolvedKind, Resolver};
use rewitness_verdict::{Link, object, sources};

use super::typed::Typed;
use crate::connect;

/// How long somebody who types waits for a cluster.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many objects are read: nobody chooses among more.
const MOST: u32 = 500;

/// Something to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// The kubeconfig's contexts.
    Contexts,
    Namespaces,
    /// With this before each name.
    Cascades {
        prefix: &'static str,
    },
    /// The objects of a Cascade's parent kind.
    Parents {
        cascade: String,
        with_type: bool,
    },
    /// The plurals of what is served, with their groups.
    Types,
    /// The objects of a type; with it, as it was typed, before each.
    Objects {
        of_type: String,
        with_type: bool,
    },
}

/// What is found in time; nothing if that fails.
///
/// The thread is not waited for any longer: a plugin for credentials or a name server may keep it,
/// and the process ends right after.
pub(super) fn ask(lookup: Lookup, typed: Arc<Typed>) -> Vec<CompletionCandidate> {
    let (teller, answer) = mpsc::sync_channel(1);
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(look_up(lookup, &typed))
    };
    thread::spawn(move || {
        // Whoever asked may have gone on without.
        let _ = teller.send(work());
    });
    answer.recv_timeout(PATIENCE).ok().and_then(Result::ok).unwrap_or_default()
}

async fn look_up(lookup: Lookup, typed: &Typed) -> anyhow::Result<Vec<CompletionCandidate>> {
    if lookup == Lookup::Contexts {
        return Ok(named(connect::contexts(&typed.global)?));
    }
    let link = connect::connect(&typed.global).await?;
    match lookup {
        Lookup::Contexts => Ok(Vec::new()),
        Lookup::Namespaces => {
            let listed = Api::<Namespace>::all(link.client.clone()).list_metadata(&some()).await?;
            Ok(named(names(&listed)))
        }
        Lookup::Cascades { prefix } => {
            let listed = sources::api(&link).list(&some()).await?;
            Ok(listed.iter().map(|cascade| of_cascade(cascade, prefix)).collect())
        }
        Lookup::Parents { cascade, with_type } => {
            let cascade = sources::named(&link, &cascade).await?;
            let kinds = Resolver::new(&link.client).await?;
            let kind = kinds.resolve(&sources::parent_kind(&cascade).to_string())?;
            let prefix = if with_type { format!("{kind}/") } else { String::new() };
            objects(&link, kind, typed, &prefix).await
        }
        Lookup::Types => Ok(types(&Resolver::new(&link.client).await?)),
        Lookup::Objects { of_type, with_type } => {
            let kinds = Resolver::new(&link.client).await?;
            let prefix = if with_type { format!("{of_type}/") } else { String::new() };
            objects(&link, kinds.resolve(&of_type)?, typed, &prefix).await
        }
    }
}

fn some() -> ListParams {
    ListParams::default().limit(MOST)
}

/// Bash expands what is completed, so a name that a shell would take for more than a word is left out.
fn named(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().filter(|name| is_plain(name)).map(CompletionCandidate::new).collect()
}

/// Each name once: objects of several namespaces may share one.
fn names<K: Clone>(listed: &ObjectList<PartialObjectMeta<K>>) -> BTreeSet<String> {
    listed.items.iter().filter_map(|object| object.metadata.name.clone()).collect()
}

fn of_cascade(cascade: &Cascade, prefix: &str) -> CompletionCandidate {
    let meaning = format!("{:?}, with each {}", cascade.spec.mode, cascade.spec.parent.kind);
    CompletionCandidate::new(format!("{prefix}{}", cascade.name_any())).help(Some(meaning.into()))
}

/// What can be listed, each once although it may be served in several versions.
fn types(resolver: &Resolver) -> Vec<CompletionCandidate> {
    let mut seen = BTreeSet::new();
    let listed = resolver.kinds().iter().filter(|kind| kind.is_watchable());
    let first = listed.filter(|kind| seen.insert(kind.to_string()));
    let candidate = |kind: &ResolvedKind| {
        CompletionCandidate::new(kind.to_string()).help(Some(kind.kind.kind.to_string().into()))
    };
    first.map(candidate).collect()
}

async fn objects(
    link: &Link,
    kind: &ResolvedKind,
    typed: &Typed,
    prefix: &str,
) -> anyhow::Result<Vec<CompletionCandidate>> {
    let namespace = typed.namespace.as_deref().unwrap_or(&link.namespace);
    let namespace = Some(namespace).filter(|_| kind.namespaced && !typed.all_namespaces);
    let api = object::api(link, kind, namespace);
    let listed = api.list_metadata(&some()).await?;
    Ok(named(names(&listed).into_iter().map(|name| format!("{prefix}{name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_run_is_no_candidate() {
        let of = ["role/web", "role/x;id", "role/$(id)", "role/*", "role/a b"].map(str::to_owned);
        let candidates = named(of);
        let values: Vec<_> = candidates.iter().map(CompletionCandidate::get_value).collect();
        assert_eq!(values, ["role/web"]);
    }
}
