use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rewitness_messaging::{Kind, Uid};
use serde_json::{Value, json};

/// Plain JSON is the second choice, for aggregated API servers that cannot reduce to metadata.
const LIST: HeaderValue = HeaderValue::from_static(
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
);
const OBJECT: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_PATCH: HeaderValue = HeaderValue::from_static("application/json-patch+json");
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");

/// All but the unreserved characters of RFC 3986, and the colon that names of RBAC objects have.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// By which path a kind is served, and whether its objects live in namespaces.
///
/// ```
/// use rewitness_kubernetes::call::Endpoint;
/// use rewitness_messaging::Kind;
///
/// let widgets = Endpoint::of(&Kind::new("example.com", "Widget"), "v1", "widgets", true);
/// assert_eq!(widgets.to_string(), "widgets.example.com");
/// let request = widgets.get(Some("team-a"), "web");
/// assert_eq!(request.uri(), "/apis/example.com/v1/namespaces/team-a/widgets/web");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The group; empty for the core one.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural, as it stands in the path.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// Answers are the metadata alone, unless something else is said.
impl Endpoint {
    /// Where a version of its group serves a kind.
    pub fn of(kind: &Kind, version: &str, plural: &str, namespaced: bool) -> Self {
        Self {
            group: kind.group.to_string(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            namespaced,
        }
    }

    /// A page of a consistent list, in a namespace or everywhere: no `resourceVersion`, so that it is
    /// at least as new as anything that was committed before the call. An empty selector selects
    /// everything, and an empty token is the first page.
    pub fn list(
        &self,
        namespace: Option<&str>,
        selector: &str,
        limit: u32,
        continue_token: &str,
    ) -> Request<Vec<u8>> {
        let mut uri = Uri::new(self.collection(namespace));
        uri.parameter("limit", limit);
        if !continue_token.is_empty() {
            uri.parameter("continue", continue_token);
        }
        uri.selector(selector);
        get(uri.0, LIST)
    }

    /// A watch from a version on. The server ends it after `timeout`.
    pub fn watch(
        &self,
        namespace: Option<&str>,
        selector: &str,
        version: &str,
        timeout: Duration,
    ) -> Request<Vec<u8>> {
        let mut uri = Uri::new(self.collection(namespace));
        uri.parameter("watch", true);
        uri.parameter("allowWatchBookmarks", true);
        uri.parameter("resourceVersion", version);
        uri.parameter("timeoutSeconds", timeout.as_secs().max(1));
        uri.selector(selector);
        let mut request = get(uri.0, OBJECT);
        // Kubernetes 1.37 compresses watches, one gzip member an event, which decoders of whole
        // bodies do not follow.
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request
    }

    /// One object, as it is now.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Request<Vec<u8>> {
        get(self.object(namespace, name), OBJECT)
    }

    /// One object, whole.
    pub fn get_whole(&self, namespace: Option<&str>, name: &str) -> Request<Vec<u8>> {
        get(self.object(namespace, name), JSON)
    }

    /// A deletion that does nothing unless the object is exactly this one, in exactly this version.
    pub fn delete(
        &self,
        namespace: Option<&str>,
        name: &str,
        uid: &Uid,
        version: &str,
        propagation: PropagationPolicy,
    ) -> Request<Vec<u8>> {
        let preconditions =
            Preconditions { uid: Some(uid.to_string()), resource_version: Some(version.to_owned()) };
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let mut body = json!(params);
        // Without them an API server of another group would have to guess.
        body["apiVersion"] = "v1".into();
        body["kind"] = "DeleteOptions".into();
        with_body(Method::DELETE, self.object(namespace, name), JSON, &body)
    }

    /// A JSON patch (RFC 6902) of one object.
    pub fn json_patch(&self, namespace: Option<&str>, name: &str, patch: &Value) -> Request<Vec<u8>> {
        with_body(Method::PATCH, self.object(namespace, name), JSON_PATCH, patch)
    }

