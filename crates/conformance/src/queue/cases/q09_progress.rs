//! Q9: replay is observable.

use super::*;

pub(super) async fn q9_replayed_waits_until_everything_was_answered_once<D: Driver>(
    world: World<D>,
) -> Result {
    let made = world.make_many("web", 5).await?;
    let gate = Gate::new();
    let (behind, last) = (gate.clone(), made[4].clone());
    let one = world.witness("one").answering(move |delivery, _| match delivery.envelope.resource == last {
        true => Reply::behind(&behind),
        false => Reply::Done,
    });
    let process = world.run([(world.wants("one"), &one)])?;
    let all_but_one = |progress: &Progress| progress.delivered == 4 && progress.listed == 5;
    process.until("one", "four of five", all_but_one).await?;
    one.until("the fifth", |record| record.in_flight() == 1).await?;
    world.quiet().await;
    let handle = process.handle("one")?;
    let progress = handle.progress();
    ensure!(!progress.replayed, "replayed before the last one was answered: {progress:?}");
    ensure!((progress.outstanding(), progress.in_flight) == (1, 1), "{progress:?}");
    let waited = tokio::time::timeout(Duration::from_millis(50), handle.replayed()).await;
    ensure!(waited.is_err(), "the wait ended before the last one was answered");

    gate.open();
    process.replayed().await?;
    let progress = handle.progress();
    ensure!((progress.listed, progress.delivered, progress.outstanding()) == (5, 5, 0), "{progress:?}");
    Ok(())
}

pub(super) async fn q9_any_number_of_waiters_is_woken<D: Driver>(world: World<D>) -> Result {
    world.make_many("web", 3).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, _| Reply::behind(&behind));
    let process = world.run([(world.wants("one"), &one)])?;
    one.until("three deliveries", |record| record.in_flight() == 3).await?;
    let handle = process.handle("one")?;
    let mut waiters = futures::future::join_all((0..16).map(|_| handle.replayed()));
    ensure!(futures::poll!(&mut waiters).is_pending(), "the wait ended before anything was answered");
    gate.open();
    let woken = tokio::time::timeout(world.clock().deadline(), waiters).await;
    ensure!(woken.is_ok(), "not every waiter was woken");
    // Who comes late does not wait at all.
    process.replayed().await
}

pub(super) async fn q9_an_answer_counts_whatever_it_is<D: Driver>(world: World<D>) -> Result {
    world.make_many("web", 3).await?;
    let one = world.witness("one").answering(|delivery, _| match &*delivery.envelope.resource.name {
        "web-000" => Reply::Fail,
        "web-001" => Reply::Never,
        _ => Reply::Requeue(YEAR, None),
    });
    let process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    process.replayed().await?;
    let progress = process.handle("one")?.progress();
    ensure!((progress.delivered, progress.failing) == (3, 2), "{progress:?}");
    Ok(())
}

pub(super) async fn q9_where_nothing_is_the_replay_is_complete<D: Driver>(world: World<D>) -> Result {
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_listed(), &one)])?;
    process.replayed().await?;
    let record = one.until("the marker", |record| record.markers.len() == 1).await?;
    let marker = Listed { kind: world.kind(0), namespace: Some(world.namespace(0)) };
    ensure!(record.markers[0].listed == marker, "{record}");
    Ok(())
}

pub(super) async fn q9_what_goes_before_it_was_delivered_is_not_waited_for<D: Driver>(
    world: World<D>,
) -> Result {
    let made = world.make_many("web", 3).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, _| Reply::behind(&behind));
    let process = world.run([(world.wants("one").with_concurrency(1), &one)])?;
    process.until("one", "three of them listed", |progress| progress.listed == 3).await?;
    let record = one.until("the first delivery", |record| record.in_flight() == 1).await?;
    for resource in made.iter().filter(|resource| record.count(resource) == 0) {
        world.delete(resource).await?;
    }
    gate.open();
    process.replayed().await
}

pub(super) async fn q9_a_source_shows_that_it_is_synced<D: Driver>(world: World<D>) -> Result {
    let one = world.witness("one");
    let wants = Subscription::new("one", [world.kind(0), world.kind(1)])
        .in_namespaces([world.namespace(0), world.namespace(1)]);
    let process = world.run([(wants, &one)])?;
    let synced = |progress: &Progress| {
        progress.sources.len() == 4
            && progress.sources.iter().all(|source| source.state == SourceState::Synced)
    };
    process.until("one", "four sources that are synced", synced).await?;
    Ok(())
}

