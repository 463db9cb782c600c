//! `rewitness plan`: what would go, before it does.

use anyhow::{Context, Result};
use rewitness_controlplane::{Fault, Match, policy_rule, unique};
use serde_json::{Value, json};

use rewitness_e2e::Running;
use rewitness_e2e::lab::{FOREIGN, Lab};
use rewitness_e2e::office::{Office, command};

/// Two projects: `web` with three clusters and two disks of another namespace, one of them being deleted
/// and kept; `bare` with none.
async fn platform(lab: &Lab) -> Result<String> {
    let other = lab.plane.namespace("other").await?;
    for name in ["web", "bare"] {
        lab.create("Project", name, None).await?;
    }
    for name in ["a", "b", "c"] {
        lab.create("Cluster", name, Some("web")).await?;
    }
    for name in ["d", "e"] {
        lab.create_in("Disk", &other, name, Some("web")).await?;
    }
    lab.patch("Cluster", "c", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Cluster", "c").await?;
    Ok(other)
}

fn stages(lab: &Lab) -> Vec<Vec<Value>> {
    let mut disks = lab.dependents("Disk");
    disks["action"] = "Wait".into();
    vec![vec![lab.dependents("Cluster")], vec![disks]]
}

/// A file of a Cascade that nobody has applied.
fn file(lab: &Lab, folder: &tempfile::TempDir, stages: &[Vec<Value>], more: Value) -> Result<String> {
    let stages: Vec<&[Value]> = stages.iter().map(Vec::as_slice).collect();
    let path = folder.path().join("cascade.yaml");
    std::fs::write(&path, serde_json::to_string(&lab.cascade_of("Project", &stages, more))?)?;
    Ok(path.display().to_string())
}

#[tokio::test]
async fn a_cascade_that_is_not_applied_yet_is_planned_from_its_file() -> Result<()> {
    let office = Office::new().await?;
    let (lab, folder) = (&office.lab, tempfile::tempdir()?);
    let (group, ns, other) = (&lab.group, &lab.ns, platform(lab).await?);
    let more = json!({ "mode": "Plan", "limits": { "maxDependents": 1 } });
    let file = file(lab, &folder, &stages(lab), more)?;
    let ended = office.types(&["plan", "-f", &file, "web"]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let text = ended.stdout[1..].join("\n");
    let hash = ended.stdout.iter().find_map(|line| line.strip_prefix("  hash ")).context(text.clone())?;
    let name = ended.stdout[0]
        .strip_prefix("cascade/")
        .and_then(|line| line.split(' ').next())
        .context("its name")?;
    let expected = format!(
        "\
projects.{group}/web, when it is deleted, takes along:
  1. stage-0
     Cluster.{group}: 3
       {ns}/a
       {ns}/b
       {ns}/c (kept by the finalizer {FOREIGN})
  2. stage-1
     Disk.{group}: 2
       {other}/d (left to somebody else by action: Wait)
       {other}/e (left to somebody else by action: Wait)
In all 2 dependents would be deleted; 3 more would be waited for.
Limits: 1 dependent of one parent, 5,000 in an hour, of which 5,000 are left.
It needs a confirmation: only 1 are allowed without confirmation.
  hash {hash}
  rewitness confirm {name} projects.{group}/web
Refused: the Cascade only plans: set spec.mode to Enforce (NotEnforced)"
    );
    assert_eq!(text, expected);

    // As YAML it is the same document as JSON.
    let json =
        office.types(&["plan", "-f", &file, &format!("projects.{group}/web"), "-o", "json"]).await?.json()?;
    assert_eq!(json["parents"][0]["hash"], json!(hash));
    assert_eq!(
        json["totals"],
        json!({
            "parents": 1, "deletes": 2, "waits": 3, "unconfirmed": 1, "aboveHour": false, "complete": true,
        })
    );
    assert_eq!(json["parents"][0]["stages"][0]["kinds"][0]["causes"], json!({ "Due": 2, "Finalizers": 1 }));
    let yaml = office.types(&["plan", "-f", &file, "web", "-o", "yaml"]).await?;
    assert!(yaml.stdout.contains(&"kind: Plan".to_owned()), "{yaml:?}");
    assert!(lab.exists("Cluster", "a").await? && lab.exists("Project", "web").await?);
    Ok(())
}

#[tokio::test]
async fn each_parent_of_an_applied_cascade_is_counted_by_one_list_of_each_kind() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    platform(lab).await?;
    let stages = stages(lab);
    let stages: Vec<&[Value]> = stages.iter().map(Vec::as_slice).collect();
    let cascade = office.write(lab.cascade_of("Project", &stages, json!({ "mode": "Plan" }))).await?;
    let ended = office.types(&["plan", &cascade]).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let expected = [
        format!("cascade/{cascade}, mode Plan"),
        "PARENT    DELETES  WAITS FOR  NEEDS".to_owned(),
        "web             2          3  -".to_owned(),
        "bare            0          0  -".to_owned(),
        "2 parents, with 2 dependents to delete and 3 to wait for; 0 need a confirmation.".to_owned(),
        "Limits: 100 dependents of one parent, 5,000 in an hour, of which 5,000 are left.".to_owned(),
        "Refused: the Cascade only plans: set spec.mode to Enforce (NotEnforced)".to_owned(),
    ];
    assert_eq!(ended.stdout, expected);

    // Whether one is asked about or all, it is the same list.
    let all = office.types(&["plan", &cascade, "-o", "json"]).await?.json()?;
    let one = office.types(&["plan", &cascade, "web", "-o", "json"]).await?.json()?;
    let web = all["parents"].as_array().into_iter().flatten().find(|parent| parent["name"] == "web");
    let web = web.context("a plan for web")?;
    assert_eq!(web["hash"], one["parents"][0]["hash"]);
    assert_eq!(web["deletes"], one["parents"][0]["deletes"]);
    assert_eq!(web["stages"][0]["kinds"][0].get("dependents"), None);
    Ok(())
}

#[tokio::test]
async fn c13_what_would_be_refused_is_said_before_the_rule_is_applied() -> Result<()> {
    let office = Office::new().await?;
    let (lab, folder) = (&office.lab, tempfile::tempdir()?);
    platform(lab).await?;
    let kind = |api_version: &str, kind: &str| {
        json!({
            "apiVersion": api_version, "kind": kind, "reference": { "label": lab.label, "value": "Name" },
        })
    };
    let stages = [vec![
        lab.dependents("Cluster"),
        kind("v1", "Namespace"),
        kind("v1", "Node"),
        kind(&format!("{}/v1", lab.group), "Nonsuch"),
    ]];
    let protected = file(lab, &folder, &stages, json!({}))?;
    let ended = office.types(&["plan", "-f", &protected, "web"]).await?;
    let said = ended.stdout.join("\n");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for expected in [
        "Refused: Namespace is protected".to_owned(),
        "Refused: Node is protected".to_owned(),
        format!("Unknown: the server does not serve Nonsuch.{}", lab.group),
        "In all at least 2 dependents would be deleted".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}: {said}");
    }

    // Two tenants' parents can have one name.
    let mut clusters = lab.dependents("Cluster");
    clusters["scope"] = "AllNamespaces".into();
    let spaces = lab.cascade_of("Space", &[&[clusters]], json!({}));
    std::fs::write(&protected, serde_json::to_string(&spaces)?)?;
    let json = office.types(&["plan", "-f", &protected, "-o", "json"]).await?.json()?;
    assert_eq!(json["refused"][0]["reason"], json!("AmbiguousReference"), "{json}");

    let nobody = office.types(&["plan", "-f", &protected, "web", "-n", &lab.ns]).await?;
    assert_eq!(nobody.status, Some(1), "{nobody:?}");
    assert!(
        nobody.warnings().contains(&format!("there is no spaces.{}/web in {}", lab.group, lab.ns)),
        "{nobody:?}"
    );
    let wrong = office.types(&["plan", "-f", &protected, "configmaps/web"]).await?;
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    assert!(wrong.warnings().contains(&format!("name one as spaces.{}/NAME", lab.group)), "{wrong:?}");
    Ok(())
}

