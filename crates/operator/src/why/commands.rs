//! How next steps are typed.

use rewitness_messaging::{Kind, ResourceId, Uid};

use super::facts::Types;
use crate::args::GlobalArgs;
use crate::called;
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
        format!("{} why {}", called::typed(), self.slashed(id))
    }

    pub(crate) fn confirm(&self, cascade: &str, parent: &ResourceId) -> String {
        format!("{} confirm {} {}", called::typed(), shell_word(cascade), self.slashed(parent))
    }

    pub(crate) fn resume(&self, cascade: &str) -> String {
        format!("{} resume {}{}", called::typed(), shell_word(cascade), self.flags)
    }

    pub(crate) fn resume_deletions(&self, cascade: &str) -> String {
        format!("{} resume {} --deletions{}", called::typed(), shell_word(cascade), self.flags)
    }

    /// The whole list of what goes with a parent.
    pub(crate) fn plan(&self, cascade: &str, parent: &ResourceId) -> String {
        format!("rewitness plan {} {}", shell_word(cascade), self.slashed(parent))
    }

    /// Grants the operator what all Cascades need; by a pipe of two programs of the same cluster.
    pub(crate) fn grant(&self) -> String {
        format!("rewitness rbac --all{0} | kubectl apply -f -{0}", self.flags)
    }

    /// Lets one parent of a Cascade go; of one that is there only by force.
    pub(crate) fn let_go(&self, cascade: &str, parent: &ResourceId, is_there: bool) -> String {
        let cascade = shell_word(&format!("cascade/{cascade}"));
        let force = if is_there { " --force" } else { "" };
        format!("rewitness unhold {cascade} {}{force}", self.slashed(parent))
    }

    /// Takes a label off.
    pub(crate) fn unlabel(&self, id: &ResourceId, label: &str) -> String {
        format!("kubectl label {} {}", self.object(id), shell_word(&format!("{label}-")))
    }

    pub(crate) fn run_once(&self) -> String {
        format!("{} run --once{}", called::typed(), self.flags)
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

    pub(crate) fn unhold(&self, name: &str, id: &ResourceId) -> String {
        format!("{} unhold {} {}", called::typed(), shell_word(name), self.slashed(id))
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

    /// Takes one finalizer off this very object, if it still is where it was: what others put on
    /// meanwhile stays, and so does another object that was made under its name.
    pub(crate) fn take_off(&self, id: &ResourceId, finalizers: &[String], finalizer: &str) -> String {
        let patch = removal(&id.uid, "/metadata/finalizers", finalizers, finalizer);
        format!("kubectl patch {} --type=json -p {patch}", self.object(id))
    }

    /// Takes a finalizer off a namespace's spec. Only its subresource `finalize` can, and that takes
    /// whole objects alone and drops what they do not say: the one that is there is changed on this
    /// side, and goes back with its resourceVersion.
    pub(crate) fn finalize(&self, namespace: &ResourceId, finalizers: &[String], finalizer: &str) -> String {
        let patch = removal(&namespace.uid, "/spec/finalizers", finalizers, finalizer);
        let path = format!("/api/v1/namespaces/{}/finalize", namespace.name);
        format!(
            "kubectl patch {} --type=json -p {patch} --dry-run=client -o json | kubectl replace --raw {} -f -{}",
            self.object(namespace),
            shell_word(&path),
            self.flags
        )
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
             '[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u\"},\
             {\"op\":\"test\",\"path\":\"/metadata/finalizers/1\",\"value\":\"it'\\''s\"},\
             {\"op\":\"remove\",\"path\":\"/metadata/finalizers/1\"}]'"
        );
        assert_eq!(typist.why(&id), "rewitness why Widget.example.com/web -n a --context 'kind dev'");
    }
}
