//! C12: `rewitness rbac`: exactly the rights that the operator needs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::Api;
use kube::api::ListParams;
use rewitness_controlplane::{Fault, Gate, Match, until};
use rewitness_crds::{CASCADES, Cascade};
use serde_json::json;

use rewitness_e2e::lab::{Lab, SOON};
use rewitness_e2e::office::{Office, install};

/// A Cascade over two stages, and a file of it.
fn written(lab: &Lab, folder: &tempfile::TempDir) -> Result<(Cascade, String)> {
    let stages: &[&[serde_json::Value]] = &[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]];
    let cascade = lab.cascade_of("Project", stages, json!({}));
    let file: PathBuf = folder.path().join("cascade.yaml");
    std::fs::write(&file, serde_json::to_string(&cascade)?)?;
    Ok((cascade, file.display().to_string()))
}

/// The rules of the ClusterRole that is printed.
async fn printed_role(office: &Office, args: &[&str]) -> Result<Vec<PolicyRule>> {
    let printed = office.types(&[&["rbac", "-o", "json"], args].concat()).await?;
    assert_eq!(printed.status, Some(0), "{printed:?}");
    let role: ClusterRole = serde_json::from_value(printed.json()?["items"][0].clone())?;
    role.rules.context("rules")
}

/// `verb group/resource`, of each right in a role.
fn rights(role: &[PolicyRule]) -> BTreeSet<String> {
    let of = |rule: &PolicyRule| {
        let first = |list: &Option<Vec<String>>| list.iter().flatten().next().cloned().unwrap_or_default();
        let on = format!("{}/{}", first(&rule.api_groups), first(&rule.resources));
        rule.verbs.iter().map(|verb| format!("{verb} {on}")).collect::<Vec<_>>()
    };
    role.iter().flat_map(of).collect()
}

#[tokio::test]
async fn c12_the_role_that_is_printed_is_enough_and_each_right_in_it_is_used() -> Result<()> {
    let mut office = Office::apart().await?;
    install(office.lab.plane).await?;
    let folder = tempfile::tempdir()?;
    let (cascade, file) = written(&office.lab, &folder)?;
    let role = printed_role(&office, &["-f", &file]).await?;
    let proxy = {
        office.as_account(role.clone()).await?;
        office.proxied()?
    };
    let lab = &office.lab;
    let operator = office.operator(&[])?;
    let name = office.write(cascade).await?;
    office.enforced(&name).await?;
    office.condition(&name, "Authorized", "True", "Granted").await?;

    // Each dependent changes between list and delete, and is read again.
    let held_back = ["/clusters/", "/disks/"].map(|path| {
        let gate = Gate::new();
        let deletes = Match::any().method("DELETE").path(path).times(1);
        (proxy.rule(deletes, Fault::Hold(gate.clone())), gate)
    });
    office.parent("Project", "web", &name).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.create("Disk", "b", Some("web")).await?;
    lab.delete("Project", "web").await?;
    for ((_, gate), (kind, name)) in held_back.iter().zip([("Cluster", "a"), ("Disk", "b")]) {
        gate.reached().await?;
        lab.patch(kind, name, json!({ "annotations": { "changed": "yes" } })).await?;
        gate.open();
    }
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && !lab.exists("Disk", "b").await?);
    let events: Api<Event> = Api::all(lab.client.clone());
    until("the Events are written", SOON, async || {
        let events = events.list(&ListParams::default()).await?;
        Ok(events.items.iter().any(|event| event.reason.as_deref() == Some("CascadeFinished")).then_some(()))
    })
    .await?;
    office.mark_uninstall(Some("now")).await?;
    office.released("now").await?;
    drop(operator);

    let (user, mut used) = (format!("system:serviceaccount:{}:operator", lab.ns), BTreeSet::new());
    for event in lab.plane.audit_about(&user).await? {
        let Some(on) = event.object_ref.filter(|_| event.user.username == user) else { continue };
        let slash = if on.subresource.is_empty() { "" } else { "/" };
        let right = format!("{} {}/{}{slash}{}", event.verb, on.api_group, on.resource, on.subresource);
        let code = event.response_status.map_or(0, |status| status.code);
        assert_ne!(code, 403, "{right} is missing in the role");
        used.insert(right);
    }
    let unused: Vec<_> = rights(&role).into_iter().filter(|right| !used.contains(right)).collect();
    assert_eq!(unused, [""; 0], "more than is needed");
    Ok(())
}

