//! Q5: a slow or failing consumer neither delays another nor makes it run again.

use super::*;

pub(super) async fn q5_a_slow_consumer_delays_nobody<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 10).await?;
    let [slow, fast] = [world.witness("slow").answering(|_, _| Reply::Hang), world.witness("fast")];
    let few = world.wants("slow").with_concurrency(2);
    let mut process =
        world.run_with_grace(Duration::from_millis(100), [(few, &slow), (world.wants("fast"), &fast)])?;
    slow.until("both of its places are taken", |record| record.in_flight() == 2).await?;
    for resource in &made {
        fast.until_answered(resource, 1).await?;
        world.update(resource).await?;
    }
    for resource in &made {
        fast.until_answered(resource, 2).await?;
    }
    process.stop().await?;
    Ok(())
}

pub(super) async fn q5_two_consumers_have_the_same_resource_at_once<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let witness = |name| {
        let behind = gate.clone();
        world.witness(name).answering(move |_, _| Reply::behind(&behind))
    };
    let [one, two] = ["one", "two"].map(witness);
    let process = world.run([(world.wants("one"), &one), (world.wants("two"), &two)])?;
    for witness in [&one, &two] {
        witness.until("the delivery", |record| record.count(&web) == 1).await?;
    }
    gate.open();
    process.replayed().await
}

pub(super) async fn q5_a_failing_consumer_makes_no_other_run_again<D: Driver>(world: World<D>) -> Result {
    let web = world.make("web").await?;
    let fails = |_: &Delivery, nth: usize| if nth <= 4 { Reply::Fail } else { Reply::Done };
    let [one, two, three] =
        [world.witness("one"), world.witness("two").answering(fails), world.witness("three")];
    let wants = |name| world.wants(name).with_backoff(SHORT);
    let _process = world.run([(wants("one"), &one), (wants("two"), &two), (wants("three"), &three)])?;
    two.until_answered(&web, 5).await?;
    world.settle([&one, &two, &three]).await?;
    for witness in [&one, &three] {
        witness.expect("one delivery", |record| record.count(&web) == 1)?;
    }
    Ok(())
}

pub(super) async fn q5_a_consumer_that_always_fails_keeps_nothing_from_the_rest<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let fails = |_: &Delivery, _| Reply::Fail;
    let [one, two] = [world.witness("one").answering(fails), world.witness("two")];
    let _process = world.run([(world.wants("one").with_backoff(SHORT), &one), (world.wants("two"), &two)])?;
    one.until_answered(&web, 3).await?;
    two.until_answered(&web, 1).await?;
    for times in 2..5 {
        world.update(&web).await?;
        two.until_answered(&web, times).await?;
    }
    Ok(())
}

pub(super) async fn q5_a_panic_is_a_failure_like_any_other<D: Driver>(world: World<D>) -> Result {
    let [web, other] = [world.make("web").await?, world.make("other").await?];
    let panics = |delivery: &Delivery, nth: usize| match (&*delivery.envelope.resource.name, nth) {
        ("web", 1 | 2) => Reply::Panic,
        _ => Reply::Done,
    };
    let [one, two] = [world.witness("one").answering(panics), world.witness("two")];
    let mut process =
        world.run([(world.wants("one").with_backoff(SHORT), &one), (world.wants("two"), &two)])?;
    let record = one.until_answered(&web, 3).await?;
    ensure!(tries(&record, &web)[1..3] == [(Cause::Retry, 2), (Cause::Retry, 3)], "{record}");
    one.until_answered(&other, 1).await?;
    world.settle([&one, &two]).await?;
    two.expect("one delivery", |record| record.count(&web) == 1)?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q5_the_end_of_one_subscription_leaves_the_others_alone<D: Driver>(
    world: World<D>,
) -> Result {
    let web = world.make("web").await?;
    let gate = Gate::new();
    let behind = gate.clone();
    let one = world.witness("one").answering(move |_, _| Reply::behind(&behind));
    let two = world.witness("two");
    let mut process = world.run([(world.wants("one"), &one), (world.wants("two"), &two)])?;
    one.until("the delivery", |record| record.in_flight() == 1).await?;
    two.until_answered(&web, 1).await?;
    process.close("one");
    world.update(&web).await?;
    two.until_answered(&web, 2).await?;
    gate.open();
    one.until("the end of the delivery", |record| record.in_flight() == 0).await?;
    world.settle([&two]).await?;
    one.expect("nothing after the end", |record| record.count(&web) == 1)?;
    process.stop().await?;
    Ok(())
}
