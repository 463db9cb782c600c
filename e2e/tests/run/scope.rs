//! An operator that may not watch everything.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::rights::own_rights;
use rewitness_e2e::office::{Office, is_held};

#[tokio::test]
async fn an_operator_of_some_namespaces_needs_no_rights_and_sees_nothing_elsewhere() -> Result<()> {
    let mut office = Office::new().await?;
    office.as_account(own_rights()).await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let (ours, other) = (lab.ns.clone(), lab.plane.namespace("other").await?);
    grant(&office).await?;
    let cascade = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({}));
    let mut everywhere = lab.dependents("Disk");
    (everywhere["scope"], everywhere["reference"]["value"]) = (json!("AllNamespaces"), json!("UID"));
    let mut with_disks = cascade.clone();
    with_disks.spec.stages.extend(
        lab.cascade(&[&[everywhere]])
            .spec
            .stages
            .into_iter()
            .map(|stage| rewitness_crds::cascade::Stage { name: "disks".to_owned(), ..stage }),
    );
    let _operator = office.operator(&["--namespace-scope", &ours])?;
    let spaces = office.write(with_disks).await?;
    let projects = office.projects(json!({})).await?;
    office.enforced(&spaces).await?;
    let message = office.condition(&projects, "Ready", "False", "OutOfScope").await?;
    assert!(message.contains(&format!("Project.{} lives in none", lab.group)), "{message}");
    lab.create_in("Space", &other, "elsewhere", None).await?;
    let parent = office.parent("Space", "web", &spaces).await?;
    let uid = parent.metadata.uid.unwrap_or_default();
    lab.create("Cluster", "a", Some("web")).await?;
    for ns in [&ours, &other] {
        lab.create_in("Disk", ns, "b", Some(&uid)).await?;
    }
    lab.delete("Space", "web").await?;
    lab.gone("Space", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && !lab.exists("Disk", "b").await?);
    assert!(lab.api_in("Disk", &other).get_opt("b").await?.is_some(), "it is not seen");
    assert!(!is_held(&lab.api_in("Space", &other).get("elsewhere").await?, &spaces));
    let is_wide =
        |path: &str| path.starts_with(&format!("/apis/{}/v1/", lab.group)) && !path.contains("/namespaces/");
    assert_eq!(proxy.count(|call| is_wide(&call.path)), 0, "nothing was asked for elsewhere");
    Ok(())
}

/// Everything of the lab's kinds, in its own namespace.
async fn grant(office: &Office) -> Result<()> {
    let (lab, post) = (&office.lab, PostParams::default());
    let role: Role = serde_json::from_value(json!({
        "metadata": { "name": "operator" },
        "rules": [{ "apiGroups": [lab.group], "resources": ["*"], "verbs": ["*"] }],
    }))?;
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "operator" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator" },
        "subjects": [{ "kind": "ServiceAccount", "namespace": lab.ns, "name": "operator" }],
    }))?;
    Api::<Role>::namespaced(lab.client.clone(), &lab.ns).create(&post, &role).await?;
    Api::<RoleBinding>::namespaced(lab.client.clone(), &lab.ns).create(&post, &binding).await?;
    Ok(())
}
