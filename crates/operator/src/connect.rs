//! From the kubeconfig to a client; what is said when that fails.

use std::time::Duration;

use anyhow::Context as _;
use rewitness_kubernetes::ApiError;

use crate::args::GlobalArgs;
use crate::exit::wrong_use;
use crate::scope::Namespace;
use crate::typed::Typed;

mod kubeconfig;

use kubeconfig::{Named, Origin};

/// How long the connection to an API server may take. kube's 30 s are long for somebody who waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, and the names of where it goes.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) client: kube::Client,
    /// The API server's address.
    pub(crate) server: String,
    /// The kubeconfig's context; `None` in a pod.
    pub(crate) context: Option<String>,
    /// The namespace that is meant where none is named.
    pub(crate) namespace: Namespace,
    /// How commands are advised that go to the same server.
    pub(crate) typed: Typed,
}

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
        .with_context(|| format!("cannot make a client for {server}{}", of(context.as_deref())))?;
    Ok(Link { client, server, context, namespace, typed: Typed::new(args) })
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

/// ` of context kind-dev`, or nothing in a pod.
fn of(context: Option<&str>) -> String {
    context.map_or_else(String::new, |context| format!(" of context `{context}`"))
}

impl Link {
    /// The server with its context, as notes and errors name it.
    pub(crate) fn place(&self) -> String {
        format!("{}{}", self.server, of(self.context.as_deref()))
    }

    /// What a call of the server came to, for a person to act on.
    pub(crate) fn explain(&self, error: rewitness_kubernetes::Error) -> anyhow::Error {
        use rewitness_kubernetes::Error;
        match &error {
            Error::UnknownType { .. } => {
                let list = self.typed.kubectl("api-resources");
                wrong_use(format!("{error}\n`{list}` lists what there is"))
            }
            Error::Discover { refusal } => self.explain_refusal("discover what the server serves", refusal),
            Error::List { plural, refusal } => self.explain_refusal(&format!("list {plural}"), refusal),
            Error::Patch { resource, refusal } => {
                self.explain_refusal(&format!("change the finalizers of {resource}"), refusal)
            }
            _ => error.into(),
        }
    }

    /// The same of a call that kube made, by what it was to do.
    pub(crate) fn explain_call(&self, what: &str, error: kube::Error) -> anyhow::Error {
        let refusal = match error {
            kube::Error::Api(status) => match status.code {
                401 => ApiError::Unauthorized,
                403 if status.is_forbidden() => ApiError::Forbidden { message: status.message.clone() },
                code => ApiError::Status { status: code, message: status.message.clone() },
            },
            other => ApiError::Unreachable { reason: crate::exit::chain(&other) },
        };
        self.explain_refusal(what, &refusal)
    }

    fn explain_refusal(&self, what: &str, refusal: &ApiError) -> anyhow::Error {
        let place = self.place();
        anyhow::Error::msg(match refusal {
            ApiError::Unreachable { reason } if reason.contains("certificate") => format!(
                "cannot trust the API server {place}: {reason}\n\
                 its certificate is not signed by the kubeconfig's certificate-authority"
            ),
            ApiError::NoConnection => {
                return self.explain_refusal(what, &ApiError::Timeout { after: CONNECT_TIMEOUT });
            }
            ApiError::Unreachable { reason } => format!(
                "cannot reach the API server {place}: {reason}\n\
                 is it running, and is this the cluster you mean? `kubectl config get-contexts` lists the others"
            ),
            ApiError::Timeout { after } => format!(
                "cannot reach the API server {place}: no answer within {} s\n\
                 is it the cluster you mean, and does a firewall or a proxy stand between?",
                after.as_secs()
            ),
            ApiError::Unauthorized => format!(
                "the API server {place} does not accept the credentials\n\
                 log in again, or choose another context with --context NAME"
            ),
            refusal => format!("cannot {what}: {refusal}"),
        })
    }
}

#[cfg(test)]
mod tests;
