//! The Cascade that is asked about: as it is in the cluster, or as it would be applied.

use rewitness_cascade::{HourWindow, Refused, Rule, RuleNeeds, is_served};
use rewitness_crds::{Cascade, Reason};
use rewitness_kubernetes::call::chain;
use rewitness_messaging::Timestamp;

use super::document::{Detail, Limits, Plan, Totals};
use crate::document::API_VERSION;
use crate::error::wrong_use;
use crate::link::Link;
use crate::sources;

/// A Cascade, and what its status says of this hour.
pub struct Subject {
    /// As it was read.
    pub cascade: Cascade,
    /// The same, understood.
    pub rule: Rule,
    /// What was deleted in this hour.
    pub hour: HourWindow,
    origin: &'static str,
    /// Why its status is not known, and with it the hour.
    unread: Option<String>,
}

impl Subject {
    /// The one of this name.
    pub async fn of_cluster(link: &Link, typed: &str) -> anyhow::Result<Self> {
        Self::new(sources::named(link, typed).await?, "cluster", None)
    }

    /// The one of a file. What was deleted in this hour, and with which revisions deletions have
    /// begun, is known by the Cascade that it would take the place of.
    pub async fn of_file(link: &Link, cascades: Vec<Cascade>) -> anyhow::Result<Self> {
        let [cascade] = <[Cascade; 1]>::try_from(cascades).map_err(|several| {
            let count = several.len();
            wrong_use(format!(
                "the file has {count} Cascades: a plan is for one, so put it in a file of its own"
            ))
        })?;
        let name = cascade.metadata.name.clone().unwrap_or_default();
        let (former, unread) = match sources::find(link, &name).await {
            Ok(former) => (former, None),
            Err(_) if matches!(is_served(&sources::api(link)).await, Ok(false)) => (None, None),
            // There may be one all the same, of which the hour is full.
            Err(error) => (None, chain(error.as_ref()).lines().next().map(str::to_owned)),
        };
        let status = former.and_then(|former| former.status);
        Self::new(Cascade { status, ..cascade }, "file", unread)
    }

    fn new(cascade: Cascade, origin: &'static str, unread: Option<String>) -> anyhow::Result<Self> {
        let rule = sources::rule(&cascade)?;
        let hour = cascade.status.as_ref().map(|status| status.hour.clone()).unwrap_or_default();
        Ok(Self { cascade, rule, hour: HourWindow::new(hour, Timestamp::now()), origin, unread })
    }

    /// The plan of no parent yet.
    pub(super) fn plan(&self, needs: RuleNeeds, link: &Link) -> Plan {
        let spec = &self.cascade.spec;
        let remaining = self.hour.remaining(spec.limits.max_per_hour, Timestamp::now());
        let unknown = self.unread.as_ref().map(|why| {
            let what = "what is left of this hour, and by which revisions deletions go that have begun";
            Detail::new(Reason::StatusUnread, format!("{what}: {why}"))
        });
        let refused: Vec<Refused> =
            self.rule.stated_refusals().chain(needs.refused.iter().cloned()).collect();
        Plan {
            api_version: API_VERSION,
            kind: "Plan",
            cascade: self.rule.name().to_owned(),
            origin: self.origin,
            mode: spec.mode,
            limits: Limits {
                max_dependents: spec.limits.max_dependents,
                max_per_hour: spec.limits.max_per_hour,
                hour_remaining: self.unread.is_none().then_some(remaining),
            },
            refused: refused.iter().map(Detail::of_refused).collect(),
            not_served: needs.not_served.iter().map(ToString::to_string).collect(),
            unknown: unknown.into_iter().collect(),
            totals: Totals { complete: needs.not_served.is_empty(), ..Totals::default() },
            parents: Vec::new(),
            typed: link.typed.clone(),
        }
    }
}
