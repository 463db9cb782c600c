//! What outlasts the operator, however it ends.

use anyhow::Result;
use rewitness_controlplane::{Fault, Match};
use rustix::process::Signal;
use serde_json::json;

use rewitness_e2e::office::Office;

#[tokio::test]
async fn fault_b6_an_operator_that_was_killed_goes_on_with_what_it_began_and_with_what_it_missed()
-> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "missed", &cascade).await?;
    lab.create("Cluster", "a", Some("missed")).await?;
    office.stuck("Project", "begun", &cascade).await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    lab.delete("Project", "missed").await?;
    office.unstick("begun").await?;
    let _operator = office.operator(&[])?;
    lab.gone("Project", "begun").await?;
    lab.gone("Project", "missed").await?;
    assert!(!lab.exists("Cluster", "a").await?);
    office.status(&cascade, "both are recorded", |status| (status.finished.len() == 2).then_some(())).await
}

#[tokio::test]
async fn c7_how_much_the_hour_may_take_outlasts_the_operator() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({ "limits": { "maxPerHour": 3 } })).await?;
    for parent in ["first", "second"] {
        office.parent("Project", parent, &cascade).await?;
        for index in 0..2 {
            lab.create("Cluster", &format!("{parent}-{index}"), Some(parent)).await?;
        }
    }
    lab.delete("Project", "first").await?;
    lab.gone("Project", "first").await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    let _operator = office.operator(&[])?;
    lab.delete("Project", "second").await?;
    let message = office.condition(&cascade, "LimitExceeded", "True", "ConfirmationNeeded").await?;
    assert!(message.contains("only 1 more"), "{message}");
    assert!(lab.exists("Cluster", "second-0").await?);
    Ok(())
}

#[tokio::test]
async fn c7_no_deletion_begins_that_could_not_be_counted() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.enforced(&cascade).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let refused =
        proxy.rule(Match::any().method("PATCH").path(&format!("{cascade}/status")), Fault::status(500));
    lab.delete("Project", "web").await?;
    // It was tried, and tried again.
    proxy.wait_count(3, rewitness_e2e::lab::SOON, |call| call.status() == Some(500)).await?;
    assert!(lab.exists("Cluster", "a").await?);
    drop(refused);
    lab.gone("Project", "web").await?;
    let hour = office.status(&cascade, "it is counted", |status| status.hour.first().copied()).await?;
    assert_eq!(hour.count, 1, "tries that failed count for nothing");
    Ok(())
}

#[tokio::test]
async fn an_operator_that_is_asked_to_end_ends_and_what_is_held_stays_held() -> Result<()> {
    let office = Office::new().await?;
    let mut operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "web", &cascade).await?;
    operator.signal(Signal::TERM)?;
    operator.warns(&["stopping"]).await?;
    let ended = operator.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    office.unstick("web").await?;
    assert!(office.lab.exists("Project", "web").await?);
    Ok(())
}
