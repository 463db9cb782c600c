//! `rewitness tail` while the server is out of reach or overloaded: it says so once, and goes on.

use std::time::Duration;

use anyhow::Result;
use rewitness_controlplane::{Fault, FaultProxy, Match};
use rewitness_e2e::world::World;

/// A world behind a proxy.
async fn world() -> Result<(World, FaultProxy)> {
    let mut world = World::new().await?;
    let proxy = FaultProxy::start(world.plane)?;
    world.through(&proxy);
    Ok((world, proxy))
}

#[tokio::test]
async fn a_lost_server_is_said_once_and_what_happened_meanwhile_is_delivered() -> Result<()> {
    let (world, proxy) = world().await?;
    world.create("before").await?;
    let mut tail = world.tail(&[])?;
    tail.says(&["/before"]).await?;
    // A watch that is only being opened is neither dropped nor cut.
    proxy.wait_open_watches(1, Duration::from_secs(20)).await?;

    let lost = proxy.rule(Match::any(), Fault::Drop);
    proxy.cut_all_watches();
    world.create("meanwhile").await?;
    tail.warns(&["warning: ", "widgets.", "cannot reach the server", "tried again"]).await?;
    drop(lost);
    tail.says(&["/meanwhile"]).await?;
    tail.warns(&["is listed again"]).await?;

    let ended = tail.interrupt().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stderr.len(), 3, "a warning, the all-clear, and that it stops: {ended:?}");
    Ok(())
}

#[tokio::test]
async fn an_overloaded_server_is_waited_for() -> Result<()> {
    let (world, proxy) = world().await?;
    world.create("web").await?;
    let lists = Match::collection("widgets").method("GET");
    let busy = proxy.rule(lists.times(2), Fault::too_many_requests(1));
    let ended = world.tail(&["--until-replayed", "-o", "name"])?.end().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 1), "{ended:?}");
    busy.wait_hits(2, rewitness_e2e::world::SOON).await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_list_costs_nothing() -> Result<()> {
    let (world, proxy) = world().await?;
    world.create("web").await?;
    let _cut = proxy.rule(Match::collection("widgets").method("GET").times(1), Fault::Cut { after: 40 });
    let ended = world.tail(&["--until-replayed", "-o", "name"])?.end().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 1), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_release_whose_answer_is_lost_is_found_to_be_done() -> Result<()> {
    let (world, proxy) = world().await?;
    world.create("web").await?;
    let mut tail = world.tail(&["--hold", "demo", "--yes", "--", "true"])?;
    tail.says(&["/web"]).await?;
    let _lost = proxy.rule(Match::writes().path("/widgets/web").times(1), Fault::LoseAnswer);
    world.delete("web").await?;
    world.until_gone("web").await?;
    let ended = tail.interrupt().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.warnings().contains("nothing is held"), "{ended:?}");
    Ok(())
}
