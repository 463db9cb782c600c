//! Which requests a rule is about, and what it does to them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::gate::Gate;

type Predicate = Arc<dyn Fn(&Call) -> bool + Send + Sync>;
type Rewriter = Arc<dyn Fn(&Call, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// The requests a rule is about: those for which every condition holds.
///
/// # Examples
/// ```
/// use rewitness_controlplane::Match;
/// // The second deletion of a widget alone.
/// let deletion = Match::any().method("DELETE").path("/widgets/").skip(1).times(1);
/// // Every watch of a collection.
/// let watches = Match::watches().path("/widgets");
/// ```
#[derive(Clone)]
pub struct Match {
    conditions: Vec<Predicate>,
    pub(super) skip: usize,
    pub(super) times: usize,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self { conditions: Vec::new(), skip: 0, times: usize::MAX }
    }

    /// Every watch.
    pub fn watches() -> Self {
        Self::any().when(|call| call.watch)
    }

    /// Every request that changes something.
    pub fn writes() -> Self {
        Self::any().when(|call| call.method != Method::GET && call.method != Method::HEAD)
    }

    /// Every request of which the path ends with `plural` and that is no watch: lists and creates. Together
    /// with [`Match::method`] `GET`: lists.
    pub fn collection(plural: &str) -> Self {
        let end = format!("/{plural}");
        Self::any().when(move |call| !call.watch && call.path.ends_with(&end))
    }

    /// With this method.
    pub fn method(self, method: &str) -> Self {
        let method = method.to_owned();
        self.when(move |call| call.method.as_str() == method)
    }

    /// With this text somewhere in the path.
    pub fn path(self, part: &str) -> Self {
        let part = part.to_owned();
        self.when(move |call| call.path.contains(&part))
    }

    /// For which this holds.
    pub fn when(mut self, condition: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(condition));
        self
    }

    /// Without the first `count` of them.
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// At most `count` of them, after those that are skipped.
    pub fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }

    pub(super) fn holds(&self, call: &Call) -> bool {
        self.conditions.iter().all(|condition| condition(call))
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Match {{ {} conditions, skip {}, times {} }}",
            self.conditions.len(),
            self.skip,
            self.times
        )
    }
}

/// What is done to a request. All rules that match a request act on it, in the order in which they were made;
/// the first one that answers it or closes its connection is the last.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Forwards it later.
    Delay(Duration),
    /// Holds it back until the gate opens or the rule is removed, then forwards it.
    Hold(Gate),
    /// Closes the connection instead of forwarding it.
    Drop,
    /// Answers it with a `Status` of Kubernetes instead of forwarding it.
    Status {
        /// The HTTP status code, which also decides the reason.
        code: u16,
        /// Seconds, for the header `Retry-After` and the details of the status.
        retry_after: Option<u32>,
        /// The message for people.
        message: String,
    },
    /// Answers it with a body of JSON instead of forwarding it. For a watch: the events, one a line, after
    /// which the stream ends.
    Answer {
        /// The HTTP status code.
        code: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// Forwards it, and closes the connection once the API server has answered.
    LoseAnswer,
    /// Forwards it, and holds the API server's answer back until the gate opens or the rule is removed.
    HoldAnswer(Gate),
    /// Forwards it, and breaks the connection after this many bytes of the answer's body.
    Cut {
        /// How many bytes still arrive; with 0 the headers alone.
        after: usize,
    },
    /// Forwards it and passes the headers on, but nothing of the body from here on, on open connections too.
    /// The connection stays open. What was held back arrives once the rule is removed, as after a broken
    /// network.
    Silent,
    /// Forwards it and changes the answer.
    Rewrite(Rewrite),
}

impl Fault {
    /// A status without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None, message: format!("the fault proxy answers {code}") }
    }

    /// `429 Too Many Requests` with a time to wait, as of an overloaded API server.
    pub fn too_many_requests(retry_after: u32) -> Self {
        let message = "the fault proxy has too many requests".into();
        Self::Status { code: 429, retry_after: Some(retry_after), message }
    }

    /// A watch that is told `410 Gone` inside the stream, as when its version has been compacted.
    pub fn expired() -> Self {
        Self::Answer { code: 200, body: error_event(410, "the fault proxy has forgotten this version") }
    }

    /// Changes the body of an answer, or each event of a watch: `None` leaves it as it is, an empty text
    /// swallows the event. An event comes without its line break.
    pub fn rewrite(rewrite: impl Fn(&Call, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::Rewrite(Rewrite(Arc::new(rewrite)))
    }

    /// Changes the JSON of an answer, or of each event of a watch. What is no JSON stays as it is.
    pub fn edit(edit: impl Fn(&Call, &mut Value) + Send + Sync + 'static) -> Self {
        Self::rewrite(move |call, bytes| {
            let mut value = serde_json::from_slice(bytes).ok()?;
            edit(call, &mut value);
            serde_json::to_vec(&value).ok()
        })
    }
}

/// A change of answers; made by [`Fault::rewrite`] and [`Fault::edit`].
#[derive(Clone)]
pub struct Rewrite(Rewriter);

impl Rewrite {
    /// The new bytes, or `None` when they stay.
    pub(super) fn apply(&self, call: &Call, bytes: &[u8]) -> Option<Vec<u8>> {
        (self.0)(call, bytes)
    }
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewrite")
    }
}

/// A `Status` as the API server writes it.
pub(super) fn status_body(code: u16, retry_after: Option<u32>, message: &str) -> Value {
    let mut details = json!({});
    if let Some(seconds) = retry_after {
        details = json!({"retryAfterSeconds": seconds});
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason(code), "details": details, "code": code,
    })
}

/// The line of a watch that tells of an error, for [`Fault::Answer`] and [`Fault::rewrite`].
pub fn error_event(code: u16, message: &str) -> Vec<u8> {
    let mut line = json!({"type": "ERROR", "object": status_body(code, None, message)}).to_string();
    line.push('\n');
    line.into_bytes()
}

/// The reasons of `k8s.io/apimachinery/pkg/apis/meta/v1`. For 409 and 410 the commoner one of two.
fn reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        410 => "Expired",
        413 => "RequestEntityTooLarge",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
