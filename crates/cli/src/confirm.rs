//! `rewitness confirm`: a person answers for a deletion that is over a limit (C7, C8).
//!
//! What is confirmed is one list of one parent, by its hash. It is shown, and made again right before
//! the annotation is written: what has changed meanwhile was not read by anybody. Only the operator's
//! own list counts in the end, so one that differs from what its status names is not confirmed.

use std::mem::{Discriminant, discriminant};

use kube::api::{Patch, PatchParams};
use rewitness_cascade::{Cascades, Config, Excess, Preview, Refused};
use rewitness_crds::cascade::{HeldParent, confirm_annotation};
use rewitness_kubernetes::call::{in_time, segment};
use rewitness_messaging::Uid;
use rewitness_verdict::plan::{ParentPlan, Subject, parent_text};
use rewitness_verdict::text::counted;
use rewitness_verdict::{API_VERSION, Link, Parent, Parents};
use serde::Serialize;
use serde_json::json;

use crate::answer;
use crate::args::{ConfirmArgs, GlobalArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::Screen;

/// How often it is written while others change the parent, too.
const ATTEMPTS: usize = 5;

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
    args: &'a ConfirmArgs,
    cascades: Cascades,
    parents: Parents,
    name: String,
}

/// The Cascade, the parent and its list, as of one moment: they were read in this order.
struct Look {
    subject: Subject,
    parent: Parent,
    preview: Preview,
}

pub(crate) async fn run(args: &ConfirmArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = &connect::connect(global).await?;
    let subject = Subject::of_cluster(link, &args.cascade).await?;
    let (parents, name) = Parents::of(link, &subject.rule, &args.parent).await?;
    let cascades = Cascades::new(link.client.clone(), Config::default());
    let confirm = Confirm { link, args, cascades, parents, name };
    let shown = confirm.look(subject).await?;
    confirm.require_confirmable(&shown)?;
    let mut plan = ParentPlan::new(&shown.preview, |_| false);
    plan.typed = shown.parent.typed();
    let mut answer = shown.answer(&plan);
    if answer.needed {
        screen.lines(shown.question(&plan, args.all).as_bytes());
        let question = "Confirm that all of this is deleted?";
        if !args.yes && !screen.ask(question, "a person confirms").await? {
            screen.note("nothing was confirmed");
            return Ok(Status::Failed);
        }
        confirm.write(&shown).await?;
        answer.changed = true;
    }
    answer::print(args.output, &answer, || answer.text(&plan.typed.to_string()))?;
    if answer.changed && shown.preview.deleting.is_none() {
        screen.note("it is not being deleted yet; what refers to it until then has to be confirmed again");
    }
    Ok(Status::Done)
}

impl Confirm<'_> {
    async fn look(&self, subject: Subject) -> anyhow::Result<Look> {
        let parent = self.parents.read(self.args.namespace.as_deref(), &self.name).await?;
        match self.cascades.preview(&subject.rule, &subject.hour, &parent.id).await? {
            Some(preview) => Ok(Look { subject, parent, preview }),
            None => anyhow::bail!("{} has just gone", parent.typed()),
        }
    }

    fn require_confirmable(&self, look: &Look) -> anyhow::Result<()> {
        let Look { subject, parent, preview } = look;
        let (cascade, typed) = (subject.rule.name(), parent.typed());
        let plan = typed.of(self.link.typed.rewitness("plan").word(cascade));
        if preview.refused.contains(&Refused::NotEnforced) {
            anyhow::bail!(
                "cascade/{cascade} only plans, so it deletes nothing that could be confirmed\n\
                 `{plan}` shows what it would delete"
            );
        }
        if !preview.is_held && !parent.is_of(&subject.rule) {
            anyhow::bail!("cascade/{cascade} is not about {typed}: its namespace or its labels are others");
        }
        if !preview.is_held && preview.deleting.is_some() {
            let why = typed.of(self.link.typed.rewitness("why"));
            anyhow::bail!(
                "{typed} is being deleted and cascade/{cascade} does not hold it, so there is nothing to confirm: \
                 its dependents stay\n`{why}` says what keeps it"
            );
        }
        if !preview.is_complete() {
            anyhow::bail!(
                "you cannot see all that would be deleted, so nobody has read the list that you would confirm\n\
                 `{plan}` says what is unknown, and why"
            );
        }
        look.require_same_list()?;
        if look.needs() == Need::Unknown {
            anyhow::bail!(
                "it is not known whether the deletion of {typed} needs a confirmation: whether its kind itself is \
                 being removed could not be read\n\
                 it takes the right to get the CustomResourceDefinition of {}",
                parent.kind
            );
        }
        Ok(())
    }

    /// Writes the annotation for exactly what was shown, if it is still that.
    async fn write(&self, shown: &Look) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS {
            let subject = Subject::of_cluster(self.link, &self.args.cascade).await?;
            let now = self.look(subject).await?;
            shown.require_unchanged(&now)?;
            self.require_confirmable(&now)?;
            let parent = &now.parent;
            // It applies to what was read, or not at all.
            let patch = Patch::Merge(json!({ "metadata": {
                "uid": parent.metadata.uid,
                "resourceVersion": parent.metadata.resource_version,
                "annotations": { confirm_annotation(now.subject.rule.name()): now.preview.hash },
            } }));
            let api = self.parents.api(parent.id.namespace.as_deref());
            match in_time(api.patch_metadata(&segment(&self.name), &PatchParams::default(), &patch)).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(error) => {
                    return Err(self.link.explain_call(&format!("annotate {}", parent.typed()), error));
                }
            }
        }
        anyhow::bail!("others change the parent all the time: it was tried {ATTEMPTS} times; run it again")
    }
}

