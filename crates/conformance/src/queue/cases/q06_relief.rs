//! Q6: whose a hold is, whom it does not concern, and what happens when nobody wants it any more.

use super::*;

pub(super) async fn q6_what_leaves_the_selector_is_relieved_of_the_hold<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.create(world.new_resource("web").labelled("app", "web")).await?;
    let [one, all] = ["one", "all"].map(|name| world.witness(name));
    let wants = world.wants_held("one")?.matching("app=web".parse()?);
    let _process = world.run([(wants, &one), (world.wants("all"), &all)])?;
    one.until_answered(&web, 1).await?;
    world.until_held_by(&web, &hold("one")).await?;

    world.relabel(&web, &[("app", "other")]).await?;
    world.until(&web, "is held by nobody", |seen| seen.is_some_and(|seen| seen.holds.is_empty())).await?;
    world.delete(&web).await?;
    world.until_gone(&web).await?;
    world.settle([&all]).await?;
    one.expect("no deletion of what it does not want", |record| {
        record.of_in(&web, State::Deleting).count() == 0
    })?;
    Ok(())
}

pub(super) async fn q6_what_comes_back_into_the_selector_is_held_again<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.looking_witness("one");
    let wants = world.wants_held("one")?.matching("app=web".parse()?);
    let _process = world.run([(wants, &one)])?;
    for round in 1..=2 {
        world.relabel(&web, &[("app", "web")]).await?;
        world.until_held_by(&web, &hold("one")).await?;
        one.until("its delivery", |record| record.count(&web) >= round).await?;
        if round == 1 {
            world.relabel(&web, &[]).await?;
            world
                .until(&web, "is held by nobody", |seen| seen.is_some_and(|seen| seen.holds.is_empty()))
                .await?;
        }
    }
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_what_is_outside_of_the_selector_at_the_start_is_relieved_too<D: Driver>(
    world: World<D>,
) -> Result {
    let wants = world.wants_held("one")?.matching("app=web".parse()?);
    let left = world.create(world.new_resource("left").held_by(&hold("one")).held_by(FOREIGN)).await?;
    let one = world.witness("one");
    let process = world.run([(wants, &one)])?;
    let only_foreign = |seen: Option<&Seen>| seen.is_some_and(|seen| seen.holds == [FOREIGN]);
    world.until(&left, "is held by the foreign hand alone", only_foreign).await?;
    process.replayed().await?;
    ensure!(one.count(&left) == 0, "what is outside of the selector was delivered");
    Ok(())
}

/// Labels decide what is held while it lives. A deletion that carries the hold is delivered, whatever
/// the labels are by then, to whoever holds it; and to a consumer that wants it by now, not held.
pub(super) async fn q6_a_deletion_that_left_the_selector_while_nothing_ran_is_delivered<D: Driver>(
    world: World<D>,
) -> Result {
    let before = world.create(world.new_resource("before").labelled("app", "web")).await?;
    let after = world.create(world.new_resource("after").labelled("app", "web")).await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let wants = || {
        let one = world.wants_held("one")?.matching("app=web".parse()?).with_gone();
        Ok::<_, Failed>([one, world.wants_held("two")?.matching("app=other".parse()?)])
    };
    let [wants_one, wants_two] = wants()?;
    let mut process = world.run([(wants_one, &one), (wants_two, &two)])?;
    process.replayed().await?;
    process.stop().await?;
    drop(process);

    world.relabel(&before, &[("app", "other")]).await?;
    world.delete(&before).await?;
    world.delete(&after).await?;
    world.relabel(&after, &[("app", "other")]).await?;
    let [wants_one, wants_two] = wants()?;
    let process = world.run([(wants_one, &one), (wants_two, &two)])?;
    for resource in [&before, &after] {
        world.until_gone(resource).await?;
        for (witness, hold) in [(&one, HoldState::Held), (&two, HoldState::NotHeld)] {
            let record = witness.until_handed(resource, State::Deleting).await?;
            let holds: Vec<HoldState> =
                record.of_in(resource, State::Deleting).map(|handing| handing.delivery.hold).collect();
            ensure!(holds.first() == Some(&hold), "{} was {holds:?}\n{record}", resource.name);
        }
    }
    process.replayed().await?;
    world.settle([]).await?;
    let told =
        |record: &Record| [&before, &after].map(|resource| record.of_in(resource, State::Gone).count());
    one.expect("no Gone of what its own Done released", |record| told(record) == [0, 0])?;
    Ok(())
}

