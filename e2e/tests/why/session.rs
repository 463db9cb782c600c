//! Where somebody sits who was called at 3 a.m.: a lab, a shell, and the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use rewitness_controlplane::{ControlPlane, shared, unique, until};
use rewitness_crds::{Cascade, CascadeStatus};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use rewitness_e2e::lab::{Lab, SOON};
use rewitness_e2e::{Ended, Running};

/// A lab in which Cascade is installed, and the program pointed at it.
pub(crate) struct Session {
    pub(crate) lab: Lab,
    pub(crate) cascades: Api<Cascade>,
    pub(crate) kubeconfig: PathBuf,
    /// What is different each time, and the words for it.
    words: Vec<(String, &'static str)>,
}

/// A command that is advised.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// How readily it is to be taken.
    pub(crate) rank: String,
}

/// What was answered, with whatever differs each time replaced.
pub(crate) struct Answer {
    pub(crate) verdict: Value,
    pub(crate) status: Option<i32>,
}

impl Session {
    pub(crate) async fn new() -> Result<Self> {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let plane = shared().await?;
        INSTALLED.get_or_try_init(|| install(plane)).await?;
        Ok(Self::at(Lab::new().await?))
    }

    /// On a control plane that is not shared with other tests.
    pub(crate) async fn on(plane: &'static ControlPlane) -> Result<Self> {
        install(plane).await?;
        Ok(Self::at(Lab::on(plane).await?))
    }

    fn at(lab: Lab) -> Self {
        let (cascades, kubeconfig) = (Api::all(lab.client.clone()), lab.plane.kubeconfig());
        let words = vec![(lab.group.clone(), "GROUP"), (lab.ns.clone(), "NS")];
        Self { lab, cascades, kubeconfig, words }
    }

    /// From now on by an account that may do only this.
    pub(crate) async fn as_account(&mut self, rules: Vec<PolicyRule>) -> Result<()> {
        let account = unique("caller");
        self.kubeconfig = self.lab.plane.service_account(&self.lab.ns, &account, rules).await?;
        Ok(())
    }

    /// Writes a Cascade; it is called this in answers.
    pub(crate) async fn write(&mut self, cascade: &Cascade, word: &'static str) -> Result<String> {
        let written = self.cascades.create(&PostParams::default(), cascade).await?;
        let name = written.metadata.name.context("a name")?;
        self.words.push((name.clone(), word));
        Ok(name)
    }

