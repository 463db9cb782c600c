//! `rewitness suspend` and `rewitness resume`: `spec.suspend` of a Cascade, on or off.

use kube::api::{Patch, PatchParams};
use rewitness_crds::Cascade;
use rewitness_kubernetes::call::in_time;
use rewitness_verdict::text::counted;
use rewitness_verdict::{API_VERSION, Link, sources};
use serde::Serialize;
use serde_json::json;

use crate::answer;
use crate::args::{GlobalArgs, SuspendArgs};
use crate::connect;
use crate::exit::{Status, describe};
use crate::screen::Screen;

/// What was suspended or resumed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Suspension {
    api_version: &'static str,
    kind: &'static str,
    suspend: bool,
    cascades: Vec<Switched>,
}

/// What became of one Cascade.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Switched {
    name: String,
    changed: bool,
    /// Parents that are being deleted, and held.
    held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn run(
    args: &SuspendArgs,
    suspend: bool,
    global: &GlobalArgs,
    screen: &Screen,
) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    // All are found before any is changed: a name with a typing error changes nothing.
    let cascades = match args.all {
        true => sources::all(&link).await?,
        false => {
            let mut named = Vec::new();
            for name in &args.cascades {
                named.push(sources::named(&link, name).await?);
            }
            named
        }
    };
    let mut suspension =
        Suspension { api_version: API_VERSION, kind: "Suspension", suspend, cascades: Vec::new() };
    for cascade in cascades {
        suspension.cascades.push(switch(&link, cascade, suspend).await);
    }
    answer::print(args.output, &suspension, || suspension.text())?;
    if suspension.cascades.is_empty() {
        screen.note("there is no Cascade");
    }
    let failed = suspension.cascades.iter().filter_map(|one| Some((&one.name, one.error.as_ref()?)));
    let failed = failed.map(|(name, error)| screen.alarm("failed", format_args!("cascade/{name}: {error}")));
    Ok(if failed.count() == 0 { Status::Done } else { Status::Failed })
}

async fn switch(link: &Link, cascade: Cascade, suspend: bool) -> Switched {
    let name = cascade.metadata.name.unwrap_or_default();
    let held = cascade.status.map_or(0, |status| status.counts.held);
    let mut switched = Switched { name, changed: false, held, error: None };
    if cascade.spec.suspend == suspend {
        return switched;
    }
    // A Cascade that was created under this name in the meantime is not changed.
    let patch =
        Patch::Merge(json!({ "metadata": { "uid": cascade.metadata.uid }, "spec": { "suspend": suspend } }));
    match in_time(sources::api(link).patch(&switched.name, &PatchParams::default(), &patch)).await {
        Ok(_) => switched.changed = true,
        Err(error) => switched.error = Some(describe(&link.explain_call("change it", error))),
    }
    switched
}

impl Suspension {
    fn text(&self) -> String {
        let done = self.cascades.iter().filter(|one| one.error.is_none());
        done.map(|one| one.line(self.suspend)).collect()
    }
}

impl Switched {
    fn line(&self, suspend: bool) -> String {
        let state = match (suspend, self.changed) {
            (true, true) => "suspended",
            (true, false) => "was suspended already",
            (false, true) => "resumed",
            (false, false) => "was not suspended",
        };
        let held = counted(self.held, "deletion", "deletions");
        let then = match (suspend, self.held) {
            (_, 0) => String::new(),
            (true, 1) => format!("; {held} waits"),
            (true, _) => format!("; {held} wait"),
            (false, _) if !self.changed => String::new(),
            (false, 1) => format!("; {held} continues"),
            (false, _) => format!("; {held} continue"),
        };
        format!("cascade/{} {state}{then}\n", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_changed_and_what_it_means_for_the_deletions_under_way() {
        let of = |changed, held| Switched { name: "project".to_owned(), changed, held, error: None };
        for (switched, suspend, expected) in [
            (of(true, 0), true, "suspended"),
            (of(true, 2), true, "suspended; 2 deletions wait"),
            (of(false, 1), true, "was suspended already; 1 deletion waits"),
            (of(true, 1), false, "resumed; 1 deletion continues"),
            (of(true, 2), false, "resumed; 2 deletions continue"),
            (of(false, 1), false, "was not suspended"),
        ] {
            assert_eq!(switched.line(suspend), format!("cascade/project {expected}\n"));
        }
    }
}
