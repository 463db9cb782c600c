//! Q14: who asks for it hears, once per uid and last, that a resource has left.

use super::*;

pub(super) async fn q14_what_has_left_is_told_once_to_those_who_ask<D: Driver>(world: World<D>) -> Result {
    let web = world.create(world.new_resource("web").labelled("app", "web").labelled("other", "x")).await?;
    let [one, unasked] = ["one", "unasked"].map(|name| world.witness(name));
    let wants = world.wants("one").with_gone().with_labels(["app"]);
    let process = world.run([(wants, &one), (world.wants("unasked"), &unasked)])?;
    process.replayed().await?;
    let last = world.see(&web).await?.version;
    world.delete(&web).await?;
    one.until_handed(&web, State::Gone).await?;
    world.settle([&one, &unasked]).await?;
    let record = one.expect("a live and a gone delivery", |record| record.count(&web) == 2)?;
    let gone = record.of(&web).next_back().map(|handing| handing.delivery.clone());
    let with_last_values = gone.is_some_and(|gone| {
        gone.state == State::Gone
            && gone.version >= last
            && gone.labels == [("app".to_owned(), "web".to_owned())]
    });
    ensure!(with_last_values, "not the last values known\n{record}");
    unasked.expect("one live delivery", |record| record.count(&web) == 1)?;
    Ok(())
}

pub(super) async fn q14_gone_is_never_routed_as_anything_else<D: Driver>(world: World<D>) -> Result {
    let web = world.make_deleting("web").await?;
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    world.let_go(&web).await?;
    let record = one.until_handed(&web, State::Gone).await?;
    let last = record.of(&web).next_back().map(|handing| &handing.delivery);
    let gone_with_timestamp =
        last.is_some_and(|last| last.state == State::Gone && last.envelope.is_deleting());
    ensure!(gone_with_timestamp, "{record}");
    world.settle([&one]).await?;
    one.expect("one Gone", |record| record.of_in(&web, State::Gone).count() == 1)?;
    Ok(())
}

pub(super) async fn q14_gone_waits_for_the_delivery_in_flight<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world
        .witness("one")
        .answering(move |_, nth| if nth == 1 { Reply::behind(&behind) } else { Reply::Done });
    let _process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until("the delivery", |record| record.in_flight() == 1).await?;
    world.delete(&web).await?;
    world.settle([&one]).await?;
    one.expect("no Gone yet", |record| record.count(&web) == 1)?;
    gate.open();
    one.until_handed(&web, State::Gone).await?;
    world.settle([&one]).await?;
    one.expect("a live and a gone delivery", |record| record.count(&web) == 2)?;
    Ok(())
}

pub(super) async fn q14_gone_ends_every_wait<D: Driver>(world: World<D>) -> Result {
    let names = ["failing", "parked", "requeued"];
    let mut made = Vec::new();
    for name in names {
        made.push(world.make(name).await?);
    }
    let one = world.witness("one").answering(|delivery, _| {
        match (delivery.state, &*delivery.envelope.resource.name) {
            (State::Gone, _) => Reply::Done,
            (_, "failing") => Reply::Fail,
            (_, "parked") => Reply::Never,
            _ => Reply::Requeue(YEAR, Some("key".into())),
        }
    });
    let process = world.run([(world.wants("one").with_gone().with_backoff(ENDLESS), &one)])?;
    process.replayed().await?;
    for resource in &made {
        world.delete(resource).await?;
        one.until_handed(resource, State::Gone).await?;
    }
    process.queue.wake(&"key".into());
    world.settle([&one]).await?;
    for resource in &made {
        one.expect("a live and a gone delivery", |record| record.count(resource) == 2)?;
    }
    ensure!(process.handle("one")?.progress().failing == 0, "what has gone counts as failing");
    Ok(())
}

pub(super) async fn q14_a_new_list_that_lacks_it_is_a_gone<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Outage, Fault::Expire])?;
    let [goes, stays] = [world.make("goes").await?, world.make("stays").await?];
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    world.take_down().await?;
    world.delete(&goes).await?;
    world.expire().await?;
    world.bring_up().await?;
    one.until_handed(&goes, State::Gone).await?;
    world.settle([&one]).await?;
    one.expect("one Gone", |record| record.of_in(&goes, State::Gone).count() == 1)?;
    one.expect("no Gone of what is there", |record| record.of_in(&stays, State::Gone).count() == 0)?;
    Ok(())
}