pub(super) async fn q9_the_marker_comes_after_everything_that_was_listed<D: Driver>(
    world: World<D>,
) -> Result {
    let first = world.make_many("first", 10).await?;
    let second = world.create(Draft::new(world.kind(1), world.namespace(0), "second")).await?;
    let [one, unasked] = ["one", "unasked"].map(|name| world.witness(name));
    let kinds = [world.kind(0), world.kind(1)];
    let wants =
        |name| Subscription::new(name, kinds.clone()).in_namespaces([world.namespace(0)]).with_concurrency(2);
    for start in 1..=2 {
        let mut process = world.run([(wants("one").with_listed(), &one), (wants("unasked"), &unasked)])?;
        let record = one.until("two markers", |record| record.markers.len() == 2 * start).await?;
        for marker in &record.markers[2 * start - 2..] {
            let of_kind =
                first.iter().chain([&second]).filter(|resource| resource.kind == marker.listed.kind);
            for resource in of_kind {
                let before =
                    record.handings[..marker.after].iter().filter(|handing| handing.is_of(resource)).count();
                ensure!(before >= start, "{} came after the marker of its kind\n{record}", resource.name);
            }
        }
        let kinds: BTreeSet<&Kind> =
            record.markers[2 * start - 2..].iter().map(|one| &one.listed.kind).collect();
        ensure!(kinds.len() == 2, "not one marker for each kind\n{record}");
        world.settle([&one, &unasked]).await?;
        one.expect("one marker for each list", |record| record.markers.len() == 2 * start)?;
        process.stop().await?;
    }
    unasked.expect("no marker that nobody asked for", |record| record.markers.is_empty())?;
    Ok(())
}

pub(super) async fn q9_the_marker_waits_for_the_last_answer<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 3).await?;
    let gate = Gate::new();
    let (behind, last) = (gate.clone(), made[1].clone());
    let one = world.witness("one").answering(move |delivery, _| match delivery.envelope.resource == last {
        true => Reply::behind(&behind),
        false => Reply::Done,
    });
    let process = world.run([(world.wants("one").with_listed(), &one)])?;
    process.until("one", "two of three", |progress| progress.delivered == 2 && progress.listed == 3).await?;
    world.quiet().await;
    one.expect("no marker yet", |record| record.markers.is_empty())?;
    gate.open();
    let record = one.until("the marker", |record| record.markers.len() == 1).await?;
    ensure!(record.markers[0].after == 3 && record.in_flight() == 0, "{record}");
    Ok(())
}

/// What waits for its hold, since holds are put on at a certain pace, has not been handed over.
pub(super) async fn q9_the_marker_waits_for_what_waits_for_its_hold<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 60).await?;
    let one = world.witness("one");
    let process = world.run([(world.wants_held("one")?.with_listed(), &one)])?;
    let record = one.until("the marker", |record| record.markers.len() == 1).await?;
    ensure!(record.markers[0].after == made.len(), "{record}");
    process.replayed().await
}

pub(super) async fn q9_a_marker_whose_consumer_failed_comes_again<D: Driver>(world: World<D>) -> Result {
    world.make("web").await?;
    let one = world.witness("one");
    one.fail_markers(2);
    let _process = world.run([(world.wants("one").with_listed().with_backoff(SHORT), &one)])?;
    one.until("three markers", |record| record.markers.len() == 3).await?;
    world.settle([&one]).await?;
    one.expect("no more markers", |record| record.markers.len() == 3)?;
    Ok(())
}

pub(super) async fn q9_a_later_subscription_has_its_own_marker<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let mut process = world.run([(world.wants("one").with_listed(), &one)])?;
    one.until("the marker", |record| record.markers.len() == 1).await?;
    process.subscribe(world.wants("two").with_listed(), &two)?;
    let record = two.until("the marker", |record| record.markers.len() == 1).await?;
    ensure!(record.markers[0].after == 1 && record.count(&web) == 1, "{record}");
    Ok(())
}
