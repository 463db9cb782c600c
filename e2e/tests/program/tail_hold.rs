//! `rewitness tail --hold`: deletions wait for their command, whatever happens to the program.

use anyhow::Result;
use rewitness_controlplane::until;
use rewitness_e2e::Ended;
use rewitness_e2e::world::{SOON, World};
use rustix::process::Signal;
use serde_json::{Value, json};

const HOLD: &str = "hold.rewitness.dev/demo";

#[tokio::test]
async fn a_deletion_is_held_until_the_command_succeeded() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let clean = world.script("clean", "[ $REWITNESS_STATE = live ] || test -e ready")?;
    let mut tail = world.tail(&["--hold", "demo", "--yes", "--", &clean])?;
    tail.warns(&["1 resource will get the finalizer hold.rewitness.dev/demo on https://"]).await?;
    world.until_held("web", HOLD).await?;
    tail.says(&["replay", "live", "/web"]).await?;

    world.delete("web").await?;
    tail.says(&["retry", " 2 ", "deleting", "/web"]).await?;
    assert!(world.finalizers("web").await?.is_some(), "it must wait for the command");
    std::fs::write(world.folder.path().join("ready"), "")?;
    world.until_gone("web").await?;

    let ended = tail.interrupt().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.warnings().contains("nothing is held by hold.rewitness.dev/demo any more"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_deletion_while_it_was_killed_is_found_at_the_next_start() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let clean = world.script("clean", "echo $REWITNESS_STATE >> states")?;
    let args = ["--hold", "demo", "--yes", "-o", "json", "--", &clean];
    let mut tail = world.tail(&args)?;
    tail.says(&["live", "web"]).await?;
    until("the command ran", SOON, async || Ok((world.noted("states").len() == 1).then_some(()))).await?;
    tail.signal(Signal::KILL)?;
    assert_eq!(tail.end().await?.status, None);
    world.delete("web").await?;
    assert!(world.finalizers("web").await?.is_some());

    let mut again = world.tail(&args)?;
    world.until_gone("web").await?;
    again.says(&["deleting", "web"]).await?;
    let line: Value = serde_json::from_str(&again.said()[0])?;
    assert_eq!((&line["held"], line["deletionTimestamp"].is_string()), (&json!(true), true), "{line}");
    assert_eq!(world.noted("states"), ["live", "deleting"]);
    assert_eq!(again.interrupt().await?.status, Some(0));
    Ok(())
}

#[tokio::test]
async fn the_printed_command_lets_everything_go() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    world.create_with("db", json!({"finalizers": ["test.dev/other"]})).await?;
    let ended = world.tail(&["--hold", "demo", "--yes", "--until-replayed", "--", "true"])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.warnings().contains("2 resources are still held by hold.rewitness.dev/demo"), "{ended:?}");
    world.until_held("web", HOLD).await?;

    let command = ended.stderr.last().map(|line| line.trim().to_owned()).unwrap_or_default();
    let words: Vec<&str> = command.split_whitespace().collect();
    assert!(words.starts_with(&["rewitness", "unhold"]) && words.contains(&"demo"), "{command}");
    let ended = world.run(&words[1..]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(world.finalizers("web").await?, Some(vec![]));
    assert_eq!(world.finalizers("db").await?, Some(vec!["test.dev/other".to_owned()]), "the others' stay");
    Ok(())
}

#[tokio::test]
async fn without_a_command_a_deletion_goes_once_it_is_printed() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let mut tail = world.tail(&["--hold", "demo", "--yes"])?;
    tail.warns(&["a deletion is released as soon as its line is printed"]).await?;
    world.until_held("web", HOLD).await?;
    world.delete("web").await?;
    tail.says(&["deleting", "/web"]).await?;
    world.until_gone("web").await?;
    assert_eq!(tail.interrupt().await?.status, Some(0));
    Ok(())
}

#[tokio::test]
async fn only_what_is_selected_is_held() -> Result<()> {
    let world = World::new().await?;
    world.create_with("web", json!({"labels": {"app": "web"}})).await?;
    world.create_with("db", json!({"labels": {"app": "db"}})).await?;
    let ended = world.tail(&["--hold", "demo", "-y", "-l", "app=web", "--until-replayed"])?.end().await?;
    assert_eq!(ended.stdout.len(), 1, "{ended:?}");
    assert!(ended.warnings().starts_with("1 resource will get the finalizer"), "{ended:?}");
    assert_eq!(world.finalizers("web").await?, Some(vec![HOLD.to_owned()]));
    assert_eq!(world.finalizers("db").await?, Some(vec![]));
    Ok(())
}