#[tokio::test]
async fn what_the_caller_may_not_list_is_said_to_be_unknown() -> Result<()> {
    let office = Office::new().await?;
    let (lab, folder) = (&office.lab, tempfile::tempdir()?);
    platform(lab).await?;
    let file = file(lab, &folder, &stages(lab), json!({}))?;
    let rule = |resource: &str| policy_rule(&lab.group, resource, &["get", "list"]);
    let few = vec![rule("projects"), rule("clusters")];
    let account = lab.plane.service_account(&lab.ns, &unique("few"), few).await?;
    for args in [&["plan", "-f", &file, "web", "-o", "json"][..], &["plan", "-f", &file, "-o", "json"]] {
        let json = Running::start(command(&account, args)?)?.end().await?.json()?;
        let parents = json["parents"].as_array().context("parents")?;
        let web = parents.iter().find(|parent| parent["name"] == "web").context("web")?;
        assert_eq!((&web["complete"], &json["totals"]["complete"]), (&json!(false), &json!(false)), "{json}");
        let (clusters, disks) = (&web["stages"][0]["kinds"][0], &web["stages"][1]["kinds"][0]);
        assert_eq!((&clusters["count"], clusters.get("unknown")), (&json!(3), None), "{json}");
        assert_eq!(disks["unknown"]["reason"], json!("Forbidden"), "{json}");
    }
    Ok(())
}

