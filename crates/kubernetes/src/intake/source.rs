use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::ResolvedKind;
use crate::call::{ApiError, Endpoint, PageSize, only};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use rewitness_messaging::Source;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::context::Context;
use super::feed::Feed;
use super::lines::Lines;
use super::observer::{Observer, Seen};
use super::plan::{Ask, Effect, HEALTHY, Heard, Plan, Step, Why};
use crate::wire::{decode_event, decode_page};

/// How long the server is asked to keep a watch open, at least; client-go asks for 5 to 10 min.
const WATCH: Duration = Duration::from_secs(270);
/// Up to so much more, so that watches that began together do not end together.
const WATCH_JITTER_SECONDS: u64 = 40;

/// Does what the [`Plan`] of one source says. This is the edge: all waiting is here.
pub(super) struct SourceTask<O> {
    source: Source,
    /// The one object that is asked for.
    name: Option<Arc<str>>,
    feed: Feed<O>,
    context: Arc<Context>,
    endpoint: Endpoint,
    relist: Arc<Notify>,
    /// Why it fails, as last said in the log.
    said: Option<String>,
    page_size: PageSize,
}

impl<O: Observer> SourceTask<O> {
    pub(super) fn new(
        source: Source,
        name: Option<Arc<str>>,
        observer: O,
        context: Arc<Context>,
        relist: Arc<Notify>,
    ) -> Self {
        let feed = Feed::new(observer, source.kind.clone());
        // Never asked: a plan begins with discovery.
        let endpoint = Endpoint::of(&source.kind, "", "", false);
        let page_size = PageSize::new(context.config.page_size);
        Self { source, name, feed, context, endpoint, relist, said: None, page_size }
    }

    /// Goes on until it is dropped.
    pub(super) async fn run(mut self) {
        let mut plan = Plan::new(self.context.config.backoff, random_seed());
        let relist = self.relist.clone();
        loop {
            tokio::select! {
                biased;
                () = relist.notified() => {
                    let effects = plan.hear(Heard::Relist);
                    self.apply(effects);
                }
                () = self.take(&mut plan) => {}
            }
        }
    }

    /// Takes the plan's next step.
    async fn take(&mut self, plan: &mut Plan) {
        let Step { wait, ask } = plan.step();
        if !wait.is_zero() {
            sleep(wait).await;
        }
        match ask {
            Ask::Discover => self.discover(plan).await,
            Ask::List { continue_token } => self.list(plan, continue_token).await,
            Ask::Check { .. } => self.check(plan).await,
            Ask::Watch { from } => self.watch(plan, &from).await,
        }
    }

    async fn discover(&mut self, plan: &mut Plan) {
        let found = self.context.discovery.find_now(&self.source.kind, None).await;
        let effects = match found.map(|found| found.filter(ResolvedKind::is_watchable)) {
            Ok(Some(found)) => {
                self.endpoint = found.endpoint();
                let namespaced = found.namespaced;
                self.feed.observer.see(Seen::Served { namespaced });
                let misfit = !namespaced && self.feed.observer.is_one_of_several();
                plan.hear(if misfit { Heard::Misfit } else { Heard::Served })
            }
            Ok(None) => plan.hear(Heard::Absent),
            Err(error) => plan.hear(Heard::Refused(error)),
        };
        self.apply(effects);
    }

