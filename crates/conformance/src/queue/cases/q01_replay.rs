//! Q1: on every start, each active resource is delivered to every consumer at least once.

use super::*;

pub(super) async fn q1_what_is_active_at_the_start_is_replayed_to_every_consumer<D: Driver>(
    world: World<D>,
) -> Result {
    let made = world.make_many("web", 5).await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let mut process = world.run([(world.wants("one"), &one), (world.wants("two"), &two)])?;
    process.replayed().await?;
    for (witness, resource) in
        [&one, &two].into_iter().flat_map(|witness| made.iter().map(move |one| (witness, one)))
    {
        let record = witness.until_answered(resource, 1).await?;
        let Some(first) = record.of(resource).next() else { continue };
        let Delivery { state, cause, attempt, hold, .. } = &first.delivery;
        let expected = (State::Live, Cause::Replay, 1, HoldState::NotAsked);
        ensure!((*state, *cause, *attempt, *hold) == expected, "{} came first as {first:?}", resource.name);
    }
    process.stop().await?;
    Ok(())
}

pub(super) async fn q1_a_resource_that_is_being_deleted_is_replayed_too<D: Driver>(
    world: World<D>,
) -> Result {
    let old = world.make_deleting("old").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one"), &one)])?;
    let record = one.until_handed(&old, State::Deleting).await?;
    let causes: Vec<Cause> = record.of(&old).map(|handing| handing.delivery.cause).collect();
    ensure!(causes[0] == Cause::Replay, "{record}");
    Ok(())
}

pub(super) async fn q1_every_start_replays_everything_again<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 3).await?;
    let one = world.witness("one");
    for start in 1..=3 {
        let mut process = world.run([(world.wants("one"), &one)])?;
        for resource in &made {
            let record = one.until_answered(resource, start).await?;
            let causes: Vec<Cause> = record.of(resource).map(|handing| handing.delivery.cause).collect();
            ensure!(causes == vec![Cause::Replay; start], "{record}");
        }
        process.stop().await?;
    }
    Ok(())
}

pub(super) async fn q1_a_queue_that_is_run_again_replays_everything_again<D: Driver>(
    world: World<D>,
) -> Result {
    let [stays, goes] = [world.make("stays").await?, world.make("goes").await?];
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;
    process.stop().await?;

    world.delete(&goes).await?;
    let comes = world.make("comes").await?;
    process.start();
    one.until_answered(&stays, 2).await?;
    one.until_answered(&comes, 1).await?;
    process.replayed().await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q1_a_subscription_that_begins_while_running_is_replayed<D: Driver>(
    world: World<D>,
) -> Result {
    let made = world.make_many("web", 5).await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let mut process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;

    process.subscribe(world.wants("two"), &two)?;
    process.replayed().await?;
    for resource in &made {
        let record = two.until_answered(resource, 1).await?;
        let first = record.of(resource).next().map(|handing| handing.delivery.cause);
        ensure!(first == Some(Cause::Replay), "{record}");
    }
    world.settle([&one, &two]).await?;
    for resource in &made {
        one.expect("no second delivery because another subscribed", |record| record.count(resource) == 1)?;
    }
    Ok(())
}

/// What nobody had asked for before, the queue may not have kept.
pub(super) async fn q1_a_later_subscription_is_given_what_it_alone_asks_for<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.create(world.new_resource("web").labelled("app", "web")).await?;
    let other = world.make("other").await?;
    let [one, labelled, selecting] = ["one", "labelled", "selecting"].map(|name| world.witness(name));
    let mut process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;

    process.subscribe(world.wants("labelled").with_labels(["app"]), &labelled)?;
    process.subscribe(world.wants("selecting").with_gone().matching("app=web".parse()?), &selecting)?;
    process.replayed().await?;
    let record = labelled.until_answered(&web, 1).await?;
    let labels = record.of(&web).next().map(|handing| handing.delivery.labels.clone());
    ensure!(labels == Some(vec![("app".to_owned(), "web".to_owned())]), "{record}");
    labelled.until_answered(&other, 1).await?;
    selecting.until_answered(&web, 1).await?;
    world.settle([&one, &labelled]).await?;
    selecting.expect("what it selects alone", |record| record.count(&other) == 0)?;
    one.expect("no second delivery because others subscribed", |record| record.count(&web) == 1)?;
    Ok(())
}

