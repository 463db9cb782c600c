//! `rewitness check`: each thing that is amiss has a way out, and what it says is typed.

use anyhow::{Context, Result};
use k8s_openapi::api::rbac::v1::PolicyRule;
use rewitness_controlplane::{Fault, FaultProxy, Match, policy_rule, unique, until};
use serde_json::{Value, json};

use rewitness_e2e::OnTerminal;
use rewitness_e2e::Running;
use rewitness_e2e::lab::SOON;
use rewitness_e2e::office::{Office, command};

mod sick;
mod still;

use still::golden;

/// What was answered.
struct Report {
    status: Option<i32>,
    json: Value,
}

async fn check(office: &Office, args: &[&str]) -> Result<Report> {
    let args = [&["check", "-o", "json"], args].concat();
    let ended = office.types(&args).await?;
    Ok(Report { status: ended.status, json: ended.json()? })
}

impl Report {
    fn checks(&self) -> impl Iterator<Item = &Value> {
        let groups = self.json["groups"].as_array().into_iter().flatten();
        groups.flat_map(|group| group["checks"].as_array().into_iter().flatten())
    }

    /// The checks of this name.
    fn all(&self, id: &str) -> Vec<&Value> {
        self.checks().filter(|check| check["id"] == id).collect()
    }

    /// The result of the first check of this name; null if there is none.
    fn result(&self, id: &str) -> &Value {
        self.all(id).first().map_or(&Value::Null, |check| &check["result"])
    }

    /// The first command below a check of this name.
    fn way_out(&self, id: &str) -> Result<String> {
        let steps = self.all(id).into_iter().flat_map(|check| check["next"].as_array().into_iter().flatten());
        let first = steps.into_iter().next().and_then(|step| step["command"].as_str());
        first.map(str::to_owned).with_context(|| format!("{id} has no way out: {:#}", self.json))
    }
}

/// What the operator needs without any Cascade.
fn own_rights() -> Vec<PolicyRule> {
    vec![
        policy_rule("rewitness.dev", "cascades", &["get", "list", "watch", "patch"]),
        policy_rule("rewitness.dev", "cascades/status", &["patch"]),
        policy_rule("apiextensions.k8s.io", "customresourcedefinitions", &["get", "list", "watch", "patch"]),
        policy_rule("events.k8s.io", "events", &["create"]),
    ]
}

