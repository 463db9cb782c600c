//! `deploy/finalizer-guard.yaml`: who may add and remove the finalizers of Cascades, and what it leaves alone.

use anyhow::{Result, ensure};
use rewitness_controlplane::{policy_rule, until};
use rewitness_crds::cascade::finalizer;
use serde_json::{Value, json};

use crate::rights::{WATCH, own_rights};
use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::{Office, install};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/finalizer-guard.yaml");

/// A server of its own, whose other tests would be refused too.
struct Guarded {
    office: Office,
    folder: tempfile::TempDir,
}

impl Guarded {
    /// The operator may hold. The tenant may do anything with Projects and ResourceQuotas, and the person as well,
    /// who may also hold.
    async fn new() -> Result<Self> {
        Self::by(&std::fs::read_to_string(FILE)?).await
    }

    /// By this text of the file.
    async fn by(policy: &str) -> Result<Self> {
        let mut office = Office::apart().await?;
        let plane = office.lab.plane;
        install(plane).await?;
        let group = office.lab.group.clone();
        let hold = policy_rule("rewitness.dev", "cascades", &["hold"]);
        let tenant = ["resourcequotas", "resourcequotas/status"].map(|one| policy_rule("", one, &["*"]));
        let tenant = [&[policy_rule(&group, "projects", &["*"])], &tenant[..]].concat();
        let person = [std::slice::from_ref(&hold), &tenant[..]].concat();
        plane.service_account(&office.lab.ns, "tenant", tenant).await?;
        plane.service_account(&office.lab.ns, "person", person).await?;
        let mut rights = own_rights();
        rights.extend([
            hold,
            policy_rule(&group, "projects", WATCH),
            policy_rule(&group, "clusters", &["get", "list", "watch", "delete"]),
        ]);
        office.as_account(rights).await?;
        let guarded = Self { office, folder: tempfile::tempdir()? };
        let file = guarded.folder.path().join("guard.yaml");
        std::fs::write(&file, policy)?;
        plane.kubectl_ok(&["apply", "-f", &file.display().to_string()]).await?;
        let held = guarded.project("held", json!([finalizer("team")]))?;
        until("the guard is in force", SOON, async || {
            let created = guarded.types("tenant", &["create", "--dry-run=server", "-f", &held]).await?;
            Ok(created.is_err().then_some(()))
        })
        .await?;
        Ok(guarded)
    }

    /// A file of a Project with these finalizers.
    fn project(&self, name: &str, finalizers: Value) -> Result<String> {
        let api_version = format!("{}/v1", self.office.lab.group);
        let metadata = json!({ "name": name, "finalizers": finalizers });
        self.file(&json!({ "apiVersion": api_version, "kind": "Project", "metadata": metadata }))
    }

    fn file(&self, object: &Value) -> Result<String> {
        let file = self.folder.path().join("object.json");
        std::fs::write(&file, object.to_string())?;
        Ok(file.display().to_string())
    }

    /// kubectl as one of these: what it writes, or what it says when it fails.
    async fn types(&self, account: &str, args: &[&str]) -> Result<std::result::Result<String, String>> {
        let lab = &self.office.lab;
        let user = format!("system:serviceaccount:{}:{account}", lab.ns);
        let output = lab.plane.kubectl(&[&["--as", &*user, "-n", &*lab.ns], args].concat()).await?;
        let said = String::from_utf8(output.stderr)?;
        Ok(if output.status.success() { Ok(String::from_utf8(output.stdout)?) } else { Err(said) })
    }

    async fn admitted(&self, account: &str, args: &[&str]) -> Result<()> {
        let typed = self.types(account, args).await?;
        ensure!(typed.is_ok(), "{account} types {args:?}: {typed:?}");
        Ok(())
    }

    async fn refused(&self, account: &str, args: &[&str]) -> Result<()> {
        let typed = self.types(account, args).await?;
        let is_refused = typed.as_ref().is_err_and(|said| {
            said.contains("'finalizer-guard.rewitness.dev'")
                && said.contains("the verb hold on cascades.rewitness.dev")
        });
        ensure!(is_refused, "{account} types {args:?}: {typed:?}");
        Ok(())
    }

