use futures::stream::{self, StreamExt};
use rewitness_messaging::Kind;

use super::cascades::Cascades;
use super::plan::{Refused, protected_kinds};
use super::reference::{Scope, check};
use super::rights::{Right, has, rights_for};
use super::rule::{DependentKind, Rule};
use crate::Error;
use crate::api::{Endpoint, KindRef};

/// How many rights are asked for at a time.
const REVIEWS: usize = 8;

/// Whether a rule can be followed in this cluster, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleCheck {
    /// What the rule forbids or cannot say, whatever the parent; nothing is enforced then.
    pub refused: Option<Refused>,
    /// Kinds that the server does not serve.
    pub not_served: Vec<Kind>,
    /// Rights that are missing.
    pub missing: Vec<Right>,
}

/// What a rule needs of a cluster, as that is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleNeeds {
    /// What the rule forbids or cannot say, whatever the parent; nothing is enforced then.
    pub refused: Vec<Refused>,
    /// Kinds that the server does not serve.
    pub not_served: Vec<Kind>,
    /// The rights that the operator needs on the kinds that are served. None are known while the
    /// kind of the parents is not.
    pub rights: Vec<Right>,
}

impl Cascades {
    /// Whether a rule can be followed in this cluster, as it is now; to be asked every few minutes,
    /// and after a 403.
    ///
    /// # Errors
    ///
    /// [`Error`] if that could not be found out.
    pub async fn check(&self, rule: &Rule) -> Result<RuleCheck, Error> {
        let RuleNeeds { refused, not_served, rights } = self.needs(rule).await?;
        let refused = refused.into_iter().next();
        let mut found = RuleCheck { refused, not_served, missing: Vec::new() };
        let mut asked = stream::iter(rights.into_iter().map(|right| async {
            let granted = has(self.0.loader.server(), &right).await;
            (right, granted)
        }))
        .buffered(REVIEWS);
        while let Some((right, granted)) = asked.next().await {
            match granted {
                Ok(true) => {}
                Ok(false) => found.missing.push(right),
                Err(error) => return Err(Error::Review { error }),
            }
        }
        Ok(found)
    }

    /// What a rule needs of this cluster, as that is now: its kinds, and the operator's rights on
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error`] if what the server serves could not be found out.
    // Its references against the scopes of its kinds, its kinds against
    // what is protected, its kinds against what is served.
    pub async fn needs(&self, rule: &Rule) -> Result<RuleNeeds, Error> {
        let mut found = RuleNeeds {
            refused: protected_kinds(&rule.current, &self.0.config.protection).collect(),
            ..RuleNeeds::default()
        };
        let parent = self.require(&rule.parent, &mut found).await?;
        found.refused.extend(out_of_scope(rule, &rule.parent, parent.as_ref()));
        let declared: Vec<&DependentKind> =
            rule.current.stages.iter().flat_map(|stage| &stage.dependents).collect();
        let mut dependents = Vec::new();
        for declared in declared {
            let Some(endpoint) = self.require(&declared.kind, &mut found).await? else { continue };
            found.refused.extend(out_of_scope(rule, &declared.kind, Some(&endpoint)));
            if let Some(parent) = &parent {
                let clear = check(declared, Scope::of(parent.namespaced), Scope::of(endpoint.namespaced));
                found.refused.extend(clear.err().map(Refused::Unclear));
            }
            dependents.push((endpoint, declared.action));
        }
        let Some(parent) = parent else { return Ok(found) };
        let (parents, within) = (rule.parent_namespaces(), rule.within.as_deref());
        found.rights = rights_for(&parent, parents.as_deref(), &dependents, within).into_iter().collect();
        Ok(found)
    }

    async fn require(&self, kind: &KindRef, found: &mut RuleNeeds) -> Result<Option<Endpoint>, Error> {
        match self.0.loader.served(kind).await {
            Ok(Some(endpoint)) => Ok(Some((*endpoint).clone())),
            Ok(None) => {
                if !found.not_served.contains(&kind.kind) {
                    found.not_served.push(kind.kind.clone());
                }
                Ok(None)
            }
            Err(error) => Err(Error::Discover { kind: kind.kind.clone(), error }),
        }
    }
}

/// Why an operator that works in some namespaces alone cannot follow a rule with this kind.
fn out_of_scope(rule: &Rule, kind: &KindRef, served: Option<&Endpoint>) -> Option<Refused> {
    rule.within.as_ref()?;
    if served.is_some_and(|served| !served.namespaced) {
        return Some(Refused::OutOfScope(format!("{} lives in none", kind.kind)));
    }
    let has_no_parents = rule.parent_namespaces().is_some_and(|names| names.is_empty());
    has_no_parents.then(|| Refused::OutOfScope("spec.parent.namespaces names none of them".to_owned()))
}
