//! How next steps are typed.

use rewitness_messaging::{Kind, ResourceId};

use super::facts::Types;
use crate::args::GlobalArgs;
use crate::text::shell_word;

/// Writes commands that work where this one did: with the same kubeconfig and context, and with
/// types as the server names them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typist {
    flags: String,
    types: Types,
}

impl Typist {
    pub(crate) fn new(global: &GlobalArgs, types: Types) -> Self {
        let mut flags = String::new();
        if let Some(file) = &global.kubeconfig {
            flags += &format!(" --kubeconfig {}", shell_word(&file.display().to_string()));
        }
        if let Some(context) = &global.context {
            flags += &format!(" --context {}", shell_word(context));
        }
        Self { flags, types }
    }

    /// A command of ours or of kubectl, where this one went.
    pub(crate) fn here(&self, command: &str) -> String {
        format!("{command}{}", self.flags)
    }

    /// `clusters.example.com`.
    pub(crate) fn kind(&self, kind: &Kind) -> String {
        self.types.name(kind)
    }

    fn place(namespace: Option<&str>) -> String {
        namespace.map_or_else(String::new, |namespace| format!(" -n {}", shell_word(namespace)))
    }

    /// `clusters.example.com web -n team-a`.
    fn object(&self, id: &ResourceId) -> String {
        let (kind, name) = (self.kind(&id.kind), shell_word(&id.name));
        format!("{} {name}{}{}", shell_word(&kind), Self::place(id.namespace.as_deref()), self.flags)
    }

    /// `clusters.example.com/web -n team-a`.
    fn slashed(&self, id: &ResourceId) -> String {
        let typed = format!("{}/{}", self.kind(&id.kind), id.name);
        format!("{}{}{}", shell_word(&typed), Self::place(id.namespace.as_deref()), self.flags)
    }

    pub(crate) fn why(&self, id: &ResourceId) -> String {
        format!("rewitness why {}", self.slashed(id))
    }

    pub(crate) fn confirm(&self, cascade: &str, parent: &ResourceId) -> String {
        format!("rewitness confirm {} {}", shell_word(cascade), self.slashed(parent))
    }

    pub(crate) fn resume(&self, cascade: &str) -> String {
        format!("rewitness resume {}{}", shell_word(cascade), self.flags)
    }

    pub(crate) fn resume_deletions(&self, cascade: &str) -> String {
        format!("rewitness resume {} --deletions{}", shell_word(cascade), self.flags)
    }

    /// Grants the operator what all Cascades need; by a pipe of two programs of the same cluster.
    pub(crate) fn grant(&self) -> String {
        format!("rewitness rbac --all{0} | kubectl apply -f -{0}", self.flags)
    }

    pub(crate) fn run_once(&self) -> String {
        format!("rewitness run --once{}", self.flags)
    }

    pub(crate) fn list_types(&self) -> String {
        format!("kubectl api-resources{}", self.flags)
    }

    pub(crate) fn find_controller_manager(&self) -> String {
        format!("kubectl get pods -n kube-system -l component=kube-controller-manager{}", self.flags)
    }

    pub(crate) fn find_operator(&self) -> String {
        format!("kubectl get deployments -A -l app.kubernetes.io/name=rewitness{}", self.flags)
    }

    /// Where the kind's objects live in no namespace, none is named.
    pub(crate) fn unhold(&self, name: &str, id: &ResourceId) -> String {
        let (name, kind) = (shell_word(name), shell_word(&self.kind(&id.kind)));
        format!("rewitness unhold {name} {kind}{}{}", Self::place(id.namespace.as_deref()), self.flags)
    }

    pub(crate) fn describe(&self, id: &ResourceId) -> String {
        format!("kubectl describe {}", self.object(id))
    }

    pub(crate) fn delete(&self, id: &ResourceId) -> String {
        format!("kubectl delete {}", self.object(id))
    }

    pub(crate) fn edit_cascade(&self, cascade: &str) -> String {
        format!("kubectl edit cascades.rewitness.dev {}{}", shell_word(cascade), self.flags)
    }

    pub(crate) fn patch_cascade(&self, cascade: &str, patch: &serde_json::Value) -> String {
        let (cascade, patch) = (shell_word(cascade), shell_word(&patch.to_string()));
        format!("kubectl patch cascades.rewitness.dev {cascade}{} --type=json -p {patch}", self.flags)
    }

    pub(crate) fn describe_cascade(&self, cascade: &str) -> String {
        format!("kubectl describe cascades.rewitness.dev {}{}", shell_word(cascade), self.flags)
    }

    pub(crate) fn describe_api_service(&self, name: &str) -> String {
        format!("kubectl describe apiservices.apiregistration.k8s.io {}{}", shell_word(name), self.flags)
    }

    pub(crate) fn delete_api_service(&self, name: &str) -> String {
        format!("kubectl delete apiservices.apiregistration.k8s.io {}{}", shell_word(name), self.flags)
    }

    /// Takes one finalizer off, if it still is where it was: what others put on meanwhile stays.
    pub(crate) fn take_off(&self, id: &ResourceId, finalizers: &[String], finalizer: &str) -> String {
        let at = finalizers.iter().position(|one| one == finalizer).unwrap_or_default();
        let path = format!("/metadata/finalizers/{at}");
        let patch = serde_json::json!([
            { "op": "test", "path": path, "value": finalizer },
            { "op": "remove", "path": path },
        ]);
        format!("kubectl patch {} --type=json -p {}", self.object(id), shell_word(&patch.to_string()))
    }

    /// Takes finalizers off a namespace's spec; only its subresource `finalize` can.
    pub(crate) fn finalize(&self, namespace: &str, kept: &[String]) -> String {
        let document = serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace }, "spec": { "finalizers": kept },
        });
        let path = format!("/api/v1/namespaces/{namespace}/finalize");
        let document = shell_word(&document.to_string());
        format!("echo {document} | kubectl replace --raw {} -f -{}", shell_word(&path), self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went_and_take_off_no_more_than_they_say() {
        let global = GlobalArgs { context: Some("kind dev".to_owned()), ..GlobalArgs::default() };
        let typist = Typist::new(&global, Types::default());
        let id = ResourceId {
            kind: Kind::new("example.com", "Widget"),
            namespace: Some("a".into()),
            name: "web".into(),
            uid: "u".into(),
        };
        let finalizers = ["x/y".to_owned(), "it's".to_owned()];
        assert_eq!(
            typist.take_off(&id, &finalizers, "it's"),
            "kubectl patch Widget.example.com web -n a --context 'kind dev' --type=json -p \
             '[{\"op\":\"test\",\"path\":\"/metadata/finalizers/1\",\"value\":\"it'\\''s\"},\
             {\"op\":\"remove\",\"path\":\"/metadata/finalizers/1\"}]'"
        );
        assert_eq!(typist.why(&id), "rewitness why Widget.example.com/web -n a --context 'kind dev'");
    }
}
