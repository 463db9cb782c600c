//! Random histories of the rules, held against what the contract says.
//!
//! A history is drawn from a seed: resources come, change, are deleted and go, watches break and
//! lists are made anew, the system of record is restored from a backup, subscriptions come and go,
//! consumers answer whatever. Several sources show the one kind, each at its own pace. After every
//! step the safety promises are checked (Q3, Q4, Q6, Q7, Q14); in the end everything is answered with
//! `Done`, and nothing may be missing (Q1, Q2).

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test says so by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rewitness_messaging::schedule::{
    Answer, HoldWriteResult, Observation, Schedule, ScheduleConfig, SourceChange, SourceId, SubscriberId,
    Ticket, Via, Work,
};
use rewitness_messaging::{
    Delivery, Error, Hold, HoldState, Kind, Pause, Retry, Source, State, Subscription, Timestamp, Version,
    WakeKey,
};

/// SplitMix64: a history is its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

/// One resource in the system of record.
#[derive(Clone, Debug, Default)]
struct Resource {
    version: u64,
    generation: i64,
    deleting: bool,
    team: usize,
    holds: BTreeSet<String>,
}

/// Where the resource of this uid lives.
fn namespace(uid: &str) -> &'static str {
    let number: usize = name(uid).parse().expect("a name is a number");
    ["a", "b"][number % 2]
}

fn name(uid: &str) -> &str {
    uid.split('.').next().expect("a name")
}

impl Resource {
    fn is_in(&self, source: &Source, uid: &str) -> bool {
        let seen = self.seen(uid);
        source.namespace.as_deref().is_none_or(|one| one == namespace(uid))
            && source.selector.matches(|key| seen.label(key))
    }

    fn seen<'a>(&self, uid: &'a str) -> Observation<'a> {
        Observation {
            namespace: Some(namespace(uid).into()),
            name: name(uid).into(),
            uid: uid.into(),
            version: Version(self.version),
            generation: self.generation,
            deletion_timestamp: self.deleting.then_some(Timestamp::UNIX_EPOCH),
            labels: vec![("team".into(), format!("t{}", self.team).into())],
            holds: self.holds.iter().map(|hold| hold.clone().into()).collect(),
        }
    }
}

/// What one subscription was told of one uid.
#[derive(Default)]
struct Told {
    /// Anything at all.
    of_it: bool,
    in_flight: bool,
    deleting: bool,
    gone_done: bool,
    released: bool,
    /// Also if a backup has undone that since.
    ever_released: bool,
    /// A backup brought it back after it was gone: what was told of it before may be forgotten.
    came_back: bool,
    last: Option<(State, u64)>,
}

/// One list and watch.
struct Feed {
    source: Source,
    /// Whether it is listed, and shows what happens.
    watching: bool,
}

struct History {
    random: Random,
    now: Instant,
    schedule: Schedule,
    record: BTreeMap<String, Resource>,
    version: u64,
    births: usize,
    feeds: BTreeMap<SourceId, Feed>,
    /// The system of record as it was once, and its version then.
    backup: (BTreeMap<String, Resource>, u64),
    subscriptions: Vec<(SubscriberId, Subscription)>,
    told: HashMap<(SubscriberId, String), Told>,
    in_flight: Vec<(Ticket, SubscriberId, Subscription, Delivery)>,
}

fn kind() -> Kind {
    Kind::new("example.com", "Widget")
}

impl History {
    fn new(seed: u64) -> Self {
        let mut history = Self {
            random: Random(seed),
            now: Instant::now(),
            schedule: Schedule::new(ScheduleConfig { seed, ..ScheduleConfig::default() }),
            record: BTreeMap::new(),
            version: 0,
            births: 0,
            feeds: BTreeMap::new(),
            backup: Default::default(),
            subscriptions: Vec::new(),
            told: HashMap::new(),
            in_flight: Vec::new(),
        };
        history.subscribe("anchor", |one| one);
        history.subscribe("gone", |one| one.with_gone().with_concurrency(3));
        history.subscribe("holder", |one| one.holding(Hold::new("holder")).with_gone());
        history.subscribe("cleaner", |one| one.holding(Hold::for_deletions("cleaner")).with_concurrency(1));
        history.subscribe("selective", |one| {
            one.matching("team in (t0, t1)".parse().expect("a selector")).holding(Hold::new("selective"))
        });
        history.subscribe("labels", |one| one.with_labels(["team"]));
        history.subscribe("places", |one| {
            one.in_namespaces(["a", "b"]).holding(Hold::new("places")).with_gone()
        });
        history.subscribe("chosen", |one| one.matching("team in (t0, t1)".parse().expect("a selector")));
        history
    }