    /// The arguments that give an object these finalizers.
    fn patch(&self, object: &str, finalizers: Value) -> [String; 5] {
        let patch = json!({ "metadata": { "finalizers": finalizers } });
        ["patch", object, "--type=merge", "-p", &patch.to_string()].map(str::to_owned)
    }
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_tenant_neither_adds_nor_removes_the_finalizer_of_a_cascade_and_a_person_with_the_verb_does()
-> Result<()> {
    let guarded = Guarded::new().await?;
    let ours = [finalizer("team"), finalizer("ghost")];
    let [team, ghost] = &ours;
    let web = format!("{}/web", guarded.office.kinds("projects"));
    let patch = |finalizers| guarded.patch(&web, finalizers);
    let held = guarded.project("web", json!([team]))?;
    guarded.refused("tenant", &["create", "-f", &held]).await?;
    guarded.admitted("person", &["create", "-f", &held]).await?;
    for finalizers in [json!(null), json!([FOREIGN]), json!([team, ghost]), json!([ghost])] {
        guarded.refused("tenant", &words(&patch(finalizers))).await?;
    }
    // A file without the finalizer takes it off as well.
    let without = guarded.project("web", json!([]))?;
    guarded.refused("tenant", &["replace", "-f", &without]).await?;
    guarded.admitted("person", &words(&patch(json!([team, ghost])))).await?;
    guarded.admitted("tenant", &words(&patch(json!([ghost, FOREIGN, team])))).await?;
    guarded.admitted("person", &words(&patch(json!(null)))).await?;
    guarded.refused("tenant", &words(&patch(json!([team])))).await?;

    // The finalizers of some kinds can be written with their status.
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "q", "finalizers": [team] },
    });
    guarded.admitted("person", &["create", "-f", &guarded.file(&quota)?]).await?;
    let patch = guarded.patch("resourcequota/q", json!(null));
    let with_status = [&words(&patch)[..], &["--subresource=status"]].concat();
    guarded.refused("tenant", &with_status).await?;
    guarded.admitted("person", &with_status).await
}

#[tokio::test]
async fn an_object_on_which_the_guard_fails_is_no_way_around_it_and_does_not_stop_a_person_with_the_verb()
-> Result<()> {
    let (shipped, compares) =
        (std::fs::read_to_string(FILE)?, "variables.after.all(f, f in variables.before)");
    ensure!(shipped.contains(compares), "the policy compares in other words now");
    let guarded = Guarded::by(&shipped.replace(compares, "object.nonsuch")).await?;
    let held = guarded.project("web", json!([finalizer("team")]))?;
    let said = guarded.types("tenant", &["create", "-f", &held]).await?;
    ensure!(said.as_ref().is_err_and(|said| said.contains("no such key: nonsuch")), "{said:?}");
    guarded.admitted("person", &["create", "-f", &held]).await
}

#[tokio::test]
async fn what_is_not_about_the_finalizers_of_cascades_is_left_alone() -> Result<()> {
    let guarded = Guarded::new().await?;
    let web = format!("{}/web", guarded.office.kinds("projects"));
    let patch = |finalizers| guarded.patch(&web, finalizers);
    let plain = guarded.project("web", json!([FOREIGN]))?;
    guarded.admitted("tenant", &["create", "-f", &plain]).await?;
    let near = json!([FOREIGN, "hold.rewitness.dev/team", "cascade.rewitness.dev.example.com/x"]);
    guarded.admitted("tenant", &words(&patch(near))).await?;
    guarded.admitted("tenant", &words(&patch(json!(null)))).await?;
    let team = finalizer("team");
    guarded.admitted("person", &words(&patch(json!([team])))).await?;
    guarded.admitted("tenant", &["label", &web, "tier=gold"]).await?;
    // What the garbage collector does, which has no right to hold either.
    guarded.admitted("tenant", &["delete", &web, "--cascade=foreground", "--wait=false"]).await?;
    guarded.admitted("tenant", &words(&patch(json!([team])))).await?;
    // Objects without metadata of their own, and those that are made through a subresource.
    let namespace = &guarded.office.lab.ns;
    guarded.office.lab.plane.kubectl_ok(&["create", "token", "tenant", "-n", namespace]).await?;
    guarded.admitted("person", &words(&patch(json!(null)))).await?;
    guarded.office.lab.gone("Project", "web").await
}

#[tokio::test]
async fn the_operator_holds_and_releases_parents_while_it_may_and_says_so_when_it_may_not() -> Result<()> {
    let guarded = Guarded::new().await?;
    let (office, lab) = (&guarded.office, &guarded.office.lab);
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?);

    let mut without = own_rights();
    without.extend([
        policy_rule(&lab.group, "projects", WATCH),
        policy_rule(&lab.group, "clusters", &["get", "list", "watch", "delete"]),
    ]);
    lab.plane.service_account(&lab.ns, "operator", without).await?;
    let user = format!("system:serviceaccount:{}:operator", lab.ns);
    lab.plane.is_granted(&user, &policy_rule("rewitness.dev", "cascades", &["hold"]), false).await?;
    lab.create("Project", "api", None).await?;
    let said = office.condition(&cascade, "Ready", "False", "NotSynced").await?;
    assert!(said.contains("the verb hold on cascades.rewitness.dev"), "{said}");
    Ok(())
}
