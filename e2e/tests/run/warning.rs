//! `deploy/warning.yaml`: what a user who types `kubectl delete` is told, and what is deleted without a word.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use rewitness_controlplane::{unique, until};
use rewitness_crds::cascade::finalizer;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::Office;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/warning.yaml");

const POLICY: &str = "warning.rewitness.dev";

/// An office whose server has the policy.
async fn office() -> Result<Office> {
    // Two at the same time would both create it.
    static APPLIED: OnceCell<()> = OnceCell::const_new();
    let office = Office::new().await?;
    let apply = async || office.lab.plane.kubectl_ok(&["apply", "-f", FILE]).await.map(drop);
    APPLIED.get_or_try_init(apply).await?;
    Ok(office)
}

/// What kubectl says on stderr when this is deleted.
async fn told(office: &Office, args: &[&str]) -> Result<Vec<String>> {
    let output = office.lab.plane.kubectl(&[&["delete"], args].concat()).await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.success(), "kubectl delete {args:?}: {said}");
    let mut said: Vec<String> = said.lines().map(str::to_owned).collect();
    said.sort();
    Ok(said)
}

/// Waits until the server, which learns of a policy a moment after it was written, says this of a
/// deletion that is not made.
async fn would_be_told(office: &Office, args: &[&str], expected: &[String]) -> Result<()> {
    let (args, mut said) = ([args, &["--dry-run=server"]].concat(), Vec::new());
    let found = until("the warning is as expected", SOON, async || {
        said = told(office, &args).await?;
        Ok((said == expected).then_some(()))
    });
    let found = found.await;
    found.with_context(|| format!("{args:?}\n    said: {said:?}\nexpected: {expected:?}"))
}

/// What kubectl writes of a warning of this policy.
fn warning(policy: &str, words: &str) -> String {
    format!(
        "Warning: Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{policy}': \
         not an error: {words}"
    )
}

fn words(object: &str, by: &str, stays: &str, typed: &str) -> String {
    let words = format!(
        "{object} is held by the Cascade {by}. It {stays} Terminating until its dependents are gone. \
         To see what is left: rewitness why {typed}"
    );
    warning(POLICY, &words)
}

#[tokio::test]
async fn a_user_who_deletes_a_parent_is_told_what_holds_it_and_the_command_answers() -> Result<()> {
    let office = office().await?;
    let (lab, _operator) = (&office.lab, office.operator(&[])?);
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    let web = format!("{}/web", office.kinds("projects"));
    let words = |stays| vec![words("Project web", &cascade, stays, &web)];
    would_be_told(&office, &[&web], &words("would stay")).await?;
    assert_eq!(told(&office, &[&web, "--wait=false"]).await?, words("stays"));
    // A user who asks again wonders why it is still there.
    assert_eq!(told(&office, &[&web, "--wait=false"]).await?, words("stays"));

    let said = words("stays").concat();
    let (_, command) = said.split_once("To see what is left: ").context("a command")?;
    let answer = office.shell(command).await?;
    assert!(answer.contains("Terminating") && answer.contains(&cascade), "{answer}");
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    // The operator's own deletes name a uid; it is not warned, and its Cascade goes on.
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn each_held_object_of_a_collection_is_named_and_the_others_are_not() -> Result<()> {
    let office = office().await?;
    let lab = &office.lab;
    for (name, finalizers) in [
        ("web", json!([FOREIGN, finalizer("team")])),
        ("api", json!([finalizer("team"), finalizer("billing"), finalizer("backup")])),
        ("not-held", json!([])),
        ("kept-by-others", json!([FOREIGN, "hold.rewitness.dev/team"])),
    ] {
        lab.create("Space", name, None).await?;
        lab.patch("Space", name, json!({ "finalizers": finalizers })).await?;
    }
    let spaces = office.kinds("spaces");
    let words = |name: &str, by, stays| {
        let (object, typed) = (format!("Space {}/{name}", lab.ns), format!("-n {} {spaces}/{name}", lab.ns));
        words(&object, by, stays, &typed)
    };
    let web = ["-n", &*lab.ns, &*spaces, "web"];
    would_be_told(&office, &web, &[words("web", "team", "would stay")]).await?;
    for name in ["not-held", "kept-by-others"] {
        let said = told(&office, &["-n", &lab.ns, &spaces, name, "--dry-run=server"]).await?;
        assert_eq!(said, [""; 0], "{name}");
    }

    // A controller names the uid that it means. A resourceVersion alone is named by people too.
    let seen = lab.api("Space").get("web").await?.metadata;
    let folder = tempfile::tempdir()?;
    let all = format!("/apis/{}/v1/namespaces/{}/spaces", lab.group, lab.ns);
    let said_to = async |preconditions: Value| {
        let options = folder.path().join("options.json").display().to_string();
        let body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], "preconditions": preconditions,
        });
        std::fs::write(&options, body.to_string())?;
        told(&office, &["--raw", &format!("{all}/web"), "-f", &options]).await
    };
    let (uid, version) = (seen.uid, seen.resource_version);
    assert_eq!(said_to(json!({ "uid": uid, "resourceVersion": version })).await?, [""; 0]);
    let expected = [words("web", "team", "would stay")];
    assert_eq!(said_to(json!({ "resourceVersion": version })).await?, expected);

    // A collection is one call, which names none of them.
    let said = told(&office, &["--raw", &all]).await?;
    assert_eq!(said, [words("api", "team and 2 more", "stays"), words("web", "team", "stays")]);
    for name in ["web", "api", "kept-by-others"] {
        lab.patch("Space", name, json!({ "finalizers": null })).await?;
        lab.gone("Space", name).await?;
    }
    Ok(())
}