#[tokio::test]
async fn a_cluster_is_led_from_nothing_to_an_operator_that_follows_a_cascade() -> Result<()> {
    let mut office = Office::apart().await?;
    let (fresh, text) = golden(&office, &["--pre"], "fresh", &[]).await?;
    assert_eq!(fresh.status, Some(0), "{text}");
    assert_eq!(fresh.result("present-definition"), "ok", "{text}");

    let missing = check(&office, &[]).await?;
    assert_eq!((missing.status, missing.result("definition")), (Some(1), &json!("failed")));
    office.shell(&missing.way_out("definition")?).await?;
    // Its kind is served a moment after that.
    until("the definition is established, and its kind served", SOON, async || {
        let report = check(&office, &[]).await?;
        let is_so = report.result("established") == "ok" && report.result("cascades") == "note";
        Ok(is_so.then_some(()))
    })
    .await?;
    let (installed, text) = golden(&office, &[], "installed", &[]).await?;
    assert_eq!((installed.status, installed.result("schema")), (Some(0), &json!("ok")), "{text}");

    office.as_account(own_rights()).await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.condition(&cascade, "Authorized", "False", "MissingRights").await?;
    let poor = check(&office, &[]).await?;
    assert_eq!((poor.status, poor.result("authorized")), (Some(1), &json!("failed")));
    let account = format!("--serviceaccount={}:operator", office.lab.ns);
    office
        .shell(&format!("kubectl create clusterrolebinding rewitness --clusterrole=rewitness {account}"))
        .await?;
    office.shell(&poor.way_out("authorized")?).await?;
    office.enforced(&cascade).await?;
    office.parent("Project", "web", &cascade).await?;
    office.status(&cascade, "it is counted", |status| (status.counts.parents == 1).then_some(())).await?;
    let (healthy, text) = golden(&office, &[], "healthy", &[(&cascade, "CASCADE")]).await?;
    assert_eq!((healthy.status, &healthy.json["result"]), (Some(0), &json!("ok")), "{text}");

    let again = check(&office, &["--pre"]).await?;
    let present = ["present-definition", "present-operator"].map(|id| again.result(id).clone());
    assert_eq!((again.status, present), (Some(0), [json!("note"), json!("warning")]), "{:#}", again.json);

    let definition = "customresourcedefinitions.apiextensions.k8s.io cascades.rewitness.dev";
    office.shell(&format!("kubectl annotate {definition} rewitness.dev/uninstall=now")).await?;
    let marked = check(&office, &[]).await?;
    assert_eq!((marked.status, marked.result("uninstall")), (Some(1), &json!("failed")));
    assert_eq!(check(&office, &["--pre"]).await?.result("uninstall"), "failed");
    let steps = &marked.all("uninstall")[0]["next"];
    assert!(steps[0]["command"].to_string().contains("kubectl get"), "nothing is undone unseen: {steps:#}");
    office.shell(steps[1]["command"].as_str().context("a command")?).await?;
    assert_eq!(check(&office, &[]).await?.result("uninstall"), "ok");
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_read_is_unknown_and_no_tick() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let nobody = lab.plane.service_account(&lab.ns, &unique("nobody"), Vec::new()).await?;
    let ended = Running::start(command(&nobody, &["check", "-o", "json"])?)?.end().await?;
    let report = Report { status: ended.status, json: ended.json()? };
    assert_eq!(report.status, Some(1));
    for id in ["definition", "sign-of-life", "cascades", "not-looked-at"] {
        assert_eq!(report.result(id), "unknown", "{id}: {:#}", report.json);
    }
    let message = report.all("cascades")[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("you may not list cascades.rewitness.dev"), "{message}");
    assert_eq!(report.result("reachable"), "ok");
    assert_eq!(report.json["totals"]["failed"], 0, "{:#}", report.json);

    let ended = Running::start(command(&nobody, &["check", "--pre", "-o", "json"])?)?.end().await?;
    let report = Report { status: ended.status, json: ended.json()? };
    let install = ["install-definition", "install-roles", "install-binding", "install-grants"];
    for id in install {
        assert_eq!(report.result(id), "failed", "{id}: {:#}", report.json);
        assert!(report.way_out(id)?.starts_with("kubectl auth can-i "), "{:#}", report.json);
    }
    Ok(())
}

