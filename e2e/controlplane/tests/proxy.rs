//! Every fault does to real requests what it says.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use rewitness_controlplane::{Call, Fault, FaultProxy, Gate, Match, client, policy_rule, shared};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// A namespace, seen through a proxy and past it.
struct World {
    proxy: FaultProxy,
    maps: Api<ConfigMap>,
    direct: Api<ConfigMap>,
    namespace: String,
}

impl World {
    async fn new() -> Result<Self> {
        let plane = shared().await?;
        let namespace = plane.namespace("proxied").await?;
        let proxy = FaultProxy::start(plane)?;
        let maps = Api::namespaced(proxy.client().await?, &namespace);
        let direct = Api::namespaced(plane.client().await?, &namespace);
        Ok(Self { proxy, maps, direct, namespace })
    }

    async fn watch(&self) -> Result<Events> {
        watch(&self.maps).await
    }
}

type Events = BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>>;

async fn watch(maps: &Api<ConfigMap>) -> Result<Events> {
    let list = maps.list(&ListParams::default()).await?;
    let version = list.metadata.resource_version.context("no version")?;
    Ok(maps.watch(&WatchParams::default(), &version).await?.boxed())
}

async fn create(maps: &Api<ConfigMap>, name: &str) -> kube::Result<ConfigMap> {
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "value"}}))
            .map_err(kube::Error::SerdeError)?;
    maps.create(&PostParams::default(), &map).await
}

/// The next event, in short: `+name` for a new object, `!code` for an error inside the stream.
async fn event(events: &mut Events) -> Result<String> {
    let event = timeout(SOON, events.try_next()).await.context("no event")??;
    Ok(match event.context("the watch has ended")? {
        WatchEvent::Added(map) => format!("+{}", map.metadata.name.unwrap_or_default()),
        WatchEvent::Error(status) => format!("!{}", status.code),
        other => format!("{other:?}"),
    })
}

async fn names(maps: &Api<ConfigMap>) -> kube::Result<Vec<String>> {
    let list = maps.list(&ListParams::default()).await?;
    Ok(list.into_iter().filter_map(|map| map.metadata.name).collect())
}

fn status(error: kube::Error) -> Result<kube::core::Status> {
    match error {
        kube::Error::Api(status) => Ok(*status),
        other => Err(other).context("no status"),
    }
}

fn creates() -> Match {
    Match::collection("configmaps").method("POST")
}

fn lists() -> Match {
    Match::collection("configmaps").method("GET")
}

