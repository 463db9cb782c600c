//! `rewitness unhold`: takes one finalizer off, and nothing else.

use std::time::Duration;

use anyhow::Result;
use kube::ResourceExt;
use rewitness_controlplane::{Fault, FaultProxy, Match};
use rewitness_e2e::world::World;
use serde_json::json;

const HOLD: &str = "hold.rewitness.dev/demo";
const OTHER: &str = "hold.rewitness.dev/demo2";

/// `a` and `b` are held, `b` by another too, `c` only by that one, `d` by nobody.
async fn world() -> Result<World> {
    let world = World::new().await?;
    for (name, finalizers) in [("a", vec![HOLD]), ("b", vec![OTHER, HOLD]), ("c", vec![OTHER]), ("d", vec![])]
    {
        world.create_with(name, json!({"finalizers": finalizers, "labels": {"name": name}})).await?;
    }
    Ok(world)
}

async fn finalizers(world: &World, name: &str) -> Result<Vec<String>> {
    Ok(world.api.get(name).await?.finalizers().to_vec())
}

#[tokio::test]
async fn only_that_finalizer_is_taken_off() -> Result<()> {
    let world = world().await?;
    let ended = world.run(&["unhold", "demo", &world.widgets(), "-n", &world.namespace]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let line = |name: &str| format!("widget.{}/{name} in {} released", world.group, world.namespace);
    assert_eq!(ended.stdout, [line("a"), line("b")]);
    assert_eq!(ended.warnings(), format!("2 resources released from {HOLD}"));
    assert_eq!(finalizers(&world, "a").await?, [""; 0]);
    assert_eq!(finalizers(&world, "b").await?, [OTHER]);
    assert_eq!(finalizers(&world, "c").await?, [OTHER]);

    let again = world.run(&["unhold", HOLD, &world.widgets(), "-A"]).await?;
    assert_eq!((again.status, again.stdout.len()), (Some(0), 0), "{again:?}");
    assert_eq!(again.warnings(), format!("nothing here carries {HOLD}"));
    Ok(())
}

#[tokio::test]
async fn what_is_released_is_told_in_the_order_of_names() -> Result<()> {
    let mut world = world().await?;
    let proxy = FaultProxy::start(world.plane)?;
    world.through(&proxy);
    let _late =
        proxy.rule(Match::any().method("PATCH").path("/widgets/a"), Fault::Delay(Duration::from_millis(500)));
    let ended = world.run(&["unhold", "demo", &world.widgets(), "-A"]).await?;
    let names: Vec<_> = ended.stdout.iter().filter_map(|line| line.split(['/', ' ']).nth(1)).collect();
    assert_eq!(names, ["a", "b"], "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_deleted_resource_may_go_then() -> Result<()> {
    let world = world().await?;
    world.delete("a").await?;
    let ended = world.run(&["unhold", "demo", &world.widgets(), "-A", "-l", "name=a"]).await?;
    assert!(ended.stdout[0].ends_with("released, and may go now"), "{ended:?}");
    world.until_gone("a").await?;
    assert_eq!(finalizers(&world, "b").await?, [OTHER, HOLD], "it is not selected");
    Ok(())
}

#[tokio::test]
async fn a_dry_run_changes_nothing() -> Result<()> {
    let world = world().await?;
    let ended = world.run(&["unhold", "demo", &world.widgets(), "-A", "--dry-run"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 2), "{ended:?}");
    assert_eq!(ended.warnings(), format!("2 resources would be released from {HOLD}; nothing was changed"));
    assert_eq!(finalizers(&world, "a").await?, [HOLD]);
    Ok(())
}

#[tokio::test]
async fn what_could_not_be_released_is_said_and_fails() -> Result<()> {
    let mut world = world().await?;
    let mut only_a = world.rule(&["get", "patch"]);
    only_a.resource_names = Some(vec!["a".to_owned()]);
    world.as_account(vec![world.rule(&["list", "get"]), only_a]).await?;
    let ended = world.run(&["unhold", "demo", &world.widgets(), "-n", &world.namespace]).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.stdout.len(), 1, "{ended:?}");
    let warnings = ended.warnings();
    assert!(warnings.contains("failed: ") && warnings.contains("/b: missing right: "), "{warnings}");
    assert!(warnings.contains("cannot patch resource \"widgets\""), "{warnings}");
    assert!(warnings.ends_with("error: 1 resource was not released"), "{warnings}");
    assert_eq!(finalizers(&world, "b").await?, [OTHER, HOLD]);
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_listed_is_said_and_holds_up_nobody_else() -> Result<()> {
    let mut world = world().await?;
    world.as_account(vec![world.rule(&["list", "get", "patch"])]).await?;
    let types = format!("configmaps,{}", world.widgets());
    let ended = world.run(&["unhold", "demo", &types, "-n", &world.namespace]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 2), "{ended:?}");
    assert!(ended.warnings().starts_with("failed: cannot list configmaps: missing right: "), "{ended:?}");
    assert!(ended.warnings().ends_with("error: 1 type could not be listed"), "{ended:?}");
    assert_eq!(finalizers(&world, "a").await?, [""; 0]);
    Ok(())
}