    /// Writes a Cascade's status, as an operator does.
    pub(crate) async fn tell(&self, cascade: &str, status: &CascadeStatus) -> Result<()> {
        let patch = json!({ "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "status": status });
        let params = PatchParams::apply("rewitness").force();
        self.cascades.patch_status(cascade, &params, &Patch::Apply(patch)).await?;
        Ok(())
    }

    /// `clusters.GROUP`.
    pub(crate) fn kind(&self, plural: &str) -> String {
        format!("{plural}.{}", self.lab.group)
    }

    pub(crate) fn rewitness(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(rewitness_e2e::program()?);
        command.args(args).env("KUBECONFIG", &self.kubeconfig);
        for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Result<Ended> {
        Running::start(self.rewitness(args)?)?.end().await
    }

    /// What `why` says of an object of the lab's namespace, as JSON.
    pub(crate) async fn why(&self, what: &str) -> Result<Answer> {
        self.why_in(what, &self.lab.ns).await
    }

    pub(crate) async fn why_in(&self, what: &str, namespace: &str) -> Result<Answer> {
        let ended = self.run(&["why", what, "-n", namespace, "-o", "json"]).await?;
        let verdict = serde_json::from_str(&ended.stdout.join("\n")).with_context(|| format!("{ended:?}"))?;
        Ok(Answer { verdict, status: ended.status })
    }

    /// Holds the answer, as text and as JSON, against what is written down; what differs each time
    /// is replaced by a word. An Event by which an operator says that it is blocked, which is after a minute, is left
    /// out.
    pub(crate) async fn golden(&self, what: &str, name: &str) -> Result<Answer> {
        self.compared(what, name, Some("DependentBlocked")).await
    }

    /// The same with all Events, for who has waited for them.
    pub(crate) async fn golden_told(&self, what: &str, name: &str) -> Result<Answer> {
        self.compared(what, name, None).await
    }

    async fn compared(&self, what: &str, name: &str, untold: Option<&str>) -> Result<Answer> {
        let is_untold = |message: &str| {
            untold
                .is_some_and(|reason| message.contains("said ") && message.contains(&format!(": {reason}: ")))
        };
        let text = self.run(&["why", what, "-n", &self.lab.ns]).await?;
        let answer = self.why(what).await?;
        assert_eq!(advised(&text.stdout), answer.commands(), "people and programs are advised alike");
        let lines = text.stdout.iter().filter(|line| !is_untold(line));
        let lines: Vec<String> = lines.map(|line| without_patience(line)).collect();
        compare(&format!("{name}.txt"), &self.still(&(lines.join("\n") + "\n")));
        let mut verdict = answer.verdict.clone();
        without_weights(&mut verdict);
        if let Some(findings) = verdict["findings"].as_array_mut() {
            findings.retain(|finding| !finding["message"].as_str().is_some_and(is_untold));
        }
        let json = serde_json::to_string_pretty(&verdict)? + "\n";
        compare(&format!("{name}.json"), &self.still(&json));
        Ok(answer)
    }

    /// A text without what differs each time.
    pub(crate) fn still(&self, text: &str) -> String {
        let mut words = self.words.clone();
        // A name may be part of a longer one.
        words.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let text = words.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, word));
        without_times(&without_hex(&text))
    }

    /// A shell with a command, and with kubectl and the program at hand.
    pub(crate) fn shell(&self, command: &str) -> Result<Command> {
        let programs = [self.lab.plane.kubectl_program(), rewitness_e2e::program()?];
        let folders = programs.iter().filter_map(|program| program.parent());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.map(Path::to_owned).chain(std::env::split_paths(&path)))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .env("PATH", path)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.lab.plane.dir().join("kubectl-cache"))
            .env("KUBERC", "off");
        Ok(shell)
    }

    /// Types a command as a person does, and waits for its end.
    pub(crate) async fn types(&self, command: &str) -> Result<String> {
        let mut shell = tokio::process::Command::from(self.shell(command)?);
        let output = tokio::time::timeout(SOON, shell.kill_on_drop(true).output());
        let output = output.await.with_context(|| format!("`{command}` does not end"))??;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "`{command}` ended with {}: {said}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Follows the advice that has this word in it, again and again until the object is gone.
    pub(crate) async fn follows_until_gone(&self, what: &str, word: &str) -> Result<()> {
        until(&format!("{what} is gone by `{word}`"), SOON, async || {
            let answer = self.why(what).await?;
            if answer.state() == "NotFound" {
                return Ok(Some(()));
            }
            for command in answer.commands().into_iter().filter(|command| command.contains(word)) {
                // What was done by the one before is not there for the next.
                let _ = self.types(&command).await;
            }
            Ok(None)
        })
        .await
    }
}

impl Answer {
    pub(crate) fn state(&self) -> &str {
        self.verdict["state"].as_str().unwrap_or_default()
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        let word = |step: &Value, field: &str| step[field].as_str().unwrap_or_default().to_owned();
        let steps = self.verdict["next"].as_array().into_iter().flatten();
        steps.map(|step| Step { command: word(step, "command"), rank: word(step, "rank") }).collect()
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.steps().into_iter().map(|step| step.command).collect()
    }

    /// The command that has this word in it.
    pub(crate) fn command(&self, word: &str) -> Result<String> {
        let found = self.commands().into_iter().find(|command| command.contains(word));
        found.with_context(|| format!("no step has {word}: {:#}", self.verdict))
    }

    /// The first finding of a reason, at any depth.
    pub(crate) fn finding(&self, reason: &str) -> Option<&Value> {
        fn find<'a>(findings: &'a Value, reason: &str) -> Option<&'a Value> {
            let findings = findings.as_array()?;
            findings.iter().find_map(|one| {
                if one["reason"] == reason { Some(one) } else { find(&one["findings"], reason) }
            })
        }
        find(&self.verdict["findings"], reason)
    }

    pub(crate) fn message(&self, reason: &str) -> Result<String> {
        let message = self.finding(reason).and_then(|finding| finding["message"].as_str());
        message.map(str::to_owned).with_context(|| format!("no {reason}: {:#}", self.verdict))
    }
}

