//! Many dependents.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::desk::Desk;

const DEPENDENTS: usize = 5000;

/// What it may take, also by a program that is not optimised.
const ENOUGH: Duration = Duration::from_secs(2);

/// How often it is tried: other tests run beside it, and the best try says what it takes.
const TRIES: usize = 5;

#[tokio::test]
async fn five_thousand_dependents_are_counted_by_pages_of_metadata() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let cascade = desk.lab.cascade_of("Project", &stages, json!({}));
    let name = desk.write(&cascade, "CASCADE").await?;
    desk.lab.create("Project", "web", None).await?;
    let lab = &desk.lab;
    let creates = stream::iter(0..DEPENDENTS).map(|index| async move {
        lab.create("Cluster", &format!("of-web-{index}"), Some("web")).await.map(drop)
    });
    creates.buffer_unordered(48).try_collect::<()>().await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.lab.delete("Project", "web").await?;
    let proxy = desk.lab.proxy()?;
    desk.kubeconfig = proxy.kubeconfig();
    let project = format!("{}/web", desk.kind("projects"));
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= ENOUGH) {
        assert!(took.len() < TRIES, "{took:?}");
        let read = || proxy.count(|call| call.path.ends_with("/clusters"));
        let (before, began) = (read(), Instant::now());
        let answer = desk.why(&project).await?;
        took.push(began.elapsed());
        assert_eq!(answer.finding("Due").map(|due| due["count"].clone()), Some(json!(DEPENDENTS)));
        assert_eq!(read() - before, DEPENDENTS / 500, "each page once");
    }
    Ok(())
}
