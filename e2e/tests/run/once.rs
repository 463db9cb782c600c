//! `rewitness run --once`, for pipelines.

use std::time::{Duration, Instant};

use anyhow::Result;
use rewitness_controlplane::{Fault, Gate, Match};
use rustix::process::Signal;
use serde_json::json;

use rewitness_e2e::office::Office;

#[tokio::test]
async fn once_works_off_what_is_there_and_says_what_is_left() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "missed", &cascade).await?;
    lab.create("Cluster", "a", Some("missed")).await?;
    office.stuck("Project", "stuck", &cascade).await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    lab.delete("Project", "missed").await?;
    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(!lab.exists("Project", "missed").await?, "{ended:?}");
    assert_eq!(ended.stdout.len(), 1, "{ended:?}");
    let line = format!("cascade/{cascade} ready=True reason=Enforced parents=1 held=1");
    assert!(ended.stdout[0].starts_with(&line), "{ended:?}");
    office.unstick("stuck").await?;
    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let line = format!("cascade/{cascade} ready=True reason=Enforced parents=0 held=0 blocked=0");
    assert_eq!(ended.stdout, [line], "{ended:?}");
    let finished = office.cascades.get(&cascade).await?.status.unwrap_or_default().finished;
    assert_eq!(finished.len(), 2, "what was done is in the status when it ends");
    Ok(())
}

#[tokio::test]
async fn once_fails_for_a_cascade_in_error() -> Result<()> {
    let office = Office::new().await?;
    let cascade = office.write(office.lab.cascade(&[&[office.lab.dependents("Nosuch")]])).await?;
    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let line = format!("cascade/{cascade} ready=False reason=KindNotServed parents=0 held=0 blocked=0");
    assert_eq!(ended.stdout, [line], "{ended:?}");
    Ok(())
}

/// What is asked first, and what a deletion asks.
#[tokio::test]
async fn once_ends_when_its_time_is_over_also_while_the_server_is_silent() -> Result<()> {
    let mut office = Office::new().await?;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "stuck", &cascade).await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    let proxy = office.proxied()?;
    for (path, time) in [("/apis/rewitness.dev/v1alpha1/cascades", "1s"), ("/clusters", "6s")] {
        let silent = proxy.rule(Match::any().method("GET").path(path), Fault::Hold(Gate::new()));
        let start = Instant::now();
        let ended = office.operator(&["--once", "--timeout", time])?.end().await?;
        assert!(silent.hits() > 0, "{ended:?}");
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(15), "{path} {:?} {ended:?}", start.elapsed());
    }
    Ok(())
}
