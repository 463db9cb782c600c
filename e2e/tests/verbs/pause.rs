//! `rewitness pause` and `rewitness resume`.

use anyhow::Result;
use serde_json::json;

use rewitness_e2e::office::{Office, is_held};

#[tokio::test]
async fn a_paused_cascade_does_nothing_until_it_is_resumed() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "web", &cascade).await?;

    let ended = office.types(&["pause", &cascade]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, [format!("cascade/{cascade} paused; 1 deletion stands still")]);
    office.condition(&cascade, "Paused", "True", "Paused").await?;
    let again = office.types(&["pause", &format!("cascade/{cascade}")]).await?;
    assert_eq!(again.stdout, [format!("cascade/{cascade} was paused already; 1 deletion stands still")]);
    office.unstick("web").await?;
    office.lab.gone("Cluster", "of-web").await?;

    let ended = office.types(&["resume", &cascade]).await?;
    assert_eq!(ended.stdout, [format!("cascade/{cascade} resumed; 1 deletion goes on")]);
    office.lab.gone("Project", "web").await
}

#[tokio::test]
async fn held_back_deletions_are_let_go_on_and_parents_are_held_meanwhile() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    let ended = office.types(&["pause", &cascade, "--deletions", "-o", "json"]).await?;
    assert_eq!(
        ended.json()?,
        json!({
            "apiVersion": "cli.rewitness.dev/v1alpha1", "kind": "Switch", "field": "holdDeletions", "value": true,
            "cascades": [{
                "name": cascade, "changed": true, "paused": false, "holdDeletions": true, "held": 0,
            }],
        })
    );
    office.condition(&cascade, "Paused", "True", "DeletionsHeld").await?;
    let parent = office.parent("Project", "web", &cascade).await?;
    assert!(is_held(&parent, &cascade));
    office.lab.create("Cluster", "a", Some("web")).await?;
    office.lab.delete("Project", "web").await?;
    office
        .status(&cascade, "it stands still", |status| {
            status.held_parents.iter().any(|held| held.reason == "DeletionsHeld").then_some(())
        })
        .await?;
    assert!(office.lab.exists("Cluster", "a").await?);

    let other = office.types(&["resume", &cascade]).await?;
    assert_eq!(
        other.stdout,
        [format!(
            "cascade/{cascade} was not paused; it still holds deletions back: \
             rewitness resume --deletions {cascade}"
        )]
    );
    let ended = office.types(&["resume", &cascade, "--deletions"]).await?;
    assert_eq!(ended.stdout, [format!("cascade/{cascade} lets deletions go on; 1 deletion goes on")]);
    office.lab.gone("Project", "web").await
}

#[tokio::test]
async fn a_name_with_a_typing_error_changes_nothing() -> Result<()> {
    let office = Office::new().await?;
    let cascade = office.projects(json!({})).await?;
    let ended = office.types(&["pause", &cascade, "nonsuch"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.warnings().starts_with("error: there is no Cascade `nonsuch`"), "{ended:?}");
    assert!(ended.warnings().contains("kubectl get cascades"), "{ended:?}");
    assert!(!office.cascades.get(&cascade).await?.spec.paused);
    let ended = office.types(&["pause"]).await?;
    assert_eq!(ended.status, Some(2), "{ended:?}");
    Ok(())
}

/// On a control plane of its own: all Cascades are everybody's.
#[tokio::test]
async fn all_cascades_are_paused_and_resumed_and_without_the_definition_the_way_out_is_said() -> Result<()> {
    let office = Office::apart().await?;
    let ended = office.types(&["pause", "--all"]).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("kubectl apply -f deploy/crds"), "{ended:?}");
    rewitness_e2e::office::install(office.lab.plane).await?;
    let ended = office.types(&["pause", "--all"]).await?;
    assert_eq!((ended.status, ended.warnings()), (Some(0), "there is no Cascade".to_owned()), "{ended:?}");
    let cascades = [office.projects(json!({})).await?, office.projects(json!({ "paused": true })).await?];
    let ended = office.types(&["pause", "--all"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 2), "{ended:?}");
    for cascade in &cascades {
        assert!(office.cascades.get(cascade).await?.spec.paused);
    }
    let ended = office.types(&["resume", "--all"]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for cascade in &cascades {
        assert!(!office.cascades.get(cascade).await?.spec.paused);
    }
    Ok(())
}
