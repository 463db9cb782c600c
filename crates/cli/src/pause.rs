//! `rewitness pause` and `rewitness resume`: one field of a Cascade, on or off.

use kube::api::{Patch, PatchParams};
use rewitness_crds::Cascade;
use rewitness_kubernetes::call::in_time;
use rewitness_verdict::text::counted;
use rewitness_verdict::{API_VERSION, Link, Typed, sources};
use serde::Serialize;
use serde_json::json;

use crate::answer;
use crate::args::{GlobalArgs, PauseArgs};
use crate::connect;
use crate::exit::{Status, describe};
use crate::screen::Screen;

/// What was switched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Switch {
    api_version: &'static str,
    kind: &'static str,
    field: &'static str,
    value: bool,
    cascades: Vec<Switched>,
}

/// What became of one Cascade.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Switched {
    name: String,
    changed: bool,
    paused: bool,
    hold_deletions: bool,
    /// Parents that are being deleted, and held.
    held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn run(
    args: &PauseArgs,
    value: bool,
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
    let field = if args.deletions { "holdDeletions" } else { "paused" };
    let mut switch = Switch { api_version: API_VERSION, kind: "Switch", field, value, cascades: Vec::new() };
    for cascade in cascades {
        switch.cascades.push(switch_one(&link, cascade, args.deletions, value).await);
    }
    answer::print(args.output, &switch, || switch.text(&link.typed))?;
    if switch.cascades.is_empty() {
        screen.note("there is no Cascade");
    }
    let failed = switch.cascades.iter().filter_map(|one| Some((&one.name, one.error.as_ref()?)));
    let failed = failed.map(|(name, error)| screen.alarm("failed", format_args!("cascade/{name}: {error}")));
    Ok(if failed.count() == 0 { Status::Done } else { Status::Failed })
}

async fn switch_one(link: &Link, cascade: Cascade, deletions: bool, value: bool) -> Switched {
    let name = cascade.metadata.name.clone().unwrap_or_default();
    let mut switched = Switched {
        changed: false,
        paused: cascade.spec.paused,
        hold_deletions: cascade.spec.hold_deletions,
        held: cascade.status.map_or(0, |status| status.counts.held),
        name,
        error: None,
    };
    let field = if deletions { &mut switched.hold_deletions } else { &mut switched.paused };
    if *field == value {
        return switched;
    }
    let spec = if deletions { json!({ "holdDeletions": value }) } else { json!({ "paused": value }) };
    // Another Cascade that has the name by now is none of those that were looked at.
    let patch = Patch::Merge(json!({ "metadata": { "uid": cascade.metadata.uid }, "spec": spec }));
    match in_time(sources::api(link).patch(&switched.name, &PatchParams::default(), &patch)).await {
        Ok(_) => (*field, switched.changed) = (value, true),
        Err(error) => switched.error = Some(describe(&link.explain_call("change it", error))),
    }
    switched
}

impl Switch {
    fn text(&self, typed: &Typed) -> String {
        let sound = self.cascades.iter().filter(|one| one.error.is_none());
        sound.map(|one| one.line(self.field == "holdDeletions", self.value, typed)).collect()
    }
}

impl Switched {
    fn line(&self, deletions: bool, value: bool, typed: &Typed) -> String {
        let Self { name, .. } = self;
        let state = match (deletions, value, self.changed) {
            (false, true, true) => "paused",
            (false, true, false) => "was paused already",
            (true, true, true) => "holds deletions back",
            (true, true, false) => "held deletions back already",
            (false, false, true) => "resumed",
            (true, false, true) => "lets deletions go on",
            (false, false, false) => "was not paused",
            (true, false, false) => "held no deletions back",
        };
        format!("cascade/{name} {state}{}\n", self.besides(value, typed))
    }

    /// What comes of it for the deletions under way, and what the other field still keeps.
    fn besides(&self, value: bool, typed: &Typed) -> String {
        let held = counted(self.held, "deletion", "deletions");
        let resume = typed.rewitness("resume").word(&self.name);
        let (stands, goes) = if self.held == 1 { ("stands", "goes") } else { ("stand", "go") };
        match (value, self.paused, self.hold_deletions) {
            (true, ..) if self.held > 0 => format!("; {held} {stands} still"),
            (true, ..) => String::new(),
            (false, true, _) => format!("; it is still paused: {resume}"),
            (false, _, true) => format!("; it still holds deletions back: {}", resume.flag("--deletions")),
            (false, ..) if self.held > 0 && self.changed => format!("; {held} {goes} on"),
            (false, ..) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_changed_and_what_is_still_in_the_way() {
        let of = |changed, paused, hold_deletions, held| Switched {
            name: "project".to_owned(),
            changed,
            paused,
            hold_deletions,
            held,
            error: None,
        };
        for (switched, deletions, value, expected) in [
            (of(true, true, false, 0), false, true, "cascade/project paused"),
            (of(true, true, false, 2), false, true, "cascade/project paused; 2 deletions stand still"),
            (of(false, true, false, 0), false, true, "cascade/project was paused already"),
            (
                of(true, false, true, 1),
                true,
                true,
                "cascade/project holds deletions back; 1 deletion stands still",
            ),
            (of(true, false, false, 1), false, false, "cascade/project resumed; 1 deletion goes on"),
            (of(false, false, false, 1), false, false, "cascade/project was not paused"),
            (
                of(true, false, true, 1),
                false,
                false,
                "cascade/project resumed; it still holds deletions back: rewitness resume --deletions project",
            ),
            (
                of(true, true, false, 0),
                true,
                false,
                "cascade/project lets deletions go on; it is still paused: rewitness resume project",
            ),
        ] {
            assert_eq!(switched.line(deletions, value, &Typed::default()), format!("{expected}\n"));
        }
    }
}
