//! `spec.warnOnDelete`: when the policy is there, when it is not, and that nothing else depends on it.

use anyhow::Result;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rewitness_controlplane::{Fault, Match, until};
use rewitness_crds::cascade::{WARNING_ANNOTATION, warning_policy};
use rewitness_crds::{CASCADES, RELEASED_ANNOTATION, UNINSTALL_ANNOTATION};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::lab::SOON;
use crate::office::{Office, install};
use crate::rights::{WATCH, own_rights, rule};

struct Policies {
    policies: Api<ValidatingAdmissionPolicy>,
    bindings: Api<ValidatingAdmissionPolicyBinding>,
}

impl Policies {
    fn of(office: &Office) -> Self {
        let client = &office.lab.client;
        Self { policies: Api::all(client.clone()), bindings: Api::all(client.clone()) }
    }

    /// Whether there is a policy, and a binding.
    async fn are_there(&self, cascade: &str) -> Result<(bool, bool)> {
        let name = warning_policy(cascade);
        let policy = self.policies.get_opt(&name).await?.is_some();
        Ok((policy, self.bindings.get_opt(&name).await?.is_some()))
    }

    /// Waits until the Cascade does not remember any.
    async fn forgotten(&self, office: &Office, cascade: &str) -> Result<()> {
        until("the policy is forgotten", SOON, async || {
            let cascade = office.cascades.get_opt(cascade).await?;
            let annotations = cascade.and_then(|cascade| cascade.metadata.annotations).unwrap_or_default();
            Ok((!annotations.contains_key(WARNING_ANNOTATION)).then_some(()))
        })
        .await
    }

    /// Waits until both have gone.
    async fn gone(&self, office: &Office, cascade: &str) -> Result<()> {
        self.forgotten(office, cascade).await?;
        assert_eq!(self.are_there(cascade).await?, (false, false), "they go before that");
        Ok(())
    }

    /// Waits until the binding warns again, and does nothing else.
    async fn warns(&self, cascade: &str) -> Result<()> {
        let name = warning_policy(cascade);
        until("it warns", SOON, async || {
            let binding = self.bindings.get_opt(&name).await?.map(|binding| binding.spec);
            let actions = binding.map(|spec| spec.validation_actions).unwrap_or_default();
            let policy = self.policies.get_opt(&name).await?.and_then(|policy| policy.spec);
            let conditions = policy.and_then(|spec| spec.match_conditions).unwrap_or_default();
            Ok((actions == ["Warn"] && conditions.len() == 2).then_some(()))
        })
        .await
    }
}

/// What happens to a parent: it is held, and what refers to it goes with it.
async fn the_rule_goes_on(office: &Office, cascade: &str) -> Result<()> {
    office.enforced(cascade).await?;
    office.parent("Project", "web", cascade).await?;
    office.lab.create("Cluster", "a", Some("web")).await?;
    office.lab.delete("Project", "web").await?;
    office.lab.gone("Project", "web").await?;
    assert!(!office.lab.exists("Cluster", "a").await?);
    Ok(())
}

#[tokio::test]
async fn c10_c11_the_policy_goes_in_whichever_way_the_rule_warns_no_more() -> Result<()> {
    let office = Office::new().await?;
    let policies = Policies::of(&office);
    let operator = office.operator(&[])?;
    let cascade = office.projects(json!({ "mode": "Plan", "warnOnDelete": true })).await?;
    office.condition(&cascade, "Ready", "True", "Planned").await?;
    office.condition(&cascade, "WarnsOnDelete", "False", "NothingHeld").await?;
    assert_eq!(policies.are_there(&cascade).await?, (false, false), "Plan writes nothing");
    let installed = async || {
        office.edit(&cascade, json!({ "mode": "Enforce", "warnOnDelete": true })).await?;
        office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await?;
        assert_eq!(policies.are_there(&cascade).await?, (true, true));
        anyhow::Ok(())
    };
    let ends: [Value; 2] = [json!({ "mode": "Plan" }), json!({ "warnOnDelete": false })];
    for end in &ends {
        installed().await?;
        office.edit(&cascade, end.clone()).await?;
        policies.gone(&office, &cascade).await?;
    }
    office
        .status(&cascade, "nothing more is said of it", |status| {
            status.conditions.iter().all(|one| one.type_ != "WarnsOnDelete").then_some(())
        })
        .await?;

    // The same while no operator runs.
    let mut operator = operator;
    for end in &ends {
        installed().await?;
        operator.signal(Signal::KILL)?;
        operator.end().await?;
        office.edit(&cascade, end.clone()).await?;
        assert_eq!(policies.are_there(&cascade).await?, (true, true));
        operator = office.operator(&[])?;
        policies.gone(&office, &cascade).await?;
    }
    installed().await?;
    office.delete(&cascade).await?;
    office.left(&cascade).await?;
    policies.gone(&office, &cascade).await
}

