use std::sync::Arc;

use rewitness_crds::cascade::{
    Action, DependentScope, Dependents, InvalidName, InvalidParentSelector, Limits, Mode, Propagation,
    ReferenceValue, finalizer,
};
use rewitness_crds::{Cascade, InvalidApiVersion, LabelKey, cascade};
use rewitness_messaging::{Hold, Kind, ParseSelectorError, Selector, Subscription};
use thiserror::Error;

use super::hash::hash;
use crate::api::KindRef;

/// A Cascade, ready to be followed.
///
/// ```
/// # let cascade: rewitness_crds::Cascade = serde_json::from_value(serde_json::json!({
/// #     "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
/// #     "spec": {
/// #         "mode": "Enforce",
/// #         "parent": { "apiVersion": "identity.example.com/v1", "kind": "Project" },
/// #         "stages": [{ "name": "all", "dependents": [{
/// #             "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "example.com/project", "value": "Name" },
/// #         }] }],
/// #     },
/// # }))?;
/// use rewitness_cascade::Rule;
///
/// let rule = Rule::new(&cascade)?;
/// let subscription = rule.subscription();
/// assert_eq!(&*subscription.hold.unwrap().name, "cascade.rewitness.dev/project");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) finalizer: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) suspend: bool,
    pub(crate) parent: KindRef,
    pub(crate) namespaces: Option<Vec<String>>,
    /// The namespaces that the operator works in, if not in all.
    pub(crate) within: Option<Arc<[String]>>,
    pub(crate) selector: Selector,
    pub(crate) current: Arc<Revision>,
    /// What the rule said before, as far as a deletion may have begun with it.
    pub(crate) earlier: Vec<Arc<Revision>>,
    pub(crate) max_per_hour: u32,
}

/// What a deletion goes by from its beginning to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) hash: String,
    pub(crate) stages: Vec<Stage>,
    pub(crate) limits: Limits,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) dependents: Vec<DependentKind>,
}

/// A kind of dependents, how they refer to the parent, and what is done with them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DependentKind {
    pub(crate) kind: KindRef,
    pub(crate) label: LabelKey,
    pub(crate) value: ReferenceValue,
    pub(crate) action: Action,
    pub(crate) propagation: Propagation,
    pub(crate) scope: Option<DependentScope>,
}

