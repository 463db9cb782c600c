use std::sync::Arc;

use rewitness_messaging::Kind;

use super::consumer::CascadeConsumer;
use super::handle::RuleHandle;
use super::records::Records;
use super::shared::{Config, Shared};
use crate::api::{ApiError, Discovery, Endpoint};

/// What all Cascades of a process share: the way to the API server, its limiter, and who waits for
/// whom. Make one.
#[derive(Clone)]
pub struct Cascades(pub(super) Arc<Shared>);

impl Cascades {
    /// Over what the queue has [discovered](rewitness_kubernetes::KubernetesQueue::discovery); or over a client
    /// that does not repeat requests by itself (`default_retry: false`).
    pub fn new(discovery: impl Into<Discovery>, config: Config) -> Self {
        Self(Arc::new(Shared::new(discovery.into(), config)))
    }

    /// The consumer that follows a rule; to be subscribed with [`subscription`](crate::Rule::subscription). The handle
    /// changes the rule while it is followed.
    pub fn consumer<R: Records>(&self, rule: impl Into<RuleHandle>, records: R) -> CascadeConsumer<R> {
        CascadeConsumer::new(self.0.clone(), rule.into(), records)
    }

    /// Where a kind is served, by this version or by another of its group; `None` if it is not.
    ///
    /// # Errors
    ///
    /// The server's answer, if that could not be found out.
    pub async fn served(&self, kind: &Kind, version: &str) -> Result<Option<Arc<Endpoint>>, ApiError> {
        self.0.loader.discovery.find(kind, Some(version)).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rewitness_messaging::Kind;
    use serde_json::json;

    use super::*;
    use crate::api::KindRef;
    use crate::testing::parent;
    use crate::{MemoryRecords, Rule};

    #[tokio::test]
    async fn c9_what_the_parents_of_an_ended_subscription_waited_for_is_forgotten() {
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let cascades = Cascades::new(kube::Client::try_from(nowhere).unwrap(), Config::default());
        let cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "Name" },
                }] }],
            },
        });
        let rule = Rule::new(&serde_json::from_value(cascade).unwrap()).unwrap();
        let kind = KindRef { kind: Kind::new("example.com", "Project"), version: "v1".to_owned() };
        let consumer = cascades.consumer(rule.clone(), MemoryRecords::default());
        cascades.0.graph().wait(&parent("a"), &kind, &rule.finalizer, BTreeSet::from(["b".into()]));
        assert!(!cascades.0.graph().is_empty());
        drop(consumer);
        assert!(cascades.0.graph().is_empty());
    }
}