pub(super) async fn q14_what_left_between_two_runs_of_a_queue_is_told<D: Driver>(world: World<D>) -> Result {
    let [goes, stays] = [world.make("goes").await?, world.make("stays").await?];
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    process.stop().await?;
    world.delete(&goes).await?;
    process.start();
    one.until_handed(&goes, State::Gone).await?;
    world.settle([&one]).await?;
    one.expect("one Gone", |record| record.of_in(&goes, State::Gone).count() == 1)?;
    one.expect("no Gone of what is there", |record| record.of_in(&stays, State::Gone).count() == 0)?;
    Ok(())
}

pub(super) async fn q14_whose_own_done_released_it_is_not_told<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let [one, two] = ["one", "two"].map(|name| world.witness(name));
    let process =
        world.run([(world.wants_held("one")?.with_gone(), &one), (world.wants("two").with_gone(), &two)])?;
    process.replayed().await?;
    world.delete(&web).await?;
    world.until_gone(&web).await?;
    two.until_handed(&web, State::Gone).await?;
    world.settle([&one, &two]).await?;
    let live_and_deleting = |record: &Record| {
        record.of_in(&web, State::Gone).count() == 0 && record.of_in(&web, State::Deleting).count() == 1
    };
    one.expect("a deleting delivery and no Gone", live_and_deleting)?;
    two.expect("one Gone", |record| record.of_in(&web, State::Gone).count() == 1)?;
    Ok(())
}

pub(super) async fn q14_whose_hold_was_taken_by_force_is_told<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|delivery, _| match delivery.state {
        State::Deleting => Reply::Fail,
        _ => Reply::Done,
    });
    let _process = world.run([(world.wants_held("one")?.with_gone().with_backoff(ENDLESS), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_answered(&web, 2).await?;
    world.strip_holds(&web).await?;
    one.until_handed(&web, State::Gone).await?;
    Ok(())
}

pub(super) async fn q14_gone_comes_again_until_it_is_done<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let one = world.witness("one").answering(|delivery, nth| match (delivery.state, nth) {
        (State::Gone, 2) => Reply::Fail,
        (State::Gone, 3) => Reply::Requeue(Duration::from_millis(10), None),
        (State::Gone, 4) => Reply::Panic,
        _ => Reply::Done,
    });
    let _process = world.run([(world.wants("one").with_gone().with_backoff(SHORT), &one)])?;
    one.until_answered(&web, 1).await?;
    world.delete(&web).await?;
    one.until_answered(&web, 5).await?;
    world.settle([&one]).await?;
    one.expect("four tries of Gone", |record| record.of_in(&web, State::Gone).count() == 4)?;
    Ok(())
}

pub(super) async fn q14_a_recreated_resource_is_live_and_its_former_gone<D: Driver>(
    world: World<D>,
) -> Result {
    let former = world.make("web").await?;
    let one = world.witness("one");
    let _process = world.run([(world.wants("one").with_gone(), &one)])?;
    one.until_answered(&former, 1).await?;
    world.delete(&former).await?;
    world.until_gone(&former).await?;
    let successor = world.make("web").await?;
    one.until_handed(&former, State::Gone).await?;
    one.until_handed(&successor, State::Live).await?;
    world.settle([&one]).await?;
    one.expect("two and one", |record| record.count(&former) == 2 && record.count(&successor) == 1)?;
    Ok(())
}

pub(super) async fn q14_leaving_the_selector_is_not_leaving<D: Driver>(world: World<D>) -> Result {
    let web = world.create(world.new_resource("web").labelled("app", "web")).await?;
    let [one, all] = ["one", "all"].map(|name| world.witness(name));
    let wants = world.wants("one").with_gone().matching("app=web".parse()?);
    let process = world.run([(wants, &one), (world.wants("all"), &all)])?;
    process.replayed().await?;
    world.relabel(&web, &[("app", "other")]).await?;
    world.settle([&all]).await?;
    one.expect("no Gone of what is there", |record| record.of_in(&web, State::Gone).count() == 0)?;
    Ok(())
}
