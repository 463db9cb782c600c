//! Holding by hand: what is asked before, and said after.

use std::io::IsTerminal;
use std::time::Duration;

use rewitness_crds::Command;
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::finalizer::{HeldList, Holds, is_protected_namespace, protected};
use rewitness_messaging::Selector;
use rewitness_verdict::Link;
use rewitness_verdict::text::{counted, thousands};

use crate::args::TailArgs;
use crate::exit::{describe, wrong_use};
use crate::hold_name::HoldName;
use crate::rights;
use crate::scope::Scope;
use crate::screen::Screen;

/// How long the count at the end may take; nobody waits at an exit for long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hold, and everything that says where it is.
pub(crate) struct HoldPlan<'a> {
    pub(crate) name: &'a HoldName,
    pub(crate) link: &'a Link,
    pub(crate) kinds: &'a [ResolvedKind],
    pub(crate) scope: &'a Scope,
    pub(crate) args: &'a TailArgs,
}

/// What is there of a kind before it is held.
#[derive(Debug, PartialEq, Eq)]
struct Count {
    kind: String,
    to_add: u64,
    held: u64,
    protected: u64,
}

impl HoldPlan<'_> {
    /// Refuses what a cluster lives from, unless a flag allows it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.args.allow_protected {
            return Ok(());
        }
        for kind in self.kinds {
            if let Some(reason) = protected(&kind.kind) {
                return Err(wrong_use(format!(
                    "{kind} are not held: {reason}\n--allow-protected holds them all the same"
                )));
            }
            if let Some(namespace) =
                self.scope.namespace_of(kind).filter(|name| is_protected_namespace(Some(name)))
            {
                return Err(wrong_use(format!(
                    "nothing is held in {namespace}: the cluster's own machinery lives there\n\
                     --allow-protected holds it all the same"
                )));
            }
        }
        Ok(())
    }

    /// Says which resources will get the finalizer, and asks. `false` if the answer was no.
    pub(crate) async fn ask(&self, screen: &Screen) -> anyhow::Result<bool> {
        let mut counts = Vec::new();
        for kind in self.kinds {
            rights::require(self.link, kind, self.scope.namespace_of(kind), &["get", "patch"], "--hold")
                .await?;
            let found = self.list(kind, &self.scope.selector).await?;
            counts.push(Count::new(kind.to_string(), &found, self.args.allow_protected));
        }
        let has_command = !self.args.command.is_empty();
        screen.line(announcement(&self.name.finalizer(), &self.link.place(), &counts, has_command));
        let has_terminal = screen.is_terminal() && std::io::stdin().is_terminal();
        if self.args.yes || (has_terminal && counts.iter().all(|count| count.to_add == 0)) {
            return Ok(true);
        }
        screen.ask("Continue?", "--hold writes to the cluster").await
    }

    /// Says how much is still held, and which command removes the finalizer.
    pub(crate) async fn tell_held(&self, screen: &Screen) {
        let finalizer = self.name.finalizer();
        match tokio::time::timeout(PATIENCE, self.count_held()).await {
            Ok(Ok(0)) => screen.note(format_args!("nothing is held by {finalizer} any more")),
            Ok(Ok(held)) => {
                let held = counted(held, "resource is", "resources are");
                self.tell_way_out(screen, &format!("{held} still held by {finalizer}"));
            }
            Ok(Err(error)) => self.tell_uncounted(screen, &describe(&error)),
            Err(_) => self.tell_uncounted(screen, "the server did not answer in time"),
        }
    }

    /// The same without asking the server.
    pub(crate) fn tell_uncounted(&self, screen: &Screen, reason: &str) {
        let finalizer = self.name.finalizer();
        self.tell_way_out(screen, &format!("what {finalizer} holds stays held (not counted: {reason})"));
    }

    fn tell_way_out(&self, screen: &Screen, what: &str) {
        screen.line(format_args!(
            "{what}; start again to go on, or remove the finalizer with:\n  {}",
            self.unhold_command()
        ));
    }

    async fn list(&self, kind: &ResolvedKind, selector: &Selector) -> anyhow::Result<HeldList> {
        let (namespace, finalizer) = (self.scope.namespace_of(kind), self.name.finalizer());
        let found = Holds::new(self.link.client.clone()).list(kind, namespace, selector, &finalizer).await;
        found.map_err(|error| self.link.explain(error))
    }

    /// Counts without the selector: a resource that was relabelled since carries the finalizer too.
    async fn count_held(&self) -> anyhow::Result<u64> {
        let mut held = 0;
        for kind in self.kinds {
            held += self.list(kind, &Selector::default()).await?.held.len() as u64;
        }
        Ok(held)
    }

    /// The command that removes every finalizer that this one can have added. Without the selector, for
    /// the reason that [`Self::count_held`] has.
    fn unhold_command(&self) -> Command {
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        // Also in a context that is only the current one: another may be by then.
        let typed = self.link.typed.in_context(self.link.context.as_deref());
        let unhold = typed.rewitness("unhold").word(self.name.to_string()).word(kinds.join(","));
        match &self.scope.namespace {
            Some(namespace) => unhold.option("-n", &**namespace),
            None => unhold.flag("-A"),
        }
    }
}

/// What is said before anything is written.
fn announcement(finalizer: &str, place: &str, counts: &[Count], has_command: bool) -> String {
    let (mut text, so) = match counts.iter().map(|count| count.to_add).sum() {
        0 => (
            format!("no resource needs the finalizer {finalizer} added on {place}:\n"),
            "Resources created from now on will get it.",
        ),
        total => {
            let total = counted(total, "resource", "resources");
            (
                format!("{total} will get the finalizer {finalizer} on {place}:\n"),
                "So will resources that are created meanwhile.",
            )
        }
    };
    let width = counts.iter().map(|count| count.kind.len()).max().unwrap_or_default();
    for count in counts {
        text += &format!("  {:width$}  {:>9}{}\n", count.kind, thousands(count.to_add), count.besides());
    }
    text += so;
    text += match has_command {
        true => " A deleted one stays until the command has\nanswered for it with exit status 0.",
        false => {
            " Without a command, printing is Done:\na deletion is released as soon as its line is printed."
        }
    };
    text
}

impl Count {
    fn new(kind: String, found: &HeldList, allow_protected: bool) -> Self {
        let protected = if allow_protected { 0 } else { found.protected };
        let held = found.held.len() as u64;
        let to_add = found.total.saturating_sub(held + protected + found.unreadable);
        Self { kind, to_add, held, protected }
    }

    /// Resources that do not get the finalizer now.
    fn besides(&self) -> String {
        let parts = [(self.held, "have it already"), (self.protected, "in kube-* namespaces, left alone")];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", thousands(*count)))
            .collect();
        if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests;
