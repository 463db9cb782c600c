use super::*;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(4) };

fn plan() -> Plan {
    Plan::new(BACKOFF, 1)
}

fn page(version: &str) -> Heard<'_> {
    Heard::Page { version, continue_token: None }
}

fn part<'a>(version: &'a str, token: &'a str) -> Heard<'a> {
    Heard::Page { version, continue_token: Some(token) }
}

fn list(token: Option<&str>) -> Ask {
    Ask::List { continue_token: token.map(str::to_owned) }
}

fn watch(from: &str) -> Ask {
    Ask::Watch { from: from.to_owned() }
}

fn check(resume: &str) -> Ask {
    Ask::Check { resume: resume.to_owned() }
}

fn unreachable() -> ApiError {
    ApiError::Unreachable { reason: "refused".to_owned() }
}

fn forbidden() -> ApiError {
    ApiError::Forbidden { message: "no".to_owned() }
}

fn status(status: u16) -> ApiError {
    ApiError::Status { status, message: "x".to_owned() }
}

fn failing(verb: &'static str, error: ApiError) -> Effect {
    Effect::Failing(Why::Refused { verb, error })
}

/// A plan that has listed up to version 100 and watches.
fn watching() -> Plan {
    let mut plan = plan();
    plan.hear(Heard::Served);
    plan.hear(page("100"));
    plan.hear(Heard::Opened);
    plan
}

/// What is heard, what follows, what is asked next, and whether that waits.
type Line<'a> = (Heard<'a>, Vec<Effect>, Ask, Wait);

#[derive(Debug, PartialEq)]
enum Wait {
    No,
    /// From the pace.
    Paced,
    Exactly(Duration),
}

fn tell<'a>(plan: &mut Plan, story: impl IntoIterator<Item = Line<'a>>) {
    for (number, (heard, effects, ask, wait)) in story.into_iter().enumerate() {
        let said = format!("line {number}: {heard:?}");
        assert_eq!(plan.hear(heard), effects, "{said}");
        let step = plan.step();
        assert_eq!(step.ask, ask, "{said}");
        match wait {
            Wait::No => assert_eq!(step.wait, Duration::ZERO, "{said}"),
            Wait::Paced => assert!(step.wait >= BACKOFF.base && step.wait <= BACKOFF.cap, "{said}: {step:?}"),
            Wait::Exactly(wait) => assert_eq!(step.wait, wait, "{said}"),
        }
    }
}

use Effect::{ListFinished, ListStarted, Recovered, RolledBack};
use Wait::{Exactly, No, Paced};

#[test]
fn a_kind_is_found_listed_by_pages_and_watched_from_the_lists_version() {
    tell(
        &mut plan(),
        [
            (Heard::Served, vec![], list(None), No),
            (part("100", "t1"), vec![ListStarted], list(Some("t1")), No),
            (part("100", "t2"), vec![], list(Some("t2")), No),
            (page("100"), vec![ListFinished], watch("100"), No),
            (Heard::Opened, vec![], watch("100"), No),
            (Heard::Moved { version: "105" }, vec![], watch("105"), No),
        ],
    );
}

#[test]
fn a_watch_that_ends_is_resumed_where_it_was_after_a_check() {
    for ended in [Heard::Ended, Heard::Silent] {
        let mut plan = watching();
        tell(
            &mut plan,
            [
                (Heard::Moved { version: "105" }, vec![], watch("105"), No),
                (ended, vec![], check("105"), No),
                (Heard::Checked { version: "230" }, vec![], watch("105"), No),
            ],
        );
    }
}

#[test]
fn watches_that_end_at_once_are_begun_ever_more_slowly() {
    let mut plan = watching();
    let checked = || Heard::Checked { version: "100" };
    tell(
        &mut plan,
        [
            (Heard::Ended, vec![], check("100"), No),
            (checked(), vec![], watch("100"), No),
            (Heard::Opened, vec![], watch("100"), No),
            (Heard::Ended, vec![], check("100"), Paced),
            (checked(), vec![], watch("100"), No),
            // One that shows something before is no better.
            (Heard::Moved { version: "100" }, vec![], watch("100"), No),
            (Heard::Ended, vec![], check("100"), Paced),
            (checked(), vec![], watch("100"), No),
            // One that lives is healthy, even if nothing happened.
            (Heard::Healthy, vec![], watch("100"), No),
            (Heard::Ended, vec![], check("100"), No),
        ],
    );
}