    fn subscribe(&mut self, name: &str, with: impl Fn(Subscription) -> Subscription) {
        let subscription = with(Subscription::new(name, [kind()]));
        let (id, changes) = self.schedule.subscribe(subscription.clone()).expect("it is valid");
        self.subscriptions.push((id, subscription));
        self.follow(changes);
    }

    fn follow(&mut self, changes: Vec<SourceChange>) {
        for change in changes {
            match change {
                SourceChange::Open { id, source } => {
                    self.feeds.insert(id, Feed { source, watching: false });
                }
                SourceChange::Relist { id } => self.feeds.get_mut(&id).expect("it is open").watching = false,
                SourceChange::Close { id } => drop(self.feeds.remove(&id)),
            }
        }
    }

    fn pick_feed(&mut self) -> SourceId {
        let at = self.random.below(self.feeds.len());
        *self.feeds.keys().nth(at).expect("some are open")
    }

    fn step(&mut self) {
        match self.random.below(21) {
            20 => match self.random.below(8) {
                0 => self.backup = (self.record.clone(), self.version),
                1 => self.roll_back(),
                2 | 3 => self.change(|resource, _| resource.holds.clear()),
                _ => {}
            },
            0..3 => self.create(),
            3..6 => self.change(|resource, _| resource.generation += 1),
            6 => self.change(|_, _| {}),
            7 => self.change(|resource, team| resource.team = team),
            8..10 => self.delete(),
            10 => {
                let feed = self.pick_feed();
                self.feeds.get_mut(&feed).expect("it is open").watching = false;
            }
            11 => {
                let feed = self.pick_feed();
                self.list(feed);
            }
            12 => self.write_holds(),
            13 => self.now += Duration::from_millis(self.random.below(4000) as u64),
            14 => {
                let pause = Pause { live: self.random.below(2) == 0, deletions: self.random.below(2) == 0 };
                self.schedule.pause(pause);
            }
            15 => self.schedule.wake(&WakeKey::from("key")),
            16 if self.random.below(10) == 0 => self.churn_subscriptions(),
            16 if self.random.below(20) == 0 => self.restart(),
            _ => {
                self.admit();
                self.answer_some();
            }
        }
    }

    /// The run ends, whatever is in flight, and another begins.
    fn restart(&mut self) {
        let opened = self.schedule.start();
        assert_eq!(opened.len(), self.feeds.len(), "every source is opened again");
        self.in_flight.clear();
        self.follow(opened);
        for told in self.told.values_mut() {
            (told.in_flight, told.released) = (false, false);
        }
    }

    fn create(&mut self) {
        let name = self.random.below(6);
        if self.record.keys().any(|uid| uid.starts_with(&format!("{name}."))) {
            return;
        }
        self.births += 1;
        let uid = format!("{name}.{}", self.births);
        let team = self.random.below(3);
        self.write(&uid, Resource { team, generation: 1, ..Resource::default() });
    }

    fn pick(&mut self) -> Option<String> {
        let at = self.random.below(self.record.len().max(1));
        self.record.keys().nth(at).cloned()
    }

    fn change(&mut self, change: impl Fn(&mut Resource, usize)) {
        let Some(uid) = self.pick() else { return };
        let mut resource = self.record[&uid].clone();
        change(&mut resource, self.random.below(3));
        self.write(&uid, resource);
    }

    fn delete(&mut self) {
        let Some(uid) = self.pick() else { return };
        let mut resource = self.record[&uid].clone();
        if !resource.deleting {
            resource.deleting = true;
            resource.generation += 1;
        }
        self.write(&uid, resource);
    }

    /// The system of record is restored from the backup, and goes on from the version that it had then.
    fn roll_back(&mut self) {
        let now = std::mem::replace(&mut self.record, self.backup.0.clone());
        self.version = self.backup.1;
        for (id, feed) in &mut self.feeds {
            self.schedule.rolled_back(*id);
            feed.watching = false;
        }
        for uid in self.record.keys() {
            for (id, subscription) in &self.subscriptions {
                let told = self.told.entry((*id, uid.clone())).or_default();
                // What has left a selector of the server is forgotten as if it had gone.
                told.came_back |= !now.contains_key(uid) || &*subscription.name == "chosen";
                told.released = false;
            }
        }
    }

