//! Q4: per resource and consumer one delivery at a time, and one more for all that happens meanwhile.

use super::*;

/// A process with one delivery of `web` in flight, behind a gate.
async fn in_flight<D: Driver>(
    world: &World<D>,
    first: Reply,
) -> Result<(ResourceId, Witness, Gate, Process<D::Queue>)> {
    let web = world.create(match world.holds_deletion() {
        true => world.new_resource("web").held_by(FOREIGN),
        false => world.new_resource("web"),
    });
    let (web, gate) = (web.await?, Gate::new());
    let behind = first.only_behind(&gate);
    let one =
        world.witness("one").answering(move |_, nth| if nth == 1 { behind.clone() } else { Reply::Done });
    let process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until("the delivery", |record| record.count(&web) == 1).await?;
    Ok((web, one, gate, process))
}

pub(super) async fn q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state<D: Driver>(
    world: World<D>,
) -> Result {
    let (web, one, gate, _process) = in_flight(&world, Reply::Done).await?;
    for _ in 0..3 {
        world.update(&web).await?;
        world.settle([&one]).await?;
    }
    let newest = world.see(&web).await?.version;
    one.expect("one delivery at a time", |record| record.count(&web) == 1)?;
    gate.open();
    let record = one.until_answered(&web, 2).await?;
    let last = record.of(&web).next_back().map(|handing| &handing.delivery);
    let expected = Some((Cause::Change, 1, newest));
    ensure!(last.map(|last| (last.cause, last.attempt, last.version)) == expected, "{newest}\n{record}");
    world.settle([&one]).await?;
    one.expect("exactly one more", |record| record.count(&web) == 2)?;
    Ok(())
}

pub(super) async fn q4_a_status_write_meanwhile_is_one_more_delivery_at_most<D: Driver>(
    world: World<D>,
) -> Result {
    let (web, one, gate, _process) = in_flight(&world, Reply::Done).await?;
    for _ in 0..3 {
        world.touch(&web).await?;
    }
    world.settle([&one]).await?;
    gate.open();
    one.until_answered(&web, 1).await?;
    world.settle([&one]).await?;
    one.expect("one more at most", |record| record.count(&web) <= 2)?;
    Ok(())
}

pub(super) async fn q4_a_change_during_a_failure_is_one_more_delivery_and_no_retry<D: Driver>(
    world: World<D>,
) -> Result {
    let (web, one, gate, _process) = in_flight(&world, Reply::Fail).await?;
    world.update(&web).await?;
    world.settle([&one]).await?;
    gate.open();
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    world.settle([&one]).await?;
    one.expect("exactly one more", |record| record.count(&web) == 2)?;
    Ok(())
}

pub(super) async fn q4_a_deletion_meanwhile_is_the_one_more_delivery<D: Driver>(world: World<D>) -> Result {
    let (web, one, gate, _process) = in_flight(&world, Reply::Done).await?;
    if !world.holds_deletion() {
        return Err(Failed::NotApplicable("this backend holds no deletion".to_owned()));
    }
    world.update(&web).await?;
    world.update(&web).await?;
    world.delete(&web).await?;
    world.settle([&one]).await?;
    gate.open();
    let record = one.until_handed(&web, State::Deleting).await?;
    world.settle([&one]).await?;
    one.expect("exactly one more", |record| record.count(&web) == 2)?;
    let last = record.of(&web).next_back().map(|handing| handing.delivery.version);
    ensure!(last == Some(world.see(&web).await?.version), "{record}");
    Ok(())
}

pub(super) async fn q4_different_resources_go_in_parallel<D: Driver>(world: World<D>) -> Result {
    world.make_many("web", 8).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, _| Reply::behind(&behind));
    let process = world.run([(world.wants("one").with_concurrency(8), &one)])?;
    one.until("eight at a time", |record| record.in_flight() == 8).await?;
    gate.open();
    process.replayed().await
}

pub(super) async fn q4_the_concurrency_is_a_bound<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 10).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, nth| match nth {
        1 => Reply::Fail.only_behind(&behind),
        _ => Reply::behind(&behind),
    });
    let two = world.witness("two");
    let bounded = world.wants("one").with_concurrency(3).with_backoff(SHORT);
    let process = world.run([(bounded, &one), (world.wants("two"), &two)])?;
    one.until("three at a time", |record| record.in_flight() == 3).await?;
    world.settle([&two]).await?;
    one.expect("three at a time", |record| record.in_flight() == 3)?;
    gate.open();
    process.replayed().await?;
    for resource in &made {
        one.until_answered(resource, 2).await?;
    }
    one.expect("never more than three", |record| {
        record.handings.iter().all(|handing| handing.in_flight <= 3)
    })?;
    Ok(())
}

pub(super) async fn q4_retries_and_changes_never_overlap<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 4).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    // A little slow, so that everything else has the time to get in its way.
    let one = world.witness("one").answering(move |_, nth| match nth {
        1..=5 => Reply::Fail,
        6 => Reply::Fail.only_behind(&behind),
        _ => Reply::Done,
    });
    let process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    for _ in 0..5 {
        for resource in &made {
            world.update(resource).await?;
            world.touch(resource).await?;
        }
        process.queue.wake(&"nothing".into());
    }
    one.until("all behind the gate", |record| record.in_flight() == 4).await?;
    for resource in &made {
        world.update(resource).await?;
    }
    world.settle([&one]).await?;
    gate.open();
    for resource in &made {
        one.until_answered(resource, 7).await?;
    }
    // That none overlapped is checked whenever a record is.
    world.settle([&one]).await
}
