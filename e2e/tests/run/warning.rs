//! `spec.warnOnDelete`: what whoever types `kubectl delete` is told, and about what nothing is said.

use anyhow::{Context, Result};
use rewitness_crds::cascade::{finalizer, warning_policy};
use serde_json::json;

use rewitness_e2e::Running;
use rewitness_e2e::lab::FOREIGN;
use rewitness_e2e::office::Office;

#[tokio::test]
async fn whoever_deletes_a_parent_is_told_what_holds_it_and_the_command_answers() -> Result<()> {
    let office = Office::new().await?;
    let (lab, _operator) = (&office.lab, office.operator(&[])?);
    let cascade = office.warning(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    let projects = format!("projects.{}", lab.group);
    let typed = format!("{projects}/web");
    let words = |stays| vec![office.words(&cascade, "Project web", stays, &typed)];
    office.would_be_told(&[&typed], &words("would stay")).await?;
    assert_eq!(office.told(&[&typed, "--wait=false"]).await?, words("stays"));
    // Who asks again wonders why it is still there.
    assert_eq!(office.told(&[&typed, "--wait=false"]).await?, words("stays"));

    let said = words("stays").concat();
    let (_, command) = said.split_once("To see what is left: rewitness ").context("a command")?;
    let mut rewitness = std::process::Command::new(rewitness_e2e::program()?);
    rewitness.args(command.split(' ')).env("KUBECONFIG", lab.plane.kubeconfig());
    let answer = Running::start(rewitness)?.end().await?;
    assert_eq!(answer.status, Some(0), "{answer:?}");
    let answer = answer.stdout.join("\n");
    assert!(answer.contains("Terminating") && answer.contains(&cascade), "{answer}");

    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn nothing_is_said_of_what_is_not_held_of_another_kind_or_of_another_namespace() -> Result<()> {
    let office = Office::new().await?;
    let (lab, _operator) = (&office.lab, office.operator(&[])?);
    let other = lab.plane.namespace("other").await?;
    let parent = json!({
        "apiVersion": format!("{}/v1", lab.group), "kind": "Space", "namespaces": [&lab.ns],
        "labelSelector": { "matchLabels": { "tier": "gold" } },
    });
    let cascade = office.warning(json!({ "parent": parent })).await?;
    for name in ["web", "api"] {
        lab.create("Space", name, None).await?;
        lab.patch("Space", name, json!({ "labels": { "tier": "gold" } })).await?;
        office.held("Space", name, &cascade).await?;
    }
    lab.create("Space", "not-held", None).await?;
    // Somebody has put our finalizer where we would not.
    let hold = json!({ "metadata": { "finalizers": [finalizer(&cascade)] } });
    lab.create_in("Space", &other, "elsewhere", None).await?;
    lab.create("Cluster", "of-another-kind", None).await?;
    for api in [lab.api_in("Space", &other), lab.api("Cluster")] {
        let name = api.list(&Default::default()).await?.items.remove(0).metadata.name.context("a name")?;
        api.patch(&name, &Default::default(), &kube::api::Patch::Merge(&hold)).await?;
    }
    let (spaces, clusters) = (format!("spaces.{}", lab.group), format!("clusters.{}", lab.group));
    let words = |name: &str, stays| {
        let (object, typed) = (format!("Space {}/{name}", lab.ns), format!("-n {} {spaces}/{name}", lab.ns));
        office.words(&cascade, &object, stays, &typed)
    };
    office.would_be_told(&[&spaces, "web", "-n", &lab.ns], &[words("web", "would stay")]).await?;
    for (kind, name, ns) in [
        (&spaces, "not-held", &lab.ns),
        (&spaces, "elsewhere", &other),
        (&clusters, "of-another-kind", &lab.ns),
    ] {
        let said = office.told(&[kind, name, "-n", ns, "--dry-run=server"]).await?;
        assert_eq!(said, [""; 0], "{name}");
    }

    // A controller names the uid that it means.
    let uid = lab.api("Space").get("web").await?.metadata.uid;
    let folder = tempfile::tempdir()?;
    let options = folder.path().join("options.json").display().to_string();
    let body = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], "preconditions": { "uid": uid },
    });
    std::fs::write(&options, body.to_string())?;
    let all = format!("/apis/{}/v1/namespaces/{}/spaces", lab.group, lab.ns);
    assert_eq!(office.told(&["--raw", &format!("{all}/web"), "-f", &options]).await?, [""; 0]);

    // A collection is one call, which names none of them.
    let mut said = office.told(&["--raw", &all]).await?;
    said.sort();
    assert_eq!(said, [words("api", "stays"), words("web", "stays")]);
    for name in ["web", "api", "not-held"] {
        lab.gone("Space", name).await?;
    }
    // What was put on by hand is removed by hand.
    let let_go = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    lab.api("Cluster").patch("of-another-kind", &Default::default(), &let_go).await?;
    lab.api_in("Space", &other).patch("elsewhere", &Default::default(), &let_go).await?;
    Ok(())
}

#[tokio::test]
async fn while_deletions_do_not_go_on_the_warning_says_so() -> Result<()> {
    let office = Office::new().await?;
    let (lab, _operator) = (&office.lab, office.operator(&[])?);
    let cascade = office.warning(json!({ "suspend": true })).await?;
    office.parent("Project", "web", &cascade).await?;
    let typed = format!("projects.{}/web", lab.group);
    let words = |does: &str, first: &str| {
        let plain = office.words(&cascade, "Project web", "would stay", &typed);
        let plain = plain.replace(&format!("{cascade}. It"), &format!("{cascade}{does}. It"));
        vec![plain.replace("until what", &format!("until {first}what"))]
    };
    let resumed = "that is resumed, and ";
    office.would_be_told(&[&typed], &words(", which is suspended", resumed)).await?;
    office.edit(&cascade, json!({ "suspend": false })).await?;
    office.would_be_told(&[&typed], &words("", "")).await
}

/// Names of most kinds are plain. Those of Roles need not be, so the policy is made one for Roles.
#[tokio::test]
async fn a_name_that_a_shell_would_take_apart_is_quoted_in_the_command() -> Result<()> {
    let office = Office::new().await?;
    let (lab, operator) = (&office.lab, office.operator(&[])?);
    let cascade = office.warning(json!({})).await?;
    operator.interrupt().await?;
    let policy = warning_policy(&cascade);
    let roles = json!({ "spec": { "matchConstraints": { "resourceRules": [{
        "apiGroups": ["rbac.authorization.k8s.io"], "apiVersions": ["*"], "operations": ["DELETE"],
        "resources": ["clusterroles"], "scope": "Cluster",
    }] } } });
    let patch = roles.to_string();
    let patch = ["patch", "validatingadmissionpolicies", &policy, "--type=merge", "-p", &patch];
    lab.plane.kubectl_ok(&patch).await?;
    let name = format!("{cascade}'s $(reboot)");
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name, "finalizers": [finalizer(&cascade)] },
    });
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("role.json").display().to_string();
    std::fs::write(&file, role.to_string())?;
    lab.plane.kubectl_ok(&["create", "-f", &file]).await?;
    let typed = format!("projects.{}/'{cascade}'\\''s $(reboot)'", lab.group);
    let words = office.words(&cascade, &format!("Project {name}"), "would stay", &typed);
    office.would_be_told(&["clusterrole", &name], &[words]).await
}