    /// Stores a resource, and shows it where a watch is up. One that is deleted and not held goes.
    fn write(&mut self, uid: &str, mut resource: Resource) {
        self.version += 1;
        resource.version = self.version;
        let before = match resource.deleting && resource.holds.is_empty() {
            true => self.record.remove(uid),
            false => self.record.insert(uid.to_owned(), resource),
        };
        let watching: Vec<SourceId> =
            self.feeds.iter().filter(|(_, feed)| feed.watching).map(|(id, _)| *id).collect();
        watching.into_iter().for_each(|id| self.show(id, uid, before.as_ref()));
    }

    /// The event of a watch: what has left a selector looks deleted.
    fn show(&mut self, id: SourceId, uid: &str, before: Option<&Resource>) {
        let source = &self.feeds[&id].source;
        match self.record.get(uid).filter(|resource| resource.is_in(source, uid)) {
            Some(resource) => self.schedule.observe(id, Via::Watch, &resource.seen(uid)),
            None if before.is_some_and(|before| before.is_in(source, uid)) => self.schedule.removed(id, uid),
            None => {}
        }
    }

    fn list(&mut self, id: SourceId) {
        let aborted = self.random.below(4) == 0;
        self.schedule.list_started(id);
        let source = self.feeds[&id].source.clone();
        for (uid, resource) in self.record.iter().filter(|(uid, resource)| resource.is_in(&source, uid)) {
            if aborted && self.random.below(2) == 0 {
                continue;
            }
            self.schedule.observe(id, Via::List, &resource.seen(uid));
        }
        if !aborted {
            self.schedule.list_finished(id);
            self.feeds.get_mut(&id).expect("it is open").watching = true;
        }
    }

    fn write_holds(&mut self) {
        while let Some(write) = self.schedule.next_hold_write(self.now) {
            let uid = write.resource.uid.to_string();
            let trouble = match self.random.below(8) {
                0 => Some(HoldWriteResult::Failed { after: None, reason: "a test".into() }),
                1 => Some(HoldWriteResult::Changed),
                _ => None,
            };
            if let Some(trouble) = trouble {
                self.schedule.hold_written(write.ticket, trouble, self.now);
                continue;
            }
            let Some(mut resource) = self.record.get(&uid).cloned() else {
                self.schedule.hold_written(write.ticket, HoldWriteResult::Gone, self.now);
                continue;
            };
            // A hold is removed for what the labels said at this version, and at no other.
            let moved_on = !write.remove.is_empty() && resource.version != write.version.0;
            if moved_on || resource.deleting && !write.add.is_empty() {
                self.schedule.hold_written(write.ticket, HoldWriteResult::Changed, self.now);
                continue;
            }
            assert!(write.remove.is_empty() || !resource.deleting, "Q6: {uid} loses {:?}", write.remove);
            let before = resource.clone();
            resource.holds.extend(write.add.iter().map(|hold| hold.to_string()));
            write.remove.iter().for_each(|hold| {
                resource.holds.remove(&**hold);
            });
            // The answer and the watches' events race, as they do.
            let late: Vec<SourceId> = match self.random.below(2) {
                0 => self.feeds.iter().filter(|(_, feed)| feed.watching).map(|(id, _)| *id).collect(),
                _ => Vec::new(),
            };
            late.iter().for_each(|id| self.feeds.get_mut(id).expect("it is open").watching = false);
            self.write(&uid, resource);
            let result = match self.record.get(&uid) {
                Some(resource) => HoldWriteResult::Observed(resource.seen(&uid)),
                None => HoldWriteResult::Gone,
            };
            self.schedule.hold_written(write.ticket, result, self.now);
            for id in late {
                self.feeds.get_mut(&id).expect("it is open").watching = true;
                self.show(id, &uid, Some(&before));
            }
        }
    }

