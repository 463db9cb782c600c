//! `rewitness suspend` and `rewitness resume`.

use anyhow::Result;
use serde_json::json;

use rewitness_e2e::office::{Office, is_held};

#[tokio::test]
async fn a_suspended_cascade_holds_parents_and_deletes_nothing_until_it_is_resumed() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "web", &cascade).await?;

    let ended = office.types(&["suspend", &cascade]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, [format!("cascade/{cascade} suspended; 1 deletion waits")]);
    office.condition(&cascade, "Suspended", "True", "Suspended").await?;
    let again = office.types(&["suspend", &format!("cascade/{cascade}"), "-o", "json"]).await?;
    assert_eq!(
        again.json()?,
        json!({
            "apiVersion": "cli.rewitness.dev/v1alpha1", "kind": "Suspension", "suspend": true,
            "cascades": [{ "name": cascade, "changed": false, "held": 1 }],
        })
    );
    office.unstick("web").await?;
    office.lab.gone("Cluster", "of-web").await?;
    let late = office.parent("Project", "late", &cascade).await?;
    assert!(is_held(&late, &cascade));
    office.lab.create("Cluster", "of-late", Some("late")).await?;
    office.lab.delete("Project", "late").await?;
    office
        .status(&cascade, "both wait", |status| {
            let suspended = status.held_parents.iter().filter(|held| held.reason == "Suspended");
            (suspended.count() == 2).then_some(())
        })
        .await?;
    assert!(office.lab.exists("Cluster", "of-late").await?);

    let ended = office.types(&["resume", &cascade]).await?;
    assert_eq!(ended.stdout, [format!("cascade/{cascade} resumed; 2 deletions continue")]);
    office.lab.gone("Project", "web").await?;
    office.lab.gone("Project", "late").await
}

#[tokio::test]
async fn a_name_with_a_typing_error_changes_nothing() -> Result<()> {
    let office = Office::new().await?;
    let cascade = office.projects(json!({})).await?;
    let ended = office.types(&["suspend", &cascade, "nonsuch"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.warnings().starts_with("error: there is no Cascade `nonsuch`"), "{ended:?}");
    assert!(ended.warnings().contains("kubectl get cascades"), "{ended:?}");
    assert!(!office.cascades.get(&cascade).await?.spec.suspend);
    let ended = office.types(&["suspend"]).await?;
    assert_eq!(ended.status, Some(2), "{ended:?}");
    Ok(())
}

/// On a control plane of its own: all Cascades are everybody's.
#[tokio::test]
async fn all_cascades_are_suspended_and_resumed_and_without_the_definition_the_way_out_is_said() -> Result<()>
{
    let office = Office::apart().await?;
    let ended = office.types(&["suspend", "--all"]).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("kubectl apply -f deploy/crds"), "{ended:?}");
    rewitness_e2e::office::install(office.lab.plane).await?;
    let ended = office.types(&["suspend", "--all"]).await?;
    assert_eq!((ended.status, ended.warnings()), (Some(0), "there is no Cascade".to_owned()), "{ended:?}");
    let cascades = [office.projects(json!({})).await?, office.projects(json!({ "suspend": true })).await?];
    let ended = office.types(&["suspend", "--all"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 2), "{ended:?}");
    for cascade in &cascades {
        assert!(office.cascades.get(cascade).await?.spec.suspend);
    }
    let ended = office.types(&["resume", "--all"]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for cascade in &cascades {
        assert!(!office.cascades.get(cascade).await?.spec.suspend);
    }
    Ok(())
}
