//! `rewitness tail … -- CMD`: what a command is told, what its answer means, and how it ends.

use std::time::{Duration, Instant};

use anyhow::Result;
use rewitness_controlplane::until;
use rewitness_e2e::world::{SOON, World};
use rustix::process::Signal;
use serde_json::Value;

#[tokio::test]
async fn a_command_is_told_the_delivery_in_two_ways() -> Result<()> {
    let world = World::new().await?;
    let created = world.create("web").await?;
    let note = world.script("note", "cat > json; env | grep ^REWITNESS_ | sort > env; echo to stderr")?;
    let ended = world.tail(&["--until-replayed", "-o", "json", "--", &note])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(world.noted("json"), ended.stdout, "what is printed and what a command reads is the same");
    assert_eq!(ended.warnings(), format!("{}/web | to stderr", world.namespace));
    let uid = created.metadata.uid.unwrap_or_default();
    assert_eq!(
        world.noted("env"),
        [
            "REWITNESS_ATTEMPT=1",
            "REWITNESS_CAUSE=replay",
            "REWITNESS_DELETION_TIMESTAMP=",
            &format!("REWITNESS_GROUP={}", world.group),
            "REWITNESS_KIND=Widget",
            "REWITNESS_NAME=web",
            &format!("REWITNESS_NAMESPACE={}", world.namespace),
            "REWITNESS_STATE=live",
            &format!("REWITNESS_UID={uid}"),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_failing_command_is_retried_until_it_succeeds() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let flaky = world.script("flaky", "[ $REWITNESS_ATTEMPT -ge 3 ] || { echo not yet; exit 3; }")?;
    let mut tail = world.tail(&["--", &flaky])?;
    for (cause, attempt) in [("replay", " 1 "), ("retry", " 2 "), ("retry", " 3 ")] {
        tail.says(&[cause, attempt, "live", "/web"]).await?;
    }
    tail.warns(&["failed: widget", "/web (attempt 2): exit status 3; comes back within 1 s"]).await?;
    let ended = tail.interrupt().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 3), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn until_replayed_fails_if_an_answer_was_an_error() -> Result<()> {
    let world = World::new().await?;
    world.create("good").await?;
    world.create("bad").await?;
    let ended =
        world.tail(&["--until-replayed", "--", "sh", "-c", "test $REWITNESS_NAME = good"])?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("/bad (attempt 1): exit status 1"), "{ended:?}");
    assert!(
        ended.stderr.last().is_some_and(|line| line.starts_with("error: ") && line.contains("error")),
        "{ended:?}"
    );

    let not_yet = world.tail(&["--until-replayed", "--", "sh", "-c", "exit 75"])?.end().await?;
    assert_eq!(not_yet.status, Some(0), "not finished is not failed: {not_yet:?}");
    Ok(())
}

#[tokio::test]
async fn what_takes_too_long_is_ended_and_retried() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let slow = world.script("slow", "[ $REWITNESS_ATTEMPT -ge 2 ] || sleep 600")?;
    let mut tail = world.tail(&["--timeout", "300ms", "--", &slow])?;
    tail.warns(&["(attempt 1): ended because it took longer than 300ms"]).await?;
    tail.says(&["retry", " 2 ", "/web"]).await?;
    assert_eq!(tail.interrupt().await?.status, Some(0));
    Ok(())
}

#[tokio::test]
async fn no_more_commands_run_at_a_time_than_allowed() -> Result<()> {
    let world = World::new().await?;
    for name in 0..6 {
        world.create(&format!("w{name}")).await?;
    }
    // Each notes how many run, itself included.
    let count =
        world.script("count", "mkdir run.$$; ls -d run.* | wc -l >> counts; sleep 0.1; rmdir run.$$")?;
    let ended = world.tail(&["--until-replayed", "--concurrency", "2", "--", &count])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let counts: Vec<u32> =
        world.noted("counts").iter().map(|count| count.trim().parse()).collect::<Result<_, _>>()?;
    assert_eq!(counts.len(), 6);
    assert_eq!(counts.iter().max(), Some(&2), "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn a_type_that_was_deleted_is_listed_again_when_it_is_back() -> Result<()> {
    let world = World::new().await?;
    let mut tail = world.tail(&[])?;
    world.create("web").await?;
    tail.says(&["/web"]).await?;
    let crd = format!("crd/{}", world.widgets());
    world.plane.kubectl_ok(&["delete", &crd]).await?;
    tail.warns(&["warning: cannot list"]).await?;
    world.plane.crd(&world.group, "widgets", "Widget", true, &["wd"]).await?;
    world.create("again").await?;
    tail.says(&["/again"]).await?;
    assert_eq!(tail.interrupt().await?.status, Some(0));
    Ok(())
}

/// A command that notes its start, and its end after somebody makes a file `go`.
const PATIENT: &str =
    "echo $REWITNESS_NAME >> started; while ! test -e go; do sleep 0.02; done; echo end >> ended";

async fn started(world: &World, count: usize) -> Result<()> {
    until("commands have started", SOON, async || Ok((world.noted("started").len() >= count).then_some(())))
        .await
}

#[tokio::test]
async fn ctrl_c_lets_running_commands_finish_and_starts_no_new_ones() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM] {
        let world = World::new().await?;
        for name in ["a", "b", "c"] {
            world.create(name).await?;
        }
        let patient = world.script("patient", PATIENT)?;
        let mut tail = world.tail(&["--concurrency", "2", "--", &patient])?;
        started(&world, 2).await?;
        tail.signal(signal)?;
        tail.warns(&["stopping: 2 deliveries have up to 10 s to finish; again to end at once"]).await?;
        std::fs::write(world.folder.path().join("go"), "")?;
        let ended = tail.end().await?;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!((world.noted("started").len(), world.noted("ended").len()), (2, 2), "{ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_ctrl_c_ends_at_once_with_the_commands() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let beat = "(while :; do echo x >> beats; sleep 0.02; done) & echo $REWITNESS_NAME >> started; sleep 600";
    let patient = world.script("patient", &format!("trap '' TERM INT; {beat}"))?;
    let mut tail = world.tail(&["--", &patient])?;
    started(&world, 1).await?;
    tail.signal(Signal::INT)?;
    tail.warns(&["stopping: 1 delivery"]).await?;
    let start = Instant::now();
    let ended = tail.interrupt().await?;
    assert!(start.elapsed() < Duration::from_secs(9), "it waited for the command");
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("delivered again at the next start"), "{ended:?}");
    let silent = async || {
        let before = world.noted("beats").len();
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok((world.noted("beats").len() == before).then_some(()))
    };
    until("what the command started has ended", SOON, silent).await
}

#[tokio::test]
async fn what_outlasts_the_grace_period_is_cut_off_and_comes_back() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let patient = world.script("patient", PATIENT)?;
    let tail = world.tail(&["--", &patient])?;
    started(&world, 1).await?;
    let start = Instant::now();
    let ended = tail.interrupt().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(start.elapsed() >= Duration::from_secs(9), "it had no grace period");

    std::fs::write(world.folder.path().join("go"), "")?;
    let again = world.tail(&["--until-replayed", "-o", "json", "--", &patient])?.end().await?;
    assert_eq!(again.status, Some(0), "{again:?}");
    let line: Value = serde_json::from_str(&again.stdout[0])?;
    assert_eq!((&line["name"], &line["cause"]), (&"web".into(), &"replay".into()));
    Ok(())
}