pub(super) async fn q1_the_same_name_in_two_namespaces_and_kinds_is_four_resources<D: Driver>(
    world: World<D>,
) -> Result {
    let mut made = Vec::new();
    for (kind, namespace) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        made.push(world.create(Draft::new(world.kind(kind), world.namespace(namespace), "same")).await?);
    }
    let wants = Subscription::new("one", [world.kind(0), world.kind(1)])
        .in_namespaces([world.namespace(0), world.namespace(1)])
        .with_backoff(SHORT);
    let failing = made[0].clone();
    let one = world.witness("one").answering(move |delivery, nth| {
        if delivery.envelope.resource == failing && nth <= 2 { Reply::Fail } else { Reply::Done }
    });
    let process = world.run([(wants, &one)])?;
    one.until_answered(&made[0], 3).await?;
    process.replayed().await?;
    for other in &made[1..] {
        one.expect("one delivery of each", |record| record.count(other) == 1)?;
    }
    Ok(())
}

pub(super) async fn q1_everywhere_means_every_namespace<D: Driver>(world: World<D>) -> Result {
    let here = world.make("here").await?;
    let there = world.create(Draft::new(world.kind(0), world.namespace(1), "there")).await?;
    let one = world.witness("one");
    let _process = world.run([(Subscription::new("one", [world.kind(0)]).with_listed(), &one)])?;
    one.until_answered(&here, 1).await?;
    one.until_answered(&there, 1).await?;
    let record = one.until("the marker", |record| !record.markers.is_empty()).await?;
    ensure!(record.markers[0].listed == Listed { kind: world.kind(0), namespace: None }, "{record}");
    Ok(())
}

pub(super) async fn q1_what_is_outside_of_the_scope_or_the_selector_is_not_delivered<D: Driver>(
    world: World<D>,
) -> Result {
    let elsewhere = world.create(Draft::new(world.kind(0), world.namespace(1), "elsewhere")).await?;
    let of_another_kind = world.create(Draft::new(world.kind(1), world.namespace(0), "other")).await?;
    let unlabelled = world.make("unlabelled").await?;
    let labelled = world.create(world.new_resource("labelled").labelled("app", "web")).await?;
    let [all, some] = ["all", "some"].map(|name| world.witness(name));
    let selecting = world.wants("some").matching("app=web".parse()?);
    let process = world.run([(world.wants("all"), &all), (selecting, &some)])?;
    process.replayed().await?;
    world.settle([&all]).await?;
    for resource in [&elsewhere, &of_another_kind] {
        ensure!(all.count(resource) + some.count(resource) == 0, "{} was delivered", resource.name);
    }
    some.expect("the labelled one alone", |record| {
        record.count(&labelled) == 1 && record.count(&unlabelled) == 0
    })?;

    world.relabel(&unlabelled, &[("app", "web")]).await?;
    some.until_handed(&unlabelled, State::Live).await?;
    Ok(())
}

pub(super) async fn q1_deliveries_begin_before_the_list_ends<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::StallLists])?;
    let count = 2 * world.page_size() + 1;
    world.make_many("web", count).await?;
    world.stall_lists().await?;
    let one = world.witness("one");
    let process = world.run([(world.wants("one"), &one)])?;
    one.until("a first delivery", |record| !record.handings.is_empty()).await?;
    ensure!(!process.handle("one")?.progress().replayed, "replayed, although the list has not ended");

    world.resume_lists().await?;
    let progress = process.until("one", "the replay", |progress| progress.replayed).await?;
    ensure!(progress.delivered == count as u64, "{progress:?}");
    Ok(())
}

pub(super) async fn q1_a_kill_during_the_replay_is_made_good_by_the_next_start<D: Driver>(
    world: World<D>,
) -> Result {
    let made = world.make_many("web", 5).await?;
    let one = world.witness("one");
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    one.answer(move |_, _| if count.fetch_add(1, Ordering::Relaxed) < 2 { Reply::Done } else { Reply::Hang });
    let process = world.run([(world.wants("one").with_concurrency(1), &one)])?;
    one.until("a third delivery", |record| record.handings.len() == 3).await?;
    process.kill().await;
    one.until("nothing in flight", |record| record.in_flight() == 0).await?;

    one.answer(|_, _| Reply::Done);
    let _process = world.run([(world.wants("one"), &one)])?;
    for resource in &made {
        let since_kill = |record: &Record| record.handings[3..].iter().any(|handing| handing.is_of(resource));
        one.until(&format!("{} after the kill", resource.name), since_kill).await?;
    }
    Ok(())
}

pub(super) async fn q1_what_is_replayed_is_the_newest_state<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    process.stop().await?;

    world.update(&web).await?;
    world.update(&web).await?;
    let newest = world.see(&web).await?.version;
    let _process = world.run([(world.wants("one"), &one)])?;
    let record = one.until_answered(&web, 2).await?;
    let versions: Vec<Version> = record.of(&web).map(|handing| handing.delivery.version).collect();
    ensure!(versions[1] == newest, "version {newest} is the newest\n{record}");
    Ok(())
}
