//! How it is asked, and how the answer looks.

use anyhow::Result;
use serde_json::{Value, json};

use crate::session::Session;
use rewitness_e2e::OnTerminal;
use rewitness_e2e::Running;
use rewitness_e2e::lab::{FOREIGN, SOON};

async fn kept(session: &Session) -> Result<String> {
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    session.lab.delete("Disk", "data").await?;
    Ok(format!("{}/data", session.kind("disks")))
}

#[tokio::test]
async fn it_is_asked_as_kubectl_users_type_and_under_its_other_name() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let (disks, ns) = (session.kind("disks"), session.lab.ns.clone());
    let first = session.run(&["why", &disk, "-n", &ns, "-o", "yaml"]).await?;
    assert!(first.stdout[0].starts_with("apiVersion: cli.rewitness.dev/v1alpha1"), "{first:?}");
    let other = session.run(&["explain", &disks, "data", "-n", &ns]).await?;
    assert!(other.stdout[0].contains("has been Terminating for"), "{other:?}");
    for wrong in [&["why", &disks][..], &["why", "a/b/c"], &["why", "nosuchtype/x"]] {
        let ended = session.run(wrong).await?;
        assert_eq!(ended.status, Some(2), "{wrong:?} {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_terminal_has_a_coloured_tree_and_no_color_has_none() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    for (no_color, expected) in [(false, "\x1b[2m├─ \x1b[0m"), (true, "├─ ")] {
        let mut command = session.rewitness(&["why", &disk, "-n", &session.lab.ns])?;
        command.env("TERM", "xterm");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let shown = OnTerminal::start(command)?;
        shown.shows("kubectl patch").await?;
        let text = shown.shown();
        // A finding of its own is the last one here, so its branch is the last.
        assert!(text.contains(&expected.replace('├', "└")) || text.contains(expected), "{text:?}");
        let told = text.split("reading …").last().unwrap_or_default();
        assert_eq!(told.contains("\x1b[1m"), !no_color, "{text:?}");
    }
    Ok(())
}

/// What is copied into a shell must not be two lines of it.
#[tokio::test]
async fn a_narrow_terminal_cuts_nothing_and_breaks_no_command() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let answer = session.why(&disk).await?;
    let last = answer.verdict["next"].as_array().and_then(|next| next.last()?["caution"].as_str());
    let words = [&answer.message("Finalizer")?, last.expect("the last resort has its price")];
    for columns in [40, 80] {
        let mut command = session.rewitness(&["why", &disk, "-n", &session.lab.ns])?;
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let shown = OnTerminal::sized(command, columns)?;
        let last = words[1].split(' ').next_back().unwrap_or_default();
        shown.shows(&format!("{last}\n")).await?;
        let text = shown.shown();
        let told = text.split("\x1b[2K").last().unwrap_or_default();
        let lines: Vec<&str> = told.lines().collect();
        for command in answer.commands() {
            assert!(lines.contains(&&*format!("  {command}")), "{columns}: {command}\n{told}");
        }
        let is_wide = |line: &&&str| line.chars().count() > columns && line.split_whitespace().count() > 1;
        let wide: Vec<_> =
            lines.iter().filter(is_wide).filter(|line| !line.starts_with("  kubectl")).collect();
        assert!(wide.is_empty(), "{columns}: {wide:#?}");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in words {
            assert!(told.contains(words), "{columns}: `{words}` is cut:\n{told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_that_has_had_enough_is_no_failure() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let first = session.types(&format!("rewitness why {disk} -n {} | head -1", session.lab.ns)).await?;
    assert!(first.contains("has been Terminating for"), "{first}");
    for output in ["text", "json", "yaml"] {
        // Its reader has ended long before the first word.
        let mut command = session.rewitness(&["why", &disk, "-n", &session.lab.ns, "-o", output])?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        command.stdout(writer);
        let ended =
            tokio::process::Command::from(command).stderr(std::process::Stdio::piped()).output().await?;
        assert_eq!(
            (ended.status.code(), String::from_utf8(ended.stderr)?),
            (Some(0), String::new()),
            "{output}"
        );
    }
    Ok(())
}

/// It would wait for hours for a deletion that nobody reads of.
#[tokio::test]
async fn watching_ends_with_its_reader() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let watched =
        session.types(&format!("rewitness why {disk} -n {} --watch | head -1", session.lab.ns)).await?;
    assert_eq!(watched.lines().count(), 1, "{watched}");
    assert!(session.lab.exists("Disk", "data").await?);
    Ok(())
}

#[tokio::test]
async fn watching_on_a_terminal_draws_anew_and_ends_when_it_is_gone() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let mut command = session.rewitness(&["why", &disk, "-n", &session.lab.ns, "--watch"])?;
    command.env("TERM", "xterm");
    let watching = OnTerminal::start(command)?;
    watching.shows("kubectl patch").await?;
    rewitness_controlplane::until("it is drawn twice", SOON, async || {
        Ok((watching.shown().matches("\x1b[H\x1b[2J").count() > 1).then_some(()))
    })
    .await?;
    let answer = session.why(&disk).await?;
    session.types(&answer.command("kubectl patch")?).await?;
    watching.shows("data is gone").await?;
    assert_eq!(watching.end().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn watching_tells_each_change_and_ends_when_it_is_gone() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    let ns = session.lab.ns.clone();
    let mut text = Running::start(session.rewitness(&["why", &disk, "-n", &ns, "--watch"])?)?;
    let mut json = Running::start(session.rewitness(&["why", &disk, "-n", &ns, "--watch", "-o", "json"])?)?;
    text.says(&["has been Terminating", FOREIGN]).await?;
    json.says(&["\"state\":\"Terminating\""]).await?;
    let answer = session.why(&disk).await?;
    session.types(&answer.command("kubectl patch")?).await?;
    let text = text.end().await?;
    assert_eq!(text.status, Some(0), "{text:?}");
    // In between, that it blocks, if that takes a minute.
    let [first, .., last] = &*text.stdout else { panic!("{text:?}") };
    assert!(first.contains("has been Terminating") && last.ends_with("data is gone"), "{text:?}");
    let json = json.end().await?;
    let last: Value = serde_json::from_str(json.stdout.last().expect("a line"))?;
    assert_eq!((json.status, &last["state"]), (Some(0), &json!("NotFound")));

    let never = session.run(&["why", &disk, "-n", &ns, "--watch"]).await?;
    assert_eq!(never.status, Some(1), "{never:?}");
    Ok(())
}

#[tokio::test]
async fn watching_ends_too_when_another_has_the_name() -> Result<()> {
    let session = Session::new().await?;
    let disk = kept(&session).await?;
    let mut watching =
        Running::start(session.rewitness(&["why", &disk, "-n", &session.lab.ns, "--watch"])?)?;
    watching.says(&["has been Terminating"]).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": null })).await?;
    session.lab.create("Disk", "data", None).await?;
    let ended = watching.end().await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.last().is_some_and(|line| line.contains("data is gone")), "{ended:?}");
    Ok(())
}
