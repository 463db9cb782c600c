//! What keeps a kind from being listed or held, and for how long it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::{Kind, Progress, SourceProgress, SourceState};
use tokio::time::Instant;

use crate::screen::Screen;

/// Tells why a list cannot succeed, or nothing if its error may pass.
pub(crate) trait Probe {
    async fn hopeless(&self, kind: &Kind, namespace: Option<&str>) -> Option<String>;
}

/// A list: a kind, and a namespace or all.
type Place = (Kind, Option<Arc<str>>);

/// What currently fails of each source.
pub(super) struct SourceErrors {
    /// How long what may pass is waited for; `None` for ever.
    patience: Option<Duration>,
    listing: HashMap<Place, SourceError>,
    holding: HashMap<Place, SourceError>,
}

struct SourceError {
    since: Instant,
    reason: Arc<str>,
    hopeless: Option<String>,
}

impl SourceErrors {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        Self { patience, listing: HashMap::new(), holding: HashMap::new() }
    }

    /// Notes what fails since when, and warns once for each outage, however its reasons change; not of
    /// what `is_said_at_the_end` because it ends the program.
    pub(super) async fn note(
        &mut self,
        progress: &Progress,
        probe: &impl Probe,
        screen: &Screen,
        is_said_at_the_end: bool,
    ) {
        for source in &progress.sources {
            self.note_holding(source, screen);
            let SourceState::Failing { reason } = &source.state else {
                if source.state == SourceState::Synced && self.listing.remove(&place_of(source)).is_some() {
                    screen.note(format_args!("{} is listed again", name_of(source)));
                }
                continue;
            };
            if is_known(&self.listing, source, reason) {
                continue;
            }
            let hopeless = probe.hopeless(&source.kind, source.namespace.as_deref()).await;
            let known = self.listing.get(&place_of(source));
            let is_news = known.is_none_or(|known| known.hopeless != hopeless);
            if is_news && (hopeless.is_none() || !is_said_at_the_end) {
                let text = hopeless.as_deref().unwrap_or(reason);
                screen.alarm("warning", format_args!("{text}; tried again"));
            }
            insert(&mut self.listing, source, reason, hopeless);
        }
    }

    fn note_holding(&mut self, source: &SourceProgress, screen: &Screen) {
        let Some(reason) = &source.holds_failing else {
            self.holding.remove(&place_of(source));
            return;
        };
        if !is_known(&self.holding, source, reason) {
            screen.alarm(
                "warning",
                format_args!("cannot add the finalizer to {}: {reason}; tried again", source.kind),
            );
            insert(&mut self.holding, source, reason, None);
        }
    }

    /// Why a list is waited for no longer, if so.
    pub(super) fn unlistable(&self, source: &SourceProgress, now: Instant) -> Option<String> {
        let error = self.listing.get(&place_of(source))?;
        error
            .hopeless
            .clone()
            .or_else(|| self.lost_patience(error, now).map(|lost| format!("{}{lost}", error.reason)))
    }

    /// Why the finalizers of a list are waited for no longer, if so.
    pub(super) fn unholdable(&self, source: &SourceProgress, now: Instant) -> Option<String> {
        let error = self.holding.get(&place_of(source))?;
        let lost = self.lost_patience(error, now)?;
        Some(format!("cannot add the finalizer to {}: {}{lost}", source.kind, error.reason))
    }

    /// When patience with one of them ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let patience = self.patience?;
        self.listing.values().chain(self.holding.values()).map(|error| error.since + patience).min()
    }

    /// That it was waited for long enough, if so.
    fn lost_patience(&self, error: &SourceError, now: Instant) -> Option<String> {
        let patience = self.patience?;
        let lost = now.duration_since(error.since) >= patience;
        lost.then(|| format!(" (waited {} s)", patience.as_secs()))
    }
}

fn is_known(errors: &HashMap<Place, SourceError>, source: &SourceProgress, reason: &Arc<str>) -> bool {
    errors.get(&place_of(source)).is_some_and(|error| error.reason == *reason)
}

/// Another reason does not make an error younger.
fn insert(
    errors: &mut HashMap<Place, SourceError>,
    source: &SourceProgress,
    reason: &Arc<str>,
    hopeless: Option<String>,
) {
    let place = place_of(source);
    let since = errors.get(&place).map_or_else(Instant::now, |error| error.since);
    errors.insert(place, SourceError { since, reason: reason.clone(), hopeless });
}

fn place_of(source: &SourceProgress) -> Place {
    (source.kind.clone(), source.namespace.clone())
}

fn name_of(source: &SourceProgress) -> String {
    match &source.namespace {
        Some(namespace) => format!("{} in namespace {namespace}", source.kind),
        None => source.kind.to_string(),
    }
}
