//! The definition of Cascade, as it is installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rewitness_crds::{CASCADES, RELEASED_ANNOTATION, UNINSTALL_ANNOTATION};

use super::decision::{Decision, some, unknown};
use crate::check::facts::VERSION;
use crate::check::report::{Check, Group, Result};
use crate::check::schema::{Difference, compare};
use crate::step::Step;

impl Decision<'_> {
    pub(super) fn definition(&self) -> Group {
        let checks = match &self.facts.definition {
            Err(unread) => vec![unknown("definition", "how Cascade is defined", unread)],
            Ok(None) => {
                let message = "Cascade is not installed: the server does not know what it is";
                vec![Check::new("definition", Result::Failed, message).step([self.apply()])]
            }
            Ok(Some(definition)) => vec![
                self.established(definition),
                self.serves(definition),
                self.stored(definition),
                self.schema(definition),
                self.uninstall(definition),
            ],
        };
        Group { id: "definition", title: "The definition of Cascade", checks }
    }

    fn apply(&self) -> Step {
        let effect = "installs the definition of this program, from a clone of its version";
        Step::act(self.commands.kubectl("apply").flag("-f deploy/crds"), effect)
    }

    pub(super) fn compare(&self) -> Step {
        Step::look(
            self.commands.kubectl("diff").flag("-f deploy/crds"),
            "shows what applying it would change",
        )
    }

    fn established(&self, definition: &CustomResourceDefinition) -> Check {
        let id = "established";
        let look = Step::look(self.commands.definition("describe"), "shows what the server says of it");
        if let Some(since) = &definition.metadata.deletion_timestamp {
            let message =
                format!("{CASCADES} has been Terminating for {}: all Cascades go with it", self.age(since.0));
            return Check::new(id, Result::Failed, message).step([look]);
        }
        let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let is = |kind: &str, status: &str| {
            let mut conditions = conditions.clone();
            conditions.any(|one| one.type_ == kind && one.status == status)
        };
        if is("Established", "True") && !is("NamesAccepted", "False") {
            return Check::ok(id, format!("{CASCADES} is established"));
        }
        let amiss = conditions.clone().filter(|one| one.status == "False");
        let details = amiss.map(|one| format!("{}: {}", one.type_, one.message.clone().unwrap_or_default()));
        Check::new(id, Result::Failed, format!("{CASCADES} is not established")).detail(details).step([look])
    }

    fn serves(&self, definition: &CustomResourceDefinition) -> Check {
        let served: Vec<&str> = served(definition).collect();
        match served.contains(&VERSION) {
            true => Check::ok("serves", format!("it serves {VERSION}")),
            false => {
                let message = format!("it does not serve {VERSION}, but {}", some(served));
                Check::new("serves", Result::Failed, message).step([self.apply()])
            }
        }
    }

    /// What was stored by a version that is not served cannot be read.
    fn stored(&self, definition: &CustomResourceDefinition) -> Check {
        let stored = definition.status.iter().flat_map(|status| status.stored_versions.iter().flatten());
        let lost: Vec<&String> =
            stored.filter(|version| !served(definition).any(|served| served == **version)).collect();
        match lost.is_empty() {
            true => Check::ok("stored", "Cascades are stored in versions that it serves"),
            false => {
                let message = format!("Cascades may be stored as {}, which it does not serve", some(lost));
                let effect = "shows the versions: bring these back, and write each Cascade once more";
                let look = Step::look(self.commands.definition("describe"), effect);
                Check::new("stored", Result::Failed, message).step([look])
            }
        }
    }

    fn schema(&self, definition: &CustomResourceDefinition) -> Check {
        let difference = difference(definition);
        let Difference { lacks, adds, changes } = &difference;
        if difference.is_none() {
            return Check::ok("schema", "its schema is the one of this program");
        }
        let parts = [
            ("it does not know", lacks),
            ("this program does not know", adds),
            ("it says otherwise than this program of", changes),
        ];
        let parts = parts.iter().filter(|(_, fields)| !fields.is_empty());
        let details = parts.map(|(text, fields)| format!("{text} {}", some(fields.iter())));
        let compare = self.compare();
        let (result, message, steps) = match (lacks.is_empty(), adds.is_empty()) {
            (true, false) => (
                Result::Warning,
                "its schema is newer than this program: use the program of its version",
                vec![compare],
            ),
            (false, true) => {
                (Result::Failed, "its schema is older than this program", vec![self.apply(), compare])
            }
            _ => (
                Result::Failed,
                "its schema is another than the one of this program",
                vec![
                    compare,
                    self.apply().caution("what it says otherwise, and this program does not know, is lost"),
                ],
            ),
        };
        Check::new("schema", result, message).detail(details).step(steps)
    }

    pub(super) fn uninstall(&self, definition: &CustomResourceDefinition) -> Check {
        let annotation = |key: &str| definition.metadata.annotations.as_ref()?.get(key).cloned();
        let Some(value) = annotation(UNINSTALL_ANNOTATION) else {
            return Check::ok("uninstall", "nobody has asked to uninstall Rewitness");
        };
        let answered = match annotation(RELEASED_ANNOTATION) == Some(value.clone()) {
            true => "nothing is held any more",
            false => "the operator has not said yet that nothing is held any more",
        };
        let message =
            format!("Rewitness is being uninstalled: {UNINSTALL_ANNOTATION} is {value}, and {answered}");
        let annotate = self.commands.definition("annotate");
        let cancel = Step::choice(
            annotate.word(format!("{UNINSTALL_ANNOTATION}-")),
            "removes the annotation; the operator then follows its Cascades again",
        )
        .caution("ask first who uninstalls, and why");
        let look = Step::look(
            self.commands.definition("get").flag("-o yaml"),
            "shows the annotation and the operator's answer",
        );
        Check::new("uninstall", Result::Failed, message).step([look, cancel])
    }
}

/// How the installed definition differs from ours.
pub(super) fn difference(definition: &CustomResourceDefinition) -> Difference {
    let ours = rewitness_crds::definitions();
    let ours = ours.iter().find(|one| one.metadata.name == definition.metadata.name);
    ours.map(|ours| compare(definition, ours, VERSION)).unwrap_or_default()
}

fn served(definition: &CustomResourceDefinition) -> impl Iterator<Item = &str> {
    definition.spec.versions.iter().filter(|version| version.served).map(|version| &*version.name)
}
