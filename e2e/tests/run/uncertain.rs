//! What the server does not say, says late, or says of an older state: nothing is made of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use kube::api::{Patch, PatchParams};
use rewitness_controlplane::{Call, Fault, Gate, Match};
use rewitness_crds::CASCADES;
use rewitness_crds::cascade::finalizer;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::A_WHILE;
use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::{Office, install, is_held};

/// The operator's questions which rights it has.
fn reviews() -> Match {
    Match::any().method("POST").path("/selfsubjectaccessreviews")
}

/// Reads of one Cascade.
fn reads() -> Match {
    Match::any().method("GET").path("/cascades/").when(|call| !call.watch)
}

#[tokio::test]
async fn c12_no_deletion_begins_before_it_is_known_which_rights_there_are() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let unknown = proxy.rule(reviews(), Fault::status(500));
    let mut operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    operator.warns(&["could not be looked up", &cascade]).await?;
    office
        .status(&cascade, "it says so", |status| {
            status.held_parents.iter().any(|held| held.reason == "MissingRights").then_some(())
        })
        .await?;
    assert!(lab.exists("Cluster", "a").await?);
    drop(unknown);
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?);
    Ok(())
}

/// By the former rule the deletion would leave what the new one is about.
#[tokio::test]
async fn c12_no_deletion_begins_by_a_former_rule_while_rights_are_looked_up_for_the_new_one() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    let spaces = lab.cascade_of("Project", &[&[lab.dependents("Space")]], json!({}));
    let other = office.write(spaces).await?;
    office.held("Project", "web", &other).await?;
    for kind in ["Cluster", "Disk", "Space"] {
        lab.create(kind, "of-web", Some("web")).await?;
    }
    let gate = Gate::new();
    let _slow = proxy.rule(reviews(), Fault::Hold(gate.clone()));
    let stages = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]).spec.stages;
    office.edit(&cascade, json!({ "stages": stages })).await?;
    office.status(&cascade, "it is taken in", |_| Some(())).await?;
    gate.reached().await?;
    lab.delete("Project", "web").await?;
    // By another Cascade as much is done in the meantime.
    lab.gone("Space", "of-web").await?;
    gate.open();
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Disk", "of-web").await?);
    Ok(())
}

/// Whoever sees in the status that deletions are held may delete parents, however long it takes to look up the rights
/// for what the Cascade says now.
#[tokio::test]
async fn c10_deletions_are_held_before_anything_is_looked_up() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let gate = Gate::new();
    let _slow = proxy.rule(reviews(), Fault::Hold(gate.clone()));
    office.edit(&cascade, json!({ "suspend": true })).await?;
    office.condition(&cascade, "Suspended", "True", "Suspended").await?;
    gate.reached().await?;
    let asked = Instant::now();
    lab.delete("Project", "web").await?;
    office
        .status(&cascade, "it holds back", |status| {
            status.held_parents.iter().any(|held| held.reason == "Suspended").then_some(())
        })
        .await?;
    assert!(lab.exists("Cluster", "a").await?);
    // A call ends after 30 s without an answer.
    assert!(asked.elapsed() < Duration::from_secs(25), "it was looked up before");
    gate.open();
    Ok(())
}

#[tokio::test]
async fn c10_plan_is_in_force_before_anything_is_looked_up_and_said_after() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    let disks = lab.cascade_of("Project", &[&[lab.dependents("Disk")]], json!({}));
    let other = office.write(disks).await?;
    office.enforced(&cascade).await?;
    office.enforced(&other).await?;
    let gate = Gate::new();
    let _slow = proxy.rule(reviews(), Fault::Hold(gate.clone()));
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    gate.reached().await?;
    office.parent("Project", "late", &other).await?;
    let status = office.cascades.get(&cascade).await?.status.unwrap_or_default();
    assert!(!status.conditions.iter().any(|one| one.reason == "Planned"), "the server was not asked yet");
    gate.open();
    office.condition(&cascade, "Ready", "True", "Planned").await?;
    assert!(!is_held(&lab.api("Project").get("late").await?, &cascade), "no parent is held any more");
    Ok(())
}

#[tokio::test]
async fn a_cascade_that_a_read_does_not_show_yet_is_taken_in_all_the_same() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let late = proxy.rule(reads().times(1), Fault::status(404));
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    late.wait_hits(1, SOON).await?;
    office.enforced(&cascade).await
}

#[tokio::test]
async fn a_cascade_that_cannot_be_held_itself_says_so() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    // It is read once to be known, and then to be held.
    let late = proxy.rule(reads().skip(1), Fault::status(404));
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office
        .status(&cascade, "it says why", |status| {
            let says_why = |message: &str| message.contains("add the finalizer to the Cascade");
            status.conditions.iter().any(|one| says_why(&one.message)).then_some(())
        })
        .await?;
    drop(late);
    office.enforced(&cascade).await
}