/// Names of most kinds are plain. Those of roles are what a user likes.
#[tokio::test]
async fn a_name_is_one_word_of_the_command_in_a_shell_or_there_is_no_command() -> Result<()> {
    let office = office().await?;
    let folder = tempfile::tempdir()?;
    let (long, cut) = ("x".repeat(254), format!("{}... is held", "x".repeat(100)));
    let mark = unique("role");
    for (name, shown) in [
        ("plain", None),
        ("system:plain@1.0-a_b", None),
        ("'; touch pwned; '", None),
        ("$(touch pwned)`touch pwned`", None),
        ("a&touch pwned|touch pwned>pwned", None),
        ("\\'; touch pwned #", None),
        ("\"$PATH\" * ~ !! \\n", None),
        ("--all", None),
        ("?dryRun=All", None),
        ("line\ntouch pwned\n", Some("line?touch pwned?")),
        ("\u{1b}[2J\u{9b}2J\u{0}", Some("?[2J?2J?")),
        ("\u{202e}gnihton\u{2028}", Some("?gnihton?")),
        (&*long, Some(&*cut)),
    ] {
        let name = format!("{name}-{mark}");
        let said = of_a_role(&office, folder.path(), &name).await?;
        let [said] = &*said else { anyhow::bail!("{name:?}: {said:?}") };
        assert!(said.chars().all(|char| (' '..='~').contains(&char)), "{said:?}");
        assert!(said.len() < 700, "{}", said.len());
        let expected = format!("not an error: ClusterRole {}", shown.unwrap_or(&name));
        assert!(said.contains(&expected), "{said:?}");
        match (said.split_once("To see what is left: "), shown) {
            (Some((_, command)), None) => {
                let typed = typed(folder.path(), command)?;
                assert_eq!(typed, ["why", &format!("clusterroles.rbac.authorization.k8s.io/{name}")]);
            }
            (None, Some(_)) => assert!(said.contains(". No command is suggested: "), "{said:?}"),
            _ => anyhow::bail!("{name:?}: {said:?}"),
        }
    }
    assert!(!folder.path().join("pwned").exists());
    Ok(())
}

/// What is said of a deletion, which is not made, of a held role of this name.
async fn of_a_role(office: &Office, folder: &Path, name: &str) -> Result<Vec<String>> {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name, "finalizers": [finalizer("team")] },
    });
    let file = folder.join("role.json").display().to_string();
    std::fs::write(&file, role.to_string())?;
    office.lab.plane.kubectl_ok(&["create", "-f", &file]).await?;
    until("it is warned of", SOON, async || {
        let said = told(office, &["-f", &file, "--dry-run=server"]).await?;
        Ok((!said.is_empty()).then_some(said))
    })
    .await
}

/// The words that `rewitness` gets if this is pasted into a shell.
fn typed(folder: &Path, command: &str) -> Result<Vec<String>> {
    let line = format!("rewitness() {{ printf '%s\\n' \"$@\"; }}\n{command}\n");
    let output = Command::new("sh").args(["-c", &line]).current_dir(folder).output()?;
    ensure!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn an_expression_that_cannot_be_evaluated_neither_refuses_nor_warns() -> Result<()> {
    let office = office().await?;
    let (lab, broken) = (&office.lab, unique("broken"));
    let shipped = std::fs::read_to_string(FILE)?;
    // Of one object alone, so that the others show when the policy is there.
    let condition = "      has(oldObject.metadata.finalizers)\n";
    ensure!(shipped.contains(condition), "the policy reads other fields now");
    let unreadable = format!(
        "      (oldObject.metadata.name != 'unreadable' || oldObject.nonsuch)\n      && request.resource.group == \
         '{}'\n      && has(oldObject.metadata.finalizers)\n",
        lab.group
    );
    let policy = shipped.replace(POLICY, &broken).replace(condition, &unreadable);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("broken.yaml").display().to_string();
    std::fs::write(&file, policy)?;
    lab.plane.kubectl_ok(&["apply", "-f", &file]).await?;

    let projects = office.kinds("projects");
    for name in ["readable", "unreadable"] {
        lab.create("Project", name, None).await?;
        lab.patch("Project", name, json!({ "finalizers": [finalizer("team")] })).await?;
    }
    let words =
        |name: &str, stays| words(&format!("Project {name}"), "team", stays, &format!("{projects}/{name}"));
    let expected = words("readable", "would stay");
    let both = [expected.replace(POLICY, &broken), expected];
    would_be_told(&office, &[&projects, "readable"], &both).await?;
    let said = told(&office, &[&projects, "unreadable", "--wait=false"]).await?;
    assert_eq!(said, [words("unreadable", "stays")]);
    lab.plane.kubectl_ok(&["delete", "-f", &file]).await?;
    for name in ["readable", "unreadable"] {
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        lab.api("Project").patch(name, &PatchParams::default(), &patch).await?;
    }
    lab.gone("Project", "unreadable").await
}
