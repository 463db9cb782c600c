use std::sync::{Arc, PoisonError, RwLock};

use super::rule::Rule;

/// A rule that can be changed while it is followed. Clones are the same.
#[derive(Clone)]
pub struct RuleHandle(Arc<RwLock<State>>);

struct State {
    rule: Arc<Rule>,
    missing_rights: Arc<[String]>,
    superseded: bool,
}

impl RuleHandle {
    /// For a rule for which no rights are known to be missing.
    pub fn new(rule: Rule) -> Self {
        let state = State { rule: Arc::new(rule), missing_rights: Arc::default(), superseded: false };
        Self(Arc::new(RwLock::new(state)))
    }

    /// From now on the rule says this. A rule that no longer enforces, or is suspended, stops deletes
    /// that are under way before their next call.
    ///
    /// # Assumptions
    ///
    /// The kind of the parents is the same; for another kind subscribe anew.
    pub fn set(&self, rule: Rule) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        (state.rule, state.superseded) = (Arc::new(rule), false);
    }

    /// From now on no deletion begins or goes on, until the rule is [set](Self::set) to one that deletes.
    pub fn suspend(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.rule.deletes() {
            state.rule = Arc::new((*state.rule).clone().suspended());
        }
    }

    /// The rule is about to be [set](Self::set) anew. Until it is, no deletion begins by what it says; those that have
    /// begun go on.
    pub fn supersede(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).superseded = true;
    }

    /// Whether the rule is about to be set anew.
    pub fn is_superseded(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).superseded
    }

    /// From now on these rights are missing, as texts for people; no deletion begins while there is
    /// any.
    pub fn set_missing_rights(&self, missing: impl IntoIterator<Item = String>) {
        let missing = missing.into_iter().collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).missing_rights = missing;
    }

    /// What the rule says now.
    pub fn current(&self) -> Arc<Rule> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).rule.clone()
    }

    /// What the rule says now, and whether it is about to say something else.
    pub(crate) fn snapshot(&self) -> (Arc<Rule>, bool) {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (state.rule.clone(), state.superseded)
    }

    pub(crate) fn missing_rights(&self) -> Arc<[String]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).missing_rights.clone()
    }

    pub(crate) fn deletes(&self) -> bool {
        self.current().deletes()
    }
}

impl From<Rule> for RuleHandle {
    fn from(rule: Rule) -> Self {
        Self::new(rule)
    }
}
