//! How next steps are typed.

use rewitness_crds::{CASCADES, Command};
use rewitness_messaging::{Kind, ResourceId, Uid};

use super::facts::Types;
use crate::typed::{Object, Typed};

const API_SERVICES: &str = "apiservices.apiregistration.k8s.io";

/// Writes commands that work where this one did, with types as the server names them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typist {
    pub(crate) typed: Typed,
    types: Types,
}

impl Typist {
    pub(crate) fn new(typed: Typed, types: Types) -> Self {
        Self { typed, types }
    }

    /// `clusters.example.com`.
    pub(crate) fn kind(&self, kind: &Kind) -> String {
        self.types.name(kind)
    }

    fn object(&self, id: &ResourceId, command: Command) -> Command {
        Object::new(self.kind(&id.kind), id).of(command)
    }

    fn cascade(&self, cascade: &str, command: Command) -> Command {
        command.object(CASCADES, cascade)
    }

    pub(crate) fn why(&self, id: &ResourceId) -> Command {
        self.object(id, self.typed.rewitness("why"))
    }

    pub(crate) fn confirm(&self, cascade: &str, parent: &ResourceId) -> Command {
        self.object(parent, self.typed.rewitness("confirm").word(cascade))
    }

    pub(crate) fn resume(&self, cascade: &str) -> Command {
        self.typed.rewitness("resume").word(cascade)
    }

    pub(crate) fn resume_deletions(&self, cascade: &str) -> Command {
        self.resume(cascade).flag("--deletions")
    }

    /// The whole list of what goes with a parent.
    pub(crate) fn plan(&self, cascade: &str, parent: &ResourceId) -> Command {
        self.object(parent, self.typed.rewitness("plan").word(cascade))
    }

    /// Grants the operator what all Cascades need; by a pipe of two programs of the same cluster.
    pub(crate) fn grant(&self) -> Command {
        self.typed.rewitness("rbac").flag("--all").pipe(self.typed.kubectl("apply").flag("-f -"))
    }

    /// Lets one parent of a Cascade go; of one that is there only by force.
    pub(crate) fn let_go(&self, cascade: &str, parent: &ResourceId, is_there: bool) -> Command {
        let unhold = self.unhold(&format!("cascade/{cascade}"), parent);
        if is_there { unhold.flag("--force") } else { unhold }
    }

    pub(crate) fn unhold(&self, name: &str, id: &ResourceId) -> Command {
        self.object(id, self.typed.rewitness("unhold").word(name))
    }

    /// Takes a label off.
    pub(crate) fn unlabel(&self, id: &ResourceId, label: &str) -> Command {
        self.object(id, self.typed.kubectl("label")).word(format!("{label}-"))
    }

    /// Takes an annotation off.
    pub(crate) fn unannotate(&self, id: &ResourceId, annotation: &str) -> Command {
        self.object(id, self.typed.kubectl("annotate")).word(format!("{annotation}-"))
    }

    pub(crate) fn run_once(&self) -> Command {
        self.typed.rewitness("run").flag("--once")
    }

    pub(crate) fn list_types(&self) -> Command {
        self.typed.kubectl("api-resources")
    }

    pub(crate) fn find_controller_manager(&self) -> Command {
        self.typed.kubectl("get").flag("-n kube-system -l component=kube-controller-manager").word("pods")
    }

    pub(crate) fn find_operator(&self) -> Command {
        self.typed.kubectl("get").flag("-A -l app.kubernetes.io/name=rewitness").word("deployments")
    }

    pub(crate) fn describe(&self, id: &ResourceId) -> Command {
        self.object(id, self.typed.kubectl("describe"))
    }

    pub(crate) fn delete(&self, id: &ResourceId) -> Command {
        self.object(id, self.typed.kubectl("delete"))
    }

    /// Asks whether a deletion would be refused, and deletes nothing.
    pub(crate) fn try_deletion(&self, id: &ResourceId) -> Command {
        self.delete(id).flag("--dry-run=server")
    }

    pub(crate) fn edit_cascade(&self, cascade: &str) -> Command {
        self.cascade(cascade, self.typed.kubectl("edit"))
    }

    pub(crate) fn patch_cascade(&self, cascade: &str, patch: &serde_json::Value) -> Command {
        self.cascade(cascade, self.typed.kubectl("patch").flag("--type=json").option("-p", patch.to_string()))
    }

    pub(crate) fn describe_cascade(&self, cascade: &str) -> Command {
        self.cascade(cascade, self.typed.kubectl("describe"))
    }

    pub(crate) fn describe_api_service(&self, name: &str) -> Command {
        self.typed.kubectl("describe").object(API_SERVICES, name)
    }

    pub(crate) fn delete_api_service(&self, name: &str) -> Command {
        self.typed.kubectl("delete").object(API_SERVICES, name)
    }

    /// Takes one finalizer off this very object, if it still is where it was: what others put on
    /// meanwhile stays, and so does another object that was made under its name.
    pub(crate) fn take_off(&self, id: &ResourceId, finalizers: &[String], finalizer: &str) -> Command {
        self.object(id, self.removal(&id.uid, "/metadata/finalizers", finalizers, finalizer))
    }

    /// Takes a finalizer off a namespace's spec. Only its subresource `finalize` can, and that takes
    /// whole objects alone and drops what they do not say: the one that is there is changed on this
    /// side, and goes back with its resourceVersion.
    pub(crate) fn finalize(&self, namespace: &ResourceId, finalizers: &[String], finalizer: &str) -> Command {
        let path = format!("/api/v1/namespaces/{}/finalize", namespace.name);
        let replace = self.typed.kubectl("replace").option("--raw", path).flag("-f -");
        let patch = self.removal(&namespace.uid, "/spec/finalizers", finalizers, finalizer);
        self.object(namespace, patch.flag("--dry-run=client -o json")).pipe(replace)
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
        self.typed.kubectl("patch").flag("--type=json").option("-p", patch.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went_and_take_off_no_more_than_they_say() {
        let typist = Typist::new(Typed::new("rewitness", None, Some("kind dev")), Types::default());
        let id = ResourceId {
            kind: Kind::new("example.com", "Widget"),
            namespace: Some("a".into()),
            name: "web".into(),
            uid: "u".into(),
        };
        let finalizers = ["x/y".to_owned(), "it's".to_owned()];
        assert_eq!(
            typist.take_off(&id, &finalizers, "it's").to_string(),
            "kubectl patch --context 'kind dev' --type=json -p \
             '[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u\"},\
             {\"op\":\"test\",\"path\":\"/metadata/finalizers/1\",\"value\":\"it'\\''s\"},\
             {\"op\":\"remove\",\"path\":\"/metadata/finalizers/1\"}]' -n a Widget.example.com/web"
        );
        let events = ResourceId { kind: Kind::new("", "events"), name: "--all".into(), ..id.clone() };
        let delete = "kubectl delete --context 'kind dev' -n a events/--all";
        assert_eq!(typist.delete(&events).to_string(), delete, "all of them would go");
        let why = "rewitness why --context 'kind dev' -n a Widget.example.com/web";
        assert_eq!(typist.why(&id).to_string(), why);
    }
}
