//! Q2: a delivery ends only with `Done`; failures come again, spaced.

use super::*;

pub(super) async fn q2_a_failure_comes_again_until_it_is_done_and_then_no_more<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, nth| if nth <= 3 { Reply::Fail } else { Reply::Done });
    let process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 4).await?;
    world.settle([&one]).await?;
    let record = one.expect("four deliveries", |record| record.count(&web) == 4)?;
    let tries: Vec<(Cause, u32)> = tries(&record, &web);
    let retry = Cause::Retry;
    ensure!(tries == [(Cause::Replay, 1), (retry, 2), (retry, 3), (retry, 4)], "{record}");
    ensure!(process.handle("one")?.progress().failing == 0, "what is done counts as failing");
    Ok(())
}

/// Full jitter draws evenly between nothing and the interval: no wait is longer than the interval,
/// and the mean over many resources is about half of it.
pub(super) async fn q2_backoff_doubles_with_full_jitter_up_to_its_cap<D: Driver>(world: World<D>) -> Result {
    let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_millis(800) };
    let intervals = [100, 200, 400, 800, 800].map(Duration::from_millis);
    let made = world.make_many("web", 32).await?;
    let one = world.witness("one").answering(|_, nth| if nth <= 5 { Reply::Fail } else { Reply::Done });
    let _process = world.run([(world.wants("one").with_backoff(backoff), &one)])?;
    for resource in &made {
        one.until_answered(resource, 6).await?;
    }
    let record = one.record();
    let waits: Vec<Vec<Duration>> = made.iter().map(|resource| waits(&record, resource)).collect();
    let slack = world.clock().slack();
    for (at, interval) in intervals.into_iter().enumerate() {
        let waits = || waits.iter().map(|waits| waits[at]);
        let longest = waits().max().unwrap_or_default();
        let mean = waits().sum::<Duration>() / made.len() as u32;
        let which = at + 1;
        ensure!(longest <= interval + slack, "wait {which} was up to {longest:?}, and may be {interval:?}");
        let (least, most) = (interval / 4, interval * 3 / 4 + slack);
        ensure!(
            (least..=most).contains(&mean),
            "wait {which} was {mean:?} on average, of up to {interval:?}"
        );
    }
    Ok(())
}

pub(super) async fn q2_success_resets_the_attempts_and_the_backoff<D: Driver>(world: World<D>) -> Result {
    let backoff = Backoff { base: Duration::from_millis(50), cap: YEAR };
    let made = world.make_many("web", 8).await?;
    // Done at the 6th and at the 8th.
    let one =
        world.witness("one").answering(|_, nth| if nth == 6 || nth == 8 { Reply::Done } else { Reply::Fail });
    let _process = world.run([(world.wants("one").with_backoff(backoff), &one)])?;
    for resource in &made {
        one.until_answered(resource, 6).await?;
        world.update(resource).await?;
    }
    for resource in &made {
        let record = one.until_answered(resource, 8).await?;
        let tries = tries(&record, resource);
        ensure!(tries[6..] == [(Cause::Change, 1), (Cause::Retry, 2)], "{record}");
        let wait = waits(&record, resource)[6];
        ensure!(wait <= backoff.base + world.clock().slack(), "waited {wait:?} after the first failure");
    }
    Ok(())
}

pub(super) async fn q2_a_status_write_does_not_shorten_the_backoff<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.touch(&web).await?;
    world.touch(&web).await?;
    world.settle([&one]).await?;
    one.expect("no retry because of a status write", |record| record.count(&web) == 1)?;
    Ok(())
}

/// The consumer writes a status and fails, again and again: the usual way to spin.
pub(super) async fn q2_a_status_write_does_not_reset_the_attempts<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gates: [Gate; 4] = std::array::from_fn(|_| Gate::new());
    let behind = gates.clone();
    let one = world.witness("one").answering(move |_, nth| match behind.get(nth - 1) {
        Some(gate) => Reply::Fail.only_behind(gate),
        None => Reply::Done,
    });
    let _process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    for (before, gate) in gates.iter().enumerate() {
        one.until("the next try", |record| record.count(&web) > before).await?;
        world.touch(&web).await?;
        // So that the write is known before the failure is.
        world.settle([&one]).await?;
        gate.open();
    }
    let record = one.until_answered(&web, 5).await?;
    let attempts: Vec<u32> = tries(&record, &web).into_iter().map(|(_, attempt)| attempt).collect();
    ensure!(attempts[..5] == [1, 2, 3, 4, 5], "{record}");
    Ok(())
}

pub(super) async fn q2_a_new_list_neither_shortens_the_backoff_nor_resets_the_attempts<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Expire])?;
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.expire().await?;
    world.settle([&one]).await?;
    one.expect("no retry because of a new list", |record| record.count(&web) == 1)?;
    Ok(())
}

pub(super) async fn q2_a_change_ends_the_backoff_and_resets_the_attempts<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.update(&web).await?;
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    Ok(())
}

