//! The cluster that is asked, and what to do when asking it fails.

use std::time::Duration;

use rewitness_kubernetes::call::chain;
use rewitness_kubernetes::{ApiError, Error, Resolver};

use crate::error::wrong_use;
use crate::namespace::Namespace;
use crate::typed::Typed;

/// How long the connection to an API server may take. kube's 30 s are long for somebody who waits.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, and the names of where it goes.
#[derive(Clone)]
pub struct Link {
    /// The way there.
    pub client: kube::Client,
    /// The API server's address.
    pub server: String,
    /// The kubeconfig's context; `None` in a pod.
    pub context: Option<String>,
    /// The namespace that is meant where none is named.
    pub namespace: Namespace,
    /// How commands are advised that go to the same server.
    pub typed: Typed,
}

/// A server with its context, as notes and errors name it.
pub fn place(server: &str, context: Option<&str>) -> String {
    let of = context.map_or_else(String::new, |context| format!(" of context `{context}`"));
    format!("{server}{of}")
}

/// Why a kind was not found: said of what the server could tell, if that was not all. A kind of an
/// API service that is down is not served at present, which does not say that it is none.
pub fn of_what_is_left(resolver: &Resolver, error: anyhow::Error) -> anyhow::Error {
    match resolver.broken() {
        [] => error,
        broken => error.context(format!(
            "the server cannot say at present what it serves as {}; of what is left",
            broken.join(", ")
        )),
    }
}

impl Link {
    /// The server with its context, as notes and errors name it.
    pub fn place(&self) -> String {
        place(&self.server, self.context.as_deref())
    }

    /// What a call of the server came to, for a person to act on.
    pub fn explain(&self, error: Error) -> anyhow::Error {
        match &error {
            Error::UnknownType { .. } => {
                let list = self.typed.kubectl("api-resources");
                wrong_use(format!("{error}\n`{list}` lists what there is"))
            }
            Error::Discover { error } => self.explain_api("discover what the server serves", error),
            Error::List { plural, error } => self.explain_api(&format!("list {plural}"), error),
            Error::Patch { resource, error } => {
                self.explain_api(&format!("change the finalizers of {resource}"), error)
            }
            _ => error.into(),
        }
    }

    /// The same of a call that kube made, by what it was to do.
    pub fn explain_call(&self, what: &str, error: kube::Error) -> anyhow::Error {
        let error = match error {
            kube::Error::Api(status) => match status.code {
                401 => ApiError::Unauthorized,
                403 if status.is_forbidden() => ApiError::Forbidden { message: status.message.clone() },
                code => ApiError::Status { status: code, message: status.message.clone() },
            },
            other => ApiError::Unreachable { reason: chain(&other) },
        };
        self.explain_api(what, &error)
    }

    /// The same of what an answer means.
    pub fn explain_api(&self, what: &str, error: &ApiError) -> anyhow::Error {
        let place = self.place();
        anyhow::Error::msg(match error {
            ApiError::Unreachable { reason } if reason.contains("certificate") => format!(
                "cannot trust the API server {place}: {reason}\n\
                 its certificate is not signed by the kubeconfig's certificate-authority"
            ),
            ApiError::NoConnection => {
                return self.explain_api(what, &ApiError::Timeout { after: CONNECT_TIMEOUT });
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
            error => format!("cannot {what}: {error}"),
        })
    }
}
