//! How next steps are typed.

use rewitness_messaging::{Kind, ResourceId, Uid};

use super::facts::Types;
use crate::text::shell_word;
use crate::typed::{self, Typed};

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

    /// `clusters.example.com web -n team-a`.
    fn object(&self, id: &ResourceId) -> String {
        let place = typed::place(id.namespace.as_deref());
        format!("{} {}{place}", shell_word(&self.kind(&id.kind)), shell_word(&id.name))
    }

    /// `clusters.example.com/web -n team-a`.
    fn slashed(&self, id: &ResourceId) -> String {
        typed::object(self.kind(&id.kind), id.namespace.as_deref(), &id.name)
    }

    pub(crate) fn why(&self, id: &ResourceId) -> String {
        self.typed.rewitness(format_args!("why {}", self.slashed(id)))
    }

    pub(crate) fn confirm(&self, cascade: &str, parent: &ResourceId) -> String {
        self.typed.rewitness(format_args!("confirm {} {}", shell_word(cascade), self.slashed(parent)))
    }

    pub(crate) fn resume(&self, cascade: &str) -> String {
        self.typed.rewitness(format_args!("resume {}", shell_word(cascade)))
    }

    pub(crate) fn resume_deletions(&self, cascade: &str) -> String {
        self.typed.rewitness(format_args!("resume {} --deletions", shell_word(cascade)))
    }

    /// The whole list of what goes with a parent.
    pub(crate) fn plan(&self, cascade: &str, parent: &ResourceId) -> String {
        self.typed.rewitness(format_args!("plan {} {}", shell_word(cascade), self.slashed(parent)))
    }

    /// Grants the operator what all Cascades need; by a pipe of two programs of the same cluster.
    pub(crate) fn grant(&self) -> String {
        format!("{} | {}", self.typed.rewitness("rbac --all"), self.typed.kubectl("apply -f -"))
    }

    /// Lets one parent of a Cascade go; of one that is there only by force.
    pub(crate) fn let_go(&self, cascade: &str, parent: &ResourceId, is_there: bool) -> String {
        let cascade = shell_word(&format!("cascade/{cascade}"));
        let force = if is_there { " --force" } else { "" };
        self.typed.rewitness(format_args!("unhold {cascade} {}{force}", self.slashed(parent)))
    }

    /// Takes a label off.
    pub(crate) fn unlabel(&self, id: &ResourceId, label: &str) -> String {
        let label = shell_word(&format!("{label}-"));
        self.typed.kubectl(format_args!("label {} {label}", self.object(id)))
    }

    /// Takes an annotation off.
    pub(crate) fn unannotate(&self, id: &ResourceId, annotation: &str) -> String {
        let annotation = shell_word(&format!("{annotation}-"));
        self.typed.kubectl(format_args!("annotate {} {annotation}", self.object(id)))
    }

    pub(crate) fn run_once(&self) -> String {
        self.typed.rewitness("run --once")
    }

    pub(crate) fn list_types(&self) -> String {
        self.typed.kubectl("api-resources")
    }

    pub(crate) fn find_controller_manager(&self) -> String {
        self.typed.kubectl("get pods -n kube-system -l component=kube-controller-manager")
    }

    pub(crate) fn find_operator(&self) -> String {
        self.typed.kubectl("get deployments -A -l app.kubernetes.io/name=rewitness")
    }

    pub(crate) fn unhold(&self, name: &str, id: &ResourceId) -> String {
        self.typed.rewitness(format_args!("unhold {} {}", shell_word(name), self.slashed(id)))
    }

    pub(crate) fn describe(&self, id: &ResourceId) -> String {
        self.typed.kubectl(format_args!("describe {}", self.object(id)))
    }

    pub(crate) fn delete(&self, id: &ResourceId) -> String {
        self.typed.kubectl(format_args!("delete {}", self.object(id)))
    }

    /// Asks whether a deletion would be refused, and deletes nothing.
    pub(crate) fn try_deletion(&self, id: &ResourceId) -> String {
        self.typed.kubectl(format_args!("delete {} --dry-run=server", self.object(id)))
    }

    pub(crate) fn edit_cascade(&self, cascade: &str) -> String {
        self.typed.kubectl(format_args!("edit cascades.rewitness.dev {}", shell_word(cascade)))
    }

    pub(crate) fn patch_cascade(&self, cascade: &str, patch: &serde_json::Value) -> String {
        let (cascade, patch) = (shell_word(cascade), shell_word(&patch.to_string()));
        self.typed.kubectl(format_args!("patch cascades.rewitness.dev {cascade} --type=json -p {patch}"))
    }

    pub(crate) fn describe_cascade(&self, cascade: &str) -> String {
        self.typed.kubectl(format_args!("describe cascades.rewitness.dev {}", shell_word(cascade)))
    }

    pub(crate) fn describe_api_service(&self, name: &str) -> String {
        self.typed.kubectl(format_args!("describe apiservices.apiregistration.k8s.io {}", shell_word(name)))
    }

    pub(crate) fn delete_api_service(&self, name: &str) -> String {
        self.typed.kubectl(format_args!("delete apiservices.apiregistration.k8s.io {}", shell_word(name)))
    }

    /// Takes one finalizer off this very object, if it still is where it was: what others put on
    /// meanwhile stays, and so does another object that was made under its name.
    pub(crate) fn take_off(&self, id: &ResourceId, finalizers: &[String], finalizer: &str) -> String {
        let patch = removal(&id.uid, "/metadata/finalizers", finalizers, finalizer);
        self.typed.kubectl(format_args!("patch {} --type=json -p {patch}", self.object(id)))
    }

    /// Takes a finalizer off a namespace's spec. Only its subresource `finalize` can, and that takes
    /// whole objects alone and drops what they do not say: the one that is there is changed on this
    /// side, and goes back with its resourceVersion.
    pub(crate) fn finalize(&self, namespace: &ResourceId, finalizers: &[String], finalizer: &str) -> String {
        let patch = removal(&namespace.uid, "/spec/finalizers", finalizers, finalizer);
        let patched =
            format!("patch {} --type=json -p {patch} --dry-run=client -o json", self.object(namespace));
        let path = shell_word(&format!("/api/v1/namespaces/{}/finalize", namespace.name));
        let replace = format!("replace --raw {path} -f -");
        format!("{} | {}", self.typed.kubectl(patched), self.typed.kubectl(replace))
    }
}

/// The JSON patch that takes one off a list of finalizers, as a word of a command.
fn removal(uid: &Uid, list: &str, finalizers: &[String], finalizer: &str) -> String {
    let at = finalizers.iter().position(|one| one == finalizer).unwrap_or_default();
    let path = format!("{list}/{at}");
    let patch = serde_json::json!([
        { "op": "test", "path": "/metadata/uid", "value": uid.to_string() },
        { "op": "test", "path": path, "value": finalizer },
        { "op": "remove", "path": path },
    ]);
    shell_word(&patch.to_string())
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
            typist.take_off(&id, &finalizers, "it's"),
            "kubectl patch Widget.example.com web -n a --type=json -p \
             '[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u\"},\
             {\"op\":\"test\",\"path\":\"/metadata/finalizers/1\",\"value\":\"it'\\''s\"},\
             {\"op\":\"remove\",\"path\":\"/metadata/finalizers/1\"}]' --context 'kind dev'"
        );
        assert_eq!(typist.why(&id), "rewitness why Widget.example.com/web -n a --context 'kind dev'");
    }
}
