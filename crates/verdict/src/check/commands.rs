//! How the ways out of `check` are typed.

use rewitness_cascade::Right;
use rewitness_crds::{CASCADES, UNINSTALL_ANNOTATION};

use super::facts::Carried;
use crate::text::shell_word;
use crate::why::Typist;

impl Typist {
    pub(super) fn apply_definition(&self) -> String {
        self.typed.kubectl("apply -f deploy/crds")
    }

    pub(super) fn compare_definition(&self) -> String {
        self.typed.kubectl("diff -f deploy/crds")
    }

    pub(super) fn describe_definition(&self) -> String {
        self.typed.kubectl(format_args!("describe customresourcedefinitions.apiextensions.k8s.io {CASCADES}"))
    }

    pub(super) fn server_version(&self) -> String {
        self.typed.kubectl("version")
    }

    pub(super) fn unmark(&self) -> String {
        let definition = format!("customresourcedefinitions.apiextensions.k8s.io {CASCADES}");
        self.typed.kubectl(format_args!("annotate {definition} {UNINSTALL_ANNOTATION}-"))
    }

    pub(super) fn show_marks(&self) -> String {
        self.typed
            .kubectl(format_args!("get customresourcedefinitions.apiextensions.k8s.io {CASCADES} -o yaml"))
    }

    pub(super) fn can_i(&self, right: &Right) -> String {
        let on = right.to_string();
        self.typed.kubectl(format_args!("auth can-i {on}"))
    }

    pub(super) fn can_i_list(&self, kind: &str) -> String {
        self.typed.kubectl(format_args!("auth can-i list {} -A", shell_word(kind)))
    }

    pub(super) fn run(&self) -> String {
        self.typed.rewitness("run")
    }

    /// Takes a finalizer of ours off all objects of a kind; `name` as `cascade/project`, or as `demo`.
    pub(super) fn release(&self, name: &str, carried: &Carried, force: bool) -> String {
        let (name, kind) = (shell_word(name), shell_word(&self.kind(&carried.kind)));
        let everywhere = if carried.namespaced { " -A" } else { "" };
        let force = if force { " --force" } else { "" };
        self.typed.rewitness(format_args!("unhold {name} {kind}{everywhere}{force}"))
    }
}
