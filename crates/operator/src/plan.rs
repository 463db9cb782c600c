//! `rewitness plan`: what the deletion of parents would take along by a Cascade, before it does.
//!
//! [`subject`] is the Cascade, from the cluster or from a file; [`document`] what is known of it, for
//! programs, in the [`words`] that they know; [`text`] the same for people. Nothing is written.

use rewitness_cascade::{Cascades, Config, Preview, Refused};

use crate::answer;
use crate::args::{GlobalArgs, PlanArgs};
use crate::connect::{self, Link};
use crate::exit::{Status, wrong_use};
use crate::parent::Parents;
use crate::screen::Screen;
use crate::signals::Signals;
use crate::sources;

mod document;
mod subject;
mod text;
mod words;

pub(crate) use document::{ParentPlan, Plan};
pub(crate) use subject::Subject;
pub(crate) use text::{Names, parent_text};
pub(crate) use words::{EXCESS, REFUSED, UNKNOWN};

pub(crate) async fn run(args: &PlanArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = plan(args, global, screen) => status,
        () = signals.next() => Ok(Status::Failed),
    }
}

async fn plan(args: &PlanArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let (file, named, parent) = match (&args.file, &*args.what) {
        (Some(file), []) => (Some(sources::read(file)?), None, None),
        (Some(file), [parent]) => (Some(sources::read(file)?), None, Some(parent)),
        (None, [cascade]) => (None, Some(cascade), None),
        (None, [cascade, parent]) => (None, Some(cascade), Some(parent)),
        (Some(_), _) => {
            return Err(wrong_use("with -f the Cascade is in the file: name at most a PARENT"));
        }
        (None, _) => {
            return Err(wrong_use(
                "name a CASCADE, and one of its parents if you like; or -f FILE for one that is not applied yet",
            ));
        }
    };
    let link = connect::connect(global).await?;
    let subject = match (file, named) {
        (Some(cascades), _) => Subject::of_file(&link, cascades).await?,
        (None, named) => Subject::of_cluster(&link, named.map_or("", String::as_str)).await?,
    };
    screen.status("reading …");
    let plan = of(&link, &subject, parent.map(String::as_str), args.namespace.as_deref()).await?;
    screen.status("");
    let names = if args.all { Names::All } else { Names::Some };
    answer::print(args.output, &plan, || text::text(&plan, names))?;
    Ok(Status::Done)
}

/// The plan for one parent, or for all.
async fn of(
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
            let mut one = plan.parent(&preview, &subject.rule_refusals);
            one.selected = parent.is_of(&subject.rule);
            one.typed = parent.typed();
            plan.take(vec![one], true);
        }
        // What is not served has no objects to be asked about.
        None if plan.not_served.contains(&subject.rule.parent_kind().to_string()) => {}
        None => {
            let previews: Vec<Preview> = cascades.previews(&subject.rule, &subject.hour).await?;
            let of = |preview: &Preview| plan.parent(preview, &subject.rule_refusals);
            let parents: Vec<ParentPlan> = previews.iter().map(of).collect();
            plan.take(parents, false);
        }
    }
    Ok(plan)
}

/// What keeps a rule from doing anything, as it is written.
fn stated(rule: &rewitness_cascade::Rule, spec: &rewitness_crds::CascadeSpec) -> Vec<Refused> {
    let stated = [
        (rule.mode() != rewitness_crds::cascade::Mode::Enforce).then_some(Refused::NotEnforced),
        spec.paused.then_some(Refused::Paused),
        spec.hold_deletions.then_some(Refused::DeletionsHeld),
    ];
    stated.into_iter().flatten().collect()
}
