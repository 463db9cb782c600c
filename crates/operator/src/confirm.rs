//! `rewitness confirm`: a person answers for a deletion that is over a limit (C7, C8).
//!
//! What is confirmed is one list, by its hash. It is shown, and made again right before the
//! annotation is written: what has changed meanwhile was not read by anybody.

use std::io::IsTerminal;

use kube::api::{Patch, PatchParams};
use rewitness_consumers::cascade::{Cascades, Config, Preview, Refused};
use rewitness_crds::cascade::confirm_annotation;
use serde::Serialize;
use serde_json::json;

use crate::answer;
use crate::args::{ConfirmArgs, GlobalArgs};
use crate::called;
use crate::connect::{self, Link};
use crate::exit::{Status, wrong_use};
use crate::parent::{Parent, Parents};
use crate::plan::{Names, ParentPlan, Subject, parent_text};
use crate::screen::Screen;
use crate::signals::Signals;
use crate::text::counted;

/// How often it is written while others change the parent, too.
const TRIES: usize = 5;

/// What became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    api_version: &'static str,
    kind: &'static str,
    cascade: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    uid: String,
    hash: String,
    deletes: u64,
    /// Whether a confirmation is needed at all.
    needed: bool,
    changed: bool,
}

/// Whose deletion, by which Cascade.
struct Confirm<'a> {
    link: &'a Link,
    subject: &'a Subject,
    cascades: Cascades,
    parents: Parents,
    namespace: Option<&'a str>,
    name: String,
}

/// The parent and its list, as of one moment: the parent was read first.
struct Look {
    parent: Parent,
    preview: Preview,
}

pub(crate) async fn run(args: &ConfirmArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = confirm(args, global, screen) => status,
        () = signals.next() => {
            screen.note("stopped");
            Ok(Status::Failed)
        }
    }
}

async fn confirm(args: &ConfirmArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    let subject = Subject::of_cluster(&link, &args.cascade).await?;
    let (parents, name) = Parents::of(&link, &subject.rule, &args.parent).await?;
    let cascades = Cascades::new(link.client.clone(), Config::default());
    let (link, subject, namespace) = (&link, &subject, args.namespace.as_deref());
    let confirm = Confirm { link, subject, cascades, parents, namespace, name };
    let shown = confirm.look().await?;
    confirm.require_confirmable(&shown)?;
    let mut plan = ParentPlan::new(&shown.preview, |_| false);
    plan.typed = shown.parent.typed();
    let mut answer = confirm.answer(&shown, &plan);
    if answer.needed {
        let names = if args.all { Names::All } else { Names::Some };
        screen.lines(question(&shown.preview, &plan, names).as_bytes());
        if !agreed(args, screen).await? {
            screen.note("nothing was confirmed");
            return Ok(Status::Failed);
        }
        confirm.write(&shown.preview.hash).await?;
        answer.changed = true;
    }
    answer::print(args.output, &answer, || answer.text(&plan.typed))?;
    if answer.changed && shown.preview.deleting.is_none() {
        screen.note("it is not being deleted yet; what refers to it until then has to be confirmed anew");
    }
    Ok(Status::Done)
}

/// What is asked about.
fn question(preview: &Preview, plan: &ParentPlan, names: Names) -> String {
    let why: Vec<String> = preview.excess.iter().map(ToString::to_string).collect();
    format!("{}It needs a confirmation: {}.\n", parent_text(plan, names), why.join(", and "))
}

async fn agreed(args: &ConfirmArgs, screen: &Screen) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if !screen.is_terminal() || !std::io::stdin().is_terminal() {
        return Err(wrong_use("a person confirms, and there is no terminal to ask on\nadd --yes"));
    }
    let answer = screen.ask("Confirm that all of this is deleted? [y/N] ").await?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

impl Confirm<'_> {
    async fn look(&self) -> anyhow::Result<Look> {
        let parent = self.parents.read(self.namespace, &self.name).await?;
        let Subject { rule, hour, .. } = self.subject;
        match self.cascades.preview(rule, hour, &parent.id).await? {
            Some(preview) => Ok(Look { parent, preview }),
            None => anyhow::bail!("{} has just gone", parent.typed()),
        }
    }

    fn require_confirmable(&self, look: &Look) -> anyhow::Result<()> {
        let (cascade, typed) = (self.subject.rule.name(), look.parent.typed());
        if look.preview.refused.contains(&Refused::NotEnforced) {
            anyhow::bail!(
                "cascade/{cascade} only plans, so it deletes nothing that could be confirmed\n\
                 `{} plan {cascade} {typed}` shows what it would delete",
                called::typed()
            );
        }
        if !look.preview.is_held && !look.parent.is_of(&self.subject.rule) {
            anyhow::bail!("cascade/{cascade} is not about {typed}: its namespace or its labels are others");
        }
        if !look.preview.is_complete() {
            anyhow::bail!(
                "you cannot see all that would be deleted, so nobody has read the list that you would confirm\n\
                 `{} plan {cascade} {typed}` says what is unknown, and why",
                called::typed()
            );
        }
        Ok(())
    }

    /// Writes the annotation for exactly this list, if it is still that.
    async fn write(&self, hash: &str) -> anyhow::Result<()> {
        let annotation = confirm_annotation(self.subject.rule.name());
        for _ in 0..TRIES {
            let Look { parent, preview } = self.look().await?;
            if preview.hash != hash {
                let now = counted(preview.dependents().count() as u64, "dependent is", "dependents are");
                anyhow::bail!(
                    "the list has changed while you read it: {now} left now; nothing was confirmed\n\
                     run the same command again"
                );
            }
            // It applies to what was read, or not at all.
            let patch = Patch::Merge(json!({ "metadata": {
                "uid": parent.metadata.uid,
                "resourceVersion": parent.metadata.resource_version,
                "annotations": { &annotation: hash },
            } }));
            let api = self.parents.api(parent.id.namespace.as_deref());
            match api.patch_metadata(&self.name, &PatchParams::default(), &patch).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(error) => {
                    return Err(self.link.explain_call(&format!("annotate {}", parent.typed()), error));
                }
            }
        }
        anyhow::bail!("others change the parent all the time: it was tried {TRIES} times; run it again")
    }

    fn answer(&self, look: &Look, plan: &ParentPlan) -> Confirmation {
        let id = &look.parent.id;
        Confirmation {
            api_version: answer::API_VERSION,
            kind: "Confirmation",
            cascade: self.subject.rule.name().to_owned(),
            namespace: id.namespace.as_deref().map(str::to_owned),
            name: id.name.to_string(),
            uid: id.uid.to_string(),
            hash: look.preview.hash.clone(),
            deletes: plan.deletes(),
            needed: !look.preview.excess.is_empty(),
            changed: false,
        }
    }
}

impl Confirmation {
    fn text(&self, parent: &str) -> String {
        let Self { cascade, hash, .. } = self;
        let count = counted(self.deletes, "dependent", "dependents");
        match self.needed {
            true => {
                format!("{parent}: the deletion of {count} by cascade/{cascade} is confirmed, hash {hash}\n")
            }
            false => {
                format!("{parent}: the deletion of {count} by cascade/{cascade} needs no confirmation\n")
            }
        }
    }
}
