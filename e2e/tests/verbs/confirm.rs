//! C7: `rewitness confirm`: a person answers for exactly one list. What is refused is in
//! [`unconfirmable`](crate::unconfirmable).

use anyhow::Result;
use rewitness_controlplane::{policy_rule, unique};
use rewitness_crds::cascade::confirm_annotation;
use serde_json::json;

use rewitness_e2e::OnTerminal;
use rewitness_e2e::Running;
use rewitness_e2e::office::{Office, command};

/// A deletion of two clusters where one may go without asking, and waits.
async fn waiting(office: &Office) -> Result<String> {
    let cascade = office.projects(json!({ "limits": { "maxDependents": 1 } })).await?;
    office.parent("Project", "web", &cascade).await?;
    for name in ["a", "b"] {
        office.lab.create("Cluster", name, Some("web")).await?;
    }
    office.lab.delete("Project", "web").await?;
    office.condition(&cascade, "LimitExceeded", "True", "ConfirmationNeeded").await?;
    Ok(cascade)
}

pub(crate) async fn annotation(office: &Office, cascade: &str) -> Result<Option<String>> {
    let annotations = office.lab.api("Project").get("web").await?.metadata.annotations.unwrap_or_default();
    Ok(annotations.get(&confirm_annotation(cascade)).cloned())
}

#[tokio::test]
async fn c7_a_list_that_was_confirmed_is_deleted() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = waiting(&office).await?;
    let project = format!("{}/web", office.kinds("projects"));

    let unasked = office.types(&["confirm", &cascade, &project]).await?;
    assert_eq!((unasked.status, unasked.stdout.len()), (Some(2), 0), "{unasked:?}");
    assert!(unasked.warnings().contains("add --yes"), "{unasked:?}");
    assert_eq!(annotation(&office, &cascade).await?, None);

    let ended = office.types(&["confirm", &cascade, &project, "--yes", "-o", "json"]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.warnings().contains(&format!("{}/a", office.lab.ns)), "the list is shown: {ended:?}");
    assert!(!ended.warnings().contains("Refused:"), "{ended:?}");
    let json = ended.json()?;
    assert_eq!(
        (&json["kind"], &json["deletes"], &json["changed"]),
        (&json!("Confirmation"), &json!(2), &json!(true))
    );
    office.lab.gone("Project", "web").await?;
    assert!(!office.lab.exists("Cluster", "a").await? && !office.lab.exists("Cluster", "b").await?);
    Ok(())
}

#[tokio::test]
async fn c7_a_list_that_changed_while_it_was_read_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = waiting(&office).await?;
    let project = format!("{}/web", office.kinds("projects"));
    let typed = || command(&office.lab.plane.kubeconfig(), &["confirm", &cascade, &project]);

    let mut no = OnTerminal::start(typed()?)?;
    no.shows("Confirm that all of this is deleted? [y/N]").await?;
    assert!(no.shown().contains(&format!("{}/b", office.lab.ns)), "{}", no.shown());
    no.types("\n")?;
    assert_eq!(no.end().await?, Some(1));
    assert_eq!(annotation(&office, &cascade).await?, None);

    let mut late = OnTerminal::start(typed()?)?;
    late.shows("[y/N]").await?;
    office.lab.create("Cluster", "late", Some("web")).await?;
    late.types("y\n")?;
    late.shows("the list has changed while you read it: 3 dependents are left now").await?;
    assert_eq!(late.end().await?, Some(1));
    assert_eq!(annotation(&office, &cascade).await?, None, "nobody has read that");

    // The operator lists anew once a minute, or when the annotation has changed; until then its status
    // has another list, and that is refused.
    let anew = json!({ "annotations": { confirm_annotation(&cascade): "anew" } });
    office.lab.patch("Project", "web", anew).await?;
    office
        .status(&cascade, "the operator has listed the late one", |status| {
            let unconfirmed = status.held_parents.first()?.unconfirmed.as_ref()?;
            (unconfirmed.count == 3).then_some(())
        })
        .await?;
    let mut yes = OnTerminal::start(typed()?)?;
    yes.shows("[y/N]").await?;
    yes.types("y\n")?;
    yes.shows("the deletion of 3 dependents").await?;
    assert_eq!(yes.end().await?, Some(0));
    office.lab.gone("Project", "web").await
}

#[tokio::test]
async fn what_nobody_could_have_read_or_needs_no_answer_is_not_confirmed() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let cascade = office.projects(json!({ "limits": { "maxDependents": 1 } })).await?;
    let project = format!("{}/web", office.kinds("projects"));
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let unneeded = office.types(&["confirm", &cascade, &project, "--yes"]).await?;
    assert_eq!(unneeded.status, Some(0), "{unneeded:?}");
    assert!(unneeded.stdout[0].ends_with("needs no confirmation"), "{unneeded:?}");
    assert_eq!(annotation(&office, &cascade).await?, None);

    lab.create("Cluster", "b", Some("web")).await?;
    let rule = |resource: &str, verbs: &[&str]| {
        policy_rule(if resource == "cascades" { "rewitness.dev" } else { &lab.group }, resource, verbs)
    };
    let read = vec![rule("cascades", &["get"]), rule("projects", &["get"])];
    let lists = [&read[..], &[rule("clusters", &["list"])]].concat();
    for (rules, expected) in
        [(read, "nobody has read the list that you would confirm"), (lists, "cannot patch resource")]
    {
        let account = lab.plane.service_account(&lab.ns, &unique("few"), rules).await?;
        let args = ["confirm", &cascade, &project, "--yes"];
        let ended = Running::start(command(&account, &args)?)?.end().await?;
        assert_eq!((ended.status, ended.stdout.len()), (Some(1), 0), "{ended:?}");
        assert!(ended.warnings().contains(expected), "{ended:?}");
    }
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    let plans = office.types(&["confirm", &cascade, &project, "--yes"]).await?;
    assert_eq!(plans.status, Some(1), "{plans:?}");
    assert!(plans.warnings().contains("only plans"), "{plans:?}");
    assert_eq!(annotation(&office, &cascade).await?, None);
    Ok(())
}

/// The operator writes the status of nobody else's objects, but others annotate the parent at any time.
#[tokio::test]
async fn c7_a_parent_that_others_change_meanwhile_is_confirmed_all_the_same() -> Result<()> {
    use rewitness_controlplane::{Fault, FaultProxy, Gate, Match};
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = waiting(&office).await?;
    let proxy = FaultProxy::start(office.lab.plane)?;
    let gate = Gate::new();
    let patches = Match::any().method("PATCH").path("/projects/").times(1);
    let _held_back = proxy.rule(patches, Fault::Hold(gate.clone()));
    let project = format!("{}/web", office.kinds("projects"));
    let typed = command(&proxy.kubeconfig(), &["confirm", &cascade, &project, "--yes"])?;
    let running = Running::start(typed)?;
    gate.reached().await?;
    office.lab.patch("Project", "web", json!({ "annotations": { "other": "x" } })).await?;
    gate.open();
    let ended = running.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    office.lab.gone("Project", "web").await
}
