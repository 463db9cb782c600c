//! Rights that are really taken away, and given back.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::Api;
use kube::api::{Patch, PatchParams};
use rewitness_cascade::{Cause, Config, DeletionState};
use rewitness_controlplane::{Fault, Gate, Match, policy_rule, unique};
use serde_json::json;

use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{Lab, OPERATORS};

const DEPENDENTS: usize = 24;

/// A role of the operator, and what it may do to Clusters.
struct Role<'a> {
    lab: &'a Lab,
    account: String,
}

impl Role<'_> {
    fn rules(&self, clusters: &[&str]) -> Vec<PolicyRule> {
        vec![
            policy_rule(&self.lab.group, "projects", &["get", "list", "watch", "patch"]),
            policy_rule(&self.lab.group, "clusters", clusters),
            policy_rule("apiextensions.k8s.io", "customresourcedefinitions", &["get"]),
        ]
    }

    /// Changes what the operator may do, and waits until `verb` is granted, or not.
    async fn change(&self, clusters: &[&str], verb: &str, granted: bool) -> Result<()> {
        let roles: Api<ClusterRole> = Api::all(self.lab.client.clone());
        let patch = json!({ "rules": self.rules(clusters) });
        let name = format!("{}:{}", OPERATORS[0], self.account);
        roles.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        let user = format!("system:serviceaccount:{}:{}", OPERATORS[0], self.account);
        self.lab.plane.is_granted(&user, &policy_rule(&self.lab.group, "clusters", &[verb]), granted).await
    }
}

/// What the server said to a parent's dependents.
fn said(cause: &'static str) -> impl Fn(&DeletionState) -> Option<String> {
    move |state| match state {
        DeletionState::Waiting { waits, .. } => waits.iter().find_map(|wait| match &wait.cause {
            Cause::Refused { message } | Cause::Forbidden { message }
                if wait.cause.reason().as_str() == cause =>
            {
                Some(message.clone())
            }
            _ => None,
        }),
        _ => None,
    }
}

#[tokio::test]
async fn c6_rights_that_are_taken_away_in_the_middle_are_named_and_noticed_once_they_are_back() -> Result<()>
{
    let all = ["get", "list", "watch", "delete"];
    for (taken, cause) in [("delete", "Refused"), ("list", "Forbidden")] {
        let lab = Lab::new().await?;
        let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
        let role = Role { lab: &lab, account: unique("limited") };
        let account = lab.plane.service_account(OPERATORS[0], &role.account, role.rules(&all)).await?;
        let proxy = lab.proxy()?;
        let mut one_by_one = Config::default();
        one_by_one.concurrency = 1;
        let client = lab.proxied_as(&proxy, &account).await?;
        let operator = Operator::start_with(client, &[&rule], one_by_one)?;
        let parent = lab.parent("Project", "web", &rule).await?;
        for index in 0..DEPENDENTS {
            lab.create("Cluster", &format!("c{index}"), Some("web")).await?;
        }
        let gate = Gate::new();
        let middle = Match::any().method("DELETE").skip(DEPENDENTS / 2).times(1);
        let held = proxy.rule(middle, Fault::Hold(gate.clone()));
        lab.delete("Project", "web").await?;
        gate.reached().await?;
        let left: Vec<&str> = all.iter().copied().filter(|verb| *verb != taken).collect();
        role.change(&left, taken, false).await?;
        gate.open();
        let message = operator.state(0, &parent, said(cause)).await?;
        assert!(message.contains(&format!("cannot {taken} resource \"clusters\"")), "{message}");
        let remaining = lab.api("Cluster").list(&Default::default()).await?.items.len();
        let expected = if taken == "delete" { DEPENDENTS / 2 } else { 0 };
        assert_eq!(remaining, expected, "{taken}");
        assert!(lab.exists("Project", "web").await?, "without {taken} nobody knows that all have gone");
        role.change(&all, taken, true).await?;
        lab.gone("Project", "web").await?;
        assert!(lab.api("Cluster").list(&Default::default()).await?.items.is_empty());
        assert_eq!(operator.rules[0].handle.progress().lost, 0);
        drop(held);
    }
    Ok(())
}
