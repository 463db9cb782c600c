//! When a status is written, and when it is not.

use std::time::Duration;

use anyhow::Result;
use kube::api::{Patch, PatchParams};
use rewitness_controlplane::{Fault, FaultProxy, Match};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::A_WHILE;
use rewitness_e2e::office::Office;

fn writes(proxy: &FaultProxy, cascade: &str) -> usize {
    let path = format!("/cascades/{cascade}/status");
    proxy.count(|call| call.method == "PATCH" && call.path.ends_with(&path))
}

#[tokio::test]
async fn a_status_is_not_written_when_nothing_has_changed_not_even_at_a_start() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let operator = office.operator(&[])?;
    // Left to somebody else it blocks at once, and no status is written only because a minute is over.
    let mut others = office.lab.dependents("Cluster");
    others["action"] = json!("Wait");
    let cascade = office.write(office.lab.cascade_of("Project", &[&[others]], json!({}))).await?;
    office.parent("Project", "web", &cascade).await?;
    office.lab.create("Cluster", "of-web", Some("web")).await?;
    office.lab.delete("Project", "web").await?;
    office.parent("Project", "api", &cascade).await?;
    office
        .status(&cascade, "all is counted", |status| {
            let counts = &status.counts;
            ((counts.parents, counts.held, counts.blocked) == (2, 1, 1)).then_some(())
        })
        .await?;
    let before = writes(&proxy, &cascade);
    let touch = Patch::Merge(json!({ "metadata": { "annotations": { "touched": "yes" } } }));
    office.cascades.patch(&cascade, &PatchParams::default(), &touch).await?;
    office.lab.patch("Project", "api", json!({ "annotations": { "touched": "yes" } })).await?;
    sleep(2 * A_WHILE).await;
    assert_eq!(writes(&proxy, &cascade), before);
    operator.interrupt().await?;
    // Until the parents are listed it is not known that one of them is held.
    let lists = Match::collection("projects").method("GET");
    let _slow = proxy.rule(lists, Fault::Delay(Duration::from_millis(500)));
    let mut operator = office.operator(&[])?;
    operator.warns(&["followed", &cascade]).await?;
    sleep(4 * A_WHILE).await;
    assert_eq!(writes(&proxy, &cascade), before, "the next operator has found it as it is");
    Ok(())
}

#[tokio::test]
async fn a_status_is_written_once_a_second_at_most_and_what_comes_between_is_not_lost() -> Result<()> {
    let mut office = Office::new().await?;
    let (proxy, operator, cascade) = office.proxied_projects().await?;
    let (began, before) = (Instant::now(), writes(&proxy, &cascade));
    for index in 0..40 {
        office.lab.create("Project", &format!("p{index}"), None).await?;
        sleep(Duration::from_millis(50)).await;
    }
    office.status(&cascade, "all are counted", |status| (status.counts.parents == 40).then_some(())).await?;
    let most = began.elapsed().as_secs() as usize + 1;
    let written = writes(&proxy, &cascade) - before;
    assert!(written <= most, "{written} in {most} s");
    // The last one is written on the way out.
    office.lab.create("Project", "last", None).await?;
    office.held("Project", "last", &cascade).await?;
    operator.interrupt().await?;
    office.status(&cascade, "the last is counted", |status| (status.counts.parents == 41).then_some(())).await
}