/// Why a Cascade makes no rule. The schema refuses most of these at admission.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// One of its names is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// An `apiVersion` is none.
    #[error(transparent)]
    ApiVersion(#[from] InvalidApiVersion),
    /// The parent's selector makes no sense.
    #[error("spec.parent.labelSelector: {0}")]
    Selector(#[from] InvalidParentSelector),
    /// The parent's selector is made of texts that cannot be labels.
    #[error("spec.parent.labelSelector: {0}")]
    Labels(#[from] ParseSelectorError),
    /// There is nothing to do.
    #[error("{what} is empty")]
    Empty {
        /// What.
        what: &'static str,
    },
}

impl Rule {
    /// The rule that a Cascade describes, with the revisions that its status keeps.
    ///
    /// # Errors
    ///
    /// [`InvalidRule`]: what a person has to change.
    pub fn new(cascade: &Cascade) -> Result<Self, InvalidRule> {
        cascade.check_names()?;
        let name = cascade.metadata.name.as_deref().unwrap_or_default();
        let spec = &cascade.spec;
        let current = Revision::new(&spec.stages, spec.limits)?;
        let kept = cascade.status.iter().flat_map(|status| &status.revisions);
        // A revision that no longer makes sense is left out: a deletion that began with it is held,
        // and says so.
        let earlier = kept.filter(|kept| kept.hash != current.hash).filter_map(|kept| {
            let revision = Revision::new(&kept.stages, kept.limits).ok()?;
            Some(Arc::new(Revision { hash: kept.hash.clone(), ..revision }))
        });
        Ok(Self {
            name: name.into(),
            finalizer: finalizer(name).into(),
            mode: spec.mode,
            suspend: spec.suspend,
            parent: kind_ref(&spec.parent.api_version, &spec.parent.kind)?,
            namespaces: spec.parent.namespaces.clone(),
            within: None,
            selector: spec.parent.selector()?.parse()?,
            earlier: earlier.collect(),
            max_per_hour: spec.limits.max_per_hour,
            current: Arc::new(current),
        })
    }

    /// The same rule for an operator that works in these namespaces alone.
    ///
    /// # Caveats
    ///
    /// Dependents in other namespaces are neither seen nor waited for. A rule with a kind that lives
    /// in no namespace is refused by [`Cascades::check`](super::Cascades::check), and is not to be
    /// followed.
    pub fn within(mut self, namespaces: impl Into<Arc<[String]>>) -> Self {
        self.within = Some(namespaces.into());
        self
    }

    /// The same rule, but it deletes nothing.
    pub fn planning(mut self) -> Self {
        self.mode = Mode::Plan;
        self
    }

    /// The same rule, but no deletion begins or goes on.
    pub(super) fn suspended(mut self) -> Self {
        self.suspend = true;
        self
    }

    /// Whether it deletes anything: it is in force, and not suspended.
    pub fn deletes(&self) -> bool {
        self.mode == Mode::Enforce && !self.suspend
    }

    /// The Cascade's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of its parents.
    pub fn parent_kind(&self) -> &Kind {
        &self.parent.kind
    }

    /// Whether it deletes, or only plans.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The finalizer by which it holds its parents.
    pub fn finalizer(&self) -> &str {
        &self.finalizer
    }

    /// The version by which it knows the kind of its parents.
    pub fn parent_version(&self) -> &str {
        &self.parent.version
    }

    /// Whether an object of the parents' kind is one of its parents.
    pub fn is_parent<'a>(&self, namespace: Option<&str>, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let is_named =
            |names: &Vec<String>| namespace.is_some_and(|own| names.iter().any(|name| name == own));
        self.namespaces.as_ref().is_none_or(is_named) && self.selector.matches(label)
    }

    /// The hash of what it says now.
    pub fn revision(&self) -> &str {
        &self.current.hash
    }

    /// What a queue is asked for on the rule's behalf: its parents, held for their deletion.
    pub fn subscription(&self) -> Subscription {
        let subscription = Subscription::new(format!("cascade/{}", self.name), [self.parent.kind.clone()])
            .matching(self.selector.clone())
            // Nothing is done to live parents, so their deliveries need not wait for the hold.
            .holding(Hold::for_deletions(self.finalizer.clone()));
        match self.parent_namespaces() {
            Some(namespaces) => subscription.in_namespaces(namespaces),
            None => subscription,
        }
    }

    /// Where its parents live, as far as the operator works there; everywhere if `None`.
    pub(crate) fn parent_namespaces(&self) -> Option<Vec<String>> {
        match (&self.namespaces, &self.within) {
            (None, None) => None,
            (Some(named), None) => Some(named.clone()),
            (None, Some(within)) => Some(within.to_vec()),
            (Some(named), Some(within)) => {
                Some(named.iter().filter(|name| within.contains(name)).cloned().collect())
            }
        }
    }

    /// What a deletion goes by that began with the revision of this hash.
    pub(crate) fn revision_of(&self, hash: &str) -> Option<&Arc<Revision>> {
        std::iter::once(&self.current).chain(&self.earlier).find(|revision| revision.hash == hash)
    }
}

impl Revision {
    fn new(stages: &[cascade::Stage], limits: Limits) -> Result<Self, InvalidRule> {
        let compiled = stages.iter().map(|stage| {
            let dependents =
                stage.dependents.iter().map(DependentKind::new).collect::<Result<Vec<_>, _>>()?;
            non_empty("a stage", dependents).map(|dependents| Stage { name: stage.name.clone(), dependents })
        });
        let stages_compiled = non_empty("the list of stages", compiled.collect::<Result<Vec<_>, _>>()?)?;
        // The serialised form has its fields in a fixed order, so equal content has equal text.
        let text = serde_json::to_string(&(stages, limits)).unwrap_or_default();
        Ok(Self { hash: hash([text.as_bytes()]), stages: stages_compiled, limits })
    }
}

impl DependentKind {
    fn new(dependents: &Dependents) -> Result<Self, InvalidRule> {
        Ok(Self {
            kind: kind_ref(&dependents.api_version, &dependents.kind)?,
            label: dependents.reference.label.clone(),
            value: dependents.reference.value,
            action: dependents.action,
            propagation: dependents.propagation,
            scope: dependents.scope,
        })
    }
}

fn kind_ref(api_version: &str, kind: &str) -> Result<KindRef, InvalidRule> {
    let parsed: rewitness_crds::ApiVersion = api_version.parse()?;
    Ok(KindRef { kind: Kind::new(parsed.group, kind), version: parsed.version })
}

fn non_empty<T>(what: &'static str, items: Vec<T>) -> Result<Vec<T>, InvalidRule> {
    if items.is_empty() { Err(InvalidRule::Empty { what }) } else { Ok(items) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cascade(patch: serde_json::Value) -> Cascade {
        let mut value = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "identity.example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "Name" },
                }] }],
            },
        });
        for (field, change) in patch.as_object().unwrap() {
            value["spec"][field] = change.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_revision_has_a_new_hash_when_what_a_deletion_goes_by_has_changed_and_only_then() {
        let hash = |patch| Rule::new(&cascade(patch)).unwrap().current.hash.clone();
        let first = hash(json!({}));
        assert_eq!(first, hash(json!({ "mode": "Enforce", "suspend": true })));
        assert_ne!(first, hash(json!({ "limits": { "maxDependents": 7 } })));
        assert_ne!(
            first,
            hash(json!({ "stages": [{ "name": "all", "dependents": [{
            "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "UID" },
        }] }] }))
        );
    }

    #[test]
    fn earlier_revisions_come_from_the_status() {
        let mut edited = cascade(json!({ "limits": { "maxDependents": 7 } }));
        let first = cascade(json!({}));
        let hash = Rule::new(&first).unwrap().current.hash.clone();
        edited.status = Some(rewitness_crds::CascadeStatus {
            revisions: vec![cascade::Revision {
                hash: hash.clone(),
                generation: 1,
                stages: first.spec.stages,
                limits: first.spec.limits,
            }],
            ..Default::default()
        });
        let rule = Rule::new(&edited).unwrap();
        assert_eq!(rule.revision_of(&hash).unwrap().limits.max_dependents, 100);
        assert_eq!(rule.revision_of(rule.revision()).unwrap().limits.max_dependents, 7);
        assert!(rule.revision_of("unknown").is_none());
    }

    #[test]
    fn an_operator_of_some_namespaces_follows_the_parents_in_these_alone() {
        let of = |namespaces: serde_json::Value| {
            let parent = json!({ "apiVersion": "v1", "kind": "Secret", "namespaces": namespaces });
            let rule = Rule::new(&cascade(json!({ "parent": parent }))).unwrap();
            rule.within(["a".to_owned(), "b".to_owned()]).parent_namespaces().unwrap()
        };
        assert_eq!(of(json!(null)), ["a", "b"]);
        assert_eq!(of(json!(["b", "c"])), ["b"]);
        assert!(of(json!(["c"])).is_empty());
    }

    #[test]
    fn a_rule_without_stages_is_none() {
        assert_eq!(
            Rule::new(&cascade(json!({ "stages": [] }))).unwrap_err(),
            InvalidRule::Empty { what: "the list of stages" }
        );
    }
}
