use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use rewitness_messaging::Uid;
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

/// By which path a kind is served, and whether its objects live in namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

impl Endpoint {
    /// A page of a consistent list: no `resourceVersion`, so that it is at least as new as
    /// anything that was committed before the call.
    pub(crate) fn list(
        &self,
        namespace: Option<&str>,
        selector: &str,
        limit: u32,
        continue_token: &str,
    ) -> Request<Vec<u8>> {
        let mut uri = format!("{}?limit={limit}", self.collection(namespace));
        if !selector.is_empty() {
            uri += &format!("&labelSelector={}", encoded(selector));
        }
        if !continue_token.is_empty() {
            uri += &format!("&continue={}", encoded(continue_token));
        }
        request(Method::GET, uri, LIST, Vec::new())
    }

    /// One object's metadata, as it is now.
    pub(crate) fn get(&self, namespace: Option<&str>, name: &str) -> Request<Vec<u8>> {
        request(Method::GET, self.object(namespace, name), OBJECT, Vec::new())
    }

    /// A deletion that does nothing unless the object is exactly this one, in exactly this version.
    pub(crate) fn delete(
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

    /// A JSON patch (RFC 6902); the answer is the object's metadata.
    pub(crate) fn json_patch(&self, namespace: Option<&str>, name: &str, patch: &Value) -> Request<Vec<u8>> {
        with_body(Method::PATCH, self.object(namespace, name), JSON_PATCH, patch)
    }

    /// A merge patch (RFC 7386); the answer is the object's metadata.
    pub(crate) fn merge_patch(&self, namespace: Option<&str>, name: &str, patch: &Value) -> Request<Vec<u8>> {
        with_body(Method::PATCH, self.object(namespace, name), MERGE_PATCH, patch)
    }

    fn collection(&self, namespace: Option<&str>) -> String {
        let root = api_root(&self.group, &self.version);
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{root}/namespaces/{}/{}", encoded(namespace), self.plural)
            }
            _ => format!("{root}/{}", self.plural),
        }
    }

    fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), encoded(name))
    }
}

/// Where a version of a group is served.
pub(super) fn api_root(group: &str, version: &str) -> String {
    match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    }
}

/// Any document of the server.
pub(super) fn get_document(path: String) -> Request<Vec<u8>> {
    request(Method::GET, path, JSON, Vec::new())
}

/// A document that is posted, as a review is.
pub(crate) fn post_document(path: &str, document: &Value) -> Request<Vec<u8>> {
    with_body(Method::POST, path.to_owned(), JSON, document)
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
    *request.uri_mut() = uri.parse::<Uri>().unwrap_or_default();
    request.headers_mut().insert(ACCEPT, accept);
    request
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

    fn clusters() -> Endpoint {
        Endpoint {
            group: "compute.example.com".to_owned(),
            version: "v1".to_owned(),
            plural: "clusters".to_owned(),
            namespaced: true,
        }
    }

    #[test]
    fn a_list_is_consistent_paged_and_metadata_only() {
        let request = clusters().list(None, "example.com/project=web", 500, "a+b=");
        assert_eq!(
            request.uri(),
            "/apis/compute.example.com/v1/clusters?limit=500&labelSelector=example.com%2Fproject%3Dweb&continue=a%2Bb%3D"
        );
        assert!(!request.uri().to_string().contains("resourceVersion"));
        assert!(request.headers()[ACCEPT].to_str().unwrap().contains("as=PartialObjectMetadataList"));
    }

    #[test]
    fn a_deletion_names_the_uid_and_the_version() {
        let request =
            clusters().delete(Some("a"), "web/../x", &"u1".into(), "17", PropagationPolicy::Background);
        assert_eq!(request.method(), Method::DELETE);
        assert_eq!(request.uri(), "/apis/compute.example.com/v1/namespaces/a/clusters/web%2F..%2Fx");
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
