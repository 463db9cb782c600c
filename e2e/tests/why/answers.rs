//! How it is asked, and how the answer looks.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::lab::FOREIGN;
use crate::running::Running;
use crate::terminal::OnTerminal;

async fn kept(desk: &Desk) -> Result<String> {
    desk.lab.create("Disk", "data", None).await?;
    desk.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    desk.lab.delete("Disk", "data").await?;
    Ok(format!("{}/data", desk.kind("disks")))
}

pub(crate) fn rule(group: &str, resource: &str, verb: &str) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_not_guessed() -> Result<()> {
    let mut desk = Desk::new().await?;
    let disk = kept(&desk).await?;
    desk.as_account(vec![rule(&desk.lab.group, "disks", "get")]).await?;
    let answer = desk.golden(&disk, "few-rights").await?;
    assert_eq!(answer.status, Some(0));
    assert!(answer.message("CascadesUnread")?.contains("you may not list cascades.rewitness.dev"));

    desk.as_account(Vec::new()).await?;
    let answer = desk.golden(&disk, "no-rights").await?;
    assert_eq!((answer.status, answer.state()), (Some(1), "Unknown"));
    Ok(())
}

#[tokio::test]
async fn it_is_asked_as_kubectl_users_type_and_under_its_other_name() -> Result<()> {
    let desk = Desk::new().await?;
    let disk = kept(&desk).await?;
    let (disks, ns) = (desk.kind("disks"), desk.lab.ns.clone());
    let first = desk.run(&["why", &disk, "-n", &ns, "-o", "yaml"]).await?;
    assert!(first.stdout[0].starts_with("apiVersion: cli.rewitness.dev/v1alpha1"), "{first:?}");
    let other = desk.run(&["explain", &disks, "data", "-n", &ns]).await?;
    assert!(other.stdout[0].contains("has been Terminating for"), "{other:?}");
    for wrong in [&["why", &disks][..], &["why", "a/b/c"], &["why", "nosuchtype/x"]] {
        let ended = desk.run(wrong).await?;
        assert_eq!(ended.status, Some(2), "{wrong:?} {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_terminal_has_a_coloured_tree_and_no_color_has_none() -> Result<()> {
    let desk = Desk::new().await?;
    let disk = kept(&desk).await?;
    for (no_color, expected) in [(false, "\x1b[2m├─ \x1b[0m"), (true, "├─ ")] {
        let mut command = desk.rewitness(&["why", &disk, "-n", &desk.lab.ns])?;
        command.env("TERM", "xterm");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let shown = OnTerminal::start(command)?;
        shown.shows("kubectl patch").await?;
        let text = shown.shown();
        // A finding of its own is the last one here, so its branch is the last.
        assert!(text.contains(&expected.replace('├', "└")) || text.contains(expected), "{text:?}");
        let told = text.split("reading …").last().unwrap_or_default();
        assert_eq!(told.contains("\x1b[1m"), !no_color, "{text:?}");
    }
    Ok(())
}

#[tokio::test]
async fn watching_tells_each_change_and_ends_when_it_is_gone() -> Result<()> {
    let desk = Desk::new().await?;
    let disk = kept(&desk).await?;
    desk.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    let ns = desk.lab.ns.clone();
    let mut text = Running::start(desk.rewitness(&["why", &disk, "-n", &ns, "--watch"])?)?;
    let mut json = Running::start(desk.rewitness(&["why", &disk, "-n", &ns, "--watch", "-o", "json"])?)?;
    text.says(&["has been Terminating", FOREIGN]).await?;
    json.says(&["\"state\":\"Terminating\""]).await?;
    let answer = desk.why(&disk).await?;
    desk.types(&answer.command("kubectl patch")?).await?;
    let text = text.end().await?;
    assert_eq!((text.status, text.stdout.len()), (Some(0), 2), "{text:?}");
    assert!(text.stdout[1].ends_with("data is gone"), "{text:?}");
    let json = json.end().await?;
    let last: Value = serde_json::from_str(json.stdout.last().expect("a line"))?;
    assert_eq!((json.status, &last["state"]), (Some(0), &json!("NotFound")));

    let never = desk.run(&["why", &disk, "-n", &ns, "--watch"]).await?;
    assert_eq!(never.status, Some(1), "{never:?}");
    Ok(())
}

#[tokio::test]
async fn watching_ends_too_when_another_has_the_name() -> Result<()> {
    let desk = Desk::new().await?;
    let disk = kept(&desk).await?;
    let mut watching = Running::start(desk.rewitness(&["why", &disk, "-n", &desk.lab.ns, "--watch"])?)?;
    watching.says(&["has been Terminating"]).await?;
    desk.lab.patch("Disk", "data", json!({ "finalizers": null })).await?;
    desk.lab.create("Disk", "data", None).await?;
    let ended = watching.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.last().is_some_and(|line| line.contains("data is gone")), "{ended:?}");
    Ok(())
}