#[tokio::test]
async fn without_rules_nothing_changes_and_everything_is_logged() -> Result<()> {
    let world = World::new().await?;
    let mut events = world.watch().await?;
    create(&world.maps, "one").await?;
    assert_eq!(event(&mut events).await?, "+one");
    assert_eq!(create(&world.maps, "one").await.map_err(status).err().context("twice")??.code, 409);
    let log: Vec<_> = world.proxy.requests();
    let seen: Vec<_> = log.iter().map(|call| (call.method.as_str(), call.watch, call.status())).collect();
    let expected = [
        ("GET", false, Some(200)),
        ("GET", true, Some(200)),
        ("POST", false, Some(201)),
        ("POST", false, Some(409)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(log[0].path, format!("/api/v1/namespaces/{}/configmaps", world.namespace));
    assert!(log[1].query.contains("resourceVersion="), "{}", log[1].query);
    assert!(log[2].body.windows(5).any(|part| part == b"value"));
    assert_eq!(world.proxy.count(|call| call.method == "POST"), 2);
    Ok(())
}

#[tokio::test]
async fn a_service_account_stays_itself() -> Result<()> {
    let plane = shared().await?;
    let world = World::new().await?;
    let rule = policy_rule("", "configmaps", &["list"]);
    let account = plane.service_account(&world.namespace, "reader", vec![rule]).await?;
    let client = client(&world.proxy.kubeconfig_for(&account)?).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, &world.namespace);
    assert!(names(&maps).await?.contains(&"kube-root-ca.crt".into()) || names(&maps).await?.is_empty());
    let refused = create(&maps, "one").await.map_err(status).err().context("allowed")??;
    assert_eq!(refused.code, 403);
    Ok(())
}

#[tokio::test]
async fn delay_forwards_later() -> Result<()> {
    let world = World::new().await?;
    let delay = Duration::from_millis(300);
    let rule = world.proxy.rule(creates(), Fault::Delay(delay));
    let begun = Instant::now();
    create(&world.maps, "one").await?;
    assert!(begun.elapsed() >= delay);
    assert_eq!(rule.hits(), 1);
    Ok(())
}

#[tokio::test]
async fn drop_forwards_nothing() -> Result<()> {
    let world = World::new().await?;
    let rule = world.proxy.rule(creates(), Fault::Drop);
    let error = create(&world.maps, "one").await.err().context("created")?;
    assert!(status(error).is_err());
    assert!(world.direct.get_opt("one").await?.is_none());
    drop(rule);
    create(&world.maps, "one").await?;
    Ok(())
}

#[tokio::test]
async fn status_answers_in_the_name_of_the_api_server() -> Result<()> {
    let world = World::new().await?;
    let _rule = world.proxy.rule(creates(), Fault::too_many_requests(7));
    let answer = create(&world.maps, "one").await.map_err(status).err().context("created")??;
    assert_eq!((answer.code, answer.reason.as_str()), (429, "TooManyRequests"));
    assert_eq!(answer.details.context("no details")?.retry_after_seconds, 7);
    assert!(world.direct.get_opt("one").await?.is_none());
    assert_eq!(world.proxy.requests()[0].status(), Some(429));
    Ok(())
}

#[tokio::test]
async fn a_rule_skips_and_ends_as_told() -> Result<()> {
    let world = World::new().await?;
    let rule = world.proxy.rule(creates().skip(1).times(2), Fault::status(503));
    let mut codes = Vec::new();
    for name in ["a", "b", "c", "d"] {
        codes.push(
            create(&world.maps, name).await.map_err(status).err().transpose()?.map(|status| status.code),
        );
    }
    assert_eq!(codes, [None, Some(503), Some(503), None]);
    assert_eq!(rule.hits(), 2);
    Ok(())
}

#[tokio::test]
async fn a_condition_sees_the_body() -> Result<()> {
    let world = World::new().await?;
    let about_two = |call: &Call| String::from_utf8_lossy(&call.body).contains("\"two\"");
    let _rule = world.proxy.rule(Match::writes().when(about_two), Fault::Drop);
    create(&world.maps, "one").await?;
    assert!(create(&world.maps, "two").await.is_err());
    Ok(())
}

#[tokio::test]
async fn lose_answer_leaves_the_deed_done() -> Result<()> {
    let world = World::new().await?;
    let rule = world.proxy.rule(creates().times(1), Fault::LoseAnswer);
    let error = create(&world.maps, "one").await.err().context("answered")?;
    assert!(status(error).is_err());
    assert!(world.direct.get_opt("one").await?.is_some());
    rule.wait_hits(1, SOON).await?;
    Ok(())
}

#[tokio::test]
async fn hold_stops_the_world_before_a_call() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new();
    let _rule = world.proxy.rule(creates(), Fault::Hold(gate.clone()));
    let mut tasks = JoinSet::new();
    for name in ["one", "two"] {
        let maps = world.maps.clone();
        tasks.spawn(async move { create(&maps, name).await });
    }
    world.proxy.wait_count(2, SOON, |call| call.method == "POST").await?;
    gate.reached().await?;
    assert_eq!(names(&world.direct).await?, Vec::<String>::new());
    gate.pass(1);
    timeout(SOON, tasks.join_next()).await?.context("no task")???;
    assert_eq!(names(&world.direct).await?.len(), 1);
    gate.open();
    timeout(SOON, tasks.join_next()).await?.context("no task")???;
    assert_eq!(names(&world.direct).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_rule_that_goes_lets_go_what_it_held() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new();
    let rule = world.proxy.rule(creates(), Fault::Hold(gate.clone()));
    let removed = async {
        gate.reached().await?;
        drop(rule);
        anyhow::Ok(())
    };
    let (created, removed) = tokio::join!(create(&world.maps, "one"), removed);
    removed?;
    created?;
    Ok(())
}

#[tokio::test]
async fn hold_answer_stops_the_world_after_a_call() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new();
    let _rule = world.proxy.rule(creates(), Fault::HoldAnswer(gate.clone()));
    let seen = async {
        gate.reached().await?;
        let seen = world.direct.get_opt("one").await?.is_some();
        gate.open();
        anyhow::Ok(seen)
    };
    let (created, seen) = tokio::join!(create(&world.maps, "one"), seen);
    assert!(seen?);
    created?;
    Ok(())
}

#[tokio::test]
async fn cut_breaks_an_answer_in_the_middle() -> Result<()> {
    let world = World::new().await?;
    let rule = world.proxy.rule(lists(), Fault::Cut { after: 40 });
    let error = names(&world.maps).await.err().context("complete")?;
    assert!(status(error).is_err());
    drop(rule);
    names(&world.maps).await?;
    Ok(())
}

#[tokio::test]
async fn cut_breaks_a_watch_after_what_may_still_pass() -> Result<()> {
    let world = World::new().await?;
    let first = Arc::new(OnceLock::new());
    // The length of an event is known once the same event has gone through uncut.
    let note = Arc::clone(&first);
    let measure = world.proxy.rule(
        Match::watches(),
        Fault::rewrite(move |_, line| {
            let _ = note.set(line.len() + 1);
            None
        }),
    );
    let mut measured = world.watch().await?;
    create(&world.direct, "one").await?;
    assert_eq!(event(&mut measured).await?, "+one");
    drop(measure);
    let length = *first.get().context("nothing measured")?;

    let _rule = world.proxy.rule(Match::watches(), Fault::Cut { after: length + 10 });
    let mut events = world.watch().await?;
    create(&world.direct, "two").await?;
    create(&world.direct, "tri").await?;
    assert_eq!(event(&mut events).await?, "+two");
    assert!(event(&mut events).await.is_err());
    Ok(())
}

