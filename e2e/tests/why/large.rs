//! Many dependents.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::session::{Answer, Session};
use rewitness_e2e::Running;

const DEPENDENTS: usize = 5000;

/// What it may take of a processor, also by a program that is not optimised. Of the clock it takes more where other tests
/// run beside it, and how much more says nothing of the program.
const ENOUGH: Duration = Duration::from_secs(2);

#[tokio::test]
async fn five_thousand_dependents_are_counted_by_pages_of_metadata() -> Result<()> {
    let mut session = Session::new().await?;
    let stages = [&[session.lab.dependents("Cluster")][..]];
    let cascade = session.lab.cascade_of("Project", &stages, json!({}));
    let name = session.write(&cascade, "CASCADE").await?;
    session.lab.create("Project", "web", None).await?;
    let lab = &session.lab;
    let creates = stream::iter(0..DEPENDENTS).map(|index| async move {
        lab.create("Cluster", &format!("of-web-{index}"), Some("web")).await.map(drop)
    });
    creates.buffer_unordered(48).try_collect::<()>().await?;
    session.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    session.lab.delete("Project", "web").await?;
    let proxy = session.lab.proxy()?;
    session.kubeconfig = proxy.kubeconfig();
    let project = format!("{}/web", session.kind("projects"));
    let (answer, took) = timed(&session, &project).await?;
    assert_eq!(answer.finding("Due").map(|due| due["count"].clone()), Some(json!(DEPENDENTS)));
    let read = proxy.count(|call| call.path.ends_with("/clusters"));
    assert_eq!(read, DEPENDENTS / 500, "each page once");
    assert!(took < ENOUGH, "{took:?}");
    Ok(())
}

/// What `why` says, and what that took of a processor, by the account of a shell that has run nothing else.
async fn timed(session: &Session, what: &str) -> Result<(Answer, Duration)> {
    let asked = format!("rewitness why {what} -n {} -o json && times >&2", session.lab.ns);
    let ended = Running::start(session.shell(&asked)?)?.end().await?;
    let verdict = serde_json::from_str(&ended.stdout.join("\n")).with_context(|| format!("{ended:?}"))?;
    // `0m0.81s 0m0.05s`: in user and in system mode, of the children.
    let children = ended.stderr.last().with_context(|| format!("{ended:?}"))?;
    let modes = children.split_whitespace().map(duration).collect::<Result<Vec<_>>>()?;
    ensure!(modes.len() == 2, "{ended:?}");
    Ok((Answer { verdict, status: ended.status }, modes.iter().sum()))
}

/// `0m0.81s`.
fn duration(text: &str) -> Result<Duration> {
    let parts = text.strip_suffix('s').and_then(|text| text.split_once('m'));
    let (minutes, seconds) = parts.with_context(|| format!("no duration: {text}"))?;
    Ok(Duration::from_secs(60 * minutes.parse::<u64>()?) + Duration::from_secs_f64(seconds.parse()?))
}
