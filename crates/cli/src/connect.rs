//! From the kubeconfig to a client; what is said when that fails.

use anyhow::Context as _;
use rewitness_verdict::{CONNECT_TIMEOUT, Link, place};

use crate::args::GlobalArgs;
use crate::exit::wrong_use;

mod kubeconfig;

use kubeconfig::{Named, Origin};

/// A client for the API server that the flags, the environment or the pod name.
pub(crate) async fn connect(args: &GlobalArgs) -> anyhow::Result<Link> {
    let (mut config, context) = match Named::by(args.kubeconfig.clone()).choose(kubeconfig::is_there)? {
        Origin::Files(files) => {
            let kubeconfig = kubeconfig::read(&files)?;
            let (config, context) = kubeconfig::of_context(kubeconfig, args.context.as_deref()).await?;
            (config, Some(context))
        }
        Origin::Pod => (in_cluster(args)?, None),
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    // An empty one is none, as for kubectl.
    let namespace = match &*config.default_namespace {
        "" => "default",
        namespace => namespace,
    };
    let namespace = namespace.parse().map_err(|_| {
        let context = context.as_deref().unwrap_or("the pod");
        wrong_use(format!("`{context}`: {namespace:?} is no namespace"))
    })?;
    let client = rewitness_kubernetes::client(config)
        .with_context(|| format!("cannot make a client for {}", place(&server, context.as_deref())))?;
    Ok(Link { client, server, context, namespace, typed: args.typed() })
}

/// The contexts of the kubeconfig; none in a pod.
pub(crate) fn contexts(args: &GlobalArgs) -> anyhow::Result<Vec<String>> {
    match Named::by(args.kubeconfig.clone()).choose(kubeconfig::is_there)? {
        Origin::Files(files) => {
            let contexts = kubeconfig::read(&files)?.contexts;
            Ok(contexts.into_iter().map(|context| context.name).collect())
        }
        Origin::Pod => Ok(Vec::new()),
    }
}

fn in_cluster(args: &GlobalArgs) -> anyhow::Result<kube::Config> {
    if let Some(context) = &args.context {
        return Err(wrong_use(format!(
            "there is no kubeconfig, so there is no context `{context}`\n\
             leave --context out to use the pod's ServiceAccount, or name a kubeconfig with --kubeconfig FILE"
        )));
    }
    kube::Config::incluster()
        .context("cannot use the pod's ServiceAccount (is automountServiceAccountToken off for this pod?)")
}

#[cfg(test)]
mod tests;
