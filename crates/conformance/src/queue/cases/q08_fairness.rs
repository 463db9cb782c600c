//! Q8: deletions go before changes, and those before replay; none starves.

use super::*;

/// What is due at a moment, and the order in which one consumer, who takes one at a time, is handed
/// it: the names' first letters say in which lane each stood.
struct Backlog {
    order: Vec<char>,
}

const EACH: usize = 24;

impl Backlog {
    /// Fills every lane behind a first delivery that is held up, and then lets everything go.
    async fn deliver<D: Driver>(world: &World<D>) -> Result<Self> {
        world.make_many("replayed", EACH).await?;
        let mut deleted = Vec::new();
        for number in 0..EACH {
            deleted.push(world.make_held(&format!("deleted-{number:03}")).await?);
        }
        let (gate, held_up) = (Gate::new(), AtomicUsize::new(0));
        let behind = gate.clone();
        let one = world.witness("one").answering(move |_, _| match held_up.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::behind(&behind),
            _ => Reply::Done,
        });
        // Shows when the queue knows of everything.
        let observer = world.witness("observer");
        let _process = world
            .run([(world.wants("one").with_concurrency(1), &one), (world.wants("observer"), &observer)])?;
        one.until("the first delivery", |record| record.in_flight() == 1).await?;
        for resource in &deleted {
            world.delete(resource).await?;
        }
        let changed = world.make_many("changed", EACH).await?;
        for resource in &deleted {
            observer.until_handed(resource, State::Deleting).await?;
        }
        for resource in &changed {
            observer.until_answered(resource, 1).await?;
        }
        world.settle([&observer]).await?;
        gate.open();
        let all = |record: &Record| {
            record.letters('r') >= EACH - 1 && record.letters('c') == EACH && record.letters('d') >= EACH
        };
        let record = one.until("everything", all).await?;
        let order = record.handings[1..].iter().filter_map(|handing| handing.letter()).collect();
        Ok(Self { order })
    }

    fn last(&self, letter: char) -> usize {
        self.order.iter().rposition(|one| *one == letter).unwrap_or(0)
    }
}

impl Record {
    fn letters(&self, letter: char) -> usize {
        self.handings.iter().filter(|handing| handing.letter() == Some(letter)).count()
    }
}

impl Handing {
    /// The first letter of the resource's name, unless it is a marker.
    fn letter(&self) -> Option<char> {
        let name = &self.delivery.envelope.resource.name;
        name.chars().next().filter(|_| !name.starts_with(MARKER))
    }
}

pub(super) async fn q8_deletions_go_before_changes_and_those_before_replay<D: Driver>(
    world: World<D>,
) -> Result {
    let backlog = Backlog::deliver(&world).await?;
    let first: String = backlog.order[..4].iter().collect();
    ensure!(first.contains('d'), "no deletion is among the first: {:?}", backlog.order);
    let ends = ['d', 'c', 'r'].map(|letter| backlog.last(letter));
    ensure!(ends.is_sorted(), "deletions, changes and replay ended at {ends:?}: {:?}", backlog.order);
    Ok(())
}

pub(super) async fn q8_every_lane_has_one_delivery_in_four_while_it_has_any<D: Driver>(
    world: World<D>,
) -> Result {
    let backlog = Backlog::deliver(&world).await?;
    for (at, four) in backlog.order.windows(4).enumerate() {
        for letter in ['d', 'c', 'r'] {
            let has_more = backlog.last(letter) >= at + 4;
            let starves = has_more && !four.contains(&letter);
            ensure!(!starves, "`{letter}` has none of the four from {at} on: {:?}", backlog.order);
        }
    }
    Ok(())
}

/// One consumer's backlog takes no turn from another's.
pub(super) async fn q8_a_backlog_delays_no_other_consumer<D: Driver>(world: World<D>) -> Result {
    let made = world.make_many("web", 40).await?;
    let one = world.witness("one").answering(|_, nth| match nth {
        1..=5 => Reply::Requeue(Duration::from_millis(1), None),
        _ => Reply::Requeue(YEAR, None),
    });
    let two = world.witness("two");
    let narrow = |name| world.wants(name).with_concurrency(1);
    let _process = world.run([(narrow("one"), &one), (narrow("two"), &two)])?;
    for resource in &made {
        two.until_answered(resource, 1).await?;
    }
    Ok(())
}
