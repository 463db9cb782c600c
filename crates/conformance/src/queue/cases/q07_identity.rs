//! Q7: no action meant for one uid ever reaches a resource with another uid under the same name.

use super::*;

/// Deletes a resource that nobody holds, and makes another by its name.
async fn recreate<D: Driver>(world: &World<D>, former: &ResourceId) -> Result<ResourceId> {
    world.delete(former).await?;
    world.until_gone(former).await?;
    let successor = world.make(&former.name).await?;
    ensure!(successor.uid != former.uid, "the driver gave a uid twice");
    Ok(successor)
}

/// That nothing was said of `former` once its successor had been seen.
fn nothing_after_successor(record: &Record, former: &ResourceId, successor: &ResourceId) -> bool {
    let first = record.handings.iter().position(|handing| handing.is_of(successor));
    first.is_some_and(|first| !record.handings[first..].iter().any(|handing| handing.is_of(former)))
}

pub(super) async fn q7_a_resource_recreated_while_nothing_ran_is_another<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let one = world.witness("one").answering(|_, _| Reply::Fail);
    let mut process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&former, 3).await?;
    process.stop().await?;

    one.answer(|_, _| Reply::Done);
    let before = one.count(&former);
    let successor = recreate(&world, &former).await?;
    process.start();
    let record = one.until_answered(&successor, 1).await?;
    ensure!(tries(&record, &successor)[0] == (Cause::Replay, 1), "{record}");
    process.stop().await?;
    drop(process);
    let _process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&successor, 2).await?;
    world.settle([&one]).await?;
    one.expect("nothing of the former", |record| record.count(&former) == before)?;
    Ok(())
}

pub(super) async fn q7_a_resource_recreated_during_a_delivery_is_another<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let gate = Gate::new();
    let (behind, uid) = (gate.clone(), former.uid.clone());
    let one =
        world.witness("one").answering(move |delivery, _| match delivery.envelope.resource.uid == uid {
            true => Reply::Fail.only_behind(&behind),
            false => Reply::Done,
        });
    let _process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until("the delivery", |record| record.count(&former) == 1).await?;
    let successor = recreate(&world, &former).await?;
    let record = one.until_answered(&successor, 1).await?;
    ensure!(tries(&record, &successor)[0].1 == 1, "{record}");
    gate.open();
    one.until_answered(&former, 1).await?;
    world.settle([&one]).await?;
    one.expect("one delivery of each", |record| record.count(&former) == 1 && record.count(&successor) == 1)?;
    Ok(())
}

pub(super) async fn q7_a_resource_recreated_while_its_former_failed_starts_afresh<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let uid = former.uid.clone();
    let one =
        world.witness("one").answering(move |delivery, _| match delivery.envelope.resource.uid == uid {
            true => Reply::Fail,
            false => Reply::Done,
        });
    let process = world.run([(world.wants("one").with_backoff(SHORT), &one)])?;
    one.until_answered(&former, 3).await?;
    let successor = recreate(&world, &former).await?;
    let record = one.until_answered(&successor, 1).await?;
    ensure!(tries(&record, &successor)[0] == (Cause::Change, 1), "{record}");
    world.settle([&one]).await?;
    one.expect("no retry of the former", |record| nothing_after_successor(record, &former, &successor))?;
    ensure!(process.handle("one")?.progress().failing == 0, "what has gone counts as failing");
    Ok(())
}

pub(super) async fn q7_what_waited_for_the_former_does_not_wake_its_successor<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let uid = former.uid.clone();
    let one =
        world.witness("one").answering(move |delivery, _| match delivery.envelope.resource.uid == uid {
            true => Reply::Requeue(YEAR, Some("key".into())),
            false => Reply::Done,
        });
    let process = world.run([(world.wants("one"), &one)])?;
    one.until_answered(&former, 1).await?;
    let successor = recreate(&world, &former).await?;
    one.until_answered(&successor, 1).await?;
    process.queue.wake(&"key".into());
    world.settle([&one]).await?;
    one.expect("one delivery of each", |record| record.count(&former) == 1 && record.count(&successor) == 1)?;
    Ok(())
}

/// The consumer is still cleaning up after the former one when a foreign hand forces its deletion
/// and another one takes its name: the answer must not free that one.
pub(super) async fn q7_a_release_meant_for_the_former_does_not_free_its_successor<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |delivery, _| match delivery.state {
        State::Deleting => Reply::behind(&behind),
        _ => Reply::Done,
    });
    let _process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&former, 1).await?;
    world.delete(&former).await?;
    one.until_handed(&former, State::Deleting).await?;
    world.strip_holds(&former).await?;
    world.until_gone(&former).await?;
    let successor = world.make("web").await?;
    one.until_answered(&successor, 1).await?;
    world.until_held_by(&successor, &hold("one")).await?;

    gate.open();
    one.until("the answer for the former", |record| record.in_flight() == 0).await?;
    world.settle([&one]).await?;
    let seen = world.see(&successor).await?;
    ensure!(seen.is_held_by(&hold("one")) && !seen.deleting, "the successor was freed: {seen:?}");
    one.expect("one live delivery of the successor", |record| record.count(&successor) == 1)?;
    Ok(())
}

pub(super) async fn q7_a_resource_recreated_while_disconnected_is_another<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Disconnect])?;
    let former = world.make("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&former, 1).await?;
    world.disconnect().await?;
    let successor = recreate(&world, &former).await?;
    one.until_answered(&successor, 1).await?;
    one.until_handed(&former, State::Gone).await?;
    world.settle([&one]).await?;
    one.expect("the former gone and the successor live", |record| {
        record.count(&former) == 2 && record.count(&successor) == 1
    })?;
    Ok(())
}

pub(super) async fn q7_a_resource_recreated_between_two_lists_is_another<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Outage, Fault::Expire])?;
    let former = world.make("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&former, 1).await?;
    world.take_down().await?;
    let successor = recreate(&world, &former).await?;
    world.expire().await?;
    world.bring_up().await?;
    one.until_answered(&successor, 1).await?;
    one.until_handed(&former, State::Gone).await?;
    Ok(())
}
