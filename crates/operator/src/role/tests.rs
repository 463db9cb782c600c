use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use tower::service_fn;

use rewitness_crds::Reason;

use super::super::rules::tests::{cascade, rules};
use super::*;

/// A server that has nothing; whoever writes to it panics.
fn panics_on_writes() -> kube::Client {
    let answer = |request: Request<Body>| async move {
        assert_eq!(request.method(), Method::GET, "planted");
        let status = serde_json::json!({ "kind": "Status", "code": 404, "reason": "NotFound" });
        let answer = Response::builder().status(StatusCode::NOT_FOUND);
        answer.body(Body::from(status.to_string().into_bytes()))
    };
    kube::Client::new(service_fn(answer), "default")
}

#[tokio::test(start_paused = true)]
async fn a_status_writer_that_panics_ends_the_run_with_an_error() {
    let client = panics_on_writes();
    let (hand_in, status_writers) = status_writer::status_writers();
    let rules = Arc::new(rules(client.clone(), hand_in));
    let (_, watches, shrinks) = counts::counts(rules.queue.clone());
    let followed = rules.load(&cascade()).await.unwrap().unwrap();
    followed.attempted(Some((Reason::NotFollowed, "there is something to be written".to_owned())), None);
    let operator = Operator {
        rules,
        selector: Selector::default(),
        mark: watch::channel(None).0,
        writer: events::events(client).1,
        status_writers,
        watches,
        shrinks,
    };
    let ended = timeout(10 * GRACE, operator.run(std::future::pending())).await;
    assert!(matches!(ended.expect("it ends by itself"), Err(Ended::Panicked)));
}
