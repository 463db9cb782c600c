//! A server that takes a call and never answers: each command ends, and says why.

use anyhow::Result;
use rewitness_controlplane::{Fault, Gate, Match};
use serde_json::json;

use rewitness_e2e::office::{Office, command};
use rewitness_e2e::{Ended, Running};

#[tokio::test]
async fn a_call_that_is_never_answered_has_an_end_and_a_reason() -> Result<()> {
    let office = Office::new().await?;
    let cascade = office.projects(json!({ "limits": { "maxDependents": 0 } })).await?;
    office.lab.create("Project", "web", None).await?;
    office.lab.create("Cluster", "a", Some("web")).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cascade.yaml").display().to_string();
    let mut written = office.cascades.get(&cascade).await?;
    written.metadata.managed_fields = None;
    std::fs::write(&file, serde_json::to_string(&written)?)?;
    let project = format!("{}/web", office.kinds("projects"));

    // Each has a proxy of its own, and they wait at the same time.
    let never = async |calls: Match, args: &[&str]| -> Result<Ended> {
        let proxy = office.lab.proxy()?;
        let _silent = proxy.rule(calls, Fault::Hold(Gate::new()));
        Running::start(command(&proxy.kubeconfig(), args)?)?.end().await
    };
    let reads = || Match::any().method("GET").path("/cascades");
    let patches = |path: &str| Match::any().method("PATCH").path(path);
    let [resume, suspend] = ["resume", "suspend"].map(|verb| [verb, &*cascade]);
    let confirm = ["confirm", &cascade, &project, "--yes"];
    let check = ["rbac", "-f", &file, "--check"];
    let unhold = ["unhold", &format!("cascade/{cascade}"), &project];
    let (named, all, suspend, confirm, rights, unhold, whole) = tokio::try_join!(
        never(reads(), &resume),
        never(reads(), &["rbac", "--all"]),
        never(patches("/cascades/"), &suspend),
        never(patches("/projects/"), &confirm),
        never(Match::any().path("/selfsubjectaccessreviews"), &check),
        never(reads(), &unhold),
        never(Match::any().method("GET").path("/customresourcedefinitions/"), &["check"]),
    )?;
    let said = whole.stdout.join("\n");
    assert_eq!(whole.status, Some(1), "{whole:?}");
    assert!(said.contains("UNKNOWN") && said.contains("no answer within 20 s"), "{said}");
    for ended in [named, all, suspend, confirm, rights, unhold] {
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert!(ended.warnings().contains("answer within 30 s"), "{ended:?}");
    }
    Ok(())
}