    /// A merge patch (RFC 7386) of one object.
    pub fn merge_patch(&self, namespace: Option<&str>, name: &str, patch: &Value) -> Request<Vec<u8>> {
        with_body(Method::PATCH, self.object(namespace, name), MERGE_PATCH, patch)
    }

    fn collection(&self, namespace: Option<&str>) -> String {
        let root = root(&self.group, &self.version);
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => path(&root, &["namespaces", namespace, &self.plural]),
            None => path(&root, &[&self.plural]),
        }
    }

    fn object(&self, namespace: Option<&str>, name: &str) -> String {
        path(&self.collection(namespace), &[name])
    }
}

/// The plural with its group, as `kubectl auth can-i` and RBAC know it: `widgets.example.com`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.group {
            "" => f.write_str(&self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

/// The path where a version of a group is served.
pub fn root(group: &str, version: &str) -> String {
    match group {
        "" => path("/api", &[version]),
        group => path("/apis", &[group, version]),
    }
}

/// A path below another: every path is made here.
pub(crate) fn path(parent: &str, segments: &[&str]) -> String {
    let mut path = parent.to_owned();
    for one in segments {
        path.push('/');
        path.push_str(&segment(one));
    }
    path
}

/// A name as one segment of a path, whatever it consists of. [`Endpoint`] does this itself; it is for
/// [`kube::Api`], which takes names as they are, so that `a?dryRun=All` would be the name `a`.
///
/// ```
/// use rewitness_kubernetes::call::segment;
///
/// assert_eq!(segment("system:node"), "system:node");
/// assert_eq!(segment("a?dryRun=All"), "a%3FdryRun%3DAll");
/// ```
pub fn segment(name: &str) -> String {
    match name {
        // As paths they mean the collection, this and its parent. No object has such a name, nor one
        // with a `%`, so that none is found.
        "" | "." | ".." => format!("%25{name}"),
        name => utf8_percent_encode(name, ENCODED).to_string(),
    }
}

/// Whatever is at a path, in the form that is asked for.
pub fn get(path: String, accept: HeaderValue) -> Request<Vec<u8>> {
    request(Method::GET, path, accept, Vec::new())
}

/// Any document of the server, as JSON.
pub fn get_document(path: String) -> Request<Vec<u8>> {
    get(path, JSON)
}

/// A document that is posted, as a review is.
pub fn post_document(path: &str, document: &Value) -> Request<Vec<u8>> {
    with_body(Method::POST, path.to_owned(), JSON, document)
}

/// The same list or watch of the one object of this name: RBAC grants that by the name.
pub fn only(mut request: Request<Vec<u8>>, name: &str) -> Request<Vec<u8>> {
    let mut uri = Uri::new(request.uri().to_string());
    uri.parameter("fieldSelector", format_args!("metadata.name={name}"));
    *request.uri_mut() = uri.0.parse().unwrap_or_default();
    request
}

fn with_body(method: Method, uri: String, content: HeaderValue, body: &Value) -> Request<Vec<u8>> {
    let accept = if method == Method::PATCH { OBJECT } else { JSON };
    let mut request = request(method, uri, accept, body.to_string().into_bytes());
    request.headers_mut().insert(CONTENT_TYPE, content);
    request
}

fn request(method: Method, uri: String, accept: HeaderValue, body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // Every part that comes from outside is percent-encoded, so this is a URI. Were it none after
    // all, the request would go to the root path, and be refused there.
    *request.uri_mut() = uri.parse().unwrap_or_default();
    request.headers_mut().insert(ACCEPT, accept);
    request
}

struct Uri(String);

impl Uri {
    fn new(path: String) -> Self {
        Self(path)
    }

    fn parameter(&mut self, key: &str, value: impl fmt::Display) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(&value.to_string(), ENCODED));
    }

    fn selector(&mut self, selector: &str) {
        if !selector.is_empty() {
            self.parameter("labelSelector", selector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widgets() -> Endpoint {
        Endpoint::of(&Kind::new("example.com", "Widget"), "v1", "widgets", true)
    }

    #[test]
    fn a_list_is_consistent_paged_and_metadata_only() {
        let request = widgets().list(Some("team"), "app=web,tier in (a,b)", 500, "a+b=");
        assert_eq!(
            request.uri(),
            "/apis/example.com/v1/namespaces/team/widgets?limit=500&continue=a%2Bb%3D\
             &labelSelector=app%3Dweb%2Ctier%20in%20%28a%2Cb%29"
        );
        assert!(!request.uri().to_string().contains("resourceVersion"));
        assert!(request.headers()[ACCEPT].to_str().unwrap().contains("as=PartialObjectMetadataList"));
    }

    #[test]
    fn a_watch_has_bookmarks_and_is_not_compressed() {
        let request = widgets().watch(None, "", "17", Duration::from_secs(290));
        assert_eq!(
            request.uri(),
            "/apis/example.com/v1/widgets?watch=true&allowWatchBookmarks=true&resourceVersion=17&timeoutSeconds=290"
        );
        assert_eq!(request.headers()[ACCEPT_ENCODING], "identity");
    }

    #[test]
    fn the_one_object_of_a_name_is_asked_for_by_a_field() {
        let request = only(widgets().list(None, "", 500, ""), "a&b");
        assert_eq!(
            request.uri(),
            "/apis/example.com/v1/widgets?limit=500&fieldSelector=metadata.name%3Da%26b"
        );
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        let core = Endpoint::of(&Kind::new("", "Node"), "v1", "nodes", false);
        assert_eq!(core.get(Some("ignored"), "a/../b?c#d").uri(), "/api/v1/nodes/a%2F..%2Fb%3Fc%23d");
        assert_eq!(core.get(None, "system:node").uri(), "/api/v1/nodes/system:node");
    }

    /// What a server makes of the path: its segments, decoded.
    fn segments(request: &Request<Vec<u8>>) -> Vec<String> {
        let uri = request.uri();
        assert_eq!(uri.query(), None, "{uri}");
        let decoded =
            |one: &str| percent_encoding::percent_decode_str(one).decode_utf8().unwrap().into_owned();
        uri.path().split('/').skip(1).map(decoded).collect()
    }

    #[test]
    fn a_name_reaches_the_server_as_that_name_and_no_other() {
        for name in [
            "x?dryRun=All",
            "x#y",
            "x%2Fy",
            "%",
            "%zz",
            "a/b",
            "/",
            "../../secrets/x",
            "a b",
            " ",
            "a\nb",
            "a\\b",
            "--all",
            "x;y",
            "x&y=z",
            "x:y",
            "system:aggregate-to-view",
            "ü",
            "\u{0}",
            "\"",
            "'",
            "~",
            "a.b",
            "...",
        ] {
            let expected = ["apis", "example.com", "v1", "namespaces", name, "widgets", name];
            assert_eq!(segments(&widgets().get(Some(name), name)), expected, "{name:?}");
            let odd = Endpoint::of(&Kind::new(name, "Odd"), name, name, false);
            assert_eq!(segments(&odd.get(None, "a")), ["apis", name, name, name, "a"], "{name:?}");
        }
    }

    /// As paths, these are not names: a deletion would be one of the whole collection.
    #[test]
    fn a_name_that_none_can_have_is_found_nowhere() {
        for name in ["", ".", ".."] {
            let segments = segments(&widgets().get(Some("team"), name));
            assert_eq!(segments.len(), 7, "{name:?}");
            assert_eq!(segments[6], format!("%{name}"));
        }
    }

    #[test]
    fn a_deletion_names_the_uid_and_the_version() {
        let request =
            widgets().delete(Some("a"), "web/../x", &"u1".into(), "17", PropagationPolicy::Background);
        assert_eq!(request.method(), Method::DELETE);
        assert_eq!(request.uri(), "/apis/example.com/v1/namespaces/a/widgets/web%2F..%2Fx");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": "Background",
                "preconditions": { "uid": "u1", "resourceVersion": "17" },
            })
        );
    }
}
