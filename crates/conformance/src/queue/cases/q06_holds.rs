//! Q6: a deletion is witnessed. When holds are added, and when they are removed.

use super::*;

pub(super) async fn q6_the_hold_is_on_before_the_first_live_delivery<D: Driver>(world: World<D>) -> Result {
    let before = world.make("before").await?;
    let one = world.looking_witness("one");
    let process = world.run([(world.wants_held("one")?, &one)])?;
    process.replayed().await?;
    if world.forces().contains(&Fault::Overload) {
        // The hold takes a while, and the delivery must wait for it.
        world.overload(2).await?;
    }
    let after = world.make("after").await?;
    one.until_answered(&after, 1).await?;
    for resource in [&before, &after] {
        let record = one.until_answered(resource, 1).await?;
        for handing in record.of(resource) {
            ensure!(handing.delivery.hold == HoldState::Held, "{} came unheld\n{record}", resource.name);
            let held = handing.seen.as_ref().is_some_and(|seen| seen.is_held_by(&hold("one")));
            ensure!(held, "{} was handed over without the hold on it: {:?}", resource.name, handing.seen);
        }
    }
    process.until("one", "no resource that awaits its hold", |progress| progress.awaiting_hold == 0).await?;
    Ok(())
}

pub(super) async fn q6_a_later_subscription_holds_what_is_there<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let [plain, one] = [world.witness("plain"), world.looking_witness("one")];
    let mut process = world.run([(world.wants("plain"), &plain)])?;
    process.replayed().await?;
    process.subscribe(world.wants_held("one")?, &one)?;
    let record = one.until_answered(&web, 1).await?;
    let seen = record.of(&web).next().and_then(|handing| handing.seen.clone());
    ensure!(seen.is_some_and(|seen| seen.is_held_by(&hold("one"))), "it came unheld\n{record}");
    process.replayed().await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_a_deletion_while_nothing_ran_is_delivered<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    process.stop().await?;
    drop(process);

    world.delete(&web).await?;
    world.quiet().await;
    ensure!(world.see(&web).await?.deleting, "it is not being deleted");
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    let record = one.until_handed(&web, State::Deleting).await?;
    let deleting = record.of_in(&web, State::Deleting).next().map(|handing| &handing.delivery);
    let expected = Some((HoldState::Held, Cause::Replay));
    ensure!(deleting.map(|delivery| (delivery.hold, delivery.cause)) == expected, "{record}");
    world.until_gone(&web).await
}

pub(super) async fn q6_a_deletion_that_a_killed_queue_had_begun_is_begun_again<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|delivery, _| match delivery.state {
        State::Deleting => Reply::Hang,
        _ => Reply::Done,
    });
    let process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    process.kill().await;
    one.until("nothing in flight", |record| record.in_flight() == 0).await?;

    ensure!(world.see(&web).await?.is_held_by(&hold("one")), "the hold went with the process");
    one.answer(|_, _| Reply::Done);
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until("the deletion again", |record| record.of_in(&web, State::Deleting).count() == 2).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_the_hold_stays_until_the_deletion_is_done<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.looking_witness("one").answering(|delivery, nth| match (delivery.state, nth) {
        (State::Deleting, 2 | 3) => Reply::Fail,
        (State::Deleting, 4) => Reply::Requeue(Duration::from_millis(50), None),
        (State::Deleting, 5) => Reply::Never,
        (State::Deleting, 6) => Reply::Panic,
        _ => Reply::Done,
    });
    let _process = world.run([(world.wants_held("one")?.with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    let record = one.until_answered(&web, 7).await?;
    for handing in record.of(&web) {
        let held = handing.seen.as_ref().is_some_and(|seen| seen.is_held_by(&hold("one")));
        ensure!(held, "the hold was off before it was done: {handing:?}");
    }
    world.until_gone(&web).await?;
    world.settle([&one]).await?;
    one.expect("nothing more", |record| record.count(&web) == 7)?;
    Ok(())
}

pub(super) async fn q6_done_with_the_live_state_releases_nothing<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let (live, deleting) = (Gate::new(), Gate::new());
    let gates = (live.clone(), deleting.clone());
    let one = world.looking_witness("one").answering(move |delivery, _| match delivery.state {
        State::Live => Reply::behind(&gates.0),
        _ => Reply::behind(&gates.1),
    });
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_handed(&web, State::Live).await?;
    world.delete(&web).await?;
    // So that the deletion is known before the answer is.
    world.settle([&one]).await?;
    live.open();
    let record = one.until_handed(&web, State::Deleting).await?;
    world.settle([&one]).await?;
    ensure!(world.see(&web).await?.is_held_by(&hold("one")), "released without an answer\n{record}");
    deleting.open();
    world.until_gone(&web).await
}

/// The consumer answers for a version that the resource has left meanwhile.
pub(super) async fn q6_done_at_a_version_counts_only_at_that_version<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |delivery, nth| match (delivery.state, nth) {
        (State::Deleting, 2) => Reply::DoneAt(delivery.version).only_behind(&behind),
        _ => Reply::DoneAt(delivery.version),
    });
    let process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.touch(&web).await?;
    gate.open();
    world.until_gone(&web).await?;
    let record = one.until("nothing in flight", |record| record.in_flight() == 0).await?;
    let handings: Vec<_> =
        record.of_in(&web, State::Deleting).map(|one| (one.delivery.cause, one.delivery.attempt)).collect();
    ensure!(handings.len() >= 2, "it went by an answer for a version that it had left\n{record}");
    ensure!(handings.iter().all(|handing| *handing == (Cause::Change, 1)), "{handings:?}\n{record}");
    process
        .until("one", "nothing that fails or is lost", |progress| progress.failing + progress.lost == 0)
        .await?;
    Ok(())
}

