//! `rewitness tail` as a person types it: what is printed, and what follows.

use std::process::Stdio;

use anyhow::{Context, Result};
use rewitness_e2e::world::World;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_there_is_printed_once_and_the_program_ends() -> Result<()> {
    let world = World::new().await?;
    for name in 0..3 {
        world.create(&format!("w{name}")).await?;
    }
    let ended = world.tail(&["--until-replayed"])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.len(), 3, "{ended:?}");
    assert_eq!(ended.warnings(), "", "nothing is said where nobody looks and nothing is amiss");
    for line in &ended.stdout {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..4], ["replay", "1", "live", "widget"], "{line}");
        assert!(words[4].starts_with(&format!("{}/w", world.namespace)), "{line}");
        assert_eq!(words[5].len(), 36, "a uid: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn a_delivery_is_printed_as_text_json_or_name() -> Result<()> {
    let world = World::new().await?;
    let created = world.create("web").await?;
    let names = world.tail(&["--until-replayed", "-o", "name"])?.end().await?;
    assert_eq!(names.stdout, [format!("widget.{}/web", world.group)]);

    let json = world.tail(&["--until-replayed", "-o", "json"])?.end().await?;
    let line: Value = serde_json::from_str(&json.stdout[0])?;
    assert_eq!(
        line,
        json!({
            "cause": "replay", "state": "live", "attempt": 1, "group": world.group, "kind": "Widget",
            "namespace": world.namespace, "name": "web", "uid": created.metadata.uid,
            "resourceVersion": created.metadata.resource_version,
        })
    );
    Ok(())
}

#[tokio::test]
async fn types_namespaces_and_selectors_are_taken_as_kubectl_takes_them() -> Result<()> {
    let mut world = World::new().await?;
    world.create_with("web", json!({"labels": {"app": "web"}})).await?;
    world.create_with("db", json!({"labels": {"app": "db"}})).await?;
    let (group, namespace) = (world.group.clone(), world.namespace.clone());
    let web = format!("widget.{group}/web");
    for (types, scope) in [
        (format!("widget.{group}"), &["-A", "-l", "app=web"][..]),
        (format!("Widget.v1.{group}"), &["-n", &namespace, "--selector", "app in (web), app"]),
        (format!("wd.{group},widgets.{group}"), &["--namespace", &namespace, "-l", "app!=db"]),
    ] {
        let ended = world.run(&[&["tail", &types, "--until-replayed", "-o", "name"], scope].concat()).await?;
        assert_eq!(ended.stdout, std::slice::from_ref(&web), "{types} {scope:?}: {ended:?}");
    }

    let widgets = world.widgets();
    let here = ["tail", &widgets, "--until-replayed", "-o", "name"];
    assert_eq!(
        world.run(&here).await?.stdout.len(),
        0,
        "the context has no namespace, so `default` is meant"
    );
    world.change_kubeconfig(|config| config["contexts"][0]["context"]["namespace"] = json!(namespace))?;
    assert_eq!(world.run(&here).await?.stdout.len(), 2, "the context's namespace is meant");

    let namespaces = world.run(&["tail", "ns", "-o", "name", "--until-replayed"]).await?;
    assert!(namespaces.stdout.contains(&format!("namespace/{namespace}")), "{namespaces:?}");
    Ok(())
}

#[tokio::test]
async fn changes_follow_the_replay() -> Result<()> {
    let world = World::new().await?;
    world.create_with("web", json!({"finalizers": ["test.dev/other"]})).await?;
    let mut tail = world.tail(&["--gone"])?;
    tail.says(&["replay", " 1 ", "live", "/web"]).await?;
    world.create("db").await?;
    tail.says(&["change", " 1 ", "live", "/db"]).await?;
    world.change("web").await?;
    tail.says(&["change", " 1 ", "live", "/web"]).await?;
    world.delete("web").await?;
    tail.says(&["change", " 1 ", "deleting", "/web"]).await?;
    world.delete("db").await?;
    tail.says(&["gone", "/db"]).await?;
    let ended = tail.interrupt().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    // Its last answer may be under way still, and then how long it has is said too.
    assert!(matches!(&*ended.stderr, [line] if line.starts_with("stopping")), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn gone_is_told_only_to_who_asks() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let mut tail = world.tail(&[])?;
    tail.says(&["replay", "/web"]).await?;
    world.delete("web").await?;
    world.create("db").await?;
    tail.says(&["/db"]).await?;
    let ended = tail.interrupt().await?;
    assert!(ended.stdout.iter().all(|line| !line.contains("gone")), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_to_the_cluster_without_a_hold() -> Result<()> {
    let world = World::new().await?;
    let before = world.create("web").await?;
    let ended = world.tail(&["--until-replayed", "--", "true"])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(world.api.get("web").await?.metadata, before.metadata);
    Ok(())
}

#[tokio::test]
async fn colours_are_for_terminals_unless_asked_for() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let plain = world.tail(&["--until-replayed"])?.end().await?;
    assert!(!plain.stdout[0].contains('\x1b'), "{plain:?}");
    let colored = world.tail(&["--until-replayed", "--color", "always"])?.end().await?;
    assert!(colored.stdout[0].contains("\x1b[32mlive\x1b[0m"), "{colored:?}");
    Ok(())
}

/// Runs the program with its stdout in a pipe to `reader`; its status comes on stderr. A reader that closes the pipe
/// makes a file `closed` then, if that is to be before the program starts.
async fn piped(world: &World, args: &str, reader: &str) -> Result<(String, Vec<String>)> {
    let program = rewitness_e2e::program()?;
    let wait = if reader.contains("closed") { "while ! test -e closed; do sleep 0.01; done;" } else { "" };
    let line = format!(
        "{{ {wait} '{}' tail {} -n {} {args}; echo \"status $?\" >&2; }} | {reader}",
        program.display(),
        world.widgets(),
        world.namespace
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &line]).env("KUBECONFIG", world.plane.kubeconfig());
    shell.current_dir(world.folder.path()).stdin(Stdio::null());
    let ended = rewitness_e2e::Running::start(shell)?.end().await?;
    let status = ended.stderr.last().context("the status is said")?.clone();
    Ok((status, ended.stderr))
}

#[tokio::test]
async fn a_reader_that_had_enough_ends_it_quietly() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    world.create("db").await?;
    // Nothing more comes after the replay, so that only the closed pipe itself can end it.
    for args in ["", "-- true", "--concurrency 1"] {
        let (status, stderr) = piped(&world, args, "head -n1").await?;
        assert_eq!((status.as_str(), stderr.len()), ("status 0", 1), "{args}: {stderr:?}");
    }
    let (status, stderr) = piped(&world, "--until-replayed", "{ exec <&-; touch closed; }").await?;
    assert_eq!((status.as_str(), stderr.len()), ("status 1", 1), "not everything was delivered: {stderr:?}");
    Ok(())
}
