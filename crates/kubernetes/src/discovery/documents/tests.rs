use serde_json::json;

use super::*;

fn resource(plural: &str, kind: &str) -> Value {
    json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": "Namespaced",
           "singularResource": kind.to_lowercase(), "verbs": ["list", "watch"], "shortNames": ["x"],
           "subresources": [{"subresource": "status", "verbs": ["get"]}]})
}

fn group(name: &str, resources: &[Value]) -> Value {
    json!({"metadata": {"name": name, "creationTimestamp": null},
           "versions": [{"version": "v1", "freshness": "Current", "resources": resources}]})
}

fn list(groups: &[Value]) -> Value {
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups})
}

fn kinds(served: &Served) -> Vec<String> {
    served.kinds.iter().map(|kind| kind.kind.to_string()).collect()
}

fn read(document: &Value) -> Aggregated {
    aggregated(document.to_string().as_bytes()).unwrap()
}

#[test]
fn what_serves_subresources_alone_stops_nobody() {
    let adapter = json!({"resource": "namespaces", "responseKind": null, "scope": "Namespaced", "singularResource": "",
                         "verbs": null, "shortNames": null, "subresources": [{"subresource": "load", "verbs": ["get"]}]});
    let found = read(&list(&[
        group("custom.metrics.k8s.io", &[adapter]),
        group("example.com", &[resource("widgets", "Widget")]),
    ]));
    assert_eq!(kinds(&found.served), ["Widget.example.com"]);
    assert!(found.served.broken.is_empty(), "{:?}", found.served.broken);
}

#[test]
fn an_odd_resource_is_left_out_and_named_and_an_odd_group_is_not_read() {
    let found = read(&list(&[
        group("a.com", &[json!({"resource": 7}), resource("as", "A"), json!("x")]),
        json!({"metadata": {"name": "b.com"}, "versions": [7]}),
        json!([]),
        group("c.com", &[resource("cs", "C")]),
    ]));
    assert_eq!(kinds(&found.served), ["A.a.com", "C.c.com"]);
    assert_eq!(found.served.broken, ["a.com/v1"]);
    assert_eq!(found.read, ["a.com", "c.com"]);
}

#[test]
fn plain_groups_name_their_preferred_version_first() {
    let body = json!({"kind": "APIGroupList", "groups": [
        {"name": "a.com", "versions": [{"version": "v1"}, {"version": "v2"}], "preferredVersion": {"version": "v2"}},
        {"name": "b.com", "versions": null}, 7]});
    let groups = plain_groups(body.to_string().as_bytes()).unwrap();
    let of = |name: &str, versions: &[&str]| PlainGroup {
        name: name.to_owned(),
        versions: versions.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(groups, [of("a.com", &["v2", "v1"]), of("b.com", &[])]);
    assert_eq!(plain_groups(br#"{"versions":["v1"]}"#).unwrap(), [of("", &["v1"])]);
}

/// SplitMix64: a mutation is its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }

    /// Replaces something in a value by something else.
    fn mutate(&mut self, value: &mut Value) {
        let other =
            [json!(null), json!(7), json!("x"), json!([]), json!({}), json!([null, {"a": 1}]), json!(true)];
        let children = match value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        if children == 0 || self.below(4) == 0 {
            *value = other[self.below(other.len())].clone();
            return;
        }
        let at = self.below(children);
        match value {
            Value::Array(items) => self.mutate(&mut items[at]),
            Value::Object(fields) => {
                let key = fields.keys().nth(at).cloned().unwrap_or_default();
                match self.below(6) {
                    0 => drop(fields.remove(&key)),
                    _ => self.mutate(&mut fields[&key]),
                }
            }
            _ => {}
        }
    }
}

/// Whatever stands in one group: the others are read, and nothing panics.
#[test]
fn fuzz_what_is_odd_in_one_group_stops_no_other() {
    let groups =
        ["a.com", "b.com", "c.com"].map(|name| group(name, &[resource("as", "A"), resource("bs", "B")]));
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut groups = groups.clone();
        for _ in 0..=random.below(3) {
            random.mutate(&mut groups[1]);
        }
        let found = read(&list(&groups));
        let others: Vec<String> = found
            .served
            .kinds
            .iter()
            .filter(|kind| &*kind.kind.group != "b.com")
            .map(|kind| kind.kind.to_string())
            .collect();
        for kind in ["A.a.com", "B.a.com", "A.c.com", "B.c.com"] {
            assert!(others.iter().any(|one| one == kind), "seed {seed}: {kind} is missing of {}", groups[1]);
        }
    }
}

/// Whatever stands in one resource of plain discovery: the others are read, and it is named.
#[test]
fn fuzz_what_is_odd_in_one_resource_stops_no_other() {
    let plain = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["list"]});
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut resources = vec![plain("as", "A"), plain("bs", "B"), plain("cs", "C")];
        random.mutate(&mut resources[1]);
        let body = json!({"resources": resources.clone()}).to_string();
        let mut served = Served::default();
        served.add_plain("example.com", "v1", plain_resources(body.as_bytes()).unwrap());
        let kinds = kinds(&served);
        assert_eq!(kinds.first().map(String::as_str), Some("A.example.com"), "seed {seed}: {}", resources[1]);
        assert_eq!(kinds.last().map(String::as_str), Some("C.example.com"), "seed {seed}: {}", resources[1]);
    }
}

/// Whichever bytes come: no panic.
#[test]
fn fuzz_no_bytes_make_it_panic() {
    let whole = list(&[group("a.com", &[resource("as", "A")])]).to_string().into_bytes();
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut body = whole.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(body.len());
            body[at] = [b'"', b'{', b'}', b'[', b']', b',', 0xff, 0, b'7'][random.below(9)];
        }
        body.truncate(random.below(body.len()) + 1);
        drop(aggregated(&body));
        drop(plain_groups(&body));
        drop(plain_group(&body));
        drop(plain_resources(&body));
    }
}
