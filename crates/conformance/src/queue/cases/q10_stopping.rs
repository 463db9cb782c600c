//! Q10: stopping. Nothing new, a grace period for what is in flight, and the rest comes again.

use super::*;

pub(super) async fn q10_a_stop_lets_what_is_in_flight_finish_and_starts_nothing<D: Driver>(
    world: World<D>,
) -> Result {
    world.make_many("web", 6).await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, _| Reply::behind(&behind));
    let mut process = world.run([(world.wants("one").with_concurrency(2), &one)])?;
    one.until("two in flight", |record| record.in_flight() == 2).await?;
    process.begin_to_stop().await?;
    process.expect_running()?;
    gate.open();
    let stopped = process.stopped().await?;
    ensure!(stopped.cut_off == 0, "{stopped:?}");
    world.quiet().await;
    let both_answered =
        |record: &Record| record.handings.len() == 2 && record.handings.iter().all(Handing::was_answered);
    one.expect("two deliveries, both answered", both_answered)?;
    Ok(())
}

pub(super) async fn q10_what_is_done_within_the_grace_period_counts<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |delivery, _| match delivery.state {
        State::Deleting => Reply::behind(&behind),
        _ => Reply::Done,
    });
    let mut process = world.run_with_grace(YEAR, [(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    process.begin_to_stop().await?;
    world.quiet().await;
    gate.open();
    process.stopped().await?;
    world.until_gone(&web).await
}

pub(super) async fn q10_the_grace_period_is_the_limit_and_what_is_cut_off_comes_again<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, nth| if nth == 1 { Reply::Hang } else { Reply::Done });
    let grace = Duration::from_secs(1);
    let mut process = world.run_with_grace(grace, [(world.wants("one"), &one)])?;
    one.until("the delivery", |record| record.in_flight() == 1).await?;
    let asked = Instant::now();
    let stopped = process.stop().await?;
    let took = asked.elapsed();
    ensure!(stopped.cut_off == 1, "{stopped:?}");
    ensure!(took + ROUNDING >= grace && took <= grace + world.clock().slack(), "it took {took:?}");
    one.expect("nothing in flight", |record| record.in_flight() == 0)?;
    let progress = process.handle("one")?.progress();
    ensure!(progress.in_flight == 0, "nothing runs, but {progress:?}");

    process.start();
    let record = one.until_answered(&web, 1).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Replay, 1), "{record}");
    Ok(())
}

pub(super) async fn q10_what_was_unfinished_comes_again<D: Driver>(world: World<D>) -> Result {
    let names = ["failing", "parked", "requeued", "unbegun"];
    let mut made = Vec::new();
    for name in names {
        made.push(world.make(name).await?);
    }
    let one = world.witness("one").answering(|delivery, _| match &*delivery.envelope.resource.name {
        "failing" => Reply::Fail,
        "parked" => Reply::Never,
        "requeued" => Reply::Requeue(YEAR, None),
        _ => Reply::Hang,
    });
    let grace = Duration::from_millis(100);
    let mut process = world.run_with_grace(grace, [(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until("four deliveries", |record| record.handings.len() == 4).await?;
    process.stop().await?;

    one.answer(|_, _| Reply::Done);
    process.start();
    for resource in &made {
        one.until(&format!("{} again", resource.name), |record| record.count(resource) == 2).await?;
    }
    process.stop().await?;
    drop(process);
    let _process = world.run([(world.wants("one"), &one)])?;
    for resource in &made {
        one.until(&format!("{} again", resource.name), |record| record.count(resource) == 3).await?;
    }
    Ok(())
}

pub(super) async fn q10_a_killed_queue_does_nothing_more<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 3).await?;
    let one = world.witness("one").answering(|_, nth| if nth == 1 { Reply::Hang } else { Reply::Done });
    let process = world.run([(world.wants("one").with_concurrency(2), &one)])?;
    one.until("two in flight", |record| record.in_flight() == 2).await?;
    process.kill().await;
    one.until("nothing in flight", |record| record.in_flight() == 0).await?;
    world.update(&made[0]).await?;
    world.quiet().await;
    one.expect("nothing after the kill", |record| record.handings.len() == 2)?;

    one.answer(|_, _| Reply::Done);
    let _process = world.run([(world.wants("one"), &one)])?;
    for resource in &made {
        one.until_answered(resource, 1).await?;
    }
    Ok(())
}

pub(super) async fn q10_it_does_not_run_twice_at_a_time<D: Driver>(world: World<D>) -> Result {
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;
    let second = process.queue.clone();
    let refused = tokio::time::timeout(world.clock().deadline(), second.run(std::future::ready(()))).await;
    ensure!(matches!(refused, Ok(Err(Error::Running))), "a second run ended with {refused:?}");
    let web = world.make("web").await?;
    one.until_answered(&web, 1).await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q10_an_idle_queue_stops_at_once<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Requeue(YEAR, None));
    let mut process = world.run_with_grace(YEAR, [(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    process.replayed().await?;
    let asked = Instant::now();
    let stopped = process.stop().await?;
    let took = asked.elapsed();
    ensure!(stopped.cut_off == 0 && took <= world.clock().slack(), "it took {took:?}: {stopped:?}");
    Ok(())
}

pub(super) async fn q10_a_stop_does_not_wait_for_what_cannot_be_reached<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Outage])?;
    world.take_down().await?;
    let one = world.witness("one");
    let mut process = world.run_with_grace(YEAR, [(world.wants("one"), &one)])?;
    world.quiet().await;
    let asked = Instant::now();
    process.stop().await?;
    let took = asked.elapsed();
    ensure!(took <= world.clock().slack(), "it took {took:?}");
    world.bring_up().await
}