#[tokio::test]
async fn all_open_watches_can_be_cut() -> Result<()> {
    let world = World::new().await?;
    let mut one = world.watch().await?;
    let mut two = world.watch().await?;
    world.proxy.wait_open_watches(2, SOON).await?;
    assert_eq!(world.proxy.cut_all_watches(), 2);
    for events in [&mut one, &mut two] {
        // kube takes a broken watch for one that has ended.
        let end = timeout(SOON, events.try_next()).await?;
        assert!(!matches!(end, Ok(Some(_))), "{end:?}");
    }
    world.proxy.wait_open_watches(0, SOON).await?;
    let mut new = world.watch().await?;
    create(&world.direct, "one").await?;
    assert_eq!(event(&mut new).await?, "+one");
    Ok(())
}

#[tokio::test]
async fn silent_is_a_hole_until_it_is_removed() -> Result<()> {
    let world = World::new().await?;
    let mut control = watch(&world.direct).await?;
    let mut old = world.watch().await?;
    let rule = world.proxy.rule(Match::watches(), Fault::Silent);
    rule.wait_hits(1, SOON).await?;
    let mut new = world.watch().await?;
    rule.wait_hits(2, SOON).await?;
    create(&world.direct, "one").await?;
    // Once another watch has the event, the API server has sent it to these too.
    assert_eq!(event(&mut control).await?, "+one");
    // Requests that do not match go through, and keep the proxy busy past the moment of passing it on.
    for _ in 0..5 {
        assert_eq!(names(&world.maps).await?, ["one"]);
    }
    assert!(old.next().now_or_never().is_none());
    assert!(new.next().now_or_never().is_none());
    assert_eq!(world.proxy.open_watches(), 2);
    drop(rule);
    assert_eq!(event(&mut old).await?, "+one");
    assert_eq!(event(&mut new).await?, "+one");
    Ok(())
}

#[tokio::test]
async fn edit_changes_lists_and_events() -> Result<()> {
    let world = World::new().await?;
    create(&world.direct, "one").await?;
    let stale = world.proxy.rule(lists(), Fault::edit(|_, list| list["items"] = json!([])));
    assert_eq!(names(&world.maps).await?, Vec::<String>::new());
    drop(stale);
    assert_eq!(names(&world.maps).await?, ["one"]);

    let _renamed = world
        .proxy
        .rule(Match::watches(), Fault::edit(|_, event| event["object"]["metadata"]["name"] = "other".into()));
    let mut events = world.watch().await?;
    create(&world.direct, "two").await?;
    assert_eq!(event(&mut events).await?, "+other");
    Ok(())
}

#[tokio::test]
async fn rewrite_swallows_events() -> Result<()> {
    let world = World::new().await?;
    let swallow = |_: &Call, line: &[u8]| String::from_utf8_lossy(line).contains("\"lost\"").then(Vec::new);
    let rule = world.proxy.rule(Match::watches(), Fault::rewrite(swallow));
    let mut events = world.watch().await?;
    create(&world.direct, "lost").await?;
    create(&world.direct, "kept").await?;
    assert_eq!(event(&mut events).await?, "+kept");
    assert_eq!(rule.hits(), 1);
    Ok(())
}

#[tokio::test]
async fn a_watch_can_be_told_that_its_version_is_gone() -> Result<()> {
    let world = World::new().await?;
    let _rule = world.proxy.rule(Match::watches().times(1), Fault::expired());
    let mut events = world.watch().await?;
    assert_eq!(event(&mut events).await?, "!410");
    assert!(events.try_next().await?.is_none());
    let mut events = world.watch().await?;
    create(&world.direct, "one").await?;
    assert_eq!(event(&mut events).await?, "+one");
    Ok(())
}

#[tokio::test]
async fn faults_add_up_in_the_order_of_their_rules() -> Result<()> {
    let world = World::new().await?;
    let delay = Duration::from_millis(100);
    let _first = world.proxy.rule(creates(), Fault::Delay(delay));
    let _second = world.proxy.rule(creates(), Fault::status(503));
    let begun = Instant::now();
    let answer = create(&world.maps, "one").await.map_err(status).err().context("created")??;
    assert_eq!(answer.code, 503);
    assert!(begun.elapsed() >= delay);
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_goes_takes_its_connections_along() -> Result<()> {
    let world = World::new().await?;
    let mut events = world.watch().await?;
    drop(world.proxy);
    let end = timeout(SOON, events.try_next()).await.context("the watch goes on")?;
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
    assert!(names(&world.maps).await.is_err());
    assert_eq!(names(&world.direct).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn kubectl_goes_through() -> Result<()> {
    let plane = shared().await?;
    let world = World::new().await?;
    let kubeconfig = world.proxy.kubeconfig().display().to_string();
    let args = ["--kubeconfig", &kubeconfig, "create", "configmap", "one", "-n", &world.namespace];
    plane.kubectl_ok(&args).await?;
    assert_eq!(names(&world.direct).await?, ["one"]);
    assert!(world.proxy.count(|call| call.user_agent.starts_with("kubectl/")) > 0);
    Ok(())
}
