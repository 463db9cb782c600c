//! C10: `rewitness unhold cascade/NAME` removes the finalizer of a Cascade by hand.

use anyhow::Result;
use kube::ResourceExt;
use rewitness_controlplane::unique;
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use rewitness_e2e::lab::{FOREIGN, Lab};
use rewitness_e2e::office::{Office, is_held};

/// Parents that carry the finalizer of a Cascade which is not there.
async fn left_behind(lab: &Lab, names: &[&str]) -> Result<String> {
    let cascade = unique("casc");
    for name in names {
        lab.create("Project", name, None).await?;
        lab.patch("Project", name, json!({ "finalizers": [FOREIGN, finalizer(&cascade)] })).await?;
    }
    Ok(cascade)
}

#[tokio::test]
async fn c10_what_a_cascade_that_has_gone_left_behind_is_let_go_by_hand() -> Result<()> {
    let office = Office::new().await?;
    let cascade = left_behind(&office.lab, &["a", "b"]).await?;
    let (hold, projects) = (format!("cascade/{cascade}"), office.kinds("projects"));
    let untold = office.types(&["unhold", &hold]).await?;
    assert_eq!(untold.status, Some(2), "{untold:?}");
    assert!(untold.warnings().contains(&format!("rewitness unhold -A {hold} TYPE")), "{untold:?}");

    let dry = office.types(&["unhold", &hold, &projects, "--dry-run"]).await?;
    assert_eq!((dry.status, dry.stdout.len()), (Some(0), 2), "{dry:?}");
    let one = office.types(&["unhold", &hold, &format!("{projects}/a")]).await?;
    assert_eq!(one.stdout, [format!("project.{}/a released", office.lab.group)], "{one:?}");
    let api = office.lab.api("Project");
    assert_eq!(api.get("a").await?.finalizers(), [FOREIGN], "nobody else's finalizer is touched");
    assert!(is_held(&api.get("b").await?, &cascade), "only a was named");

    // The whole finalizer, as one copies it.
    let all = office.types(&["unhold", &finalizer(&cascade), &projects]).await?;
    assert_eq!((all.status, all.stdout.len()), (Some(0), 1), "{all:?}");
    assert!(!is_held(&api.get("b").await?, &cascade));
    Ok(())
}

#[tokio::test]
async fn c10_while_a_rule_owns_the_name_only_force_lets_go() -> Result<()> {
    let office = Office::new().await?;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "web", &cascade).await?;
    // Without an operator nobody else lets it go.
    drop(operator);
    let hold = format!("cascade/{cascade}");
    let refused = office.types(&["unhold", &hold]).await?;
    assert_eq!((refused.status, refused.stdout.len()), (Some(1), 0), "{refused:?}");
    assert!(refused.warnings().contains("is there, and its operator holds its parents"), "{refused:?}");
    assert!(refused.warnings().contains("--force"), "{refused:?}");
    assert!(is_held(&office.lab.api("Project").get("web").await?, &cascade));

    let dry = office.types(&["unhold", &hold, "--dry-run"]).await?;
    let line = format!("project.{}/web is held, and is being deleted", office.lab.group);
    assert_eq!((dry.status, dry.stdout.as_slice()), (Some(0), [line].as_slice()), "{dry:?}");
    assert!(is_held(&office.lab.api("Project").get("web").await?, &cascade));

    let forced = office.types(&["unhold", &hold, "--force"]).await?;
    assert_eq!(forced.status, Some(0), "{forced:?}");
    assert!(forced.warnings().starts_with("warning: "), "{forced:?}");
    office.lab.gone("Project", "web").await?;
    assert!(office.lab.exists("Cluster", "of-web").await?, "nothing is deleted by it");
    Ok(())
}

/// Setting it to mode Plan is what is advised: it must do.
#[tokio::test]
async fn c10_what_a_cascade_in_mode_plan_has_left_is_let_go_without_force() -> Result<()> {
    let office = Office::new().await?;
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.stuck("Project", "web", &cascade).await?;
    drop(operator);
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    let ended = office.types(&["unhold", &format!("cascade/{cascade}")]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 1), "{ended:?}");
    assert!(!ended.warnings().contains("warning"), "{ended:?}");
    office.lab.gone("Project", "web").await?;

    office.lab.create("Project", "other", None).await?;
    let finalizers = json!({ "finalizers": [finalizer(&cascade)] });
    office.lab.patch("Project", "other", finalizers).await?;
    let forced = office.types(&["unhold", &format!("cascade/{cascade}"), "--force"]).await?;
    assert_eq!(forced.status, Some(0), "{forced:?}");
    assert!(!forced.warnings().contains("adds the finalizer"), "nothing holds it: {forced:?}");
    Ok(())
}

#[tokio::test]
async fn c10_one_object_is_let_go_only_where_exactly_it_is_named() -> Result<()> {
    let office = Office::new().await?;
    let cascade = left_behind(&office.lab, &["a"]).await?;
    let (hold, projects) = (format!("cascade/{cascade}"), office.kinds("projects"));
    for (args, status, expected) in [
        (&[&*format!("{projects}/a"), "-A"][..], 2, "is one object, and -A is all namespaces"),
        (&[&*format!("{projects}/")], 2, "names no object"),
        (&[&*format!("{projects}/a/b")], 2, "names no object"),
        (&[&*format!("{projects}/nonsuch")], 1, "there is no projects."),
    ] {
        let ended = office.types(&[&["unhold", &hold], args].concat()).await?;
        assert_eq!((ended.status, ended.stdout.len()), (Some(status), 0), "{args:?}: {ended:?}");
        assert!(ended.warnings().contains(expected), "{args:?}: {ended:?}");
    }
    assert!(is_held(&office.lab.api("Project").get("a").await?, &cascade));
    // It is there, and is not held: nothing is to be done.
    office.lab.create("Project", "free", None).await?;
    let free = office.types(&["unhold", &hold, &format!("{projects}/free")]).await?;
    assert_eq!(free.status, Some(0), "{free:?}");
    assert!(free.warnings().contains("nothing here carries"), "{free:?}");
    Ok(())
}