#[tokio::test]
async fn c10_uninstalling_takes_the_policy_away_before_it_is_acknowledged() -> Result<()> {
    let office = Office::apart().await?;
    install(office.lab.plane).await?;
    let (policies, _operator) = (Policies::of(&office), office.operator(&[])?);
    let cascade = office.warning(json!({})).await?;
    let definitions = Api::<CustomResourceDefinition>::all(office.lab.client.clone());
    let mark = Patch::Merge(json!({ "metadata": { "annotations": { UNINSTALL_ANNOTATION: "now" } } }));
    definitions.patch(CASCADES, &PatchParams::default(), &mark).await?;
    until("the uninstalling is acknowledged", SOON, async || {
        let annotations = definitions.get(CASCADES).await?.metadata.annotations.unwrap_or_default();
        Ok(annotations.contains_key(RELEASED_ANNOTATION).then_some(()))
    })
    .await?;
    assert_eq!(policies.are_there(&cascade).await?, (false, false));
    office.condition(&cascade, "WarnsOnDelete", "False", "NothingHeld").await.map(drop)
}

#[tokio::test]
async fn somebody_elses_policy_of_the_name_is_left_alone_and_nothing_else_waits_for_it() -> Result<()> {
    let office = Office::new().await?;
    let (policies, _operator) = (Policies::of(&office), office.operator(&[])?);
    let cascade = office.projects(json!({})).await?;
    let name = warning_policy(&cascade);
    let theirs = json!({
        "metadata": { "name": name, "labels": { "app.kubernetes.io/managed-by": "rewitness" } },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [office.lab.group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["disks"],
            }] },
            "validations": [{ "expression": "true" }],
        },
    });
    let theirs = policies.policies.create(&PostParams::default(), &serde_json::from_value(theirs)?).await?;
    office.edit(&cascade, json!({ "warnOnDelete": true })).await?;
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "NameTaken").await?;
    let expected = format!(
        "nobody is warned, and all else goes on: validatingadmissionpolicies/{name} is somebody else's, and was \
         left alone: delete it, or rename the Cascade"
    );
    assert_eq!(said, expected);
    the_rule_goes_on(&office, &cascade).await?;
    office.edit(&cascade, json!({ "warnOnDelete": false })).await?;
    policies.forgotten(&office, &cascade).await?;
    let now = policies.policies.get(&name).await?;
    assert_eq!(now.metadata.resource_version, theirs.metadata.resource_version);

    office.edit(&cascade, json!({ "warnOnDelete": true })).await?;
    office.condition(&cascade, "WarnsOnDelete", "False", "NameTaken").await?;
    policies.policies.delete(&name, &DeleteParams::default()).await?;
    office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await.map(drop)
}