/// What is seen of an operator that lacks a rule of the role.
#[tokio::test]
async fn c12_without_any_one_rule_of_the_role_something_is_missing_and_says_so() -> Result<()> {
    let mut office = Office::new().await?;
    let folder = tempfile::tempdir()?;
    let (cascade, file) = written(&office.lab, &folder)?;
    let role = printed_role(&office, &["-f", &file]).await?;
    let name = office.write(cascade).await?;
    assert_eq!(role.len(), 8, "{role:#?}");
    for left_out in 0..role.len() {
        let lacking = [&role[..left_out], &role[left_out + 1..]].concat();
        let account = format!("lacks-{left_out}");
        office.kubeconfig = office.lab.plane.service_account(&office.lab.ns, &account, lacking).await?;
        let mut operator = office.operator(&[])?;
        let rule = &role[left_out];
        let resource = rule.resources.iter().flatten().next().context("a resource")?;
        let own = rule.resource_names.iter().flatten().any(|name| name == CASCADES);
        match &**resource {
            "cascades" => operator.warns(&["Cascades cannot be listed", "forbidden"]).await?,
            "cascades/status" => operator.warns(&["the status could not be written", "forbidden"]).await?,
            "customresourcedefinitions" if own => {
                operator.warns(&["the definition of Cascade cannot be read"]).await?;
            }
            "events" => {
                office.parent("Project", "web", &name).await?;
                office.lab.create("Cluster", "a", Some("web")).await?;
                office.lab.delete("Project", "web").await?;
                operator.warns(&["Events are not written", "grant"]).await?;
                office.lab.gone("Project", "web").await?;
            }
            _ => {
                let first = format!("{} {resource}", rule.verbs[0]);
                until(&format!("it is said that {first} is missing"), SOON, async || {
                    let status = office.cascades.get(&name).await?.status.unwrap_or_default();
                    let authorized = status.conditions.into_iter().find(|one| one.type_ == "Authorized");
                    let said = authorized.map(|one| one.message).unwrap_or_default();
                    Ok(said.contains(&first).then_some(()))
                })
                .await?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn c12_whoever_lacks_a_right_is_told_by_a_cross() -> Result<()> {
    let office = Office::new().await?;
    let folder = tempfile::tempdir()?;
    let (_, file) = written(&office.lab, &folder)?;
    let mut role = printed_role(&office, &["-f", &file]).await?;
    let clusters = role.iter_mut().find(|rule| rule.resources.iter().flatten().any(|one| one == "clusters"));
    clusters.context("a rule for clusters")?.verbs.retain(|verb| verb != "delete");
    office.lab.plane.service_account(&office.lab.ns, "operator", role).await?;
    let user = format!("system:serviceaccount:{}:operator", office.lab.ns);

    let check = office.types(&["rbac", "-f", &file, "--check", "--as", &user]).await?;
    assert_eq!(check.status, Some(1), "{check:?}");
    let crosses: Vec<_> = check.stdout.iter().filter(|line| line.starts_with('✗')).collect();
    assert_eq!(crosses, [&format!("✗ delete clusters.{}", office.lab.group)], "{check:?}");
    assert!(check.stdout.contains(&format!("✓ get clusters.{}", office.lab.group)), "{check:?}");
    assert!(check.stdout.contains(&"✓ patch cascades.rewitness.dev/status".to_owned()), "{check:?}");
    assert!(check.warnings().starts_with("1 right is missing"), "{check:?}");

    let json = office.types(&["rbac", "-f", &file, "--check", "--as", &user, "-o", "json"]).await?.json()?;
    assert_eq!(
        (&json["kind"], &json["user"], &json["missing"]),
        (&json!("RightsCheck"), &json!(user), &json!(1))
    );
    let missing = json!({
        "verb": "delete", "group": office.lab.group, "resource": "clusters", "granted": false,
    });
    assert!(json["rights"].as_array().is_some_and(|rights| rights.contains(&missing)), "{json}");

    // The administrator's own.
    let mine = office.types(&["rbac", "-f", &file, "--check"]).await?;
    assert_eq!(mine.status, Some(0), "{mine:?}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_named_is_said_and_nothing_is_printed() -> Result<()> {
    let office = Office::new().await?;
    let folder = tempfile::tempdir()?;
    let (mut cascade, file) = written(&office.lab, &folder)?;
    cascade.spec.stages[1].dependents[0].kind = "Nonsuch".to_owned();
    std::fs::write(&file, serde_json::to_string(&cascade)?)?;
    let ended = office.types(&["rbac", "-f", &file]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.warnings().contains(&format!("does not serve Nonsuch.{}", office.lab.group)), "{ended:?}");
    assert!(ended.warnings().contains("install its definition first"), "{ended:?}");

    std::fs::write(&file, "kind: ConfigMap")?;
    let ended = office.types(&["rbac", "-f", &file]).await?;
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.warnings().contains("there is no Cascade in"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn the_printed_role_is_what_kubectl_applies_and_parents_of_named_namespaces_are_granted_there()
-> Result<()> {
    let office = Office::new().await?;
    let (lab, folder) = (&office.lab, tempfile::tempdir()?);
    let parent =
        json!({ "apiVersion": format!("{}/v1", lab.group), "kind": "Space", "namespaces": [&lab.ns] });
    let cascade = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({ "parent": parent }));
    let file = folder.path().join("cascade.json").display().to_string();
    std::fs::write(&file, serde_json::to_string(&cascade)?)?;
    let printed = office.types(&["rbac", "-f", &file, "--name", &lab.group]).await?;
    let (group, ns, cascade) = (&lab.group, &lab.ns, cascade.metadata.name.unwrap_or_default());
    let expected = format!(
        r#"# What `rewitness run` needs for {cascade}, and nothing more.
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {group}
rules:
- apiGroups:
  - apiextensions.k8s.io
  resourceNames:
  - spaces.{group}
  resources:
  - customresourcedefinitions
  verbs:
  - get
- apiGroups:
  - apiextensions.k8s.io
  resourceNames:
  - cascades.rewitness.dev
  resources:
  - customresourcedefinitions
  verbs:
  - get
  - list
  - patch
  - watch
- apiGroups:
  - events.k8s.io
  resources:
  - events
  verbs:
  - create
- apiGroups:
  - {group}
  resources:
  - clusters
  verbs:
  - delete
  - get
  - list
  - watch
- apiGroups:
  - rewitness.dev
  resources:
  - cascades
  verbs:
  - get
  - list
  - patch
  - watch
- apiGroups:
  - rewitness.dev
  resources:
  - cascades/status
  verbs:
  - patch
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {group}
  namespace: {ns}
rules:
- apiGroups:
  - {group}
  resources:
  - spaces
  verbs:
  - get
  - list
  - patch
  - watch
"#
    );
    assert_eq!(printed.stdout.join("\n") + "\n", expected, "{printed:?}");
    let roles = folder.path().join("roles.yaml").display().to_string();
    std::fs::write(&roles, expected)?;
    let applied = lab.plane.kubectl_ok(&["apply", "-f", &roles]).await?;
    assert_eq!(applied.lines().filter(|line| line.ends_with("created")).count(), 2, "{applied}");
    Ok(())
}

/// What is printed for an operator that works in some namespaces alone is enough for it, and nothing
/// of the kinds is granted elsewhere.
#[tokio::test]
async fn c12_an_operator_of_some_namespaces_is_granted_its_kinds_there_alone() -> Result<()> {
    let mut office = Office::new().await?;
    let folder = tempfile::tempdir()?;
    let (lab, ns) = (&office.lab, office.lab.ns.clone());
    let cascade = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({}));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("cascade.json");
    std::fs::write(&file, serde_json::to_string(&cascade)?)?;
    let scoped = ["rbac", "-f", &file, "--namespace-scope", &ns];
    let printed = office.types(&[&scoped[..], &["--name", &lab.group]].concat()).await?;
    let text = printed.stdout.join("\n");
    let (everywhere, here) = text.split_once("kind: Role\n").context("a Role")?;
    assert!(!everywhere.contains(&format!("- {}\n", lab.group)), "{printed:?}");
    assert!(here.contains(&format!("namespace: {ns}\n")) && here.contains("clusters"), "{printed:?}");

    let kubeconfig = lab.plane.service_account(&ns, "operator", Vec::new()).await?;
    std::fs::write(path("roles.yaml"), &text)?;
    lab.plane.kubectl_ok(&["apply", "-f", &path("roles.yaml")]).await?;
    let account = format!("--serviceaccount={ns}:operator");
    for kind in ["role", "clusterrole"] {
        let role = format!("--{kind}={}", lab.group);
        let (binding, name) = (format!("{kind}binding"), lab.group.as_str());
        lab.plane.kubectl_ok(&["create", &binding, name, &role, &account, "-n", &ns]).await?;
    }
    let user = format!("system:serviceaccount:{ns}:operator");
    let check = ["--check", "--as", &user];
    until("the roles are in force", SOON, async || {
        let checked = office.types(&[&scoped[..], &check[..]].concat()).await?;
        Ok((checked.status == Some(0)).then_some(()))
    })
    .await?;
    let unscoped = office.types(&[&["rbac", "-f", &file], &check[..]].concat()).await?;
    assert_eq!(unscoped.status, Some(1), "{unscoped:?}");

    office.kubeconfig = kubeconfig;
    let name = office.write(cascade).await?;
    let _operator = office.operator(&["--namespace-scope", &ns])?;
    office.condition(&name, "Authorized", "True", "Granted").await?;
    office.parent("Space", "web", &name).await?;
    office.lab.create("Cluster", "a", Some("web")).await?;
    office.lab.delete("Space", "web").await?;
    office.lab.gone("Space", "web").await?;

    let (_, projects) = written(&office.lab, &folder)?;
    let out = office.types(&["rbac", "-f", &projects, "--namespace-scope", &ns]).await?;
    assert_eq!((out.status, out.stdout.len()), (Some(1), 0), "{out:?}");
    assert!(out.warnings().contains("lives in none"), "{out:?}");
    Ok(())
}