#[test]
fn an_expired_version_leads_to_a_new_list_and_not_in_a_tight_loop() {
    let mut plan = watching();
    let expired = || Heard::Refused(ApiError::Expired);
    tell(
        &mut plan,
        [
            (expired(), vec![], list(None), No),
            (page("200"), vec![ListStarted, ListFinished], watch("200"), No),
            (expired(), vec![], list(None), Paced),
            (page("300"), vec![ListStarted, ListFinished], watch("300"), No),
            (expired(), vec![], list(None), Paced),
            (page("400"), vec![ListStarted, ListFinished], watch("400"), No),
            (Heard::Moved { version: "401" }, vec![], watch("401"), No),
            (Heard::Healthy, vec![], watch("401"), No),
            (expired(), vec![], list(None), No),
        ],
    );
}

#[test]
fn an_expired_token_begins_the_list_again() {
    let mut plan = plan();
    tell(
        &mut plan,
        [
            (Heard::Served, vec![], list(None), No),
            (part("100", "t1"), vec![ListStarted], list(Some("t1")), No),
            (Heard::Refused(ApiError::Expired), vec![], list(None), No),
            (part("150", "u1"), vec![ListStarted], list(Some("u1")), No),
            (Heard::Refused(status(400)), vec![failing("list", status(400))], list(None), Paced),
            (part("160", "v1"), vec![ListStarted, Recovered], list(Some("v1")), No),
            (page("160"), vec![ListFinished], watch("160"), No),
        ],
    );
}

#[test]
fn an_overloaded_server_is_asked_again_when_it_says() {
    let overloaded = |seconds| ApiError::Overloaded { after: Some(Duration::from_secs(seconds)) };
    let mut plan = plan();
    tell(
        &mut plan,
        [
            (Heard::Served, vec![], list(None), No),
            (part("100", "t1"), vec![ListStarted], list(Some("t1")), No),
            (
                Heard::Refused(overloaded(7)),
                vec![failing("list", overloaded(7))],
                list(Some("t1")),
                Exactly(Duration::from_secs(7)),
            ),
            (part("100", "t2"), vec![Recovered], list(Some("t2")), No),
            (page("100"), vec![ListFinished], watch("100"), No),
            (
                Heard::Refused(overloaded(9999)),
                vec![failing("watch", overloaded(9999))],
                watch("100"),
                Exactly(LONGEST_RETRY_AFTER),
            ),
            (Heard::Opened, vec![Recovered], watch("100"), No),
            (
                Heard::Refused(ApiError::Overloaded { after: None }),
                vec![failing("watch", ApiError::Overloaded { after: None })],
                watch("100"),
                Paced,
            ),
        ],
    );
}

#[test]
fn a_page_is_asked_for_again_but_not_for_ever() {
    let mut plan = plan();
    plan.hear(Heard::Served);
    plan.hear(part("100", "t1"));
    for _ in 1..PAGE_FAILURES {
        plan.hear(Heard::Refused(unreachable()));
        assert_eq!(plan.step().ask, list(Some("t1")));
    }
    plan.hear(Heard::Refused(unreachable()));
    assert_eq!(plan.step().ask, list(None));
    assert_eq!(plan.hear(part("100", "t1")), [ListStarted, Recovered]);
}

#[test]
fn a_list_whose_pages_do_not_end_is_begun_again_ever_more_slowly() {
    let mut plan = plan();
    plan.hear(Heard::Served);
    plan.hear(part("100", "t1"));
    plan.hear(part("100", "t2"));
    let effects = plan.hear(part("100", "t2"));
    assert!(matches!(effects[..], [Effect::Failing(_)]), "{effects:?}");
    assert_eq!(plan.step().ask, list(None));
    let first = plan.step().wait;
    for round in 0..2 {
        let mut pages = 0;
        while plan.step().ask != list(None) || pages == 0 {
            pages += 1;
            plan.hear(part("100", &format!("{round} {pages}")));
            assert!(pages <= 20_000, "it goes on and on");
        }
        assert!(plan.step().wait > first / 2);
    }
    assert!(plan.step().wait > first, "{:?} after {first:?}", plan.step().wait);
}