#[tokio::test]
async fn c12_without_the_rights_the_rule_goes_on_and_says_so_until_they_are_granted() -> Result<()> {
    let mut office = Office::new().await?;
    let group = office.lab.group.clone();
    let mut rights = own_rights();
    rights.extend([
        rule(&group, "projects", WATCH),
        rule(&group, "clusters", &["get", "list", "watch", "delete"]),
    ]);
    office.as_account(rights.clone()).await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({ "warnOnDelete": true })).await?;
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "MissingRights").await?;
    assert!(said.contains(r#"cannot get resource "validatingadmissionpolicies""#), "{said}");
    assert!(said.ends_with("`rewitness rbac --all` prints the rights that are needed"), "{said}");
    office.condition(&cascade, "Authorized", "True", "Granted").await?;
    the_rule_goes_on(&office, &cascade).await?;
    let on = "admissionregistration.k8s.io";
    for plural in ["validatingadmissionpolicies", "validatingadmissionpolicybindings"] {
        rights.push(rule(on, plural, &["get", "create", "patch", "delete"]));
    }
    office.lab.plane.service_account(&office.lab.ns, "operator", rights).await?;
    office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await.map(drop)
}

#[tokio::test]
async fn a_server_that_does_not_serve_policies_or_does_not_answer_keeps_nothing_up() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let policies = || Match::any().path("/validatingadmissionpolic");
    let not_served = proxy.rule(policies(), Fault::status(404));
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({ "warnOnDelete": true })).await?;
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "NotServed").await?;
    assert!(said.ends_with("which came with Kubernetes 1.30"), "{said}");
    the_rule_goes_on(&office, &cascade).await?;

    let silent = proxy.rule(policies(), Fault::Hold(rewitness_controlplane::Gate::new()));
    drop(not_served);
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "Failed").await?;
    assert!(said.ends_with("the server did not answer within 10 s"), "{said}");
    the_rule_goes_on(&office, &cascade).await?;
    // It does not keep a Cascade from leaving either.
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    office.condition(&cascade, "Ready", "True", "Planned").await?;
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "LeftBehind").await?;
    assert!(said.contains("kubectl delete validatingadmissionpolicybindings/"), "{said}");
    drop(silent);
    office.condition(&cascade, "WarnsOnDelete", "False", "NothingHeld").await?;
    office.edit(&cascade, json!({ "mode": "Enforce" })).await?;
    office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await.map(drop)
}

#[tokio::test]
async fn what_somebody_has_changed_or_deleted_is_mended_at_an_edit_and_at_a_start() -> Result<()> {
    let mut office = Office::new().await?;
    let policies = Policies::of(&office);
    let proxy = office.proxied()?;
    let operator = office.operator(&[])?;
    let cascade = office.warning(json!({})).await?;
    let (name, by) = (warning_policy(&cascade), PatchParams::default());
    // With ours added to it this would be no binding at all.
    let deny = Patch::Merge(json!({ "spec": { "validationActions": ["Deny"] } }));
    policies.bindings.patch(&name, &by, &deny).await?;
    let narrowed = json!([{ "name": "never", "expression": "false" }]);
    let narrowed = Patch::Merge(json!({ "spec": { "matchConditions": narrowed } }));
    policies.policies.patch(&name, &by, &narrowed).await?;
    office.edit(&cascade, json!({ "limits": { "maxDependents": 7 } })).await?;
    policies.warns(&cascade).await?;

    operator.interrupt().await?;
    policies.policies.delete(&name, &DeleteParams::default()).await?;
    let operator = office.operator(&[])?;
    policies.warns(&cascade).await?;
    office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await?;

    // What is as it should be is not written.
    operator.interrupt().await?;
    let written = || {
        let is_write = |path: &str, method: &str| path.contains("/validatingadmission") && method != "GET";
        proxy.count(|call| is_write(&call.path, call.method.as_str()))
    };
    let read = || {
        let name = format!("/{name}");
        proxy.count(|call| call.path.ends_with(&name))
    };
    let before = (written(), read());
    let _operator = office.operator(&[])?;
    until("it was looked at", SOON, async || Ok((read() == before.1 + 2).then_some(()))).await?;
    office.edit(&cascade, json!({ "limits": { "maxDependents": 8 } })).await?;
    until("it was looked at again", SOON, async || Ok((read() == before.1 + 4).then_some(()))).await?;
    assert_eq!(written(), before.0);
    Ok(())
}
