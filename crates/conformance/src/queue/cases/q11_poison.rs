//! Q11: a resource that cannot be read stops itself alone, never its kind.

use super::*;

fn poisoned(progress: &Progress) -> u64 {
    progress.sources.iter().map(|source| source.poisoned).sum()
}

pub(super) async fn q11_an_unreadable_resource_stops_itself_alone<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Corrupt])?;
    let made = world.make_many("web", 5).await?;
    world.corrupt(&made[2]).await?;
    let one = world.witness("one");
    let process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;
    process.until("one", "one that is poisoned", |progress| poisoned(progress) == 1).await?;
    for (number, resource) in made.iter().enumerate() {
        one.expect("every readable one", |record| record.count(resource) == usize::from(number != 2))?;
    }
    let later = world.make("later").await?;
    one.until_answered(&later, 1).await?;
    world.update(&made[0]).await?;
    one.until_answered(&made[0], 2).await?;
    Ok(())
}

pub(super) async fn q11_a_resource_that_becomes_unreadable_stops_itself_alone<D: Driver>(
    world: World<D>,
) -> Result {
    world.needs(&[Fault::Corrupt])?;
    let [bad, good] = [world.make("bad").await?, world.make("good").await?];
    let one = world.witness("one");
    let mut process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    world.corrupt(&bad).await?;
    process.until("one", "one that is poisoned", |progress| poisoned(progress) == 1).await?;
    world.update(&good).await?;
    one.until_answered(&good, 2).await?;
    world.settle([&one]).await?;
    one.expect("it to be there still", |record| record.of_in(&bad, State::Gone).count() == 0)?;
    process.stop().await?;
    Ok(())
}

pub(super) async fn q11_an_unreadable_resource_is_not_gone<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Corrupt, Fault::Expire])?;
    let [bad, good] = [world.make("bad").await?, world.make("good").await?];
    let one = world.witness("one");
    let process = world.run([(world.wants("one").with_gone(), &one)])?;
    process.replayed().await?;
    world.corrupt(&bad).await?;
    world.expire().await?;
    world.update(&good).await?;
    one.until_answered(&good, 2).await?;
    world.settle([&one]).await?;
    one.expect("it to be there still", |record| record.of_in(&bad, State::Gone).count() == 0)?;
    Ok(())
}

pub(super) async fn q11_a_resource_that_is_mended_is_delivered<D: Driver>(world: World<D>) -> Result {
    world.needs(&[Fault::Corrupt])?;
    let [before, during] = [world.make("before").await?, world.make("during").await?];
    world.corrupt(&before).await?;
    let one = world.witness("one");
    let process = world.run([(world.wants("one"), &one)])?;
    process.replayed().await?;
    world.corrupt(&during).await?;
    process.until("one", "two that are poisoned", |progress| poisoned(progress) == 2).await?;
    world.mend(&before).await?;
    one.until_answered(&before, 1).await?;
    world.mend(&during).await?;
    world.update(&during).await?;
    one.until_answered(&during, 2).await?;
    process.until("one", "none that is poisoned", |progress| poisoned(progress) == 0).await?;
    Ok(())
}
