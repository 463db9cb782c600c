//! `spec.warnOnDelete`: when the policy is there, when it is not, and that nothing else depends on it.

use anyhow::{Context, Result};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
    ValidatingAdmissionPolicySpec,
};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rewitness_controlplane::{Fault, Match, policy_rule, until};
use rewitness_crds::cascade::{WARNING_ANNOTATION, warning_policy};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rights::{WATCH, own_rights};
use rewitness_e2e::lab::SOON;
use rewitness_e2e::office::{OFFICE, Office, install};

type Specs = (Option<ValidatingAdmissionPolicySpec>, Option<ValidatingAdmissionPolicyBindingSpec>);

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

    /// Waits until the Cascade does not remember any, and sees that both have gone before that.
    async fn gone(&self, office: &Office, cascade: &str) -> Result<()> {
        self.forgotten(office, cascade).await?;
        assert_eq!(self.are_there(cascade).await?, (false, false), "they go before that");
        Ok(())
    }

    /// Waits until both are as they were.
    async fn are_again(&self, cascade: &str, (policy, binding): &Specs) -> Result<()> {
        until("it warns as before", SOON, async || {
            let (now, bound) = self.specs(cascade).await?;
            Ok((now == *policy && bound == *binding).then_some(()))
        })
        .await
    }

    async fn specs(&self, cascade: &str) -> Result<Specs> {
        let name = warning_policy(cascade);
        let policy = self.policies.get_opt(&name).await?.and_then(|policy| policy.spec);
        Ok((policy, self.bindings.get_opt(&name).await?.map(|binding| binding.spec)))
    }

    /// Changes fields of the specs of both, as somebody would.
    async fn meddle(&self, cascade: &str, policy: Value, binding: Value) -> Result<()> {
        let (name, by) = (warning_policy(cascade), PatchParams::default());
        self.policies.patch(&name, &by, &Patch::Merge(json!({ "spec": policy }))).await?;
        self.bindings.patch(&name, &by, &Patch::Merge(json!({ "spec": binding }))).await?;
        Ok(())
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
    // A Cascade that goes does not wait for its policy.
    until("both have gone", SOON, async || {
        Ok((policies.are_there(&cascade).await? == (false, false)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn c10_the_policy_of_a_cascade_that_was_made_again_for_another_operator_stays() -> Result<()> {
    let mut office = Office::new().await?;
    let policies = Policies::of(&office);
    let proxy = office.proxied()?;
    let _operator = office.operator(&[])?;
    let cascade = office.warning(json!({})).await?;
    let mut again = office.cascades.get(&cascade).await?;
    let of_it = format!("/cascades/{cascade}");
    let path = of_it.clone();
    let unknown = proxy.rule(Match::any().when(move |call| call.path.ends_with(&path)), Fault::status(500));

    // By force: nobody is asked.
    let by = PatchParams::default();
    let force = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    office.cascades.patch(&cascade, &by, &force).await?;
    office.delete(&cascade).await?;
    again.metadata = serde_json::from_value(json!({ "name": cascade, "labels": { OFFICE: "another" } }))?;
    again.status = None;
    let again = office.cascades.create(&PostParams::default(), &again).await?;
    let name = warning_policy(&cascade);
    let owned = Patch::Merge(json!({ "metadata": { "ownerReferences": [{
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "name": cascade, "uid": again.metadata.uid,
    }] } }));
    policies.policies.patch(&name, &by, &owned).await?;
    policies.bindings.patch(&name, &by, &owned).await?;

    let policy = format!("/{name}");
    let read = || {
        let is_read = |path: &str, status: Option<u16>| path.ends_with(&of_it) && status == Some(200);
        let cascade = proxy.count(|call| is_read(&call.path, call.status()));
        (cascade, proxy.count(|call| call.path.ends_with(&policy)))
    };
    let before = read();
    drop(unknown);
    // It looks whether the Cascade has gone, at both objects, and in the end whether it remembers them.
    until("the former one is abandoned", SOON, async || {
        let now = read();
        Ok((now.0 >= before.0 + 2 && now.1 >= before.1 + 2).then_some(()))
    })
    .await?;
    assert_eq!(policies.are_there(&cascade).await?, (true, true));
    Ok(())
}

#[tokio::test]
async fn c10_uninstalling_takes_the_policy_away_before_it_is_acknowledged() -> Result<()> {
    let office = Office::apart().await?;
    install(office.lab.plane).await?;
    let (policies, _operator) = (Policies::of(&office), office.operator(&[])?);
    let cascade = office.warning(json!({})).await?;
    office.mark_uninstall(Some("now")).await?;
    office.released("now").await?;
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
        "no warning is given; everything else works: validatingadmissionpolicies/{name} belongs to somebody else and \
         was not changed: delete it, or rename the Cascade"
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
        policy_rule(&group, "projects", WATCH),
        policy_rule(&group, "clusters", &["get", "list", "watch", "delete"]),
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
        rights.push(policy_rule(on, plural, &["get", "create", "patch", "delete"]));
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
    assert!(said.contains("may still be there: the server did not answer within 10 s"), "{said}");
    drop(silent);
    office.condition(&cascade, "WarnsOnDelete", "False", "NothingHeld").await?;
    office.edit(&cascade, json!({ "mode": "Enforce" })).await?;
    office.condition(&cascade, "WarnsOnDelete", "True", "Installed").await.map(drop)
}

#[tokio::test]
async fn the_command_for_a_policy_that_is_left_behind_takes_it_away_and_nobody_elses() -> Result<()> {
    let mut office = Office::new().await?;
    let policies = Policies::of(&office);
    let proxy = office.proxied()?;
    let _operator = office.operator(&[])?;
    let (cascade, other) = (office.warning(json!({})).await?, office.warning(json!({})).await?);
    let unreadable = proxy.rule(Match::any().path("/validatingadmissionpolic"), Fault::status(500));
    office.edit(&cascade, json!({ "warnOnDelete": false })).await?;
    let said = office.condition(&cascade, "WarnsOnDelete", "False", "LeftBehind").await?;
    let (_, command) = said.split_once("or: kubectl ").context("a command")?;
    let command: Vec<&str> = command.split(' ').collect();
    let (name, by) = (warning_policy(&cascade), PatchParams::default());
    let label = |who: &str| json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": who } } });
    policies.bindings.patch(&name, &by, &Patch::Merge(label("Helm"))).await?;
    office.lab.plane.kubectl_ok(&command).await?;
    assert_eq!(policies.are_there(&cascade).await?, (false, true), "the binding is somebody else's");
    policies.bindings.patch(&name, &by, &Patch::Merge(label("rewitness"))).await?;
    office.lab.plane.kubectl_ok(&command).await?;
    assert_eq!(policies.are_there(&cascade).await?, (false, false));
    assert_eq!(policies.are_there(&other).await?, (true, true));

    // Then the annotation alone is left.
    let of_it = format!("/cascades/{cascade}");
    let refused = Match::any().method("PATCH").when(move |call| call.path.ends_with(&of_it));
    let refused = proxy.rule(refused, Fault::status(500));
    drop(unreadable);
    office
        .status(&cascade, "what is left is said", |status| {
            let said = status.conditions.iter().find(|one| one.type_ == "WarnsOnDelete")?;
            said.message.starts_with("the policy is deleted, but the annotation").then_some(())
        })
        .await?;
    drop(refused);
    policies.gone(&office, &cascade).await
}

#[tokio::test]
async fn while_an_edit_cannot_be_followed_what_is_held_is_warned_of_in_the_words_of_the_edit() -> Result<()> {
    let mut office = Office::new().await?;
    let policies = Policies::of(&office);
    let proxy = office.proxied()?;
    let _operator = office.operator(&[])?;
    let cascade = office.warning(json!({})).await?;
    let of_it = format!("/cascades/{cascade}/status");
    let unwritable = Match::any().when(move |call| call.path.ends_with(&of_it));
    let unwritable = proxy.rule(unwritable, Fault::status(500));
    office.edit(&cascade, json!({ "suspend": true, "limits": { "maxDependents": 7 } })).await?;
    until("the words are those of the edit", SOON, async || {
        let (policy, _) = policies.specs(&cascade).await?;
        Ok(serde_json::to_string(&policy)?.contains("which is suspended").then_some(()))
    })
    .await?;
    assert!(unwritable.hits() > 0, "and it is not followed");
    Ok(())
}

#[tokio::test]
async fn what_somebody_has_changed_or_deleted_is_mended_at_an_edit_and_at_a_start() -> Result<()> {
    let mut office = Office::new().await?;
    let policies = Policies::of(&office);
    let proxy = office.proxied()?;
    let operator = office.operator(&[])?;
    let cascade = office.warning(json!({})).await?;
    let (name, made) = (warning_policy(&cascade), policies.specs(&cascade).await?);
    let never = json!([{ "name": "never", "expression": "false" }]);
    let nowhere = json!({ "namespaceSelector": { "matchLabels": { "no": "where" } } });
    let nothing = json!([{
        "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"], "scope": "*",
    }]);
    let param = json!({ "apiVersion": "v1", "kind": "ConfigMap" });
    for (limit, policy, binding) in [
        // With ours added to it this would be no binding at all.
        (7, json!({ "matchConditions": never }), json!({ "validationActions": ["Deny"] })),
        (
            8,
            json!({ "matchConstraints": { "excludeResourceRules": nothing } }),
            json!({ "matchResources": nowhere }),
        ),
        (9, json!({ "paramKind": param }), json!({})),
        (10, json!({ "matchConstraints": nowhere }), json!({})),
    ] {
        policies.meddle(&cascade, policy, binding).await?;
        assert_ne!(policies.specs(&cascade).await?, made);
        office.edit(&cascade, json!({ "limits": { "maxDependents": limit } })).await?;
        policies.are_again(&cascade, &made).await?;
    }

    operator.interrupt().await?;
    policies.policies.delete(&name, &DeleteParams::default()).await?;
    let operator = office.operator(&[])?;
    policies.are_again(&cascade, &made).await?;
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
    let (before, mut seen) = (written(), read());
    let _operator = office.operator(&[])?;
    // A write comes after the reads of its round, so the last round is there to see those of the one before.
    for limit in [11, 12, 13] {
        until("both were looked at", SOON, async || Ok((read() >= seen + 2).then_some(()))).await?;
        seen = read();
        office.edit(&cascade, json!({ "limits": { "maxDependents": limit } })).await?;
    }
    assert_eq!(written(), before);
    Ok(())
}
