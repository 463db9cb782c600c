//! C14: a tenant who may write parents and dependents in its own namespace, and nothing else, against a
//! victim in another namespace.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use rewitness_crds::cascade::record_annotation;
use rustix::process::Signal;
use serde_json::{Value, json};

use rewitness_e2e::office::Office;

/// A client of an account that may do anything with the lab's kinds in the lab's namespace.
async fn tenant(office: &Office) -> Result<kube::Client> {
    let lab = &office.lab;
    let account = lab.plane.service_account(&lab.ns, "tenant", Vec::new()).await?;
    let metadata = json!({ "name": "tenant" });
    let role: Role = serde_json::from_value(json!({
        "metadata": metadata, "rules": [{ "apiGroups": [lab.group], "resources": ["*"], "verbs": ["*"] }],
    }))?;
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": metadata,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant" },
        "subjects": [{ "kind": "ServiceAccount", "name": "tenant", "namespace": lab.ns }],
    }))?;
    let (params, client) = (PostParams::default(), lab.client.clone());
    Api::namespaced(client.clone(), &lab.ns).create(&params, &role).await?;
    Api::namespaced(client, &lab.ns).create(&params, &binding).await?;
    rewitness_controlplane::client(&account).await
}

struct Tenant<'a> {
    office: &'a Office,
    client: kube::Client,
}

impl Tenant<'_> {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let lab = &self.office.lab;
        Api::namespaced_with(self.client.clone(), &lab.ns, lab.resource(kind))
    }

    /// A dependent of a parent of its own, with these finalizers.
    async fn dependent(&self, name: &str, parent: &str, finalizers: Vec<String>) -> Result<()> {
        let lab = &self.office.lab;
        let mut object = DynamicObject::new(name, lab.resource("Cluster"));
        object.metadata.labels = Some(BTreeMap::from([(lab.label.clone(), parent.to_owned())]));
        object.metadata.finalizers = Some(finalizers);
        // It may not be known to its authorizer yet.
        rewitness_controlplane::until("the tenant may write", rewitness_e2e::lab::SOON, async || {
            match self.api("Cluster").create(&PostParams::default(), &object).await {
                Ok(_) => Ok(Some(())),
                Err(kube::Error::Api(answer)) if answer.code == 403 => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn annotate(&self, parent: &str, annotation: String, value: &Value) -> Result<()> {
        let patch = json!({ "metadata": { "annotations": { annotation: value.to_string() } } });
        self.api("Space").patch(parent, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }
}

#[tokio::test]
async fn c14_what_a_tenant_writes_holds_up_nobody_elses_deletion_and_no_operator() -> Result<()> {
    let office = Office::new().await?;
    let (lab, other) = (&office.lab, office.lab.plane.namespace("victim").await?);
    let operator = office.operator(&[])?;
    let cascade = office.write(lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({}))).await?;
    let attacker = Tenant { office: &office, client: tenant(&office).await? };
    let parents = ["count", "confirmed", "year", "ghost", "many", "large"];
    for parent in parents {
        office.parent("Space", parent, &cascade).await?;
    }
    lab.create_in("Space", &other, "victim", None).await?;
    lab.create_in("Cluster", &other, "of-victim", Some("victim")).await?;
    let spaces = lab.api_in("Space", &other);
    let held = rewitness_controlplane::until("the victim is held", rewitness_e2e::lab::SOON, async || {
        Ok(rewitness_e2e::office::is_held(&spaces.get("victim").await?, &cascade).then_some(()))
    });
    held.await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;

    for (parent, odd) in [
        ("count", json!({ "total": 1u64 << 63 })),
        (
            "confirmed",
            json!({ "confirmed": { "hash": "h", "count": 1u64 << 63, "at": "2026-01-01T00:00:00Z" } }),
        ),
        ("year", json!({ "confirmed": { "hash": "h", "count": 1, "at": "-000001-01-01T00:00:00Z" } })),
    ] {
        let uid = attacker.api("Space").get(parent).await?.metadata.uid;
        let mut record = json!({ "uid": uid, "revision": "r", "began": "2026-01-01T00:00:00Z", "total": 1 });
        record
            .as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(odd.as_object().cloned().unwrap_or_default()));
        attacker.dependent(&format!("of-{parent}"), parent, vec!["example.com/kept".to_owned()]).await?;
        attacker.annotate(parent, record_annotation(&cascade), &record).await?;
    }
    for index in 0..3 {
        let own = (0..100).map(|at| format!("example.com/{}{index}-{at}", "f".repeat(50))).collect();
        attacker.dependent(&format!("large-{index}"), "large", own).await?;
    }
    for index in 0..60 {
        attacker.dependent(&format!("many-{index}"), "many", vec![format!("example.com/f{index}")]).await?;
    }
    attacker.dependent("of-ghost", "ghost", vec!["cascade.rewitness.dev/ghost".to_owned()]).await?;
    for parent in parents {
        attacker.api("Space").delete(parent, &DeleteParams::default()).await?;
    }
    spaces.delete("victim", &DeleteParams::default()).await?;

    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!(ended.status, Some(1), "its own parents are left: {ended:?}");
    assert!(spaces.get_opt("victim").await?.is_none(), "{ended:?}");
    let line = format!("cascade/{cascade} ready=True reason=Enforced parents=6 held=6");
    assert!(ended.stdout[0].starts_with(&line), "{ended:?}");
    let status = office.cascades.get(&cascade).await?.status.unwrap_or_default();
    let bytes = serde_json::to_vec(&status)?.len();
    assert!(bytes < 64 << 10, "{bytes} bytes");
    assert_eq!(status.counts.held, 6, "{status:?}");
    Ok(())
}
