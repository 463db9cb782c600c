//! How a delivery looks: as a line of text, as JSON, or by name alone.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anstyle::{AnsiColor, Style};
use rewitness_crds::visible;
use rewitness_messaging::{Cause, Delivery, HoldState, Kind, ResourceId, State, Timestamp, Uid, Version};
use serde::Serialize;

use crate::args::Format;

/// A longer name is written out, but does not push the uids of all later lines to the right.
const WIDEST_NAME: usize = 60;

/// Renders deliveries.
pub(crate) struct Printer {
    format: Format,
    color: bool,
    /// What the kinds are called: `widget`, and `widget.example.com` only where two would look the same.
    kinds: HashMap<Kind, String>,
    kind_width: usize,
    /// The columns of the longest name so far: names are not known beforehand.
    name_width: AtomicUsize,
}

impl Printer {
    pub(crate) fn new(format: Format, color: bool, kinds: &[Kind]) -> Self {
        let lower = |kind: &Kind| kind.kind.to_lowercase();
        let alone = |kind: &Kind| kinds.iter().filter(|other| lower(other) == lower(kind)).count() < 2;
        let label = |kind: &Kind| if alone(kind) { lower(kind) } else { kind.to_string().to_lowercase() };
        let kinds: HashMap<Kind, String> = kinds.iter().map(|kind| (kind.clone(), label(kind))).collect();
        let kind_width = kinds.values().map(String::len).max().unwrap_or_default();
        Self { format, color, kinds, kind_width, name_width: AtomicUsize::new(24) }
    }

    /// What goes above the first line.
    pub(crate) fn heading(&self) -> Option<String> {
        let text = || {
            let resource = self.kind_width + 1 + self.name_width.load(Relaxed);
            let line = format!("CAUSE    ATTEMPT  STATE     {:resource$}  UID", "RESOURCE");
            if self.color { format!("\x1b[1m{line}\x1b[0m\n") } else { format!("{line}\n") }
        };
        (self.format == Format::Text).then(text)
    }

    /// Appends the line of a delivery, with its end.
    pub(crate) fn write(&self, out: &mut Vec<u8>, delivery: &Delivery) {
        match self.format {
            Format::Text => self.write_text(out, delivery),
            Format::Json => write_json(out, delivery),
            Format::Name => write_name(out, &delivery.envelope.resource),
        }
        out.push(b'\n');
    }

    fn write_text(&self, out: &mut Vec<u8>, delivery: &Delivery) {
        let resource = &delivery.envelope.resource;
        let (plain, dim, red) = (Style::new(), Style::new().dimmed(), AnsiColor::Red.on_default());
        let cause = match delivery.cause {
            Cause::Replay => dim,
            Cause::Change => AnsiColor::Cyan.on_default(),
            Cause::Retry => AnsiColor::Yellow.on_default(),
            Cause::Requeue => AnsiColor::Blue.on_default(),
        };
        let state = match delivery.state {
            State::Live => AnsiColor::Green.on_default(),
            State::Deleting => red,
            State::Gone => dim,
        };
        let attempt = if delivery.attempt > 1 { AnsiColor::Yellow.on_default() } else { dim };
        let name = qualified_name(resource);
        let width =
            self.name_width.fetch_max(name.len().min(WIDEST_NAME), Relaxed).max(name.len().min(WIDEST_NAME));

        self.put(out, cause, delivery.cause, 7);
        out.extend_from_slice(b"  ");
        self.put(out, attempt, format_args!("{:>7}", delivery.attempt), 7);
        out.extend_from_slice(b"  ");
        self.put(out, state, delivery.state, 8);
        out.extend_from_slice(b"  ");
        self.put(out, plain, self.label(&resource.kind), self.kind_width);
        out.push(b' ');
        self.put(out, plain.bold(), &name, width);
        out.extend_from_slice(b"  ");
        self.put(out, dim, &resource.uid, 0);
        if delivery.state == State::Deleting && delivery.hold == HoldState::NotHeld {
            out.extend_from_slice(b"  ");
            self.put(out, red, "not held", 0);
        }
    }

    fn label<'a>(&'a self, kind: &'a Kind) -> &'a str {
        self.kinds.get(kind).map_or(&*kind.kind, |label| label)
    }

    /// A value in its style, padded to `width` outside of it.
    fn put(&self, out: &mut Vec<u8>, style: Style, value: impl Display, width: usize) {
        let style = if self.color { style } else { Style::new() };
        // Writing to a vector does not fail.
        let _ = write!(out, "{style}");
        let start = out.len();
        let _ = write!(out, "{value}");
        let written = out.len() - start;
        let _ = write!(out, "{style:#}");
        out.resize(out.len() + width.saturating_sub(written), b' ');
    }
}

/// Its name with its namespace, as it may be printed.
pub(crate) fn qualified_name(resource: &ResourceId) -> String {
    visible(&resource.qualified_name()).into_owned()
}

/// What kubectl's name printer writes: the kind in lower case, its group, the name.
pub(crate) fn write_name(out: &mut Vec<u8>, resource: &ResourceId) {
    let kind = &resource.kind;
    out.extend(kind.kind.bytes().map(|byte| byte.to_ascii_lowercase()));
    if !kind.group.is_empty() {
        out.push(b'.');
        out.extend_from_slice(kind.group.as_bytes());
    }
    out.push(b'/');
    out.extend_from_slice(visible(&resource.name).as_bytes());
}

/// A delivery as JSON, without the line's end: what `-o json` prints and a command reads.
pub(crate) fn write_json(out: &mut Vec<u8>, delivery: &Delivery) {
    // Neither writing to a vector nor these types can fail.
    let _ = serde_json::to_writer(out, &Line::from(delivery));
}

/// The documented shape. Fields may be added; none is renamed or changes its meaning.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    cause: &'a str,
    state: &'a str,
    attempt: u32,
    group: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    uid: &'a Uid,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<Timestamp>,
    /// Text, as in Kubernetes: JSON readers cut large numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<bool>,
}

impl<'a> From<&'a Delivery> for Line<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let resource = &delivery.envelope.resource;
        Self {
            cause: delivery.cause.as_str(),
            state: delivery.state.as_str(),
            attempt: delivery.attempt,
            group: &resource.kind.group,
            kind: &resource.kind.kind,
            namespace: resource.namespace.as_deref(),
            name: &resource.name,
            uid: &resource.uid,
            deletion_timestamp: delivery.envelope.deletion_timestamp,
            resource_version: (delivery.version != Version::UNKNOWN).then(|| delivery.version.to_string()),
            held: match delivery.hold {
                HoldState::NotAsked => None,
                HoldState::Held => Some(true),
                HoldState::NotHeld => Some(false),
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
