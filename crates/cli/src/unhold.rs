//! `rewitness unhold`: removes a finalizer of Rewitness by hand.

use futures::StreamExt;
use rewitness_crds::visible;
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::finalizer::{Held, Holds};
use rewitness_verdict::text::counted;
use rewitness_verdict::{Link, object};

use crate::answer;
use crate::args::{GlobalArgs, UnholdArgs};
use crate::connect;
use crate::exit::{Status, describe, wrong_use};
use crate::scope::Scope;
use crate::screen::Screen;
use crate::types;

mod owner;
mod reference;

pub(crate) use reference::HoldRef;

/// Patches under way at a time: quick for who waits, and little for an API server.
const AT_A_TIME: usize = 16;

/// Removes one finalizer.
struct Release<'a> {
    finalizer: &'a str,
    dry_run: bool,
    link: &'a Link,
    screen: &'a Screen,
    holds: Holds,
    released: u64,
    /// Resources that still carry it.
    failed: u64,
    /// Types of which nobody knows.
    unlisted: u64,
}

pub(crate) async fn run(args: &UnholdArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    let typed = owner::types(args, &link, screen).await?;
    let (typed, name) = single_object(&typed, args.scope.place.all_namespaces)?;
    let kinds = types::resolve(&link, &typed).await?;
    let scope = Scope::new(&args.scope, &link);
    let finalizer = args.hold.finalizer();
    let mut release = Release {
        finalizer: &finalizer,
        dry_run: args.dry_run,
        link: &link,
        screen,
        holds: Holds::new(link.client.clone()),
        released: 0,
        failed: 0,
        unlisted: 0,
    };
    for kind in &kinds {
        match release.find(kind, &scope, name.as_deref()).await {
            Ok(held) => {
                if let Some(name) = name.as_deref().filter(|_| held.is_empty()) {
                    // One that does not carry it is fine; one that is not there was not meant.
                    object::read(&link, kind, scope.namespace_of(kind), name).await?;
                }
                release.remove(held).await?;
            }
            // The other types can be released all the same.
            Err(error) => {
                release.unlisted += 1;
                screen.alarm("failed", describe(&error));
            }
        }
    }
    release.conclude()
}

/// The types, and the name of the one object that is meant, if there is one: `TYPE/NAME`.
fn single_object(typed: &[String], everywhere: bool) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let parts = |one: &String| one.split_once('/').map(|(kind, name)| (kind.to_owned(), name.to_owned()));
    match typed {
        [one] => match parts(one) {
            None => Ok((typed.to_vec(), None)),
            Some((kind, name)) if kind.is_empty() || name.is_empty() || name.contains('/') => {
                Err(wrong_use(format!("`{one}` names no object: name one as TYPE/NAME")))
            }
            // What has that name in one namespace has nothing to do with what has it in another.
            Some(_) if everywhere => Err(wrong_use(format!(
                "`{one}` is one object, and -A is all namespaces\n\
                 say which with -n, or choose among all objects of the type with -l SELECTOR"
            ))),
            Some((kind, name)) => Ok((vec![kind], Some(name))),
        },
        several if several.iter().any(|one| one.contains('/')) => {
            Err(wrong_use("TYPE/NAME stands alone: for several objects choose with -l SELECTOR"))
        }
        several => Ok((several.to_vec(), None)),
    }
}

impl Release<'_> {
    /// What carries the finalizer, of one name if there is one.
    async fn find(
        &self,
        kind: &ResolvedKind,
        scope: &Scope,
        name: Option<&str>,
    ) -> anyhow::Result<Vec<Held>> {
        let found = self.holds.list(kind, scope.namespace_of(kind), &scope.selector, self.finalizer).await;
        let found = found.map_err(|error| self.link.explain(error))?;
        if found.unreadable > 0 {
            let unreadable = counted(found.unreadable, "resource cannot", "resources cannot");
            self.screen.alarm("warning", format_args!("{kind}: {unreadable} be read, and may be held"));
        }
        let mut held = found.held;
        held.retain(|held| name.is_none_or(|name| *held.resource.name == *name));
        Ok(held)
    }

    /// Removes the finalizer from several at a time, and prints them in the order of their names.
    async fn remove(&mut self, mut held: Vec<Held>) -> anyhow::Result<()> {
        held.sort_unstable_by(|one, other| name_of(one).cmp(&name_of(other)));
        let (holds, finalizer, dry_run) = (self.holds.clone(), self.finalizer, self.dry_run);
        let mut answers = futures::stream::iter(held)
            .map(|held| {
                let holds = holds.clone();
                async move {
                    let answer = match dry_run {
                        true => Ok(()),
                        false => holds.remove(&held.resource, finalizer).await.map(drop),
                    };
                    (held, answer)
                }
            })
            .buffered(AT_A_TIME);
        while let Some((held, answer)) = answers.next().await {
            match answer {
                Ok(()) => self.tell(&held)?,
                Err(error) => {
                    self.failed += 1;
                    self.screen.alarm("failed", describe(&self.link.explain(error)));
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, held: &Held) -> anyhow::Result<()> {
        self.released += 1;
        let resource = &held.resource;
        let kind = resource.kind.to_string().to_lowercase();
        let place =
            resource.namespace.as_deref().map_or_else(String::new, |namespace| format!(" in {namespace}"));
        let what = match (self.dry_run, held.deleting) {
            (true, true) => "is held, and is being deleted",
            (true, false) => "is held",
            (false, true) => "released, and may go now",
            (false, false) => "released",
        };
        answer::write(format!("{kind}/{}{place} {what}\n", visible(&resource.name)))
    }

    fn conclude(&self) -> anyhow::Result<Status> {
        let (finalizer, count) = (self.finalizer, counted(self.released, "resource", "resources"));
        if self.released > 0 || self.failed + self.unlisted == 0 {
            self.screen.note(match (self.released, self.dry_run) {
                (0, _) => format!("nothing here carries {finalizer}"),
                (_, true) => format!("{count} would be released from {finalizer}; nothing was changed"),
                (_, false) => format!("{count} released from {finalizer}"),
            });
        }
        let resources = counted(self.failed, "resource was not released", "resources were not released");
        let types = counted(self.unlisted, "type could not be listed", "types could not be listed");
        match (self.failed, self.unlisted) {
            (0, 0) => Ok(Status::Done),
            (_, 0) => anyhow::bail!(resources),
            (0, _) => anyhow::bail!(types),
            _ => anyhow::bail!("{resources}; {types}"),
        }
    }
}

fn name_of(held: &Held) -> (Option<&str>, &str) {
    (held.resource.namespace.as_deref(), &held.resource.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::status_of;

    #[test]
    fn one_object_is_named_whole_and_in_one_namespace() {
        let read = |typed: &[&str], everywhere| {
            let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
            single_object(&typed, everywhere)
        };
        let one = (vec!["projects".to_owned()], Some("web".to_owned()));
        assert_eq!(read(&["projects/web"], false).unwrap(), one);
        assert_eq!(read(&["projects", "disks"], true).unwrap().1, None);
        for (typed, everywhere) in [
            (&["projects/web"][..], true),
            (&["projects/"], false),
            (&["/web"], false),
            (&["a/b/c"], false),
            (&["projects/web", "disks"], false),
        ] {
            let error = read(typed, everywhere).unwrap_err();
            assert_eq!(status_of(&error), Status::WrongUse, "{typed:?}");
        }
    }
}