    /// Pages, one after the other, until one is the last or is refused. While a page is handed
    /// over, the server prepares the next.
    async fn list(&mut self, plan: &mut Plan, continue_token: Option<String>) {
        let context = self.context.clone();
        // The semaphore is never closed.
        let Ok(_permit) = context.lists.acquire().await else { return };
        let mut fetch = self.fetch(continue_token.as_deref());
        let mut asked = continue_token;
        loop {
            let answer = fetch.await;
            match &answer {
                Ok(body) => self.page_size.read(body.len()),
                Err(ApiError::TooLarge) if self.page_size.shrink() => {
                    fetch = self.fetch(asked.as_deref());
                    continue;
                }
                Err(_) => {}
            }
            let page = answer
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|body| decode_page(body, context.config.page_size));
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    let effects = plan.hear(Heard::Refused(error));
                    return self.apply(effects);
                }
            };
            let heard =
                Heard::Page { version: &page.version, continue_token: page.continue_token.as_deref() };
            let mut effects = plan.hear(heard);
            let next = match plan.step() {
                Step { ask: Ask::List { continue_token: Some(token) }, .. } => {
                    let mut next = self.fetch(Some(&token));
                    asked = Some(token);
                    // Polled once, it is on its way.
                    match futures::poll!(&mut next) {
                        std::task::Poll::Ready(answer) => Some(std::future::ready(answer).boxed()),
                        std::task::Poll::Pending => Some(next),
                    }
                }
                _ => None,
            };
            let finished = effects.iter().position(|effect| *effect == Effect::ListFinished);
            let after = effects.split_off(finished.unwrap_or(effects.len()));
            self.apply(effects);
            self.feed.page(page.items);
            self.apply(after);
            match next {
                Some(next) => fetch = next,
                None => return,
            }
        }
    }

    fn fetch(&self, continue_token: Option<&str>) -> BoxFuture<'static, Result<Bytes, ApiError>> {
        let request = self.endpoint.list(
            self.source.namespace.as_deref(),
            &self.source.selector.to_string(),
            self.page_size.limit(),
            continue_token.unwrap_or_default(),
        );
        let (request, server) = (self.narrow(request), self.context.discovery.server().clone());
        async move { server.bytes(request).await }.boxed()
    }

    /// At which version the server is. Whether a selector matches anything is not asked: that can
    /// be costly, and the version is the same.
    fn ask_version(&self) -> BoxFuture<'static, Result<Bytes, ApiError>> {
        let request = self.endpoint.list(self.source.namespace.as_deref(), "", 1, "");
        let (request, server) = (self.narrow(request), self.context.discovery.server().clone());
        async move { server.bytes(request).await }.boxed()
    }

    fn narrow(&self, request: Request<Vec<u8>>) -> Request<Vec<u8>> {
        match &self.name {
            Some(name) => only(request, name),
            None => request,
        }
    }

    async fn check(&mut self, plan: &mut Plan) {
        let answer = self.ask_version().await;
        let effects = match version_of(&answer) {
            Ok(version) => plan.hear(Heard::Checked { version: &version }),
            Err(error) => plan.hear(Heard::Refused(error)),
        };
        self.apply(effects);
    }

    async fn watch(&mut self, plan: &mut Plan, from: &str) {
        let lasting = WATCH + Duration::from_secs(random_seed() % WATCH_JITTER_SECONDS);
        let (namespace, selector) = (self.source.namespace.as_deref(), self.source.selector.to_string());
        let request = self.endpoint.watch(namespace, &selector, from, lasting);
        match self.context.discovery.server().open(self.narrow(request)).await {
            Ok(body) => {
                let effects = plan.hear(Heard::Opened);
                self.apply(effects);
                self.follow(plan, body).await;
            }
            Err(error) => {
                let effects = plan.hear(Heard::Refused(error));
                self.apply(effects);
            }
        }
    }

    /// Follows a watch to its end, and checks beside it where the server is.
    async fn follow(&mut self, plan: &mut Plan, mut body: Body) {
        let (silence, check_every) = (self.context.config.silence, self.context.config.check_every);
        let mut healthy = pin!(sleep(HEALTHY).fuse());
        let mut lines = Lines::default();
        let mut silent = pin!(sleep(silence));
        let mut check_due = pin!(sleep(check_every));
        let mut check: BoxFuture<'static, _> = std::future::pending().boxed();
        let mut checking = false;
        while plan.is_watching() {
            tokio::select! {
                frame = body.frame() => {
                    let Some(Ok(frame)) = frame else {
                        let effects = plan.hear(Heard::Ended);
                        return self.apply(effects);
                    };
                    let Ok(chunk) = frame.into_data() else { continue };
                    lines.push(&chunk);
                    if !lines.has_complete() && !lines.is_overlong() {
                        continue;
                    }
                    silent.as_mut().reset(Instant::now() + silence);
                    let burst = self.feed.events(lines.complete_lines().map(decode_event));
                    lines.consume();
                    if let Some(version) = &burst.version {
                        let effects = plan.hear(Heard::Moved { version });
                        self.apply(effects);
                    }
                    // Before the end of the watch: what is resumed would not show them again.
                    let unseen = burst.unseen + usize::from(lines.is_overlong());
                    if unseen > 0 {
                        tracing::warn!(kind = %self.source.kind, unseen, "events of the watch cannot be read; listing again");
                        let effects = plan.hear(Heard::Unseen);
                        return self.apply(effects);
                    }
                    if let Some(error) = burst.failed {
                        let effects = plan.hear(Heard::Refused(error));
                        return self.apply(effects);
                    }
                }
                () = &mut healthy => drop(plan.hear(Heard::Healthy)),
                () = &mut silent => {
                    tracing::info!(kind = %self.source.kind, ?silence, "a watch shows no sign of life; resuming");
                    let effects = plan.hear(Heard::Silent);
                    return self.apply(effects);
                }
                () = &mut check_due, if !checking => {
                    plan.hear(Heard::CheckBegun);
                    check = self.ask_version();
                    checking = true;
                }
                answer = &mut check, if checking => {
                    checking = false;
                    check_due.as_mut().reset(Instant::now() + check_every);
                    // A check that fails says nothing; if the server is in trouble, the watch will tell.
                    if let Ok(version) = version_of(&answer) {
                        let effects = plan.hear(Heard::CheckedBeside { version: &version });
                        self.apply(effects);
                    }
                }
            }
        }
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::RolledBack => {
                    tracing::warn!(kind = %self.source.kind, "the server's version moved backwards; listing again");
                    self.feed.observer.see(Seen::RolledBack);
                }
                Effect::ListStarted => self.feed.list_started(),
                Effect::ListFinished => {
                    self.say_well();
                    self.feed.list_finished();
                }
                Effect::Failing(why) => {
                    let is_hidden = why.is_hidden();
                    let reason = self.reason(why);
                    self.say(&reason);
                    self.feed.observer.see(Seen::Failing { reason: reason.into(), is_hidden });
                }
                Effect::Recovered => {
                    self.say_well();
                    self.feed.observer.see(Seen::Recovered);
                }
            }
        }
    }

    /// Each reason once, however often it is met in a row.
    fn say(&mut self, reason: &str) {
        if self.said.as_deref() == Some(reason) {
            tracing::debug!(kind = %self.source.kind, reason, "still failing");
        } else {
            tracing::warn!(kind = %self.source.kind, reason, "cannot list or watch; trying again");
            self.said = Some(reason.to_owned());
        }
    }

    fn say_well(&mut self) {
        if self.said.take().is_some() {
            tracing::info!(kind = %self.source.kind, "can list and watch again");
        }
    }

    /// Why it fails, for a person to act on.
    fn reason(&self, why: Why) -> String {
        let place = self.source.namespace.as_deref().filter(|_| self.endpoint.namespaced);
        let place = place.map_or_else(String::new, |namespace| format!(" in namespace {namespace}"));
        match why {
            Why::Misfit => {
                format!("{} live in no namespace, and cannot be limited to several", self.endpoint)
            }
            Why::Absent => format!("the server does not serve {}", self.source.kind),
            Why::Refused { verb: "discover", error } => format!("discover {}: {error}", self.source.kind),
            Why::Refused { verb, error: ApiError::Forbidden { .. } } => {
                format!("missing right: {verb} on {}{place}", self.endpoint)
            }
            Why::Refused { verb, error } => format!("{verb} {}{place}: {error}", self.endpoint),
        }
    }
}

fn version_of(answer: &Result<Bytes, ApiError>) -> Result<String, ApiError> {
    let body = answer.as_ref().map_err(Clone::clone)?;
    Ok(decode_page(body, 1)?.version.into_owned())
}

/// A number that nobody can foretell. The keys of a fresh hasher are random, which is all that
/// jitter needs.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
