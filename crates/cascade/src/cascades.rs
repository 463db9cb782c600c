use std::sync::Arc;

use rewitness_messaging::ResourceId;

use super::check::{RuleCheck, RuleNeeds};
use super::consumer::CascadeConsumer;
use super::handle::RuleHandle;
use super::hour::HourWindow;
use super::preview::Preview;
use super::records::Records;
use super::rule::Rule;
use super::shared::{Config, Shared};
use crate::Error;

/// What all Cascades of a process share: the way to the API server, its limiter, and who waits for
/// whom. Make one.
#[derive(Clone)]
pub struct Cascades(Arc<Shared>);

impl Cascades {
    /// With a client that does not repeat requests by itself (`default_retry: false`).
    pub fn new(client: kube::Client, config: Config) -> Self {
        Self(Arc::new(Shared::new(client, config)))
    }

    /// The consumer that follows a rule; to be subscribed with [`Rule::subscription`]. The handle
    /// changes the rule while it is followed.
    pub fn consumer<R: Records>(&self, rule: impl Into<RuleHandle>, records: R) -> CascadeConsumer<R> {
        CascadeConsumer::new(self.0.clone(), rule.into(), records)
    }

    /// Whether a rule can be followed in this cluster, as it is now; to be asked every few minutes,
    /// and after a 403.
    ///
    /// # Errors
    ///
    /// [`Error`] if that could not be found out.
    pub async fn check(&self, rule: &Rule) -> Result<RuleCheck, Error> {
        self.0.check(rule).await
    }

    /// What a rule needs of this cluster, as that is now: its kinds, and the operator's rights on
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error`] if what the server serves could not be found out.
    pub async fn needs(&self, rule: &Rule) -> Result<RuleNeeds, Error> {
        self.0.needs(rule).await
    }

    /// What the deletion of a parent takes along by a rule, or would take, as of now; with `hour`
    /// as the Cascade's status keeps it. Reads only, with the client's own rights. `None` if the
    /// parent has gone or another has its name.
    ///
    /// # Errors
    ///
    /// [`Error`] if the parent could not be read. What else could not be read is said in the
    /// preview.
    pub async fn preview(
        &self,
        rule: &Rule,
        hour: &HourWindow,
        parent: &ResourceId,
    ) -> Result<Option<Preview>, Error> {
        self.0.preview(rule, hour, parent).await
    }

    /// The same for each parent that the rule has, in the order of their names. Each kind is listed
    /// once, everywhere, so that a caller who may list it in some namespaces alone is told that it is
    /// not known.
    ///
    /// # Errors
    ///
    /// [`Error`] if the parents could not be listed.
    pub async fn previews(&self, rule: &Rule, hour: &HourWindow) -> Result<Vec<Preview>, Error> {
        self.0.previews(rule, hour).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rewitness_messaging::Kind;
    use serde_json::json;

    use super::*;
    use crate::MemoryRecords;
    use crate::api::KindRef;
    use crate::testing::parent;

    #[tokio::test]
    async fn c9_what_the_parents_of_an_ended_subscription_waited_for_is_forgotten() {
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let cascades = Cascades::new(nowhere.try_into().unwrap(), Config::default());
        let cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "by": { "label": "project" }, "holds": "Name",
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
