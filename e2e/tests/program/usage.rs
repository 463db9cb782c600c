//! The program as a whole: what it says of itself, and what it says to bad input.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::Result;
use rewitness_e2e::Ended;
use rewitness_e2e::world::World;
use serde_json::json;

/// The first word of the first line of stderr is `error:`, and it says all of this.
fn assert_error(ended: &Ended, status: i32, expected: &[&str]) {
    assert_eq!(ended.status, Some(status), "{ended:?}");
    assert_eq!(ended.stdout.len(), 0, "nothing was delivered: {ended:?}");
    let text = ended.warnings();
    assert!(text.starts_with("error: "), "{text}");
    for words in expected {
        assert!(text.contains(words), "`{words}` is not said: {text}");
    }
}

#[tokio::test]
async fn wrong_use_is_told_before_anything_is_done() -> Result<()> {
    let world = World::new().await?;
    let widgets = world.widgets();
    for (args, expected) in [
        (&["tail", &widgets, "-n", "a", "-A"][..], &["--all-namespaces"][..]),
        (&["-n", "a", "tail", &widgets, "-A"], &["--all-namespaces"]),
        (
            &["tail", &widgets, "-l", "app=web,a in (b"],
            &["`a in (b` is not a label requirement", "closing parenthesis"],
        ),
        (&["tail", &widgets, "--hold", "my/hold"], &["`/` cannot be in a finalizer's name"]),
        (&["unhold", "my hold", &widgets], &["` ` cannot be in a finalizer's name"]),
        (&["tail", &widgets, "--", "./nosuch"], &["cannot run ./nosuch: there is no such file"]),
        (&["tail", &widgets, "--", "nosuchprogram"], &["cannot run nosuchprogram: it is not in PATH"]),
        (
            &["tail", &widgets, "--context", "nosuch"],
            &["there is no context `nosuch`", "the kubeconfig has: controlplane"],
        ),
        (&["tail", &widgets, "--kubeconfig", "/nosuch"], &["there is no kubeconfig /nosuch"]),
        (&["tail", "pods/web"], &["`pods/web` names one object", "`pods`"]),
        (&["tail", "tokenreviews"], &["tokenreviews.authentication.k8s.io cannot be listed and watched"]),
    ] {
        assert_error(&world.run(args).await?, 2, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_namespace_may_stand_before_the_command() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let widgets = world.widgets();
    let ended =
        world.run(&["-n", &world.namespace, "tail", &widgets, "--until-replayed", "-o", "name"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 1), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn files_of_a_list_may_be_missing_and_one_that_is_named_may_not() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let list = |files: &[&std::path::Path]| std::env::join_paths(files);
    let (there, missing) = (world.plane.kubeconfig(), world.folder.path().join("missing"));
    let args = ["tail", &world.widgets(), "-n", &world.namespace, "--until-replayed"];

    let mut command = world.rewitness(&args)?;
    command.env("KUBECONFIG", list(&[&missing, &there])?);
    let ended = rewitness_e2e::Running::start(command)?.end().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 1), "{ended:?}");

    let mut command = world.rewitness(&args)?;
    command.env("KUBECONFIG", list(&[&missing, &missing])?).env_remove("KUBERNETES_SERVICE_HOST");
    let ended = rewitness_e2e::Running::start(command)?.end().await?;
    assert_error(&ended, 2, &["there is none of the files of $KUBECONFIG: "]);
    Ok(())
}

#[tokio::test]
async fn an_unknown_type_has_near_matches() -> Result<()> {
    let world = World::new().await?;
    for (name, near) in
        [("podz", "`pods`"), ("deploymnets", "`deployments.apps`"), ("confgmap", "`configmaps`")]
    {
        let ended = world.run(&["tail", name]).await?;
        assert_error(
            &ended,
            2,
            &[&format!("the server has no type `{name}`; did you mean"), near.trim_matches('`')],
        );
    }
    let ended = world.run(&["unhold", "demo", "somethingelseentirely"]).await?;
    assert_error(&ended, 2, &["no type `somethingelseentirely`", "kubectl api-resources"]);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_server_is_named() -> Result<()> {
    let mut world = World::new().await?;
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = format!("https://127.0.0.1:{port}");
    world.change_kubeconfig(|config| config["clusters"][0]["cluster"]["server"] = json!(server))?;
    let widgets = world.widgets();
    for args in [&["tail", &widgets, "--until-replayed"][..], &["unhold", "demo", &widgets]] {
        let ended = world.run(args).await?;
        let place = format!("cannot reach the API server {server} of context `controlplane`: ");
        assert_error(&ended, 1, &[&place, "onnection refused", "kubectl config get-contexts"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_silent_is_not_waited_for_without_end() -> Result<()> {
    let mut world = World::new().await?;
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let server = format!("https://{}", silent.local_addr()?);
    world.change_kubeconfig(|config| config["clusters"][0]["cluster"]["server"] = json!(server))?;
    let start = Instant::now();
    let ended = world.tail(&[])?.end().await?;
    assert_error(&ended, 1, &["cannot reach the API server", &server, "no answer within 10 s"]);
    assert!(start.elapsed() < Duration::from_secs(45));
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted() -> Result<()> {
    let mut world = World::new().await?;
    world.change_kubeconfig(|config| {
        if let Some(cluster) = config["clusters"][0]["cluster"].as_object_mut() {
            cluster.remove("certificate-authority-data");
        }
    })?;
    assert_error(
        &world.tail(&[])?.end().await?,
        1,
        &["cannot trust the API server", "certificate-authority"],
    );
    Ok(())
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_told_from_missing_rights() -> Result<()> {
    let mut world = World::new().await?;
    world.change_kubeconfig(|config| config["users"][0]["user"] = json!({"token": "nonsense"}))?;
    assert_error(&world.tail(&[])?.end().await?, 1, &["does not accept the credentials", "--context NAME"]);
    Ok(())
}

#[tokio::test]
async fn a_missing_right_is_named_at_once() -> Result<()> {
    let mut world = World::new().await?;
    world.create("web").await?;
    world.as_account(vec![]).await?;
    for args in [&["--until-replayed"][..], &[]] {
        let start = Instant::now();
        let ended = world.tail(args)?.end().await?;
        let cannot = format!("cannot list {}: missing right: ", world.widgets());
        let scope = format!("in the namespace \"{}\"", world.namespace);
        assert_error(&ended, 1, &[&cannot, "cannot list resource \"widgets\"", &scope]);
        assert!(start.elapsed() < Duration::from_secs(25), "no patience helps here");
    }
    Ok(())
}

#[tokio::test]
async fn what_can_be_listed_is_delivered_before_the_rest_fails() -> Result<()> {
    let mut world = World::new().await?;
    world.create("web").await?;
    world.as_account(vec![world.rule(&["list", "watch"])]).await?;
    let types = format!("{},configmaps", world.widgets());
    let ended =
        world.run(&["tail", &types, "-n", &world.namespace, "--until-replayed", "-o", "name"]).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, [format!("widget.{}/web", world.group)]);
    assert!(ended.warnings().starts_with("error: cannot list configmaps: missing right: "), "{ended:?}");

    let mut tail = world.start(&["tail", &types, "-n", &world.namespace])?;
    tail.says(&["/web"]).await?;
    tail.warns(&["warning: cannot list configmaps: missing right: "]).await?;
    assert_eq!(tail.interrupt().await?.status, Some(0), "the other type is followed all the same");
    Ok(())
}

#[tokio::test]
async fn the_log_says_more_when_asked() -> Result<()> {
    let world = World::new().await?;
    let ended = world.tail(&["--until-replayed", "-v"])?.end().await?;
    assert!(ended.warnings().contains("nothing is there"), "{ended:?}");
    let mut command = world.rewitness(&["tail", &world.widgets(), "--until-replayed"])?;
    command.env("RUST_LOG", "a=b=c");
    let ended = rewitness_e2e::Running::start(command)?.end().await?;
    assert_error(&ended, 2, &["RUST_LOG is no filter for the log"]);
    Ok(())
}
