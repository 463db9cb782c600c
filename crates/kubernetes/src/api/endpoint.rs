use std::fmt;
use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use kube::client::Body;
use rewitness_messaging::{Kind, Selector};

/// Plain JSON is the second choice, for aggregated API servers that cannot reduce to metadata.
const LIST: HeaderValue = HeaderValue::from_static(
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
);
const OBJECT: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json");
const JSON_PATCH: HeaderValue = HeaderValue::from_static("application/json-patch+json");

/// By which path a kind is served: group, version, plural, scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

/// What part of a collection a list asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListAsk<'a> {
    pub(crate) limit: u32,
    pub(crate) continue_token: Option<&'a str>,
    pub(crate) selector: &'a Selector,
}

impl Endpoint {
    /// A page of a consistent list: no `resourceVersion`, so that it is at least as new as
    /// anything that was committed before the call.
    pub(crate) fn list(&self, namespace: Option<&str>, ask: ListAsk<'_>) -> Request<Body> {
        let mut uri = Uri::new(self.collection(namespace));
        uri.parameter("limit", ask.limit);
        if let Some(token) = ask.continue_token {
            uri.parameter("continue", token);
        }
        uri.selector(ask.selector);
        get(uri.0, LIST)
    }

    /// A watch from a version on. The server ends it after `timeout`.
    pub(crate) fn watch(
        &self,
        namespace: Option<&str>,
        selector: &Selector,
        version: &str,
        timeout: Duration,
    ) -> Request<Body> {
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

    /// One object's metadata.
    pub(crate) fn read(&self, namespace: Option<&str>, name: &str) -> Request<Body> {
        get(self.object(namespace, name), OBJECT)
    }

    /// One object, whole.
    pub(crate) fn read_whole(&self, namespace: Option<&str>, name: &str) -> Request<Body> {
        get(self.object(namespace, name), HeaderValue::from_static("application/json"))
    }

    /// A JSON patch (RFC 6902) of one object; the answer is its metadata.
    pub(crate) fn patch(&self, namespace: Option<&str>, name: &str, patch: Vec<u8>) -> Request<Body> {
        let mut request = get(self.object(namespace, name), OBJECT).map(|_| Body::from(patch));
        *request.method_mut() = http::Method::PATCH;
        request.headers_mut().insert(CONTENT_TYPE, JSON_PATCH);
        request
    }

    fn collection(&self, namespace: Option<&str>) -> String {
        let Self { group, version, plural, namespaced } = self;
        let root = match &**group {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        match namespace {
            Some(namespace) if *namespaced => format!("{root}/namespaces/{}/{plural}", encoded(namespace)),
            _ => format!("{root}/{plural}"),
        }
    }

    fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), encoded(name))
    }

    pub(crate) fn of(kind: &Kind, version: &str, plural: &str, namespaced: bool) -> Self {
        Self {
            group: kind.group.to_string(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            namespaced,
        }
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

pub(crate) fn get(uri: String, accept: HeaderValue) -> Request<Body> {
    let mut request = Request::new(Body::empty());
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
        self.0.push_str(&encoded(&value.to_string()));
    }

    fn selector(&mut self, selector: &Selector) {
        if !selector.is_empty() {
            self.parameter("labelSelector", selector);
        }
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, and the colon that names of
/// RBAC objects have.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                encoded.push(byte.into())
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widgets() -> Endpoint {
        Endpoint::of(&Kind::new("example.com", "Widget"), "v1", "widgets", true)
    }

    #[test]
    fn a_list_is_consistent_paged_and_metadata_only() {
        let selector: Selector = "app=web,tier in (a,b)".parse().unwrap();
        let request = widgets()
            .list(Some("team"), ListAsk { limit: 500, continue_token: Some("a+b="), selector: &selector });
        assert_eq!(
            request.uri(),
            "/apis/example.com/v1/namespaces/team/widgets?limit=500&continue=a%2Bb%3D\
             &labelSelector=app%3Dweb%2Ctier%20in%20%28a%2Cb%29"
        );
        assert!(request.headers()[ACCEPT].to_str().unwrap().contains("as=PartialObjectMetadataList"));
    }

    #[test]
    fn a_watch_has_bookmarks_and_is_not_compressed() {
        let request = widgets().watch(None, &Selector::default(), "17", Duration::from_secs(290));
        assert_eq!(
            request.uri(),
            "/apis/example.com/v1/widgets?watch=true&allowWatchBookmarks=true&resourceVersion=17&timeoutSeconds=290"
        );
        assert_eq!(request.headers()[ACCEPT_ENCODING], "identity");
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        let core = Endpoint::of(&Kind::new("", "Node"), "v1", "nodes", false);
        assert_eq!(core.read(Some("ignored"), "a/../b?c#d").uri(), "/api/v1/nodes/a%2F..%2Fb%3Fc%23d");
        assert_eq!(core.read(None, "system:node").uri(), "/api/v1/nodes/system:node");
    }
}
