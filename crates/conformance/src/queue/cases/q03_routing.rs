//! Q3: the deletion timestamp decides, and there is no way back.

use super::*;

pub(super) async fn q3_the_deletion_timestamp_decides<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.settle([&one]).await?;
    let record = one.record();
    for handing in record.of(&web) {
        let Delivery { state, envelope, .. } = &handing.delivery;
        ensure!((*state == State::Deleting) == envelope.deletion_timestamp.is_some(), "{record}");
    }
    let first = record.of(&web).next().map(|handing| handing.delivery.state);
    ensure!(first == Some(State::Live), "{record}");
    Ok(())
}

pub(super) async fn q3_what_is_being_deleted_is_never_live_again<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let one = world.witness("one").answering(|_, nth| if nth % 2 == 0 { Reply::Fail } else { Reply::Done });
    let mut process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.touch(&web).await?;
    world.update(&web).await?;
    world.relabel(&web, &[("app", "web")]).await?;
    if world.forces().contains(&Fault::Disconnect) {
        world.disconnect().await?;
    }
    world.settle([&one]).await?;
    process.stop().await?;

    let seen = one.count(&web);
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, seen + 1).await?;
    world.settle([&one]).await?;
    one.expect("one live delivery", |record| record.of_in(&web, State::Live).count() == 1)?;
    Ok(())
}

pub(super) async fn q3_a_deletion_overtakes_what_waits<D: Driver>(world: World<D>) -> Result {
    let [failing, requeued, parked] = [
        world.make_held("failing").await?,
        world.make_held("requeued").await?,
        world.make_held("parked").await?,
    ];
    let one =
        world.witness("one").answering(|delivery, nth| match (&*delivery.envelope.resource.name, nth) {
            ("failing", 1) => Reply::Fail,
            ("requeued", 1) => Reply::Requeue(YEAR, Some("key".into())),
            ("parked", 1) => Reply::Never,
            _ => Reply::Done,
        });
    let process = world.run([(world.wants("one").with_backoff(ENDLESS), &one)])?;
    process.replayed().await?;
    for resource in [&failing, &requeued, &parked] {
        world.delete(resource).await?;
        one.until_handed(resource, State::Deleting).await?;
    }
    process.queue.wake(&"key".into());
    world.settle([&one]).await?;
    for resource in [&failing, &requeued, &parked] {
        one.expect("a deleting delivery, and no other", |record| record.count(resource) == 2)?;
    }
    Ok(())
}

pub(super) async fn q3_a_deletion_during_a_live_delivery_comes_next<D: Driver>(world: World<D>) -> Result {
    let web = world.make_held("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world
        .witness("one")
        .answering(move |_, nth| if nth == 1 { Reply::behind(&behind) } else { Reply::Done });
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until("the delivery", |record| record.count(&web) == 1).await?;
    world.delete(&web).await?;
    world.settle([&one]).await?;
    gate.open();
    let record = one.until_answered(&web, 2).await?;
    let states: Vec<State> = record.of(&web).map(|handing| handing.delivery.state).collect();
    ensure!(states == [State::Live, State::Deleting], "{record}");
    Ok(())
}

/// Even where the system of record takes the deletion back: who has begun to clean up has begun.
pub(super) async fn q3_a_roll_back_makes_no_deletion_undone<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::RollBack])?;
    let web = world.make_held("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&web, 1).await?;
    world.save().await?;
    world.delete(&web).await?;
    one.until_handed(&web, State::Deleting).await?;
    world.roll_back().await?;
    world.settle([&one]).await?;
    world.update(&web).await?;
    world.settle([&one]).await?;
    one.expect("one live delivery", |record| record.of_in(&web, State::Live).count() == 1)?;
    Ok(())
}
