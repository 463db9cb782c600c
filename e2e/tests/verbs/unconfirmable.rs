//! C7, C8: what `rewitness confirm` refuses, because nobody has read it or because it would come to
//! nothing.

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use rewitness_controlplane::{Fault, Match, policy_rule, unique, until};
use serde_json::json;

use crate::confirm::annotation;
use rewitness_e2e::OnTerminal;
use rewitness_e2e::Running;
use rewitness_e2e::lab::{FOREIGN, Lab, SOON};
use rewitness_e2e::office::{Office, command};

/// A project with two clusters where one may go without asking, and no operator.
async fn over_the_limit(office: &Office) -> Result<(String, String)> {
    let cascade = office.projects(json!({ "limits": { "maxDependents": 1 } })).await?;
    office.lab.create("Project", "web", None).await?;
    for name in ["a", "b"] {
        office.lab.create("Cluster", name, Some("web")).await?;
    }
    Ok((cascade, format!("{}/web", office.kinds("projects"))))
}

/// `confirm` on a terminal, where it asks.
async fn asks(office: &Office, cascade: &str, project: &str) -> Result<OnTerminal> {
    let typed = command(&office.lab.plane.kubeconfig(), &["confirm", cascade, project])?;
    let asked = OnTerminal::start(typed)?;
    asked.shows("[y/N]").await?;
    Ok(asked)
}

async fn refuses(mut asked: OnTerminal, why: &str) -> Result<()> {
    asked.types("y\n")?;
    asked.shows(why).await?;
    assert_eq!(asked.end().await?, Some(1));
    Ok(())
}

/// Its dependents are the same objects: they refer to it by its name.
#[tokio::test]
async fn c7_a_parent_that_was_replaced_while_one_read_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let (cascade, project) = over_the_limit(&office).await?;
    let asked = asks(&office, &cascade, &project).await?;
    office.lab.delete("Project", "web").await?;
    office.lab.gone("Project", "web").await?;
    office.lab.create("Project", "web", None).await?;
    refuses(asked, "was replaced while you read: it is another object now").await?;
    assert_eq!(annotation(&office, &cascade).await?, None);
    Ok(())
}

#[tokio::test]
async fn c8_a_new_reason_that_nobody_has_read_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let (cascade, project) = over_the_limit(&office).await?;
    office.lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    let asked = asks(&office, &cascade, &project).await?;
    remove_kind(&office.lab, "projects").await?;
    refuses(asked, "the parent's kind itself is being removed").await?;
    assert_eq!(annotation(&office, &cascade).await?, None);
    office.lab.patch("Project", "web", json!({ "finalizers": null })).await
}

/// Deletes a definition, which stays as long as its objects do.
async fn remove_kind(lab: &Lab, plural: &str) -> Result<()> {
    let definitions = Api::<CustomResourceDefinition>::all(lab.client.clone());
    let name = format!("{plural}.{}", lab.group);
    definitions.delete(&name, &DeleteParams::default()).await?;
    until("the definition is being deleted", SOON, async || {
        Ok(definitions.get(&name).await?.metadata.deletion_timestamp.map(drop))
    })
    .await
}

#[tokio::test]
async fn c7_what_cannot_be_listed_any_more_when_one_answers_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let stages: &[&[serde_json::Value]] =
        &[&[office.lab.dependents("Cluster")], &[office.lab.dependents("Disk")]];
    let more = json!({ "limits": { "maxDependents": 1 } });
    let cascade = office.write(office.lab.cascade_of("Project", stages, more)).await?;
    office.lab.create("Project", "web", None).await?;
    for name in ["a", "b"] {
        office.lab.create("Cluster", name, Some("web")).await?;
    }
    let (proxy, project) = (office.lab.proxy()?, format!("{}/web", office.kinds("projects")));
    let asked = OnTerminal::start(command(&proxy.kubeconfig(), &["confirm", &cascade, &project])?)?;
    asked.shows("[y/N]").await?;
    // There are none, so the hash stays what it is.
    let _unlisted = proxy.rule(Match::collection("disks"), Fault::status(500));
    refuses(asked, "you cannot see all that would be deleted").await?;
    assert_eq!(annotation(&office, &cascade).await?, None);
    Ok(())
}

#[tokio::test]
async fn c7_a_list_that_is_not_the_operators_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let elsewhere = lab.plane.namespace("elsewhere").await?;
    let mut clusters = lab.dependents("Cluster");
    (clusters["scope"], clusters["reference"]["value"]) = ("AllNamespaces".into(), "NamespacedName".into());
    let spaces = lab.cascade_of("Space", &[&[clusters]], json!({ "limits": { "maxDependents": 1 } }));
    let cascade = office.write(spaces).await?;
    let _operator = office.operator(&["--namespace-scope", &lab.ns])?;
    office.parent("Space", "web", &cascade).await?;
    let parent = format!("{}.web", lab.ns);
    for (namespace, name) in [(&lab.ns, "a"), (&lab.ns, "b"), (&elsewhere, "c")] {
        lab.create_in("Cluster", namespace, name, Some(&parent)).await?;
    }
    lab.delete("Space", "web").await?;
    let theirs = office
        .status(&cascade, "it waits for a confirmation", |status| {
            status.held_parents.first()?.unconfirmed.clone().filter(|plan| plan.count == 2)
        })
        .await?;
    let space = format!("{}/web", office.kinds("spaces"));
    let ended = office.types(&["confirm", &cascade, &space, "-n", &lab.ns, "--yes"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    for expected in
        [&*format!("of 2 dependents with the hash {}", theirs.hash), "of 3 dependents", "--namespace-scope"]
    {
        assert!(ended.warnings().contains(expected), "{expected}: {ended:?}");
    }
    let annotations = lab.api("Space").get("web").await?.metadata.annotations.unwrap_or_default();
    assert!(!annotations.keys().any(|key| key.starts_with("confirm.")), "{annotations:?}");
    Ok(())
}

#[tokio::test]
async fn a_deletion_that_the_cascade_does_not_hold_has_nothing_to_confirm() -> Result<()> {
    let office = Office::new().await?;
    let (cascade, project) = over_the_limit(&office).await?;
    office.lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    office.lab.delete("Project", "web").await?;
    let ended = office.types(&["confirm", &cascade, &project, "--yes"]).await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.warnings().contains("does not hold it, so there is nothing to confirm"), "{ended:?}");
    assert!(ended.warnings().contains(&format!("rewitness why {project}")), "{ended:?}");
    assert_eq!(annotation(&office, &cascade).await?, None);
    Ok(())
}

