//! What the deletion of parents would take along by a Cascade, before it does.
//!
//! `subject` is the Cascade, from the cluster or from a file; `document` what is known of it, for
//! programs, in the `words` that they know; `text` the same for people. Nothing is written.

use rewitness_cascade::{Cascades, Config, Preview};

use crate::link::Link;
use crate::parent::Parents;

mod document;
mod subject;
mod text;
mod words;

pub use document::{ParentPlan, Plan};
pub use subject::Subject;
pub use text::{parent_text, text};
pub use words::{EXCESS, REFUSED, UNKNOWN};

/// The plan for one parent, or for all.
pub async fn of(
    link: &Link,
    subject: &Subject,
    parent: Option<&str>,
    namespace: Option<&str>,
) -> anyhow::Result<Plan> {
    let cascades = Cascades::new(link.client.clone(), Config::default());
    let needs = cascades.needs(&subject.rule).await?;
    let mut plan = subject.plan(needs, link);
    match parent {
        Some(parent) => {
            let (parents, name) = Parents::of(link, &subject.rule, parent).await?;
            let parent = parents.read(namespace, &name).await?;
            let preview = cascades.preview(&subject.rule, &subject.hour, &parent.id).await?;
            let Some(preview) = preview else { anyhow::bail!("{} has just gone", parent.typed()) };
            let mut one = plan.parent(&preview);
            one.selected = parent.is_of(&subject.rule);
            one.typed = parent.typed();
            plan.take(vec![one], true);
        }
        // What is not served has no objects to be asked about.
        None if plan.not_served.contains(&subject.rule.parent_kind().to_string()) => {}
        None => {
            let previews: Vec<Preview> = cascades.previews(&subject.rule, &subject.hour).await?;
            let parents: Vec<ParentPlan> = previews.iter().map(|preview| plan.parent(preview)).collect();
            plan.take(parents, false);
        }
    }
    Ok(plan)
}
