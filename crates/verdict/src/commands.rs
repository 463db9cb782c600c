//! Commands about objects, with types as the server names them, and the steps that several answers suggest.

use std::collections::BTreeMap;
use std::ops::Deref;

use rewitness_crds::{CASCADES, Command};
use rewitness_messaging::{Kind, ResourceId, Uid};

use crate::step::Step;
use crate::typed::{Object, Typed};

/// Writes commands that go to the cluster that was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands {
    typed: Typed,
    /// By kind, as `clusters.example.com`.
    types: BTreeMap<Kind, String>,
}

impl Deref for Commands {
    type Target = Typed;

    fn deref(&self) -> &Typed {
        &self.typed
    }
}

impl Commands {
    pub(crate) fn new(typed: Typed, types: impl IntoIterator<Item = (Kind, String)>) -> Self {
        Self { typed, types: types.into_iter().collect() }
    }

    /// `clusters.example.com`.
    pub(crate) fn kind(&self, kind: &Kind) -> String {
        self.types.get(kind).cloned().unwrap_or_else(|| kind.to_string())
    }

    /// A command about an object.
    pub(crate) fn on(&self, id: &ResourceId, command: Command) -> Command {
        Object::new(self.kind(&id.kind), id).of(command)
    }

    pub(crate) fn why(&self, id: &ResourceId) -> Command {
        self.on(id, self.rewitness("why"))
    }

    pub(crate) fn confirm(&self, cascade: &str, parent: &ResourceId) -> Command {
        self.on(parent, self.rewitness("confirm").word(cascade))
    }

    pub(crate) fn unhold(&self, name: &str, id: &ResourceId) -> Command {
        self.on(id, self.rewitness("unhold").word(name))
    }

    pub(crate) fn describe(&self, id: &ResourceId) -> Command {
        self.on(id, self.kubectl("describe"))
    }

    pub(crate) fn delete(&self, id: &ResourceId) -> Command {
        self.on(id, self.kubectl("delete"))
    }

    pub(crate) fn edit_cascade(&self, cascade: &str) -> Command {
        self.kubectl("edit").object(CASCADES, cascade)
    }

    /// The definition of Cascade.
    pub(crate) fn definition(&self, verb: &'static str) -> Command {
        self.kubectl(verb).object("customresourcedefinitions.apiextensions.k8s.io", CASCADES)
    }

    pub(crate) fn api_service(&self, verb: &'static str, name: &str) -> Command {
        self.kubectl(verb).object("apiservices.apiregistration.k8s.io", name)
    }

    pub(crate) fn describe_cascade(&self, cascade: &str) -> Step {
        let describe = self.kubectl("describe").object(CASCADES, cascade);
        Step::look(describe, "shows all that the operator says of the Cascade")
    }

    pub(crate) fn describe_api_service(&self, name: &str) -> Step {
        let effect = "shows which Service should answer, and why it does not; bring that back";
        Step::look(self.api_service("describe", name), effect)
    }

    pub(crate) fn list_types(&self) -> Step {
        Step::look(self.kubectl("api-resources"), "lists what the server serves")
    }

    pub(crate) fn find_operator(&self) -> Step {
        let find = self.kubectl("get").flag("-A -l app.kubernetes.io/name=rewitness").word("deployments");
        Step::look(find, "shows whether the operator is installed and runs")
    }

    pub(crate) fn resume(&self, cascade: &str) -> Step {
        let resume = self.rewitness("resume").word(cascade);
        Step::act(resume, "continues its deletions").caution("ask first who suspended it, and why")
    }

    /// Grants the operator what all Cascades need; by a pipe of two programs of the same cluster.
    pub(crate) fn grant(&self) -> Step {
        let grant = self.rewitness("rbac").flag("--all").pipe(self.kubectl("apply").flag("-f -"));
        let effect = "updates the operator's ClusterRole with what all Cascades need; the operator notices within 15 s";
        Step::act(grant, effect).caution(
            "the role is called rewitness (--name NAME for another), has to be bound to the operator's account, and is \
             printed once all kinds are served",
        )
    }

    /// Removes one finalizer from this very object, if it still is where it was: what others put on
    /// meanwhile stays, and so does another object that was made under its name.
    pub(crate) fn remove_finalizer(
        &self,
        id: &ResourceId,
        finalizers: &[String],
        finalizer: &str,
    ) -> Command {
        self.on(id, self.removal(&id.uid, "/metadata/finalizers", finalizers, finalizer))
    }

    /// Takes a finalizer off a namespace's spec. Only its subresource `finalize` can, and that takes
    /// whole objects alone and drops what they do not say: the one that is there is changed on this
    /// side, and goes back with its resourceVersion.
    pub(crate) fn finalize(&self, namespace: &ResourceId, finalizers: &[String], finalizer: &str) -> Command {
        let path = format!("/api/v1/namespaces/{}/finalize", namespace.name);
        let replace = self.kubectl("replace").option("--raw", path).flag("-f -");
        let patch = self.removal(&namespace.uid, "/spec/finalizers", finalizers, finalizer);
        self.on(namespace, patch.flag("--dry-run=client -o json")).pipe(replace)
    }

    /// Takes one off a list of finalizers, by a JSON patch.
    fn removal(&self, uid: &Uid, list: &str, finalizers: &[String], finalizer: &str) -> Command {
        let at = finalizers.iter().position(|one| one == finalizer).unwrap_or_default();
        let path = format!("{list}/{at}");
        let patch = serde_json::json!([
            { "op": "test", "path": "/metadata/uid", "value": uid.to_string() },
            { "op": "test", "path": path, "value": finalizer },
            { "op": "remove", "path": path },
        ]);
        self.kubectl("patch").flag("--type=json").option("-p", patch.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went_and_remove_no_more_than_they_say() {
        let commands = Commands::new(Typed::new("rewitness", None, Some("kind dev")), []);
        let id = ResourceId {
            kind: Kind::new("example.com", "Widget"),
            namespace: Some("a".into()),
            name: "web".into(),
            uid: "u".into(),
        };
        let finalizers = ["x/y".to_owned(), "it's".to_owned()];
        assert_eq!(
            commands.remove_finalizer(&id, &finalizers, "it's").to_string(),
            "kubectl patch --context 'kind dev' --type=json -p \
             '[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u\"},\
             {\"op\":\"test\",\"path\":\"/metadata/finalizers/1\",\"value\":\"it'\\''s\"},\
             {\"op\":\"remove\",\"path\":\"/metadata/finalizers/1\"}]' -n a Widget.example.com/web"
        );
        let events = ResourceId { kind: Kind::new("", "events"), name: "--all".into(), ..id.clone() };
        let delete = "kubectl delete --context 'kind dev' -n a events/--all";
        assert_eq!(commands.delete(&events).to_string(), delete, "all of them would go");
        let why = "rewitness why --context 'kind dev' -n a Widget.example.com/web";
        assert_eq!(commands.why(&id).to_string(), why);
    }
}