#[tokio::test]
async fn what_keeps_the_deletion_anyway_is_said_beside_the_question() -> Result<()> {
    let office = Office::new().await?;
    let (cascade, project) = over_the_limit(&office).await?;
    office.edit(&cascade, json!({ "suspend": true })).await?;
    let ended = office.types(&["confirm", &cascade, &project, "--yes"]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.warnings().contains("Refused: the Cascade is suspended"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn c8_a_definition_that_may_not_be_read_is_not_taken_for_one_that_stays() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let cascade = office.projects(json!({})).await?;
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let few = vec![
        policy_rule("rewitness.dev", "cascades", &["get"]),
        policy_rule(&lab.group, "projects", &["get", "list", "patch"]),
        policy_rule(&lab.group, "clusters", &["list"]),
    ];
    let account = lab.plane.service_account(&lab.ns, &unique("few"), few).await?;
    let project = format!("{}/web", office.kinds("projects"));
    let args = ["confirm", &cascade, &project, "--yes"];
    let ended = Running::start(command(&account, &args)?)?.end().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
    assert!(ended.warnings().contains("it is not known whether the deletion of"), "{ended:?}");
    assert!(ended.warnings().contains("get the CustomResourceDefinition"), "{ended:?}");

    for args in [&["plan", &cascade, "web", "-o", "json"][..], &["plan", &cascade, "-o", "json"]] {
        let json = Running::start(command(&account, args)?)?.end().await?.json()?;
        let unknown = &json["parents"][0]["unknown"];
        assert_eq!(unknown[0]["reason"], json!("DefinitionUnread"), "{json}");
    }
    let text = Running::start(command(&account, &["plan", &cascade, "web"])?)?.end().await?;
    assert!(text.stdout.join("\n").contains("is being removed with all of its objects"), "{text:?}");

    // Who may read it, needs none.
    let known = office.types(&args).await?;
    assert_eq!(known.status, Some(0), "{known:?}");
    assert!(known.stdout[0].ends_with("needs no confirmation"), "{known:?}");
    Ok(())
}

/// Each read in turn is answered with what an overloaded or a forgetful server says.
#[tokio::test]
async fn what_is_not_answered_is_not_confirmed_and_not_planned_for_nothing() -> Result<()> {
    let office = Office::new().await?;
    let (cascade, project) = over_the_limit(&office).await?;
    let proxy = office.lab.proxy()?;
    let runs = async |args: &[&str]| Running::start(command(&proxy.kubeconfig(), args)?)?.end().await;
    let lists = || Match::collection("clusters").method("GET");
    for fault in [Fault::too_many_requests(1), Fault::status(410), Fault::status(504), Fault::Drop] {
        let said = format!("{fault:?}");
        let _rule = proxy.rule(lists(), fault);
        let plan = runs(&["plan", &cascade, "web", "-o", "json"]).await?.json()?;
        let clusters = &plan["parents"][0]["stages"][0]["kinds"][0];
        assert_eq!(clusters["unknown"]["reason"], json!("Unlisted"), "{said}: {plan}");
        assert_eq!(plan["totals"]["complete"], json!(false), "{said}: {plan}");
        let confirm = runs(&["confirm", &cascade, &project, "--yes"]).await?;
        assert_eq!(confirm.status, Some(1), "{said}: {confirm:?}");
        assert!(confirm.warnings().contains("you cannot see all"), "{said}: {confirm:?}");
    }
    let path = format!("/projects.{}", office.lab.group);
    let definition = Match::any().path("/customresourcedefinitions").path(&path[1..]);
    let unread = proxy.rule(definition, Fault::too_many_requests(1));
    let plan = runs(&["plan", &cascade, "web", "-o", "json"]).await?.json()?;
    assert_eq!(plan["parents"][0]["unknown"][0]["reason"], json!("DefinitionUnread"), "{plan}");
    drop(unread);
    for path in ["/projects/web", "/cascades/"] {
        let _rule = proxy.rule(Match::any().method("GET").path(path), Fault::too_many_requests(1));
        for args in [&["plan", &cascade, "web"][..], &["confirm", &cascade, &project, "--yes"]] {
            let ended = runs(args).await?;
            assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{path}: {ended:?}");
            assert!(ended.warnings().contains("429"), "{path}: {ended:?}");
        }
    }
    assert_eq!(annotation(&office, &cascade).await.context("the project")?, None);
    Ok(())
}