#[tokio::test]
async fn parents_that_are_within_the_hour_alone_are_above_it_together() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    for parent in ["a", "b"] {
        lab.create("Project", parent, None).await?;
        for number in [1, 2] {
            lab.create("Cluster", &format!("{parent}{number}"), Some(parent)).await?;
        }
    }
    let cascade = office.projects(json!({ "limits": { "maxPerHour": 3 } })).await?;
    let json = office.types(&["plan", &cascade, "-o", "json"]).await?.json()?;
    let totals = &json["totals"];
    assert_eq!((&totals["unconfirmed"], &totals["aboveHour"]), (&json!(0), &json!(true)), "{json}");
    let text = office.types(&["plan", &cascade]).await?.stdout.join("\n");
    assert!(text.contains("Together 4 dependents, above what is left of this hour"), "{text}");
    Ok(())
}

/// The Cascade of that name has a full hour, and deletions that have begun, for all that one knows.
#[tokio::test]
async fn a_cascade_that_may_not_be_read_is_not_taken_for_one_that_is_not_there() -> Result<()> {
    let office = Office::new().await?;
    let (lab, folder) = (&office.lab, tempfile::tempdir()?);
    platform(lab).await?;
    let stages = stages(lab);
    let stages: Vec<&[Value]> = stages.iter().map(Vec::as_slice).collect();
    let cascade = lab.cascade_of("Project", &stages, json!({}));
    let file = folder.path().join("cascade.yaml").display().to_string();
    std::fs::write(&file, serde_json::to_string(&cascade)?)?;
    let name = cascade.metadata.name.context("a name")?;
    let uid = lab.api("Project").get("web").await?.metadata.uid;
    let record = json!({ "uid": uid, "revision": "earlier", "began": "2026-01-02T03:04:05Z", "total": 2 });
    let begun = json!({ rewitness_crds::cascade::record_annotation(&name): record.to_string() });
    lab.patch("Project", "web", json!({ "annotations": begun })).await?;

    let rule = |group: &str, resource: &str| policy_rule(group, resource, &["get", "list"]);
    let definitions = rule("apiextensions.k8s.io", "customresourcedefinitions");
    let few = vec![rule(&lab.group, "*"), definitions];
    let account = lab.plane.service_account(&lab.ns, &unique("few"), few).await?;
    let forbidden = async |args: &[&str]| Running::start(command(&account, args)?)?.end().await;
    let proxy = lab.proxy()?;
    let _busy = proxy.rule(Match::any().path("/cascades/"), Fault::too_many_requests(1));
    let overloaded = async |args: &[&str]| Running::start(command(&proxy.kubeconfig(), args)?)?.end().await;

    let (json, text) = (["plan", "-f", &file, "web", "-o", "json"], ["plan", "-f", &file, "web"]);
    for (ended, text) in [
        (forbidden(&json).await?, forbidden(&text).await?),
        (overloaded(&json).await?, overloaded(&text).await?),
    ] {
        let json = ended.json()?;
        assert_eq!(json["limits"].get("hourRemaining"), None, "{json}");
        assert_eq!(json["totals"].get("aboveHour"), None, "{json}");
        assert_eq!(json["unknown"][0]["reason"], json!("StatusUnread"), "{json}");
        let web = &json["parents"][0];
        assert_eq!((&web["refused"], &web["unknown"][0]["reason"]), (&json!([]), &json!("RevisionUnread")));
        let text = text.stdout.join("\n");
        assert!(text.contains("of which it is not known how many are left"), "{text}");
        assert!(text.contains("Unknown: what is left of this hour"), "{text}");
    }

    // There is none of that name: the hour is whole, and the revision is not kept anywhere.
    let json = office.types(&json).await?.json()?;
    assert_eq!((&json["limits"]["hourRemaining"], &json["unknown"]), (&json!(5000), &json!([])), "{json}");
    assert_eq!(json["parents"][0]["refused"][0]["reason"], json!("RevisionUnknown"), "{json}");
    Ok(())
}