#[test]
fn what_cannot_be_read_leads_to_a_list_and_not_in_a_tight_loop() {
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Unseen, vec![], list(None), No),
            (page("200"), vec![ListStarted, ListFinished], watch("200"), No),
            (Heard::Moved { version: "201" }, vec![], watch("201"), No),
            (Heard::Unseen, vec![], list(None), Paced),
            (page("300"), vec![ListStarted, ListFinished], watch("300"), No),
            (Heard::Healthy, vec![], watch("300"), No),
            (Heard::Unseen, vec![], list(None), No),
        ],
    );
}

#[test]
fn a_missing_right_is_said_and_tried_again() {
    let mut plan = plan();
    let no = || Heard::Refused(forbidden());
    tell(
        &mut plan,
        [
            (Heard::Served, vec![], list(None), No),
            (no(), vec![failing("list", forbidden())], list(None), Paced),
            (no(), vec![failing("list", forbidden())], list(None), Paced),
            (page("10"), vec![ListStarted, ListFinished], watch("10"), No),
            (no(), vec![failing("watch", forbidden())], watch("10"), Paced),
            (Heard::Opened, vec![Recovered], watch("10"), No),
        ],
    );
}

#[test]
fn a_kind_that_is_not_there_yet_is_waited_for() {
    let absent = Effect::Failing(Why::Absent);
    tell(
        &mut plan(),
        [
            (Heard::Absent, vec![absent.clone()], Ask::Discover, Paced),
            (Heard::Absent, vec![absent], Ask::Discover, Paced),
            (Heard::Served, vec![], list(None), No),
            // It is discovered a moment before it is served.
            (Heard::Refused(ApiError::NoPath), vec![], Ask::Discover, Paced),
            (Heard::Served, vec![], list(None), No),
            (page("10"), vec![ListStarted, ListFinished], watch("10"), No),
        ],
    );
}

#[test]
fn a_kind_that_went_away_takes_its_resources_with_it_once_that_is_certain() {
    let absent = || Effect::Failing(Why::Absent);
    let no_path = || Heard::Refused(ApiError::NoPath);
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Ended, vec![], check("100"), No),
            (no_path(), vec![], Ask::Discover, Paced),
            (Heard::Absent, vec![absent()], list(None), Paced),
            (no_path(), vec![], Ask::Discover, Paced),
            (Heard::Absent, vec![ListStarted, ListFinished, absent()], Ask::Discover, Paced),
            // Once is enough.
            (Heard::Absent, vec![absent()], Ask::Discover, Paced),
            (Heard::Served, vec![], list(None), No),
            (page("300"), vec![ListStarted, ListFinished], watch("300"), No),
        ],
    );
}

#[test]
fn a_kind_that_only_seems_absent_keeps_its_resources() {
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Refused(ApiError::NoPath), vec![], Ask::Discover, No),
            (Heard::Absent, vec![Effect::Failing(Why::Absent)], list(None), Paced),
            (page("120"), vec![ListStarted, ListFinished], watch("120"), No),
            // Suspicion begins again.
            (Heard::Refused(ApiError::NoPath), vec![], Ask::Discover, Paced),
            (Heard::Absent, vec![Effect::Failing(Why::Absent)], list(None), Paced),
            (Heard::Refused(unreachable()), vec![failing("list", unreachable())], list(None), Paced),
        ],
    );
}

#[test]
fn a_version_that_moved_backwards_is_noticed_once_and_lists_again() {
    // By the check before a watch is resumed.
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Silent, vec![], check("100"), No),
            (Heard::Checked { version: "99" }, vec![RolledBack], list(None), No),
            (page("99"), vec![ListStarted, ListFinished], watch("99"), No),
            (Heard::Moved { version: "101" }, vec![], watch("101"), No),
        ],
    );
    // By a list.
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Refused(ApiError::Expired), vec![], list(None), No),
            (page("40"), vec![RolledBack, ListStarted, ListFinished], watch("40"), No),
        ],
    );
    // By a check beside the watch.
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::CheckBegun, vec![], watch("100"), No),
            (Heard::CheckedBeside { version: "60" }, vec![RolledBack], list(None), No),
        ],
    );
    // By an event: the check tells whether it is so.
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Moved { version: "50" }, vec![], check("100"), Paced),
            (Heard::Checked { version: "51" }, vec![RolledBack], list(None), No),
        ],
    );
    // By a check that is behind what a former check saw, though the watch showed less.
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::CheckBegun, vec![], watch("100"), No),
            (Heard::CheckedBeside { version: "900" }, vec![], watch("100"), No),
            (Heard::Silent, vec![], check("100"), No),
            (Heard::Checked { version: "400" }, vec![RolledBack], list(None), No),
        ],
    );
}

