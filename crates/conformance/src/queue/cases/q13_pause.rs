//! Q13: live work and deletions can be held back separately, and nothing is lost.

use super::*;

const NOTHING: Pause = Pause { live: false, deletions: false };
const LIVE: Pause = Pause { live: true, deletions: false };
const DELETIONS: Pause = Pause { live: false, deletions: true };
const EVERYTHING: Pause = Pause { live: true, deletions: true };

const OFTEN: Duration = Duration::from_millis(500);

pub(super) async fn q13_live_work_waits_while_deletions_go_on<D: Driver>(world: World<D>) -> Result {
    let [web, goes] = [world.make("web").await?, world.make_held("goes").await?];
    let one = world.witness("one");
    let process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;
    process.queue.pause(LIVE);
    world.update(&web).await?;
    world.update(&web).await?;
    let new = world.make("new").await?;
    world.delete(&goes).await?;
    // It happened later, so what did not come by then is held back.
    one.until_handed(&goes, State::Deleting).await?;
    world.quiet().await;
    one.expect("no live work", |record| record.count(&web) == 1 && record.count(&new) == 0)?;

    process.queue.pause(NOTHING);
    let newest = world.see(&web).await?.version;
    let record = one.until_answered(&web, 2).await?;
    ensure!(record.of(&web).any(|handing| handing.delivery.version == newest), "{record}");
    one.until_answered(&new, 1).await?;
    Ok(())
}

pub(super) async fn q13_deletions_wait_while_live_work_goes_on<D: Driver>(world: World<D>) -> Result {
    let [held, gone] = [world.make_held("held").await?, world.make("gone").await?];
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    process.queue.pause(DELETIONS);
    world.delete(&held).await?;
    world.delete(&gone).await?;
    world.settle([&one]).await?;
    one.expect("no deletion", |record| record.count(&held) == 1 && record.count(&gone) == 1)?;

    process.queue.pause(NOTHING);
    one.until_handed(&held, State::Deleting).await?;
    one.until_handed(&gone, State::Gone).await?;
    Ok(())
}

pub(super) async fn q13_a_held_deletion_waits_with_its_hold<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one");
    let process = world.run([(world.wants_held("one")?, &one)])?;
    one.until_answered(&web, 1).await?;
    process.queue.pause(EVERYTHING);
    world.delete(&web).await?;
    world.quiet().await;
    ensure!(world.see(&web).await?.is_held_by(&hold("one")), "released while paused");
    process.queue.pause(NOTHING);
    one.until_handed(&web, State::Deleting).await?;
    world.until_gone(&web).await
}

pub(super) async fn q13_a_pause_before_the_start_holds_the_replay_back<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 3).await?;
    let one = world.witness("one");
    let mut process = world.process(Duration::from_secs(1));
    process.subscribe(world.wants("one"), &one)?;
    process.queue.pause(EVERYTHING);
    process.start();
    process.until("one", "three of them listed", |progress| progress.listed == 3).await?;
    world.quiet().await;
    one.expect("nothing", |record| record.handings.is_empty())?;
    ensure!(!process.handle("one")?.progress().replayed, "replayed, although nothing was delivered");

    process.queue.pause(NOTHING);
    process.replayed().await?;
    for resource in &made {
        one.until_answered(resource, 1).await?;
    }
    Ok(())
}

pub(super) async fn q13_retries_and_requeues_wait_too<D: Driver>(world: World<D>) -> Result {
    let [failing, requeued] = [world.make("failing").await?, world.make("requeued").await?];
    let one = world.witness("one").answering(|delivery, _| match &*delivery.envelope.resource.name {
        "failing" => Reply::Fail,
        _ => Reply::Requeue(OFTEN, None),
    });
    let backoff = Backoff { base: OFTEN, cap: OFTEN };
    let process = world.run([(world.wants("one").with_backoff(backoff), &one)])?;
    one.until_answered(&failing, 2).await?;
    one.until_answered(&requeued, 2).await?;
    process.queue.pause(LIVE);
    one.until("nothing in flight", |record| record.in_flight() == 0).await?;
    // What was admitted just before the pause has come by then.
    tokio::time::sleep(OFTEN).await;
    let before = one.record().handings.len();
    world.quiet().await;
    one.expect("nothing while paused", |record| record.handings.len() == before)?;

    process.queue.pause(NOTHING);
    for resource in [&failing, &requeued] {
        let times = one.count(resource);
        one.until_answered(resource, times + 2).await?;
    }
    Ok(())
}

pub(super) async fn q13_what_was_in_flight_finishes_and_what_became_a_deletion_waits<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make_held("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world
        .witness("one")
        .answering(move |_, nth| if nth == 1 { Reply::behind(&behind) } else { Reply::Done });
    let process = world.run([(world.wants("one"), &one)])?;
    one.until("the delivery", |record| record.in_flight() == 1).await?;
    process.queue.pause(DELETIONS);
    world.delete(&web).await?;
    gate.open();
    one.until_answered(&web, 1).await?;
    world.settle([&one]).await?;
    one.expect("no deletion", |record| record.count(&web) == 1)?;
    process.queue.pause(NOTHING);
    one.until_handed(&web, State::Deleting).await?;
    Ok(())
}