pub(super) async fn q6_the_consumer_hears_that_its_hold_is_off<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    two.answer(|delivery, _| match delivery.state {
        State::Deleting => Reply::Fail,
        _ => Reply::Done,
    });
    let wants_two = world.wants_held("two")?.with_backoff(ENDLESS);
    let _process = world.run([(world.wants_held("one")?, &one), (wants_two, &two)])?;
    one.until_answered(&web, 1).await?;
    two.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until("that it is off", |record| record.released == [web.clone()]).await?;
    ensure!(!world.see(&web).await?.is_held_by(&hold("one")), "it is not off yet");
    world.settle([&one, &two]).await?;
    one.expect("to be told once", |record| record.released.len() == 1)?;
    two.expect("nothing of the other's", |record| record.released.is_empty())?;
    Ok(())
}

pub(super) async fn q6_one_consumers_failure_keeps_its_own_hold_alone<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let fails = |delivery: &Delivery, _| match delivery.state {
        State::Deleting => Reply::Fail,
        _ => Reply::Done,
    };
    let [bad, good] = [world.witness("bad").answering(fails), world.witness("good")];
    let wants = |name| Ok::<_, Failed>(world.wants_held(name)?.with_backoff(ENDLESS));
    let mut process = world.run([(wants("bad")?, &bad), (wants("good")?, &good)])?;
    process.replayed().await?;
    world.delete(&web).await?;
    bad.until_handed(&web, State::Deleting).await?;
    let only_bad = |seen: Option<&Seen>| {
        seen.is_some_and(|seen| seen.is_held_by(&hold("bad")) && !seen.is_held_by(&hold("good")))
    };
    world.until(&web, "is held by the one that failed alone", only_bad).await?;
    world.settle([&bad, &good]).await?;
    for witness in [&bad, &good] {
        let once = |record: &Record| record.of_in(&web, State::Deleting).count() == 1;
        witness.expect("one deleting delivery", once)?;
    }
    process.stop().await?;
    drop(process);

    bad.answer(|_, _| Reply::Done);
    let _process = world.run([(wants("bad")?, &bad), (wants("good")?, &good)])?;
    world.until_gone(&web).await
}

pub(super) async fn q6_it_goes_when_every_consumer_is_done<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gates = [Gate::new(), Gate::new()];
    let witness = |name, gate: &Gate| {
        let behind = gate.clone();
        world.witness(name).answering(move |delivery, _| match delivery.state {
            State::Deleting => Reply::behind(&behind),
            _ => Reply::Done,
        })
    };
    let [one, two] = [witness("one", &gates[0]), witness("two", &gates[1])];
    // One that holds nothing, whose `Done` frees nobody's.
    let plain = world.witness("plain");
    let process = world.run([
        (world.wants_held("one")?, &one),
        (world.wants_held("two")?, &two),
        (world.wants("plain"), &plain),
    ])?;
    process.replayed().await?;
    world.delete(&web).await?;
    for witness in [&one, &two, &plain] {
        witness.until_handed(&web, State::Deleting).await?;
    }
    world.settle([&one, &two, &plain]).await?;
    let held_by = |holds: &[&str]| {
        let holds: Vec<String> = holds.iter().map(|name| hold(name)).collect();
        move |seen: Option<&Seen>| {
            seen.is_some_and(|seen| {
                holds.iter().all(|hold| seen.holds.contains(hold)) && seen.holds.len() == holds.len()
            })
        }
    };
    world.until(&web, "is held by both", held_by(&["one", "two"])).await?;
    gates[0].open();
    world.until(&web, "is held by the second alone", held_by(&["two"])).await?;
    gates[1].open();
    world.until_gone(&web).await
}