/// The discovery of one group has failed, as of an API service that is down.
#[tokio::test]
async fn a_kind_of_a_group_that_is_down_is_not_said_to_be_none() -> Result<()> {
    let office = Office::new().await?;
    office.lab.create("Project", "web", None).await?;
    let cascade = office.projects(json!({})).await?;
    let (proxy, group) = (office.lab.proxy()?, office.lab.group.clone());
    let broken = format!("{group}/v1");
    let stale = Fault::edit(move |_, body| {
        let items = body["items"].as_array_mut().into_iter().flatten();
        for version in items
            .filter(|item| item["metadata"]["name"] == *group)
            .flat_map(|item| item["versions"].as_array_mut().into_iter().flatten())
        {
            (version["freshness"], version["resources"]) = ("Stale".into(), json!([]));
        }
    });
    let _down = proxy.rule(Match::any().when(|call| call.path == "/apis"), stale);
    let args = ["confirm", &cascade, "web"];
    let ended = Running::start(command(&proxy.kubeconfig(), &args)?)?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let said = ended.warnings();
    assert!(said.contains("the server cannot say at present what it serves as"), "{said}");
    assert!(said.contains(&broken), "{said}");
    Ok(())
}

/// Whoever pastes a command that lost its context deletes in another cluster.
#[tokio::test]
async fn what_is_advised_goes_to_the_same_cluster() -> Result<()> {
    let office = Office::new().await?;
    platform(&office.lab).await?;
    let more = json!({ "limits": { "maxDependents": 1 }, "suspend": true });
    let cascade = office.projects(more).await?;
    let project = format!("{}/web", office.kinds("projects"));
    let flags = "--context controlplane";
    for (args, advice) in [
        (&["plan", &cascade, "web"][..], format!("rewitness confirm {flags} {cascade} {project}")),
        (&["resume", &cascade], format!("cascade/{cascade} resumed")),
        (&["suspend", "nonsuch"], format!("kubectl get {flags} cascades")),
        (&["unhold", "cascade/nonsuch"], format!("rewitness unhold {flags} -A cascade/nonsuch TYPE")),
    ] {
        let ended = office.types(&[args, &["--context", "controlplane"]].concat()).await?;
        let said = [ended.stdout.join("\n"), ended.warnings()].concat();
        assert!(said.contains(&advice), "{advice}: {ended:?}");
    }
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    let plans = office.types(&["confirm", &cascade, &project, "--context", "controlplane"]).await?;
    assert!(plans.warnings().contains(&format!("rewitness plan {flags} {cascade} {project}")), "{plans:?}");
    Ok(())
}