/// The commands in an answer for people: a line of its own each, below `Next:`.
fn advised(lines: &[String]) -> Vec<String> {
    let next = lines.iter().skip_while(|line| *line != "Next:").skip(1);
    let indented = next.filter_map(|line| line.strip_prefix("  "));
    indented.filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

/// Installs the definition of Cascade.
pub(crate) async fn install(plane: &ControlPlane) -> Result<()> {
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    plane.apply_crd(serde_json::to_value(definition)?).await.map(drop)
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/why/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
}

/// What is kept by somebody waits at first, and blocks after a minute, when Kubernetes says something else of a definition
/// too; a slow machine needs longer than that for some tests.
const KEPT: [&str; 5] = ["Finalizer", "Finalizers", "ContentKept", "ForegroundDeletion", "Terminating"];

fn without_patience(line: &str) -> String {
    let outlooks = ["; nothing is seen that", "; not all that may keep it could be read"];
    let line = outlooks.iter().find_map(|outlook| Some(line.split_once(outlook)?.0)).unwrap_or(line);
    if let Some((before, _)) = line.split_once(": InstanceDeletion") {
        return format!("{before}: CONDITION");
    }
    match line.contains("kept by ") {
        true => line.replacen("- BLOCKS: ", "- WEIGHT: ", 1).replacen("- waits: ", "- WEIGHT: ", 1),
        false => line.to_owned(),
    }
}

fn without_weights(value: &mut Value) {
    if let Some(summary) = value["summary"].as_str() {
        value["summary"] = without_patience(summary).into();
    }
    for finding in value["findings"].as_array_mut().into_iter().flatten() {
        if finding["reason"].as_str().is_some_and(|reason| KEPT.contains(&reason)) {
            finding["weight"] = "WEIGHT".into();
        }
        if finding["reason"] == "Condition"
            && let Some(message) = finding["message"].as_str()
        {
            finding["message"] = without_patience(message).into();
        }
        if finding.get("findings").is_some() {
            without_weights(finding);
        }
    }
}

/// `UID` for uids, `HASH` for hashes.
fn without_hex(text: &str) -> String {
    let is_part = |char: char| char.is_ascii_hexdigit() && !char.is_ascii_uppercase() || char == '-';
    let mut still = String::with_capacity(text.len());
    for (index, run) in runs(text, is_part).into_iter().enumerate() {
        let is_uid = run.len() == 36 && run.bytes().filter(|byte| *byte == b'-').count() == 4;
        let is_hash = run.len() == 16 && !run.contains('-');
        still.push_str(match (index % 2 == 1, is_uid, is_hash) {
            (true, true, _) => "UID",
            (true, _, true) => "HASH",
            _ => run,
        });
    }
    still
}

/// `AGE` for `5 seconds`, `TIME` for times.
fn without_times(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).collect::<Vec<_>>();
    let mut still = String::with_capacity(text.len());
    let mut skip = false;
    for (index, word) in words.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let next = words.get(index + 1).copied().unwrap_or_default();
        let is_number = word.trim_end().chars().all(|char| char.is_ascii_digit()) && word.len() > 1;
        let unit = next.trim_end_matches(|char: char| !char.is_ascii_alphabetic());
        let is_unit = ["second", "seconds", "minute", "minutes"].contains(&unit);
        if is_number && is_unit {
            still.push_str("AGE");
            still.push_str(&next[unit.len()..]);
            skip = true;
            continue;
        }
        let bare = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
        let is_time = bare.len() >= 20 && bare.ends_with('Z') && bare.as_bytes().get(10) == Some(&b'T');
        still.push_str(&if is_time { word.replace(bare, "TIME") } else { (*word).to_owned() });
    }
    still
}

/// A text in parts that are not of some characters and parts that are, in turn.
fn runs(text: &str, is_part: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut runs, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, char) in text.char_indices() {
        if is_part(char) != inside {
            runs.push(&text[start..at]);
            (start, inside) = (at, !inside);
        }
    }
    runs.push(&text[start..]);
    runs
}
