//! What goes wrong between the queue and a real API server, and that it is survived (Q12).

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use rewitness_controlplane::{
    Call, Fault, FaultProxy, Gate, Match, error_event, policy_rule, shared, unique, until,
};
use rewitness_e2e::queue::{
    Recorder, SOON, World, quick, record, run, until_failing, until_replayed, until_synced, until_watching,
};
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{Cause, Kind, Queue, SourceState, State, Subscription};
use serde_json::{Value, json};

fn is_full_list(call: &Call) -> bool {
    call.method == "GET"
        && !call.watch
        && call.path.ends_with("/widgets")
        && !is_check(call)
        && !call.query.contains("continue=")
}

fn is_check(call: &Call) -> bool {
    call.query.split('&').any(|parameter| parameter == "limit=1")
}

fn gone() -> Vec<u8> {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
           "message": "too old resource version", "metadata": {"continue": "never-use-this"}})
    .to_string()
    .into_bytes()
}

/// A matcher of everything that names the parameter's value that is seen first: a version or a
/// token, which from then on is expired for good.
fn first_value(parameter: &'static str) -> impl Fn(&Call) -> bool + Send + Sync {
    let first: Mutex<Option<String>> = Mutex::default();
    move |call| {
        let value = call.query.split('&').find_map(|pair| pair.strip_prefix(parameter));
        let Some(value) = value else { return false };
        let mut first = first.lock().unwrap();
        first.get_or_insert_with(|| value.to_owned()) == value
    }
}