pub(super) async fn q2_a_label_counts_as_a_change_if_it_was_asked_for<D: Driver>(world: World<D>) -> Result {
    let web = world.create(world.new_resource("web").labelled("tier", "a").labelled("other", "a")).await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let two = world.witness("two");
    let wants = world.wants("one").with_labels(["tier"]).with_backoff(ENDLESS);
    let _process = world.run([(wants, &one), (world.wants("two").with_labels(["other"]), &two)])?;
    one.until_answered(&web, 1).await?;
    two.until_answered(&web, 1).await?;
    world.relabel(&web, &[("tier", "a"), ("other", "b")]).await?;
    two.until_answered(&web, 2).await?;
    world.settle([&one]).await?;
    one.expect("no retry because of another label", |record| record.count(&web) == 1)?;

    world.relabel(&web, &[("tier", "b"), ("other", "b")]).await?;
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    let labels: Vec<_> = record.of(&web).map(|handing| handing.delivery.labels.clone()).collect();
    let tier = |value: &str| vec![("tier".to_owned(), value.to_owned())];
    ensure!(labels == [tier("a"), tier("b")], "{record}");
    Ok(())
}

pub(super) async fn q2_a_deletion_ends_the_backoff<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    let record = one.until_handed(&web, State::Deleting).await?;
    ensure!(tries(&record, &web)[1].1 == 1, "{record}");
    Ok(())
}

pub(super) async fn q2_backoff_is_per_resource_and_consumer<D: Driver>(world: World<D>) -> Result {
    let [bad, good] = [world.make("bad").await?, world.make("good").await?];
    let fails_bad = |delivery: &Delivery, _| match &*delivery.envelope.resource.name {
        "bad" => Reply::Fail,
        _ => Reply::Done,
    };
    let [one, two] = [world.witness("one").answering(fails_bad), world.witness("two")];
    let subscription = world.wants("one").with_backoff(ENDLESS);
    let _process = world.run([(subscription, &one), (world.wants("two"), &two)])?;
    one.until_answered(&bad, 1).await?;
    world.update(&good).await?;
    one.until_answered(&good, 2).await?;
    two.until_answered(&bad, 1).await?;
    world.update(&bad).await?;
    two.until_answered(&bad, 2).await?;
    Ok(())
}

pub(super) async fn q2_a_retry_after_is_kept<D: Driver>(world: World<D>) -> Result {
    let after = Duration::from_secs(2);
    let web = world.make("web").await?;
    let one = world.witness("one");
    one.answer(move |_, nth| if nth <= 2 { Reply::FailAfter(after) } else { Reply::Done });
    let _process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 1).await?;
    world.touch(&web).await?;
    let record = one.until_answered(&web, 3).await?;
    ensure!(tries(&record, &web)[1..3] == [(Cause::Retry, 2), (Cause::Retry, 3)], "{record}");
    for wait in &waits(&record, &web)[..2] {
        let late = wait.saturating_sub(after);
        ensure!(*wait + ROUNDING >= after && late <= world.clock().slack(), "waited {wait:?}, not {after:?}");
    }
    Ok(())
}

pub(super) async fn q2_never_parks_a_live_resource_until_it_changes<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, nth| if nth == 1 { Reply::Never } else { Reply::Done });
    let process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 1).await?;
    process.until("one", "a failing resource", |progress| progress.failing == 1).await?;
    world.touch(&web).await?;
    world.settle([&one]).await?;
    one.expect("no retry of what can never succeed", |record| record.count(&web) == 1)?;

    world.update(&web).await?;
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    process.until("one", "no failing resource", |progress| progress.failing == 0).await?;
    Ok(())
}

pub(super) async fn q2_never_does_not_park_a_deletion<D: Driver>(world: World<D>) -> Result {
    let backoff = Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(300) };
    let web = world.make("web").await?;
    let one = world.witness("one");
    one.answer(|_, nth| if nth <= 6 { Reply::Never } else { Reply::Done });
    let process = world.run([(world.wants_held("one")?.with_backoff(backoff), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_answered(&web, 2).await?;
    process.until("one", "a failing deletion", |progress| progress.failing == 1).await?;
    let record = one.until_answered(&web, 7).await?;
    world.until_gone(&web).await?;
    let waits = &waits(&record, &web)[1..6];
    let (longest, sum) = (waits.iter().max().copied().unwrap_or_default(), waits.iter().sum::<Duration>());
    ensure!(
        longest <= backoff.cap + world.clock().slack(),
        "waited {longest:?} of at most {:?}",
        backoff.cap
    );
    ensure!(sum >= backoff.cap, "five waits at the longest interval, {:?}, took {sum:?}", backoff.cap);
    Ok(())
}

/// A foreign hand that removes the hold again and again must not make a failing consumer spin.
pub(super) async fn q2_a_hold_that_is_put_on_again_does_not_shorten_the_backoff<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants_held("one")?.with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.strip_holds(&web).await?;
    world.until_held_by(&web, &hold("one")).await?;
    world.settle([&one]).await?;
    one.expect("no retry because of the hold", |record| record.count(&web) == 1)?;
    Ok(())
}

pub(super) async fn q2_a_change_that_comes_with_a_lost_hold_is_not_lost<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.looking_witness("one").answering(|_, _| Reply::Fail);
    let _process = world.run([(world.wants_held("one")?.with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.strip_holds(&web).await?;
    world.update(&web).await?;
    let record = one.until_answered(&web, 2).await?;
    ensure!(tries(&record, &web)[1] == (Cause::Change, 1), "{record}");
    for handing in record.of(&web) {
        let held = handing.seen.as_ref().is_some_and(|seen| seen.is_held_by(&hold("one")));
        ensure!(held, "it came unheld: {handing:?}");
    }
    Ok(())
}