    fn churn_subscriptions(&mut self) {
        let at = self.random.below(self.subscriptions.len());
        let (id, subscription) = self.subscriptions.remove(at);
        let changes = self.schedule.unsubscribe(id);
        self.follow(changes);
        while let Some(at) = self.in_flight.iter().position(|(_, of, ..)| *of == id) {
            let taken = self.schedule.subscribe(subscription.clone());
            assert!(matches!(taken, Err(Error::NameTaken { .. })), "Q4: its deliveries are in flight still");
            self.answer(at, Answer::Done { released: false });
        }
        let (id, changes) = self.schedule.subscribe(subscription.clone()).expect("its name is free again");
        self.subscriptions.push((id, subscription));
        self.follow(changes);
    }

    fn admit(&mut self) {
        while let Some(admitted) = self.schedule.admit(self.now) {
            let Work::Deliver(delivery) = admitted.work else { continue };
            self.check(admitted.subscriber, &admitted.subscription, &delivery);
            let subscription = (*admitted.subscription).clone();
            self.in_flight.push((admitted.ticket, admitted.subscriber, subscription, delivery));
        }
    }

    fn check(&mut self, id: SubscriberId, subscription: &Subscription, delivery: &Delivery) {
        let uid = delivery.envelope.resource.uid.to_string();
        let name = &subscription.name;
        assert!(uid.starts_with(&format!("{}.", delivery.envelope.resource.name)), "Q7: {name} {delivery:?}");
        self.check_current(subscription, delivery, &uid);
        let told = self.told.entry((id, uid)).or_default();
        if told.came_back {
            (told.gone_done, told.released) = (false, false);
            told.came_back = delivery.state == State::Gone;
            told.deleting &= told.came_back;
        }
        assert!(!told.in_flight, "Q4: two at a time: {name} {delivery:?}");
        assert!(!told.released, "Q14: told after its own Done released it: {name} {delivery:?}");
        assert!(!told.gone_done, "Q14: told after it was gone: {name} {delivery:?}");
        assert!(
            !(told.deleting && delivery.state == State::Live),
            "Q3: live after deleting: {name} {delivery:?}"
        );
        assert!(
            delivery.state != State::Gone || subscription.gone,
            "Q14: not asked for: {name} {delivery:?}"
        );
        let gated = subscription.hold.as_ref().is_some_and(|hold| hold.gates_live);
        let unheld = delivery.state == State::Live && delivery.hold != HoldState::Held;
        assert!(!(gated && unheld), "Q6: live before its hold was on: {name} {delivery:?}");
        (told.of_it, told.in_flight) = (true, true);
        told.deleting |= delivery.state == State::Deleting;
        let in_flight = 1 + self.in_flight.iter().filter(|(_, other, ..)| *other == id).count();
        assert!(in_flight <= subscription.concurrency, "{name}: {in_flight} in flight");
    }

    /// What a source is known to show is what is delivered.
    fn check_current(&self, subscription: &Subscription, delivery: &Delivery, uid: &str) {
        let place = delivery.envelope.resource.namespace.as_deref();
        let serves = |feed: &&Feed| {
            subscription.sources().contains(&feed.source)
                && feed.source.namespace.as_deref().is_none_or(|one| Some(one) == place)
        };
        let Some(feed) = self.feeds.values().find(serves).filter(|feed| feed.watching) else { return };
        let state = match self.record.get(uid).filter(|resource| resource.is_in(&feed.source, uid)) {
            None => State::Gone,
            Some(resource) if resource.deleting => State::Deleting,
            Some(_) => State::Live,
        };
        assert_eq!(delivery.state, state, "Q3: {} is told what is not so: {delivery:?}", subscription.name);
    }

    fn answer_some(&mut self) {
        while !self.in_flight.is_empty() && self.random.below(3) > 0 {
            let at = self.random.below(self.in_flight.len());
            let answer = match self.random.below(8) {
                0 => Answer::Failed(Retry::Backoff),
                1 => Answer::Failed(Retry::After(Duration::from_secs(2))),
                2 => Answer::Failed(Retry::Never),
                4 => Answer::Changed,
                3 => Answer::RequeueAfter { after: Duration::from_secs(3), wake: Some("key".into()) },
                _ => Answer::Done { released: false },
            };
            self.answer(at, answer);
        }
    }