/// The server lets nobody grant what they do not have.
#[tokio::test]
async fn who_may_write_roles_and_has_nothing_to_grant_is_told_before() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let roles =
        |resource: &str| policy_rule("rbac.authorization.k8s.io", resource, &["get", "create", "patch"]);
    let few = vec![roles("clusterroles"), roles("clusterrolebindings")];
    let clerk = lab.plane.service_account(&lab.ns, &unique("clerk"), few.clone()).await?;
    let has = lab.plane.service_account(&lab.ns, &unique("clerk"), [few, own_rights()].concat()).await?;
    for (account, expected) in [(&clerk, "failed"), (&has, "ok")] {
        let ended = Running::start(command(account, &["check", "--pre", "-o", "json"])?)?.end().await?;
        let report = Report { status: ended.status, json: ended.json()? };
        assert_eq!(report.result("install-roles"), "ok", "{:#}", report.json);
        assert_eq!(report.result("install-grants"), expected, "{:#}", report.json);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_the_one_thing_that_is_said() -> Result<()> {
    let office = Office::new().await?;
    let folder = tempfile::tempdir()?;
    let text = std::fs::read_to_string(office.lab.plane.kubeconfig())?;
    let port = text.split("https://127.0.0.1:").nth(1).and_then(|rest| rest.split(['"', '\n', ',']).next());
    let port = port.context("a server on loopback")?;
    let dead = folder.path().join("dead");
    // Nobody listens there.
    std::fs::write(&dead, text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:1"))?;
    let ended = Running::start(command(&dead, &["check", "-o", "json"])?)?.end().await?;
    let report = Report { status: ended.status, json: ended.json()? };
    assert_eq!((report.status, report.result("reachable")), (Some(1), &json!("failed")));
    assert_eq!(report.json["totals"], json!({ "ok": 0, "note": 0, "warning": 0, "unknown": 0, "failed": 1 }));
    let text = Running::start(command(&dead, &["check"])?)?.end().await?;
    assert!(text.stdout[1].starts_with("- FAILED: cannot reach the API server"), "{text:?}");
    Ok(())
}

#[tokio::test]
async fn finalizers_are_found_on_any_page_and_a_list_that_fails_is_not_taken_for_empty() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let names: Vec<String> = (0..501).map(|number| format!("disk-{number:03}")).collect();
    for some in names.chunks(50) {
        futures::future::try_join_all(some.iter().map(|name| lab.create("Disk", name, None))).await?;
    }
    let gone = unique("gone");
    let finalizer = format!("cascade.rewitness.dev/{gone}");
    lab.patch("Disk", "disk-500", json!({ "finalizers": [finalizer] })).await?;
    let report = check(&office, &[]).await?;
    let is_ours = |check: &&&Value| check["message"].to_string().contains(&finalizer);
    let unowned = report.all("unowned");
    let found = unowned.iter().find(is_ours).with_context(|| format!("{:#}", report.json))?;
    let release = format!("rewitness unhold -A cascade/{gone} {}", office.kinds("disks"));
    assert_eq!(found["next"][0]["command"], release, "{found:#}");

    let proxy = FaultProxy::start(lab.plane)?;
    let lists = Match::any().method("GET").path(&lab.group).when(|call| call.path.ends_with("/disks"));
    let _failing = proxy.rule(lists, Fault::status(500));
    let ended = Running::start(command(&proxy.kubeconfig(), &["check", "-o", "json"])?)?.end().await?;
    let report = Report { status: ended.status, json: ended.json()? };
    assert!(!report.all("unowned").iter().any(|check| is_ours(&check)), "it could not be seen");
    let said: String = report.all("not-looked-at").iter().map(|check| check.to_string()).collect();
    assert!(said.contains(&format!("cannot list {}", office.kinds("disks"))), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_terminal_has_marks_and_colours_and_a_pipe_has_words() -> Result<()> {
    let office = Office::new().await?;
    let args = ["check", "--pre"];
    for (no_color, expected) in [(false, "\x1b[32m✓ \x1b[0mhttps://"), (true, "✓ https://")] {
        let mut typed = command(&office.lab.plane.kubeconfig(), &args)?;
        typed.env("TERM", "xterm");
        if no_color {
            typed.env("NO_COLOR", "1");
        }
        let shown = OnTerminal::start(typed)?;
        shown.shows(" checks: ").await?;
        let text = shown.shown();
        assert!(text.contains(expected), "{text:?}");
        let told = text.split("reading …").last().unwrap_or_default();
        assert_eq!(told.contains("\x1b[1m"), !no_color, "{text:?}");
    }
    let piped = office.types(&args).await?;
    assert_eq!(piped.stdout[0], "The API server");
    assert!(piped.stdout[1].starts_with("- ok: https://"), "{piped:?}");
    assert!(piped.stdout.iter().all(|line| line.is_ascii()), "{piped:?}");
    let coloured = office.types(&["check", "--pre", "--color", "always"]).await?;
    assert!(coloured.stdout[0].contains("\x1b[1m"), "{coloured:?}");
    let yaml = office.types(&["check", "--pre", "-o", "yaml"]).await?;
    assert!(yaml.stdout[0].starts_with("apiVersion: cli.rewitness.dev/v1alpha1"), "{yaml:?}");
    Ok(())
}