/// Labels decide what is held while it lives, and not what is delivered once it is being deleted.
#[tokio::test]
async fn a_deletion_that_left_the_selector_while_it_was_killed_runs_its_command() -> Result<()> {
    let world = World::new().await?;
    for name in ["before", "after"] {
        world.create_with(name, json!({"labels": {"app": "web"}})).await?;
    }
    let clean = world.script("clean", "echo $REWITNESS_NAME $REWITNESS_STATE >> states")?;
    let args = ["--hold", "demo", "-y", "-l", "app=web", "-o", "json", "--", &clean];
    let tail = world.tail(&args)?;
    until("the commands ran", SOON, async || Ok((world.noted("states").len() == 2).then_some(()))).await?;
    tail.signal(Signal::KILL)?;
    assert_eq!(tail.end().await?.status, None);
    world.relabel("before", json!({"app": "db"})).await?;
    world.delete("before").await?;
    world.delete("after").await?;
    world.relabel("after", json!({"app": "db"})).await?;

    let again = world.tail(&args)?;
    for name in ["before", "after"] {
        world.until_gone(name).await?;
        assert!(world.noted("states").contains(&format!("{name} deleting")), "{:?}", world.noted("states"));
    }
    let ended = again.interrupt().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for line in &ended.stdout {
        let line: Value = serde_json::from_str(line)?;
        assert_eq!((&line["state"], &line["held"]), (&json!("deleting"), &json!(true)), "{line}");
    }
    Ok(())
}

/// No finalizer was added, and the program says why.
async fn is_refused(world: &World, ended: Ended, status: i32, reason: &str) -> Result<()> {
    assert_eq!(ended.status, Some(status), "{ended:?}");
    assert!(ended.warnings().contains(reason), "{reason} is not said: {ended:?}");
    assert_eq!(ended.stdout.len(), 0, "nothing is delivered: {ended:?}");
    assert_eq!(world.finalizers("web").await?, Some(vec![]), "no finalizer is added");
    Ok(())
}

#[tokio::test]
async fn no_finalizer_is_added_without_consent() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let ended = world.tail(&["--hold", "demo"])?.end().await?;
    is_refused(&world, ended, 2, "there is no terminal to ask on\n  add --yes").await
}

#[tokio::test]
async fn what_a_cluster_lives_from_is_not_held() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    for (args, reason) in [
        (&["tail", "pods", "-A", "--hold", "demo", "-y"][..], "pods are not held"),
        (&["tail", "ns", "--hold", "demo", "-y"], "namespaces are not held"),
        (&["tail", "cm", "-n", "kube-system", "--hold", "demo", "-y"], "nothing is held in kube-system"),
    ] {
        let ended = world.run(args).await?;
        assert!(ended.warnings().contains("--allow-protected"), "{ended:?}");
        is_refused(&world, ended, 2, reason).await?;
    }
    let args = [
        "tail",
        "pods",
        "-n",
        &world.namespace,
        "--hold",
        "demo",
        "-y",
        "--allow-protected",
        "--until-replayed",
    ];
    assert_eq!(world.run(&args).await?.status, Some(0), "the flag allows it");
    Ok(())
}

#[tokio::test]
async fn the_right_to_hold_is_asked_for_first() -> Result<()> {
    let mut world = World::new().await?;
    world.create("web").await?;
    world.as_account(vec![world.rule(&["get", "list", "watch"])]).await?;
    let ended = world.tail(&["--hold", "demo", "--yes"])?.end().await?;
    let reason = format!("you may not patch {} in namespace {}", world.widgets(), world.namespace);
    is_refused(&world, ended, 1, &reason).await
}

#[tokio::test]
async fn a_resource_created_meanwhile_is_held_before_its_command_runs() -> Result<()> {
    let world = World::new().await?;
    let look = world.script("look", "touch seen.$REWITNESS_NAME")?;
    let tail = world.tail(&["--hold", "demo", "--yes", "--", &look])?;
    world.create("web").await?;
    until("the command ran", SOON, async || Ok(world.folder.path().join("seen.web").exists().then_some(())))
        .await?;
    assert_eq!(world.finalizers("web").await?, Some(vec![HOLD.to_owned()]));
    assert_eq!(tail.interrupt().await?.status, Some(0));
    Ok(())
}