/// A scope that was narrowed releases live resources alone.
pub(super) async fn q6_a_deletion_in_a_former_scope_is_delivered<D: Driver>(world: World<D>) -> Result {
    let elsewhere = |name: &str| Draft::new(world.kind(0), world.namespace(1), name);
    let [live, deleted] = [elsewhere("live"), elsewhere("deleted")].map(|draft| world.create(draft));
    let (live, deleted) = (live.await?, deleted.await?);
    let one = world.witness("one");
    let both = || [world.namespace(0), world.namespace(1)];
    let mut process = world.run([(world.wants_held("one")?.in_namespaces(both()), &one)])?;
    process.replayed().await?;
    process.stop().await?;
    drop(process);
    let before = one.count(&live);

    world.delete(&deleted).await?;
    let narrowed = world.wants_held("one")?.formerly_in(Scope::Namespaces(both().into()));
    let process = world.run([(narrowed, &one)])?;
    world.until_gone(&deleted).await?;
    let held = |handing: &Handing| handing.delivery.hold == HoldState::Held;
    one.expect("the deletion, held", |record| record.of_in(&deleted, State::Deleting).any(held))?;
    world.until(&live, "is held by nobody", |seen| seen.is_some_and(|seen| seen.holds.is_empty())).await?;
    process.replayed().await?;
    ensure!(one.count(&live) == before, "what is live outside of the scope was delivered");
    Ok(())
}

pub(super) async fn q6_an_ended_subscription_leaves_its_holds_for_the_next<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let mut process = world.run([(world.wants_held("one")?, &one), (world.wants("two"), &two)])?;
    one.until_answered(&web, 1).await?;
    process.close("one");

    world.delete(&web).await?;
    two.until_handed(&web, State::Deleting).await?;
    world.settle([&two]).await?;
    ensure!(world.see(&web).await?.is_held_by(&hold("one")), "the hold went with the subscription");
    one.expect("nothing after the end", |record| record.of_in(&web, State::Deleting).count() == 0)?;

    process.subscribe(world.wants_held("one")?, &one)?;
    one.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

/// A consumer that has no effects on live resources does not wait for marks; one that has, does.
pub(super) async fn q6_a_consumer_of_deletions_alone_does_not_wait_for_its_hold<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Overload])?;
    let [gated, free] = ["gated", "free"].map(|name| world.witness(name));
    let wants_free = world.wants("free").holding(Hold::for_deletions(hold("free")));
    let process = world.run([(world.wants_held("gated")?, &gated), (wants_free, &free)])?;
    process.replayed().await?;
    // The watch is open once something came by it; what is overloaded before does not open.
    world.settle([&gated, &free]).await?;

    world.overload(u32::MAX).await?;
    let web = world.make("web").await?;
    let record = free.until_handed(&web, State::Live).await?;
    let first = record.of(&web).next().map(|handing| handing.delivery.hold);
    ensure!(first == Some(HoldState::NotHeld), "{record}");
    world.settle([&free]).await?;
    ensure!(gated.count(&web) == 0, "delivered before its hold was on");

    world.overload(0).await?;
    gated.until_handed(&web, State::Live).await?;
    world.until_held_by(&web, &hold("free")).await?;
    world.delete(&web).await?;
    free.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

pub(super) async fn q6_nothing_is_written_to_a_resource_that_nobody_holds<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|_, nth| if nth == 1 { Reply::Fail } else { Reply::Done });
    let _process = world.run([(world.wants("one").with_gone().with_backoff(SHORT), &one)])?;
    let before = world.see(&web).await?;
    one.until_answered(&web, 2).await?;
    world.settle([&one]).await?;
    let after = world.see(&web).await?;
    ensure!(before == after, "it was {before:?} and is {after:?}");
    Ok(())
}

pub(super) async fn q6_names_and_holds_belong_to_one_subscription<D: Driver>(world: World<D>) -> Result {
    let one = world.witness("one");
    let mut process = world.process(Duration::from_secs(1));
    process.subscribe(world.wants_held("one")?, &one)?;
    let refused = |subscription| process.queue.subscribe(subscription, one.clone()).err();
    let same_name = refused(world.wants("one"));
    ensure!(matches!(same_name, Some(Error::NameTaken { .. })), "the same name: {same_name:?}");
    let same_hold = refused(world.wants("two").holding(Hold::new(hold("one"))));
    ensure!(matches!(same_hold, Some(Error::HoldTaken { .. })), "the same hold: {same_hold:?}");
    let no_kinds = refused(Subscription::new("three", []));
    ensure!(matches!(no_kinds, Some(Error::InvalidSubscription { .. })), "no kinds: {no_kinds:?}");

    process.close("one");
    process.subscribe(world.wants_held("one")?, &one)?;
    let web = world.make("web").await?;
    process.start();
    one.until_answered(&web, 1).await?;
    Ok(())
}

/// For both values of the capability: what cannot be kept is refused, and what is accepted is kept.
pub(super) async fn q6_a_hold_is_refused_where_it_cannot_be_kept<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.process(Duration::from_secs(1));
    let wants = world.wants("one").holding(Hold::new(hold("one")));
    if process.queue.capabilities().holds_deletion {
        process.subscribe(wants, &one)?;
        process.start();
        world.until_held_by(&web, &hold("one")).await
    } else {
        let refused = process.queue.subscribe(wants, one.clone()).err();
        ensure!(
            matches!(refused, Some(Error::CannotHold { .. })),
            "accepted, or refused otherwise: {refused:?}"
        );
        process.subscribe(world.wants("one"), &one)?;
        process.start();
        one.until_answered(&web, 1).await?;
        Ok(())
    }
}
