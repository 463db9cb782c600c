//! How the ways out of `check` are typed.

use rewitness_cascade::Right;
use rewitness_crds::{CASCADES, Command, UNINSTALL_ANNOTATION};

use super::facts::Carried;
use crate::why::Typist;

impl Typist {
    pub(super) fn apply_definition(&self) -> Command {
        self.typed.kubectl("apply").flag("-f deploy/crds")
    }

    pub(super) fn compare_definition(&self) -> Command {
        self.typed.kubectl("diff").flag("-f deploy/crds")
    }

    pub(super) fn describe_definition(&self) -> Command {
        definition(self.typed.kubectl("describe"))
    }

    pub(super) fn server_version(&self) -> Command {
        self.typed.kubectl("version")
    }

    pub(super) fn list_versions(&self) -> Command {
        self.typed.kubectl("api-versions")
    }

    pub(super) fn unmark(&self) -> Command {
        definition(self.typed.kubectl("annotate")).word(format!("{UNINSTALL_ANNOTATION}-"))
    }

    pub(super) fn show_marks(&self) -> Command {
        definition(self.typed.kubectl("get").flag("-o yaml"))
    }

    pub(super) fn can_i(&self, right: &Right) -> Command {
        self.typed.can_i(right)
    }

    pub(super) fn can_i_list(&self, kind: &str) -> Command {
        self.typed.kubectl("auth can-i list").flag("-A").word(kind)
    }

    pub(super) fn run(&self) -> Command {
        self.typed.rewitness("run")
    }

    /// Takes a finalizer of ours off all objects of a kind; `name` as `cascade/project`, or as `demo`.
    pub(super) fn release(&self, name: &str, carried: &Carried, force: bool) -> Command {
        let mut unhold = self.typed.rewitness("unhold").word(name).word(self.kind(&carried.kind));
        if carried.namespaced {
            unhold = unhold.flag("-A");
        }
        if force { unhold.flag("--force") } else { unhold }
    }
}

fn definition(command: Command) -> Command {
    command.object("customresourcedefinitions.apiextensions.k8s.io", CASCADES)
}
