//! Q12: backend errors are survived, by resumption or a full list.

use super::*;

/// After a fault: what is there, what is new, what changes and what goes is all still seen.
async fn goes_on<D: Driver>(world: &World<D>, one: &Witness, there: &ResourceId, label: &str) -> Result {
    let before = one.count(there);
    world.update(there).await?;
    let new = world.make(&format!("after-{label}")).await?;
    one.until(&format!("a change after {label}"), |record| record.count(there) > before).await?;
    one.until_answered(&new, 1).await?;
    world.delete(&new).await?;
    one.until_handed(&new, State::Gone).await?;
    // Time enough to end by itself, which it must not.
    world.quiet().await;
    Ok(())
}

pub(super) async fn q12_a_broken_connection_is_resumed<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Disconnect])?;
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&web, 1).await?;
    for round in ["one", "two", "three"] {
        let goes = world.make(&format!("goes-{round}")).await?;
        one.until_answered(&goes, 1).await?;
        world.disconnect().await?;
        // At once, and so before a new connection is there.
        world.delete(&goes).await?;
        let comes = world.make(&format!("comes-{round}")).await?;
        one.until_handed(&goes, State::Gone).await?;
        one.until_answered(&comes, 1).await?;
        goes_on(&world, &one, &web, &format!("break-{round}")).await?;
    }
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_expired_version_leads_to_a_new_list<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Expire])?;
    let [web, goes] = [world.make("web").await?, world.make("goes").await?];
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    world.delete(&goes).await?;
    let comes = world.make("comes").await?;
    world.expire().await?;
    one.until_handed(&goes, State::Gone).await?;
    one.until_answered(&comes, 1).await?;
    goes_on(&world, &one, &web, "expiry").await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_overload_at_the_start_is_waited_out<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Overload])?;
    let web = world.make("web").await?;
    world.overload(3).await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    one.until_answered(&web, 1).await?;
    goes_on(&world, &one, &web, "overload").await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_overload_delays_holds_and_loses_none<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Overload])?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants_held("one")?, &one)])?;
    process.replayed().await?;
    world.overload(3).await?;
    let made = world.make_many("web", 3).await?;
    for resource in &made {
        one.until_answered(resource, 1).await?;
    }
    world.overload(3).await?;
    for resource in &made {
        world.delete(resource).await?;
    }
    for resource in &made {
        one.until_handed(resource, State::Deleting).await?;
        world.until_gone(resource).await?;
    }
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_outage_is_shown_and_survived<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Outage])?;
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&web, 1).await?;
    world.take_down().await?;
    let fails = |progress: &Progress| {
        progress
            .sources
            .iter()
            .any(|source| matches!(&source.state, SourceState::Failing { reason } if !reason.is_empty()))
    };
    process.until("one", "a source that fails, with a reason", fails).await?;
    world.quiet().await;
    process.expect_running()?;
    world.bring_up().await?;
    goes_on(&world, &one, &web, "outage").await?;
    let synced =
        |progress: &Progress| progress.sources.iter().all(|source| source.state == SourceState::Synced);
    process.until("one", "a source that is synced again", synced).await?;
    one.expect("no Gone of what was only out of reach", |record| {
        record.of_in(&web, State::Gone).count() == 0
    })?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_outage_at_the_start_is_waited_out<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Outage])?;
    let web = world.make("web").await?;
    world.take_down().await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one"), &one)])?;
    world.quiet().await;
    ensure!(!process.handle("one")?.progress().replayed, "replayed, although nothing could be listed");
    world.bring_up().await?;
    process.replayed().await?;
    one.until_answered(&web, 1).await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_an_outage_during_a_release_loses_nothing<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Outage])?;
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |delivery, _| match delivery.state {
        State::Deleting => Reply::behind(&behind),
        _ => Reply::Done,
    });
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.take_down().await?;
    gate.open();
    world.quiet().await;
    world.bring_up().await?;
    world.until_gone(&web).await
}

pub(super) async fn q12_an_outage_in_the_middle_of_a_list_is_survived<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::StallLists, Fault::Outage])?;
    let count = 2 * world.page_size() + 1;
    let made = world.make_many("web", count).await?;
    world.stall_lists().await?;
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until("a first delivery", |record| !record.handings.is_empty()).await?;
    world.take_down().await?;
    world.resume_lists().await?;
    world.bring_up().await?;
    process.replayed().await?;
    for resource in &made {
        one.until_answered(resource, 1).await?;
    }
    one.expect("no Gone of what a list did not come to", |record| {
        record.handings.iter().all(|handing| handing.delivery.state == State::Live)
    })?;
    Ok(())
}

pub(super) async fn q12_a_version_that_moved_backwards_is_noticed<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::RollBack])?;
    let web = world.make("web").await?;
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&web, 1).await?;
    world.save().await?;
    for times in 2..6 {
        world.update(&web).await?;
        one.until_answered(&web, times).await?;
    }
    let undone = world.make("undone").await?;
    one.until_answered(&undone, 1).await?;
    let newest = world.see(&web).await?.version;

    world.roll_back().await?;
    let noticed = |progress: &Progress| progress.sources.iter().any(|source| source.rollbacks >= 1);
    process.until("one", "a source that was rolled back", noticed).await?;
    one.until_handed(&undone, State::Gone).await?;
    let before = one.count(&web);
    world.update(&web).await?;
    let version = world.see(&web).await?.version;
    ensure!(version < newest, "the driver did not roll back: {version} after {newest}");
    let delivered =
        |record: &Record| record.of(&web).skip(before).any(|handing| handing.delivery.version == version);
    one.until("a change with a version from before", delivered).await?;
    goes_on(&world, &one, &web, "roll-back").await?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q12_a_roll_back_brings_back_what_had_gone<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::RollBack])?;
    let [web, stays] = [world.make("web").await?, world.make("stays").await?];
    let one = world.witness("one");
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    world.save().await?;
    world.delete(&web).await?;
    world.update(&stays).await?;
    one.until_answered(&stays, 2).await?;
    world.roll_back().await?;
    one.until_answered(&web, 2).await?;
    Ok(())
}
