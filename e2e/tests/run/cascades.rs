//! What the operator does with a Cascade from its first sight on.

use anyhow::Result;
use serde_json::json;

use crate::lab::FOREIGN;
use crate::office::Office;

#[tokio::test]
async fn a_parent_is_held_its_dependents_go_stage_by_stage_and_then_it_goes() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let stages = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    let cascade = office.write(stages).await?;
    office.enforced(&cascade).await?;
    let parent = office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.create("Disk", "b", Some("web")).await?;
    lab.create("Disk", "unrelated", Some("api")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    let held = office.status(&cascade, "it is held", |status| status.held_parents.first().cloned()).await?;
    assert_eq!((&*held.name, Some(held.uid)), ("web", parent.metadata.uid.clone()));
    assert!(lab.exists("Disk", "b").await?, "the second stage waits for the first");
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Disk", "b").await? && lab.exists("Disk", "unrelated").await?);
    let finished = office.status(&cascade, "it is finished", |status| status.finished.first().cloned()).await?;
    assert_eq!((&*finished.name, Some(finished.uid)), ("web", parent.metadata.uid));
    let deleted: Vec<_> = finished.stages.iter().map(|stage| (&*stage.name, stage.deleted)).collect();
    assert_eq!(deleted, [("stage-0", 1), ("stage-1", 1)]);
    office.status(&cascade, "nothing is held", |status| (status.counts.held == 0).then_some(())).await
}
