//! The parent that a command is about: one object of the kind that a Cascade names.

use std::collections::BTreeMap;

use kube::Api;
use kube::api::{DynamicObject, ObjectMeta};
use rewitness_cascade::Rule;
use rewitness_kubernetes::{ResolvedKind, Resolver};
use rewitness_messaging::ResourceId;

use crate::error::wrong_use;
use crate::link::{Link, of_what_is_left};
use crate::object;
use crate::typed::Object;

/// A parent, as it was just read.
pub struct Parent {
    /// Its kind.
    pub kind: ResolvedKind,
    /// What it is.
    pub id: ResourceId,
    /// Its metadata.
    pub metadata: ObjectMeta,
}

/// Where the parents of a rule are, and how they are called.
pub struct Parents {
    kind: ResolvedKind,
    link: Link,
}

impl Parents {
    /// The parents of a rule; with `TYPE/NAME` the type must be theirs. Answers the name, too.
    pub async fn of(link: &Link, rule: &Rule, typed: &str) -> anyhow::Result<(Self, String)> {
        let resolver = Resolver::new(&link.client).await.map_err(|error| link.explain(error))?;
        let kind = resolver.kinds().iter().find(|kind| kind.kind == *rule.parent_kind());
        let Some(kind) = kind else {
            let (place, kind) = (link.place(), rule.parent_kind());
            let error = anyhow::anyhow!("{place} does not serve {kind}, of which the parents are");
            return Err(of_what_is_left(&resolver, error));
        };
        let (is_theirs, name) = match typed.split_once('/') {
            None => (true, typed),
            Some((typed, name)) => {
                let named = resolver.resolve(typed);
                let named = named.map_err(|error| of_what_is_left(&resolver, link.explain(error)))?;
                (named.kind == kind.kind, name)
            }
        };
        if !is_theirs || name.is_empty() || name.contains('/') {
            let of = format!("the parents of cascade/{} are {kind}", rule.name());
            return Err(wrong_use(format!("`{typed}` names none of them: {of}\nname one as {kind}/NAME")));
        }
        Ok((Self { kind: kind.clone(), link: link.clone() }, name.to_owned()))
    }

    /// One of them, read anew.
    pub async fn read(&self, namespace: Option<&str>, name: &str) -> anyhow::Result<Parent> {
        let Self { kind, link } = self;
        let namespace = namespace.unwrap_or(&link.namespace);
        let namespace = kind.namespaced.then_some(namespace);
        let metadata = object::read(link, kind, namespace, name).await?;
        Ok(Parent { kind: kind.clone(), id: object::id(&kind.kind, &metadata), metadata })
    }

    /// The parents as kube's `Api`.
    pub fn api(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        object::api(&self.link, &self.kind, namespace)
    }
}

impl Parent {
    /// Whether the rule is about it.
    pub fn is_of(&self, rule: &Rule) -> bool {
        let none = BTreeMap::new();
        let labels = self.metadata.labels.as_ref().unwrap_or(&none);
        rule.is_parent(self.id.namespace.as_deref(), |key| labels.get(key).map(String::as_str))
    }

    /// `projects.identity.example.com/web -n team-a`, as it is typed.
    pub fn typed(&self) -> Object {
        Object::new(&self.kind, &self.id)
    }
}
