use serde_json::json;

use super::super::events;
use super::super::parents::InFlight;
use super::*;

pub(crate) fn cascade() -> Cascade {
    let cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade",
        "metadata": { "name": "project", "uid": "u1" },
        "spec": { "mode": "Enforce", "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "UID" },
            }] }] },
    });
    serde_json::from_value(cascade).unwrap()
}

/// A client of a server that is never reached.
fn nowhere() -> kube::Client {
    kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap()
}

pub(crate) fn rules(client: kube::Client, status_writers: mpsc::Sender<StatusWriter>) -> Rules {
    Rules {
        api: Api::all(client.clone()),
        queue: KubernetesQueue::new(client.clone(), rewitness_kubernetes::Config::default()),
        cascades: Cascades::new(client.clone(), rewitness_cascade::Config::default()),
        holds: Holds::new(client.clone()),
        within: None,
        events: events::events(client.clone()).0,
        counts: None,
        uninstall: watch::channel(None).1,
        reconciling: Arc::default(),
        followed: Mutex::default(),
        status_writers,
        client,
    }
}

#[tokio::test(start_paused = true)]
async fn c10_what_is_under_way_is_waited_for_however_often_that_was_in_vain() {
    let (rules, cascade) = (rules(nowhere(), mpsc::channel(1).0), cascade());
    let rule = Rule::new(&cascade).unwrap();
    let mut plans = cascade.clone();
    plans.spec.mode = Mode::Plan;
    let plans = Rule::new(&plans).unwrap();
    let events = rules.events.of(&cascade);
    let followed = Arc::new(Followed::new(&cascade, None, events, None, rules.queue.clone()));
    rules.subscribe(&rule, &followed, None).unwrap();
    let counted = followed.following().unwrap().counted;
    let delivery = InFlight::begin(&counted);
    for _ in 0..2 {
        assert!(matches!(rules.stop(&followed).await, Err(Error::Busy)));
        assert!(matches!(rules.hold_back(&followed, &plans).await, Err(Error::Busy)));
        assert!(followed.following().is_none() && followed.holds());
    }
    drop(delivery);
    for _ in 0..2 {
        let held = rules.stop(&followed).await.unwrap().unwrap().held;
        assert_eq!(held, Some(HeldParents::default()), "until it is let go");
    }
}

#[tokio::test]
async fn c10_parents_of_a_kind_that_nobody_can_tell_of_are_not_taken_for_gone() {
    let (rules, cascade) = (rules(nowhere(), mpsc::channel(1).0), cascade());
    let (rule, events) = (Rule::new(&cascade).unwrap(), rules.events.of(&cascade));
    let followed = Followed::new(&cascade, None, events, None, rules.queue.clone());
    let released = rules.release(rule.parent_kind(), &followed, &HeldParents::default(), None).await;
    assert!(matches!(released, Err(Error::Release { .. })));
}