pub(super) async fn q6_what_is_first_seen_deleting_is_not_held_and_is_told_so<D: Driver>(
    world: World<D>,
) -> Result {
    let late = world.make_deleting("late").await?;
    let one = world.witness("one");
    let process = world.run([(world.wants_held("one")?, &one)])?;
    let record = one.until_answered(&late, 1).await?;
    let first = record.of(&late).next().map(|handing| (handing.delivery.state, handing.delivery.hold));
    ensure!(first == Some((State::Deleting, HoldState::NotHeld)), "{record}");
    process.replayed().await?;
    world.settle([&one]).await?;
    ensure!(world.see(&late).await?.holds == [FOREIGN], "a hold was put on what is being deleted");
    world.let_go(&late).await?;
    world.until_gone(&late).await
}

pub(super) async fn q6_other_holds_are_left_alone<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    ensure!(world.see(&web).await?.is_held_by(FOREIGN), "a foreign hold was removed");
    world.delete(&web).await?;
    let only_foreign = |seen: Option<&Seen>| seen.is_some_and(|seen| seen.holds == [FOREIGN]);
    world.until(&web, "is held by the foreign hand alone", only_foreign).await?;
    world.settle([&one]).await?;
    one.expect("no delivery after its own release", |record| record.count(&web) == 2)?;
    ensure!(world.see(&web).await?.holds == [FOREIGN], "a foreign hold was removed");
    world.let_go(&web).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_a_hold_that_a_foreign_hand_takes_off_is_put_on_again<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    world.strip_holds(&web).await?;
    world.until_held_by(&web, &hold("one")).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_a_hold_that_is_taken_off_again_and_again_is_put_on_with_growing_pauses<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    for at_least in [0, 1, 2].map(Duration::from_secs) {
        let stripped = Instant::now();
        world.strip_holds(&web).await?;
        world.until_held_by(&web, &hold("one")).await?;
        let paused = stripped.elapsed();
        ensure!(paused >= at_least, "it was put on again after {paused:?}, sooner than {at_least:?}");
    }
    Ok(())
}

pub(super) async fn q6_a_deletion_that_is_forced_is_counted_as_lost<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|delivery, _| match delivery.state {
        State::Deleting => Reply::Fail,
        _ => Reply::Done,
    });
    let process = world.run([(world.wants_held("one")?.with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_answered(&web, 2).await?;
    world.strip_holds(&web).await?;
    process.until("one", "one that was lost", |progress| progress.lost == 1).await?;
    process.until("one", "nothing that fails", |progress| progress.failing == 0).await?;
    world.settle([&one]).await?;
    one.expect("nothing more of what has gone", |record| record.count(&web) == 2)?;
    Ok(())
}

/// The delivery is due and waits for its turn when a foreign hand removes the hold.
pub(super) async fn q6_a_delivery_whose_hold_is_lost_before_its_turn_waits_for_it<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Overload])?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one =
        world.looking_witness("one").answering(move |delivery, _| match &*delivery.envelope.resource.name {
            "first" => Reply::behind(&behind),
            _ => Reply::Done,
        });
    let process = world.run([(world.wants_held("one")?.with_concurrency(1), &one)])?;
    let first = world.make("first").await?;
    one.until_handed(&first, State::Live).await?;
    let web = world.make("web").await?;
    world.until_held_by(&web, &hold("one")).await?;
    process.until("one", "no resource that awaits its hold", |progress| progress.awaiting_hold == 0).await?;

    world.overload(2).await?;
    world.strip_holds(&web).await?;
    process.until("one", "one that awaits its hold", |progress| progress.awaiting_hold == 1).await?;
    gate.open();
    let record = one.until_answered(&web, 1).await?;
    let seen = record.of(&web).next().and_then(|handing| handing.seen.clone());
    ensure!(seen.is_some_and(|seen| seen.is_held_by(&hold("one"))), "it came unheld\n{record}");
    Ok(())
}