#[tokio::test]
async fn c10_who_has_our_finalizer_again_and_again_does_not_keep_us_busy() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    // To every list it is there again, as if somebody were quicker than we are.
    let ours = finalizer(&cascade);
    let again = Fault::edit(move |_, list| {
        for item in list["items"].as_array_mut().into_iter().flatten() {
            item["metadata"]["finalizers"] = json!([ours]);
        }
    });
    let again = proxy.rule(Match::collection("projects").method("GET"), again);
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    let lists = office.status(&cascade, "it says so", |status| {
        let says_so = |message: &str| message.contains("keeps adding our finalizer");
        status.conditions.iter().any(|one| says_so(&one.message)).then(|| again.hits())
    });
    let lists = lists.await?;
    assert!(lists < 20, "{lists} lists");
    drop(again);
    office.let_go("Project", "web", &cascade).await?;
    office.condition(&cascade, "Ready", "True", "Planned").await.map(drop)
}

#[tokio::test]
async fn an_edited_rule_replays_only_what_it_must() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    office.enforced(&cascade).await?;
    // Once a minute one asks for the version alone.
    let is_check = |call: &Call| call.query.split('&').any(|parameter| parameter == "limit=1");
    let lists = || {
        proxy.count(|call| {
            call.method == "GET" && call.path.ends_with("/projects") && !call.watch && !is_check(call)
        })
    };
    let before = lists();
    let stages = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]).spec.stages;
    for edit in
        [json!({ "limits": { "maxDependents": 7 } }), json!({ "stages": stages }), json!({ "suspend": true })]
    {
        office.edit(&cascade, edit).await?;
        // Of this generation.
        office.status(&cascade, "it is taken in", |_| Some(())).await?;
    }
    // What comes later is held by the subscription that there was.
    lab.create("Project", "late", None).await?;
    office.held("Project", "late", &cascade).await?;
    assert_eq!(lists(), before);
    Ok(())
}

#[tokio::test]
async fn c10_an_uninstall_waits_for_who_is_being_taken_in_and_for_the_mark_to_be_read() -> Result<()> {
    let mut office = Office::apart().await?;
    install(office.lab.plane).await?;
    let proxy = office.lab.proxy()?;
    office.kubeconfig = proxy.kubeconfig();
    let gate = Gate::new();
    let slow = proxy.rule(reviews(), Fault::Hold(gate.clone()));
    let mut operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.lab.create("Project", "web", None).await?;
    gate.reached().await?;
    let first = "2026-01-01T00:00:00Z";
    office.mark_uninstall(Some(first)).await?;
    operator.warns(&["is being uninstalled"]).await?;
    sleep(2 * A_WHILE).await;
    assert!(!office.is_released(first).await?, "it may be about to be held");
    gate.open();
    office.released(first).await?;
    drop(slow);
    let holds = |call: &rewitness_controlplane::Call| {
        call.method == "PATCH" && (call.path.ends_with(&cascade) || call.path.contains("/projects/"))
    };
    assert_eq!(proxy.count(holds), 0, "nothing is held once there is a mark");
    operator.signal(Signal::KILL)?;
    operator.end().await?;

    // Neither a read of the mark that fails nor a watch of it that is late says that there is none.
    let second = "2026-01-02T00:00:00Z";
    office.mark_uninstall(Some(second)).await?;
    let definition = |call: &rewitness_controlplane::Call| call.path.contains("/customresourcedefinitions");
    let fails = Match::any().method("GET").path(&format!("/{CASCADES}")).times(2);
    let fails = proxy.rule(fails, Fault::status(500));
    let late =
        Match::any().method("GET").when(move |call| definition(call) && !call.path.ends_with(CASCADES));
    let late = proxy.rule(late, Fault::Hold(Gate::new()));
    let mut operator = office.operator(&[])?;
    operator.warns(&["is being uninstalled"]).await?;
    office.released(second).await?;
    assert_eq!((fails.hits(), proxy.count(holds)), (2, 0));
    drop(late);
    Ok(())
}

#[tokio::test]
async fn once_does_not_wait_for_who_goes_and_holds_nothing_and_not_for_ever() -> Result<()> {
    let mut office = Office::new().await?;
    let going = office.projects(json!({ "mode": "Plan" })).await?;
    let keep = |finalizers: Value| Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    office.cascades.patch(&going, &PatchParams::default(), &keep(json!([FOREIGN]))).await?;
    office.delete(&going).await?;
    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 0), "{ended:?}");
    office.cascades.patch(&going, &PatchParams::default(), &keep(Value::Null)).await?;

    let proxy = office.proxied()?;
    let _unknown = proxy.rule(reviews(), Fault::Hold(Gate::new()));
    let cascade = office.projects(json!({})).await?;
    let ended = office.operator(&["--once", "--timeout", "10s"])?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("not all was worked off in time"), "{ended:?}");
    assert!(ended.stdout[0].starts_with(&format!("cascade/{cascade} ")), "{ended:?}");
    Ok(())
}
