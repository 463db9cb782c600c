//! Q2, the answer that is neither done nor failed: `RequeueAfter`, and what wakes it.

use super::*;

pub(super) async fn q2_a_requeue_comes_back_in_time_and_counts_as_no_attempt<D: Driver>(
    world: World<D>,
) -> Result {
    let after = Duration::from_millis(700);
    let web = world.make("web").await?;
    let one = world.witness("one");
    one.answer(move |_, nth| match nth {
        1 | 2 => Reply::Requeue(after, None),
        3 => Reply::Fail,
        _ => Reply::Done,
    });
    let process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 2).await?;
    ensure!(process.handle("one")?.progress().failing == 0, "a requeue counts as a failure");
    let record = one.until_answered(&web, 4).await?;
    let requeue = Cause::Requeue;
    ensure!(tries(&record, &web)[1..4] == [(requeue, 1), (requeue, 1), (Cause::Retry, 2)], "{record}");
    for wait in &waits(&record, &web)[..2] {
        ensure!(*wait <= after + world.clock().slack(), "waited {wait:?}, and may wait {after:?}");
    }
    Ok(())
}

pub(super) async fn q2_a_requeue_waits_for_its_time<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Requeue(YEAR, None));
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    world.touch(&web).await?;
    world.settle([&one]).await?;
    one.expect("no delivery before its time", |record| record.count(&web) == 1)?;
    Ok(())
}

pub(super) async fn q2_a_change_ends_the_wait_of_a_requeue<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world
        .witness("one")
        .answering(|_, nth| if nth == 1 { Reply::Requeue(YEAR, None) } else { Reply::Done });
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    world.update(&web).await?;
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    Ok(())
}

pub(super) async fn q2_a_wake_reaches_all_who_wait_for_its_key_and_nobody_else<D: Driver>(
    world: World<D>,
) -> Result {
    let waiting = world.make_many("waiting", 5).await?;
    let other = world.make("other").await?;
    let script = |delivery: &Delivery, nth: usize| match (&*delivery.envelope.resource.name, nth) {
        ("other", _) => Reply::Requeue(YEAR, Some("other".into())),
        (_, 1) => Reply::Requeue(YEAR, Some("key".into())),
        _ => Reply::Done,
    };
    let [one, two] = ["one", "two"].map(|name| world.witness(name).answering(script));
    let process = world.run([(world.wants("one"), &one), (world.wants("two"), &two)])?;
    process.replayed().await?;
    process.queue.wake(&"key".into());
    for (witness, resource) in
        [&one, &two].into_iter().flat_map(|witness| waiting.iter().map(move |one| (witness, one)))
    {
        let record = witness.until_answered(resource, 2).await?;
        ensure!(tries(&record, resource)[1] == (Cause::Requeue, 1), "{record}");
    }
    world.settle([&one, &two]).await?;
    one.expect("nothing of what waits for another key", |record| record.count(&other) == 1)?;
    Ok(())
}

pub(super) async fn q2_a_wake_during_the_delivery_is_not_lost<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, nth| match nth {
        1 => Reply::Requeue(YEAR, Some("key".into())).only_behind(&behind),
        _ => Reply::Done,
    });
    let process = world.run([(world.wants("one"), &one)])?;
    one.until("the delivery", |record| record.count(&web) == 1).await?;
    process.queue.wake(&"key".into());
    gate.open();
    one.until_answered(&web, 2).await?;
    Ok(())
}

/// A wake ends the waits that there are, and those of deliveries that are being worked on. One that
/// begins later waits, whatever else is being worked on.
pub(super) async fn q2_a_wake_from_before_the_delivery_is_over<D: Driver>(world: World<D>) -> Result {
    let busy = world.make("busy").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one =
        world.witness("one").answering(move |delivery, nth| match (&*delivery.envelope.resource.name, nth) {
            ("busy", _) => Reply::behind(&behind),
            (_, 1..=9) => Reply::Requeue(YEAR, Some("key".into())),
            _ => Reply::Done,
        });
    let process = world.run([(world.wants("one"), &one)])?;
    one.until_handed(&busy, State::Live).await?;
    process.queue.wake(&"key".into());
    let web = world.make("web").await?;
    one.until_answered(&web, 1).await?;
    world.settle([&one]).await?;
    one.expect("no delivery for a wake from before", |record| record.count(&web) == 1)?;

    process.queue.wake(&"key".into());
    one.until_answered(&web, 2).await?;
    world.settle([&one]).await?;
    one.expect("one delivery for the wake", |record| record.count(&web) == 2)?;
    gate.open();
    Ok(())
}

/// What it depends on has changed: it comes again, be it settled or waiting, and to nobody else.
pub(super) async fn q2_a_resource_that_is_redelivered_comes_again_to_that_consumer_alone<D: Driver>(
    world: World<D>,
) -> Result {
    let [settled, waiting, parked] =
        [world.make("settled").await?, world.make("waiting").await?, world.make("parked").await?];
    let script = |delivery: &Delivery, nth: usize| match (&*delivery.envelope.resource.name, nth) {
        ("waiting", 1) => Reply::Requeue(YEAR, None),
        ("parked", 1) => Reply::Never,
        _ => Reply::Done,
    };
    let [one, two] = ["one", "two"].map(|name| world.witness(name).answering(script));
    let process = world.run([(world.wants("one"), &one), (world.wants("two"), &two)])?;
    process.replayed().await?;
    for resource in [&settled, &waiting, &parked] {
        process.queue.redeliver("one", &resource.uid);
        one.until_answered(resource, 2).await?;
    }
    let record = one.record();
    ensure!(tries(&record, &settled)[1] == (Cause::Change, 1), "{record}");
    process.queue.redeliver("nobody", &settled.uid);
    process.queue.redeliver("one", &"nothing".into());
    world.settle([&one, &two]).await?;
    for resource in [&settled, &waiting, &parked] {
        one.expect("one more each", |record| record.count(resource) == 2)?;
        two.expect("nothing that was for another", |record| record.count(resource) == 1)?;
    }
    Ok(())
}

pub(super) async fn q2_what_backs_off_is_not_redelivered_sooner<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    process.until("one", "that it fails", |progress| progress.failing == 1).await?;
    process.queue.redeliver("one", &web.uid);
    world.settle([&one]).await?;
    one.expect("no delivery before its time", |record| record.count(&web) == 1)?;
    Ok(())
}
