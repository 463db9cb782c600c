use crate::call::ApiError;
use rewitness_messaging::Version;
use rewitness_messaging::schedule::Observation;
use serde_json::{Value, json};

use super::{Entry, Event, decode_event, decode_object, decode_page};

fn object(name: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": format!("uid-{name}"),
            "resourceVersion": "17",
            "generation": 3,
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "labels": {"app": "web", "quoted": "a\"b\\c"},
            "annotations": {"note": "{[\"items\":]}"},
            "finalizers": ["foreign/a", "hold.rewitness.dev/b"],
            "managedFields": [{"fieldsV1": {"f:metadata": {"k:{\"uid\":\"x\"}": {}}}}],
        },
    })
}

fn list(items: Value) -> Vec<u8> {
    let metadata = json!({"resourceVersion": "99", "continue": "next", "remainingItemCount": 4});
    let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items});
    serde_json::to_vec(&list).unwrap()
}

fn observed(entry: Entry<'_>) -> Observation<'_> {
    match entry {
        Entry::Object(observation) => observation,
        Entry::Unreadable { .. } => panic!("unreadable"),
    }
}

fn names(body: &[u8]) -> Vec<Result<String, Option<String>>> {
    let page = decode_page(body, 500).unwrap();
    assert_eq!(page.version, "99");
    assert_eq!(page.continue_token.as_deref(), Some("next"));
    page.items
        .into_iter()
        .map(|entry| match entry {
            Entry::Object(seen) => Ok(seen.name.into_owned()),
            Entry::Unreadable { name, .. } => Err(name.map(Into::into)),
        })
        .collect()
}

#[test]
fn what_is_used_is_picked_from_an_object() {
    let body = serde_json::to_vec(&object("a")).unwrap();
    let seen = observed(decode_object(&body));
    assert_eq!(seen.namespace.as_deref(), Some("team"));
    assert_eq!((&*seen.name, &*seen.uid), ("a", "uid-a"));
    assert_eq!((seen.version, seen.generation), (Version(17), 3));
    assert_eq!(seen.deletion_timestamp, None);
    assert_eq!(seen.holds, ["foreign/a", "hold.rewitness.dev/b"]);
    let labels: Vec<(&str, &str)> = seen.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(labels, [("app", "web"), ("quoted", "a\"b\\c")]);
}

#[test]
fn what_is_absent_or_null_is_not_a_flaw() {
    let mut small = json!({"metadata": {"name": "a", "uid": "u"}});
    assert_eq!(observed(decode_object(small.to_string().as_bytes())).version, Version::UNKNOWN);
    for field in ["namespace", "resourceVersion", "generation", "deletionTimestamp", "finalizers", "labels"] {
        small["metadata"][field] = Value::Null;
    }
    let body = small.to_string();
    let seen = observed(decode_object(body.as_bytes()));
    assert_eq!((seen.namespace, seen.generation, seen.holds.len(), seen.labels.len()), (None, 0, 0, 0));
}

#[test]
fn a_flawed_object_is_named_and_stops_nobody_else() {
    let some = |name: &str| Err(Some(name.to_owned()));
    for (field, flaw, expected) in [
        ("uid", json!(null), some("b")),
        ("uid", json!(""), some("b")),
        ("uid", json!({"deep": [1, {"er": null}]}), some("b")),
        ("name", json!(7), Err(None)),
        ("name", json!(""), some("")),
        ("namespace", json!(["x"]), some("b")),
        ("resourceVersion", json!(17), some("b")),
        ("generation", json!("3"), some("b")),
        ("generation", json!(1.5), some("b")),
        ("generation", json!(u64::MAX), some("b")),
        ("deletionTimestamp", json!("yesterday"), some("b")),
        ("deletionTimestamp", json!(true), some("b")),
        ("finalizers", json!("x/y"), some("b")),
        ("finalizers", json!(["x/y", 1]), some("b")),
        ("finalizers", json!([null]), some("b")),
        ("labels", json!([]), some("b")),
        ("labels", json!({"a": {}}), some("b")),
    ] {
        let mut flawed = object("b");
        flawed["metadata"][field] = flaw.clone();
        let body = list(json!([object("a"), flawed, object("c")]));
        assert_eq!(names(&body), [Ok("a".to_owned()), expected, Ok("c".to_owned())], "{field}: {flaw}");
    }
    for nothing in
        [json!(null), json!(1), json!("x"), json!([]), json!({}), json!({"metadata": 1}), json!(false)]
    {
        let body = list(json!([object("a"), nothing, object("c")]));
        assert_eq!(names(&body), [Ok("a".to_owned()), Err(None), Ok("c".to_owned())], "{nothing}");
    }
}

/// Text that no JSON parser takes, inside one object, is that object's own trouble.
#[test]
fn broken_text_in_an_object_stops_nobody_else() {
    for broken in
        [&b"\"\\ud800\""[..], b"\"\xff\xfe\"", b"\"\\x\"", b"1.", b"-", b"nul", b"\"tab\there\"", b"01"]
    {
        let mut object_b = object("b");
        object_b["metadata"]["resourceVersion"] = json!("PLACE");
        let body = list(json!([object("a"), object_b, object("c")]));
        let at = body.windows(7).position(|window| window == b"\"PLACE\"").unwrap();
        let body = [&body[..at], broken, &body[at + 7..]].concat();
        let names = names(&body);
        assert_eq!((&names[0], &names[2]), (&Ok("a".to_owned()), &Ok("c".to_owned())));
        assert!(names[1].is_err(), "{}", String::from_utf8_lossy(broken));
    }
}

/// Every single byte of one object, replaced by every one of some bytes: nothing panics, and as
/// long as the brackets and quotes stand, the others are read.
#[test]
fn no_byte_of_an_object_stops_the_others() {
    let body = list(json!([object("a"), object("b"), object("c")]));
    let middle = serde_json::to_vec(&object("b")).unwrap();
    let start = body.windows(middle.len()).position(|window| window == middle).unwrap() + 1;
    let end = start + middle.len() - 2;
    for at in start..end {
        for byte in [0, b'x', b'7', b' ', b'\n', 0xff, b':', b'"', b'\\', b'{', b']', b','] {
            let mut changed = body.clone();
            changed[at] = byte;
            let structural = |byte: u8| b"\"\\{}[],:".contains(&byte);
            let Ok(page) = decode_page(&changed, 500) else {
                assert!(structural(byte) || structural(body[at]), "byte {at} to {byte}");
                continue;
            };
            if structural(byte) || structural(body[at]) {
                continue;
            }
            let mut items = page.items.into_iter();
            assert_eq!(observed(items.next().unwrap()).uid, "uid-a");
            assert_eq!(observed(items.nth(1).unwrap()).uid, "uid-c");
        }
    }
}

#[test]
fn an_answer_that_is_no_page_is_an_error() {
    let whole = list(json!([object("a"), object("b")]));
    for cut in 0..whole.len() - 1 {
        assert!(decode_page(&whole[..cut], 500).is_err(), "cut at {cut}");
    }
    for other in
        ["null", "[]", "{}", "{\"items\":[]}", "{\"metadata\":{\"resourceVersion\":\"\"},\"items\":[]}", "x"]
    {
        assert!(decode_page(other.as_bytes(), 500).is_err(), "{other}");
    }
    let empty = br#"{"metadata":{"resourceVersion":"5","continue":""},"items":null}"#;
    let page = decode_page(empty, 500).unwrap();
    assert_eq!((&*page.version, page.continue_token, page.items.len()), ("5", None, 0));
}

#[test]
fn events_are_told_apart() {
    let event = |sort: &str, object: Value| json!({"type": sort, "object": object}).to_string();
    let line = event("ADDED", object("a"));
    assert!(matches!(decode_event(line.as_bytes()),
        Event::Shown { entry: Entry::Object(seen), version } if seen.name == "a" && version == "17"));
    let line = json!({"object": object("a"), "type": "DELETED"}).to_string();
    assert!(matches!(decode_event(line.as_bytes()),
        Event::Left { entry: Entry::Object(seen), version } if seen.uid == "uid-a" && version == "17"));
    let line = event("BOOKMARK", json!({"metadata": {"resourceVersion": "20", "name": null}}));
    assert!(matches!(decode_event(line.as_bytes()), Event::Bookmark { version } if version == "20"));
    let line = event("MODIFIED", json!({"metadata": {"name": "a", "resourceVersion": "21", "uid": 4}}));
    assert!(matches!(decode_event(line.as_bytes()),
        Event::Shown { entry: Entry::Unreadable { name: Some(name), uid: None, .. }, version }
            if name == "a" && version == "21"));
    for (code, expected) in [
        (json!(410), ApiError::Expired),
        (json!(500), ApiError::Status { status: 500, message: "too old".to_owned() }),
        (json!("x"), ApiError::Status { status: 500, message: "too old".to_owned() }),
    ] {
        let line = event("ERROR", json!({"kind": "Status", "code": code, "message": "too old"}));
        assert!(matches!(decode_event(line.as_bytes()), Event::Failed(error) if error == expected), "{line}");
    }
    for line in
        ["", "x", "null", "{}", "{\"type\":\"NEW\",\"object\":{}}", "{\"type\":1}", "{\"type\":\"ADDED\""]
    {
        assert!(matches!(decode_event(line.as_bytes()), Event::Unreadable), "{line}");
    }
}