#[tokio::test]
async fn fault_b11_a_watch_whose_version_is_gone_leads_to_a_new_list() -> Result<()> {
    for (said, fault) in
        [("http", Fault::Answer { code: 410, body: gone() }), ("in stream", Fault::expired())]
    {
        let world = World::new(shared().await?).await?;
        let proxy = FaultProxy::start(world.plane)?;
        let _expired =
            proxy.rule(Match::watches().path("/widgets").when(first_value("resourceVersion=")), fault);
        world.create_many(3).await?;
        let queue = KubernetesQueue::new(proxy.client().await?, quick());
        let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
        // Nothing is changed before the second list, whose version would be the same.
        let other = World::new(shared().await?).await?;
        let running = run(&queue);
        until_replayed(&handle).await?;
        other.create("moves-the-version").await?;
        world.create("new").await?;
        recorder.until("new", State::Live).await?;
        world.delete("w00001").await?;
        recorder.until("w00001", State::Gone).await?;
        ensure!(proxy.count(is_full_list) >= 2, "{said}: it was not listed anew");
        assert!(handle.progress().sources.iter().all(|source| source.state == SourceState::Synced), "{said}");
        running.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn fault_b11_a_list_whose_token_is_gone_is_begun_anew() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(120).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let expired = proxy.rule(
        Match::collection("widgets").when(first_value("continue=")),
        Fault::Answer { code: 410, body: gone() },
    );
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    // So that the tokens of the second list are others.
    let gate = Gate::new();
    let held = proxy.rule(Match::collection("widgets").when(is_full_list).skip(1), Fault::Hold(gate.clone()));
    let running = run(&queue);
    gate.reached().await?;
    world.create("new").await?;
    gate.open();
    until_replayed(&handle).await?;
    assert_eq!(recorder.all().len(), 121);
    assert!(recorder.all().iter().all(|delivery| delivery.state == State::Live));
    ensure!(expired.hits() == 1, "the expired token was used {} times", expired.hits());
    ensure!(
        proxy.count(|call| call.query.contains("never-use-this")) == 0,
        "the token inside the 410 was used"
    );
    drop(held);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b29_a_watch_that_dies_silently_is_resumed() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let proxy = FaultProxy::start(world.plane)?;
    let silent = proxy.rule(Match::watches().path("/widgets").times(1), Fault::Silent);
    let config = Config { silence: Duration::from_secs(2), ..quick() };
    let queue = KubernetesQueue::new(proxy.client().await?, config);
    let (recorder, handle) = record(&queue, world.wanted())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    silent.wait_hits(1, SOON).await?;
    world.create("b").await?;
    recorder.until("b", State::Live).await?;
    ensure!(proxy.count(is_full_list) == 1, "it was listed anew, though its version was known");
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b29_a_call_that_gets_no_answer_is_given_up_and_made_again() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let proxy = FaultProxy::start(world.plane)?;
    // A list, and the beginning of a watch, that never come.
    let _list = proxy.rule(Match::collection("widgets").times(1), Fault::Hold(Gate::new()));
    let watch = proxy.rule(Match::watches().path("/widgets").times(1), Fault::Hold(Gate::new()));
    let config = Config { call_timeout: Duration::from_secs(1), ..quick() };
    let queue = KubernetesQueue::new(proxy.client().await?, config);
    let (recorder, handle) = record(&queue, world.wanted())?;
    let running = run(&queue);
    until_failing(&handle, "did not answer within 1 s").await?;
    recorder.until("a", State::Live).await?;
    watch.wait_hits(1, SOON).await?;
    world.create("b").await?;
    recorder.until("b", State::Live).await?;
    until_synced(&handle).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b29_connections_that_break_are_made_again() -> Result<()> {
    let world = World::new(shared().await?).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    for round in 0..5 {
        until_watching(&proxy).await?;
        let _down = proxy.rule(Match::any().path("/widgets"), Fault::Drop);
        proxy.cut_all_watches();
        let name = format!("n{round}");
        world.create(&name).await?;
        until_failing(&handle, "cannot reach the server").await?;
        drop(_down);
        recorder.until(&name, State::Live).await?;
    }
    until_synced(&handle).await?;
    assert!(recorder.all().iter().all(|delivery| delivery.state == State::Live));
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b12_a_version_that_moved_backwards_under_a_live_watch_is_noticed() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let proxy = FaultProxy::start(world.plane)?;
    let config = Config { check_every: Duration::from_millis(300), ..quick() };
    let queue = KubernetesQueue::new(proxy.client().await?, config);
    let (_recorder, handle) = record(&queue, world.wanted())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    proxy.wait_count(3, SOON, is_check).await?;
    assert_eq!(handle.progress().sources[0].rollbacks, 0);
    let back = Fault::edit(|_, list| list["metadata"]["resourceVersion"] = json!("7"));
    let _back = proxy.rule(Match::collection("widgets").when(is_check).times(1), back);
    until("the rollback is noticed", SOON, async || {
        Ok((handle.progress().sources[0].rollbacks == 1).then_some(()))
    })
    .await?;
    proxy.wait_count(2, SOON, is_full_list).await?;
    // And not again.
    let checks = proxy.count(is_check);
    proxy.wait_count(checks + 3, SOON, is_check).await?;
    assert_eq!(handle.progress().sources[0].rollbacks, 1);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b28_an_overloaded_server_is_asked_again_when_it_says() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(60).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let busy = proxy.rule(Match::collection("widgets").times(2), Fault::too_many_requests(2));
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (_recorder, handle) = record(&queue, world.wanted())?;
    let begun = Instant::now();
    let running = run(&queue);
    until_failing(&handle, "overloaded").await?;
    until_replayed(&handle).await?;
    let took = begun.elapsed();
    ensure!(took >= Duration::from_secs(4), "it did not wait as it was told: {took:?}");
    ensure!(took < Duration::from_secs(8), "it waited longer than it was told: {took:?}");
    assert_eq!(busy.hits(), 2);
    // Two refused, and the two pages: none was repeated on the quiet.
    assert_eq!(proxy.count(|call| call.path.ends_with("/widgets") && !call.watch), 4);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b28_an_overloaded_watch_is_not_answered_with_lists() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let proxy = FaultProxy::start(world.plane)?;
    let busy = proxy.rule(Match::watches().path("/widgets").times(5), Fault::too_many_requests(0));
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    world.create("b").await?;
    recorder.until("b", State::Live).await?;
    assert_eq!(busy.hits(), 5);
    assert_eq!(proxy.count(is_full_list), 1);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b28_few_lists_are_under_way_at_a_time() -> Result<()> {
    let plane = shared().await?;
    let world = World::new(plane).await?;
    let mut namespaces = Vec::new();
    for _ in 0..10 {
        namespaces.push(plane.namespace("many").await?);
    }
    let proxy = FaultProxy::start(plane)?;
    let gate = Gate::new();
    let _held = proxy.rule(Match::collection("widgets"), Fault::Hold(gate.clone()));
    let config = Config { concurrent_lists: 3, call_timeout: SOON, ..quick() };
    let queue = KubernetesQueue::new(proxy.client().await?, config);
    let subscription = Subscription::new("recorder", [world.kind()]).in_namespaces(namespaces);
    let handle = queue.subscribe(subscription, Recorder::default())?;
    let running = run(&queue);
    for passed in 0..=7 {
        until("as many lists as may be are under way", SOON, async || {
            Ok((gate.arrived() >= 3 + passed).then_some(()))
        })
        .await?;
        assert_eq!(gate.arrived(), 3 + passed);
        gate.pass(1);
    }
    gate.open();
    until_replayed(&handle).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b17_a_kind_that_goes_away_and_comes_back() -> Result<()> {
    let plane = shared().await?;
    let (world, other) = (World::new(plane).await?, World::new(plane).await?);
    world.create("a").await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let recorder = Recorder::default();
    let both = Subscription::new("recorder", [world.kind(), other.kind()]).with_gone();
    let handle = queue.subscribe(both, recorder.clone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;

    for round in 0..2 {
        let definitions: Api<CustomResourceDefinition> = Api::all(plane.client().await?);
        definitions.delete(&format!("widgets.{}", world.group), &DeleteParams::default()).await?;
        recorder.until("a", State::Gone).await?;
        until_failing(&handle, "does not serve").await?;
        // The other kind goes on.
        let there = format!("there{round}");
        other.create(&there).await?;
        recorder.until(&there, State::Live).await?;

        recorder.clear();
        plane.crd(&world.group, "widgets", "Widget", true, &[]).await?;
        world.create("a").await?;
        recorder.until("a", State::Live).await?;
        until_synced(&handle).await?;
    }
    running.stop().await?;
    Ok(())
}

fn definition(group: &str, v1_served: bool) -> Value {
    let version = |name: &str, served: bool, storage: bool| {
        json!({"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [version("v2", true, true), version("v1", v1_served, false)],
        },
    })
}

#[tokio::test]
async fn fault_b17_a_kind_whose_version_is_no_longer_served_is_found_again() -> Result<()> {
    let plane = shared().await?;
    let world = World::new(plane).await?;
    world.create("a").await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    plane.apply_crd(definition(&world.group, true)).await?;
    let v2 = plane.apply_crd(definition(&world.group, false)).await?;
    let api: Api<kube::api::DynamicObject> =
        Api::namespaced_with(plane.client().await?, &world.namespace, &v2);
    api.create(&kube::api::PostParams::default(), &kube::api::DynamicObject::new("b", &v2)).await?;
    recorder.until("b", State::Live).await?;
    api.delete("a", &DeleteParams::default()).await?;
    recorder.until("a", State::Gone).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b18_a_kind_that_is_not_there_yet_stops_no_other() -> Result<()> {
    let plane = shared().await?;
    let world = World::new(plane).await?;
    world.create("a").await?;
    let group = format!("{}.test", unique("late"));
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let recorder = Recorder::default();
    let late = Kind::new(group.as_str(), "Widget");
    let handle = queue.subscribe(Subscription::new("recorder", [late, world.kind()]), recorder.clone())?;
    let running = run(&queue);
    recorder.until("a", State::Live).await?;
    let reason = until_failing(&handle, "does not serve").await?;
    assert_eq!(reason, format!("the server does not serve Widget.{group}"));
    assert!(!handle.progress().replayed);

    let resource = plane.crd(&group, "widgets", "Widget", true, &[]).await?;
    let api: Api<kube::api::DynamicObject> =
        Api::namespaced_with(plane.client().await?, &world.namespace, &resource);
    api.create(&kube::api::PostParams::default(), &kube::api::DynamicObject::new("b", &resource)).await?;
    recorder.until("b", State::Live).await?;
    until_replayed(&handle).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b18_missing_rights_are_said_and_noticed_once_given() -> Result<()> {
    let plane = shared().await?;
    let (world, allowed) = (World::new(plane).await?, World::new(plane).await?);
    world.create("a").await?;
    allowed.create("b").await?;
    let rule = |world: &World<'_>, verbs: &[&str]| policy_rule(&world.group, "widgets", verbs);
    let few = vec![rule(&allowed, &["list", "watch"])];
    let kubeconfig = plane.service_account(&world.namespace, "reader", few.clone()).await?;
    let queue = KubernetesQueue::new(rewitness_controlplane::client(&kubeconfig).await?, quick());
    let recorder = Recorder::default();
    let kinds = [world.kind(), allowed.kind()];
    let subscription = Subscription::new("recorder", kinds)
        .in_namespaces([world.namespace.as_str(), allowed.namespace.as_str()]);
    let handle = queue.subscribe(subscription, recorder.clone())?;
    let running = run(&queue);
    recorder.until("b", State::Live).await?;
    until_failing(
        &handle,
        &format!("missing right: list on widgets.{} in namespace {}", world.group, world.namespace),
    )
    .await?;

    let mut more = few.clone();
    more.push(rule(&world, &["list"]));
    plane.service_account(&world.namespace, "reader", more).await?;
    recorder.until("a", State::Live).await?;
    until_failing(&handle, &format!("missing right: watch on widgets.{}", world.group)).await?;

    let mut all = few;
    all.push(rule(&world, &["list", "watch"]));
    plane.service_account(&world.namespace, "reader", all).await?;
    world.create("c").await?;
    recorder.until("c", State::Live).await?;
    until_synced(&handle).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b24_an_object_that_cannot_be_read_stops_itself_alone() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(60).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let spoil = |object: &mut Value| {
        if matches!(object["metadata"]["name"].as_str(), Some("w00007" | "late")) {
            object["metadata"]["deletionTimestamp"] = json!("yesterday");
        }
    };
    let spoiled = Fault::edit(move |call, value| match call.watch {
        true => spoil(&mut value["object"]),
        false => value["items"].as_array_mut().into_iter().flatten().for_each(spoil),
    });
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let spoiling = proxy.rule(Match::any().path("/widgets"), spoiled.clone());
    let running = run(&queue);
    until_replayed(&handle).await?;
    assert_eq!(recorder.all().len(), 59);
    assert_eq!(handle.progress().sources[0].poisoned, 1);

    // In a watch, too.
    world.create("late").await?;
    world.create("later").await?;
    recorder.until("later", State::Live).await?;
    assert_eq!(handle.progress().sources[0].poisoned, 2);
    assert!(recorder.of("w00007").is_empty() && recorder.of("late").is_empty());

    // Once it can be read, it is delivered.
    drop(spoiling);
    until_watching(&proxy).await?;
    proxy.cut_all_watches();
    world.change("w00007").await?;
    recorder.until("w00007", State::Live).await?;
    until("one is left", SOON, async || Ok((handle.progress().sources[0].poisoned == 1).then_some(())))
        .await?;

    // And one that was known, and is unreadable in a new list, is not taken for gone.
    let _spoiling = proxy.rule(Match::any().path("/widgets"), spoiled);
    let lists = proxy.count(is_full_list);
    until_watching(&proxy).await?;
    let expired = proxy.rule(Match::watches().path("/widgets").times(1), Fault::expired());
    proxy.cut_all_watches();
    expired.wait_hits(1, SOON).await?;
    proxy.wait_count(lists + 1, SOON, is_full_list).await?;
    world.create("last").await?;
    recorder.until("last", State::Live).await?;
    // It may have come with the list, and before what cannot be read.
    until("both are counted", SOON, async || Ok((handle.progress().sources[0].poisoned == 2).then_some(())))
        .await?;
    assert!(!recorder.has("w00007", State::Gone));
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b10_errors_in_a_watch_lose_nothing() -> Result<()> {
    let world = World::new(shared().await?).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    // The event itself is swallowed, and an error comes in its place.
    let failing = |code| {
        Fault::rewrite(move |_, line| {
            let is_event = line.windows(7).any(|window| window == b"swallow");
            is_event.then(|| error_event(code, "the fault proxy says so"))
        })
    };
    for code in [500, 504, 429] {
        let name = format!("swallow{code}");
        let fault = failing(code);
        until_watching(&proxy).await?;
        let rule = proxy.rule(Match::watches().path("/widgets").times(1), fault);
        proxy.cut_all_watches();
        rule.wait_hits(1, SOON).await?;
        world.create(&name).await?;
        recorder.until(&name, State::Live).await?;
    }
    assert!(recorder.all().iter().all(|delivery| delivery.cause == Cause::Change));
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_kind_without_namespaces_is_watched_whole_and_not_in_several() -> Result<()> {
    let plane = shared().await?;
    let group = format!("{}.test", unique("c"));
    let resource = plane.crd(&group, "planets", "Planet", false, &[]).await?;
    let api: Api<kube::api::DynamicObject> = Api::all_with(plane.client().await?, &resource);
    api.create(&kube::api::PostParams::default(), &kube::api::DynamicObject::new("earth", &resource)).await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let (one, several) = (Recorder::default(), Recorder::default());
    let kind = Kind::new(group.as_str(), "Planet");
    let _one = queue.subscribe(Subscription::new("one", [kind.clone()]).in_namespaces(["x"]), one.clone())?;
    let subscription = Subscription::new("several", [kind.clone()]).in_namespaces(["a", "b"]);
    let handle = queue.subscribe(subscription, several.clone())?;
    let running = run(&queue);
    let delivered = one.until("earth", State::Live).await?;
    assert_eq!(delivered.envelope.resource.namespace, None);
    until_failing(&handle, "live in no namespace").await?;
    assert!(several.all().is_empty());
    // What was one of several is not for ever.
    drop(handle);
    let alone = Recorder::default();
    let subscription = Subscription::new("alone", [kind]).in_namespaces(["a"]);
    let _alone = queue.subscribe(subscription, alone.clone())?;
    alone.until("earth", State::Live).await?;
    running.stop().await?;
    Ok(())
}