#[test]
fn what_a_healthy_server_shows_is_never_taken_for_a_rollback() {
    let mut plan = watching();
    tell(
        &mut plan,
        [
            // The watch lags behind a check.
            (Heard::CheckBegun, vec![], watch("100"), No),
            (Heard::CheckedBeside { version: "900" }, vec![], watch("100"), No),
            (Heard::Moved { version: "500" }, vec![], watch("500"), No),
            // What comes while a check is under way is newer than what the check saw.
            (Heard::CheckBegun, vec![], watch("500"), No),
            (Heard::Moved { version: "950" }, vec![], watch("950"), No),
            (Heard::CheckedBeside { version: "901" }, vec![], watch("950"), No),
            (Heard::Moved { version: "950" }, vec![], watch("950"), No),
            // Versions that are no integers have no order.
            (Heard::Moved { version: "opaque" }, vec![], watch("opaque"), No),
            (Heard::Silent, vec![], check("opaque"), No),
            (Heard::Checked { version: "other" }, vec![], watch("opaque"), No),
        ],
    );
}

#[test]
fn trouble_with_a_watch_is_said_and_the_watch_resumed_where_it_was() {
    for error in
        [unreachable(), status(500), status(504), ApiError::Timeout { after: Duration::from_secs(1) }]
    {
        let mut plan = watching();
        plan.hear(Heard::Moved { version: "110" });
        tell(
            &mut plan,
            [
                (Heard::Refused(error.clone()), vec![failing("watch", error)], check("110"), Paced),
                (Heard::Refused(unreachable()), vec![failing("list", unreachable())], check("110"), Paced),
                (Heard::Checked { version: "110" }, vec![], watch("110"), No),
                (Heard::Opened, vec![Recovered], watch("110"), No),
            ],
        );
    }
}

#[test]
fn a_list_that_somebody_needs_is_made_at_once_unless_the_server_is_in_trouble() {
    let mut plan = watching();
    tell(
        &mut plan,
        [
            (Heard::Relist, vec![], list(None), No),
            (part("120", "t1"), vec![ListStarted], list(Some("t1")), No),
            (Heard::Relist, vec![], list(None), No),
            (part("130", "t1"), vec![ListStarted], list(Some("t1")), No),
            (Heard::Refused(unreachable()), vec![failing("list", unreachable())], list(Some("t1")), Paced),
            (Heard::Relist, vec![], list(None), Paced),
        ],
    );
}

/// Whatever the server answers, and in whichever order: the source goes on, it never fails twice
/// in a row without a wait, and a list is begun before it is finished.
#[test]
fn no_order_of_answers_stops_it_or_makes_it_spin() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut plan = plan();
    let mut listing = false;
    let (mut hurried, mut tokens) = (0, 0);
    for _ in 0..200_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let error = [
            ApiError::Expired,
            ApiError::NoPath,
            ApiError::Unauthorized,
            forbidden(),
            unreachable(),
            status(500),
            status(400),
            ApiError::Overloaded { after: None },
            ApiError::Conflict,
        ][(random >> 33) as usize % 9]
            .clone();
        tokens += 1;
        let token = tokens.to_string();
        let heard = match (plan.step().ask, (random >> 40) % 5) {
            (_, 0 | 1) => Heard::Refused(error),
            (Ask::Discover, 2) => Heard::Absent,
            (Ask::Discover, _) => Heard::Served,
            (Ask::List { .. }, 2) => part("7", &token),
            (Ask::List { .. }, _) => page("7"),
            (Ask::Check { .. }, _) => Heard::Checked { version: "7" },
            (Ask::Watch { .. }, 2) => Heard::Ended,
            (Ask::Watch { .. }, 3) => Heard::Unseen,
            (Ask::Watch { .. }, _) => Heard::Opened,
        };
        let bad = matches!(heard, Heard::Refused(_) | Heard::Ended | Heard::Unseen | Heard::Absent);
        for effect in plan.hear(heard) {
            match effect {
                ListStarted => listing = true,
                ListFinished => assert!(std::mem::take(&mut listing), "finished, but not begun"),
                RolledBack => panic!("nothing went backwards"),
                Effect::Failing(_) | Recovered => {}
            }
        }
        hurried = if bad && plan.step().wait.is_zero() { hurried + 1 } else { 0 };
        assert!(hurried <= 1, "it spins");
    }
}