    fn answer(&mut self, at: usize, answer: Answer) {
        let (ticket, id, subscription, delivery) = self.in_flight.swap_remove(at);
        let uid = delivery.envelope.resource.uid.to_string();
        let done = matches!(answer, Answer::Done { .. });
        let told = self.told.entry((id, uid.clone())).or_default();
        told.in_flight = false;
        if done {
            told.gone_done |= delivery.state == State::Gone;
            told.last = Some((delivery.state, delivery.version.0));
        }
        let due = done && delivery.state == State::Deleting && delivery.hold == HoldState::Held;
        let undone = self.record.get(&uid).is_some_and(|resource| !resource.deleting);
        if due && undone {
            // A hold is only removed from what is being deleted.
            return self.schedule.answer(ticket, Answer::Failed(Retry::Backoff), self.now);
        }
        let release = due;
        if release {
            let hold = subscription.hold.expect("it is held").name.to_string();
            if let Some(mut resource) = self.record.get(&uid).cloned() {
                resource.holds.remove(&hold);
                self.write(&uid, resource);
            }
            let told = self.told.entry((id, uid)).or_default();
            (told.released, told.ever_released) = (true, true);
        }
        let answer = if release { Answer::Done { released: true } } else { answer };
        self.schedule.answer(ticket, answer, self.now);
    }

    /// The faults stop, and everything is answered with `Done`: what the contract promises is there.
    fn finish(mut self) {
        self.schedule.pause(Pause::default());
        // What only a change can help gets one.
        for (uid, mut resource) in self.record.clone() {
            resource.generation += 1;
            self.write(&uid, resource);
        }
        for _ in 0..100 {
            let broken: Vec<SourceId> =
                self.feeds.iter().filter(|(_, feed)| !feed.watching).map(|(id, _)| *id).collect();
            broken.into_iter().for_each(|id| self.list(id));
            self.write_holds();
            self.admit();
            while !self.in_flight.is_empty() {
                self.answer(0, Answer::Done { released: false });
                self.admit();
            }
            self.now += Duration::from_secs(60);
        }
        assert!(self.schedule.admit(self.now).is_none(), "it never comes to rest");
        for (id, subscription) in &self.subscriptions {
            let progress = self.schedule.progress(*id);
            let name = &subscription.name;
            assert!(progress.replayed && progress.outstanding() == 0, "Q9: {name}: {progress:?}");
            assert_eq!(
                (progress.in_flight, progress.awaiting_hold, progress.failing),
                (0, 0, 0),
                "{name}: {progress:?}"
            );
            for (uid, resource) in &self.record {
                self.check_delivered(*id, subscription, uid, resource);
            }
        }
        let known: Vec<_> = self.told.iter().filter(|((_, uid), _)| !self.record.contains_key(uid)).collect();
        for ((id, uid), told) in known {
            let Some((_, subscription)) = self.subscriptions.iter().find(|(one, _)| one == id) else {
                continue;
            };
            if subscription.gone && told.of_it && !told.ever_released && !told.came_back {
                assert!(told.gone_done, "Q14: {} was not told that {uid} has gone", subscription.name);
            }
        }
    }

    fn check_delivered(&self, id: SubscriberId, subscription: &Subscription, uid: &str, resource: &Resource) {
        let name = &subscription.name;
        let seen = resource.seen(uid);
        if !subscription.selector.matches(|key| seen.label(key)) {
            let held = subscription.hold.as_ref().is_some_and(|hold| resource.holds.contains(&*hold.name));
            assert!(!held, "Q6: {name} still holds {uid}, outside its selector");
            return;
        }
        let told = self.told.get(&(id, uid.to_owned())).filter(|told| told.of_it);
        let told = told.unwrap_or_else(|| panic!("Q1: {name} never saw {uid}"));
        // A deletion that was undone by a backup is not delivered again, as whatever (Q3).
        if told.released || told.deleting && !resource.deleting {
            return;
        }
        let state = if resource.deleting { State::Deleting } else { State::Live };
        let (last, _) = told.last.unwrap_or_else(|| panic!("Q2: {name} is not done with {uid}"));
        assert_eq!(last, state, "Q4: {name} has not seen the newest state of {uid}");
        if let Some(hold) = &subscription.hold
            && !resource.deleting
        {
            assert!(resource.holds.contains(&*hold.name), "Q6: {name} does not hold {uid}");
        }
    }
}

#[test]
fn random_histories_keep_every_promise() {
    for seed in 0..600 {
        let caught = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for _ in 0..300 {
                history.step();
            }
            history.finish();
        });
        if let Err(panic) = caught {
            eprintln!("the history of seed {seed} breaks a promise");
            std::panic::resume_unwind(panic);
        }
    }
}