/// Whether a deletion needs a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Yes,
    No,
    /// What decides it could not be read, and the operator does not ask for one so far.
    Unknown,
}

impl Look {
    /// What the operator says of this deletion, if it has said anything yet.
    fn held(&self) -> Option<&HeldParent> {
        let held = self.subject.cascade.status.iter().flat_map(|status| &status.held_parents);
        held.into_iter().find(|held| self.parent.id.uid == Uid::new(&held.uid))
    }

    fn needs(&self) -> Need {
        // Whether the kind is being removed is asked when a deletion begins.
        let is_unsure = self.preview.begun.is_none() && self.preview.kind_removed.is_none();
        let is_asked_for = self.held().is_some_and(|held| held.unconfirmed.is_some());
        match () {
            () if !self.preview.excess.is_empty() => Need::Yes,
            () if is_unsure && is_asked_for => Need::Yes,
            () if is_unsure => Need::Unknown,
            () => Need::No,
        }
    }

    /// What is asked about.
    fn question(&self, plan: &ParentPlan, all: bool) -> String {
        let why: Vec<String> = self.preview.excess.iter().map(ToString::to_string).collect();
        let why = match (&*why, self.held()) {
            ([], Some(held)) => held.message.clone(),
            _ => why.join(", and "),
        };
        format!("{}It needs a confirmation: {why}.\n", parent_text(plan, all))
    }

    /// Refuses what the operator would not take: it deletes by its own list, and is started with
    /// flags that are not known here.
    fn require_same_list(&self) -> anyhow::Result<()> {
        let Some(theirs) = self.held().and_then(|held| held.unconfirmed.as_ref()) else { return Ok(()) };
        let (hash, total) = (&self.preview.hash, self.preview.total);
        if theirs.hash == *hash {
            return Ok(());
        }
        let (ours, listed) =
            (counted(total, "dependent", "dependents"), counted(theirs.count, "dependent", "dependents"));
        anyhow::bail!(
            "the operator waits for the confirmation of another list: of {listed} with the hash {}, and this one is \
             of {ours} with the hash {hash}; nothing was confirmed\n\
             if the list has just changed, run the same command again: it lists again within a minute\n\
             if they stay apart, the operator leaves out what you see: what is outside of its --namespace-scope, or \
             in its own namespace",
            theirs.hash
        );
    }

    /// Refuses what was not shown: another parent of that name, another list, another reason.
    fn require_unchanged(&self, now: &Self) -> anyhow::Result<()> {
        let again = "nothing was confirmed\nrun the same command again";
        if now.parent.id.uid != self.parent.id.uid {
            anyhow::bail!(
                "{} was replaced while you read: it is another object now; {again}",
                now.parent.typed()
            );
        }
        if now.subject.cascade.metadata.uid != self.subject.cascade.metadata.uid {
            anyhow::bail!("cascade/{} was replaced while you read; {again}", now.subject.rule.name());
        }
        if now.preview.hash != self.preview.hash {
            let left = now.preview.dependents().count() as u64;
            let left = counted(left, "dependent is", "dependents are");
            anyhow::bail!("the list has changed while you read it: {left} left now; {again}");
        }
        if now.reasons() != self.reasons() {
            let why: Vec<String> = now.preview.excess.iter().map(ToString::to_string).collect();
            let why = if why.is_empty() { "nothing that is known".to_owned() } else { why.join(", and ") };
            anyhow::bail!(
                "why it needs a confirmation has changed while you read; now it is: {why}; {again}"
            );
        }
        Ok(())
    }

    /// Why a person is asked, whatever the numbers are by now.
    fn reasons(&self) -> (Vec<Discriminant<Excess>>, Option<bool>) {
        (self.preview.excess.iter().map(discriminant).collect(), self.preview.kind_removed)
    }

    fn answer(&self, plan: &ParentPlan) -> Confirmation {
        let id = &self.parent.id;
        Confirmation {
            api_version: API_VERSION,
            kind: "Confirmation",
            cascade: self.subject.rule.name().to_owned(),
            namespace: id.namespace.as_deref().map(str::to_owned),
            name: id.name.to_string(),
            uid: id.uid.to_string(),
            hash: self.preview.hash.clone(),
            deletes: plan.deletes(),
            needed: self.needs() == Need::Yes,
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
