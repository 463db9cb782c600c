//! `rewitness why`: why a resource is still there, and what to do about it.
//!
//! Load, decide, draw: [`load`] reads with the caller's own rights, [`decide`] makes a verdict of
//! what was read, [`draw`] shows it. Nothing is written.

use rewitness_messaging::ResourceId;

use crate::answer;
use crate::args::{GlobalArgs, VerdictFormat, WhyArgs};
use crate::connect::{self, Link};
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::Signals;
use crate::tail::reader_gone;

mod commands;
mod decide;
mod draw;
mod facts;
mod follow;
mod known;
mod load;
mod target;
mod verdict;
mod words;

use load::Loader;
use target::Target;
use verdict::{State, Verdict};

// What `check` reads, says and draws with as well.
pub(crate) use commands::Typist;
pub(crate) use decide::{ASK_WHO_PAUSED, NO_RULE, PATIENCE_SECONDS, last_sign};
pub(crate) use draw::{Canvas, Picture, Style};
pub(crate) use facts::{Read, Types, Unread};
pub(crate) use load::{api_resource, is_not_found, read};
pub(crate) use target::preferred;
pub(crate) use verdict::Step;
pub(crate) use words::REASONS;

pub(crate) async fn run(args: &WhyArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = why(args, global, screen) => status,
        () = signals.next() => Ok(Status::Failed),
    }
}

async fn why(args: &WhyArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    let session = Session { args, link };
    match args.watch {
        true => tokio::select! {
            status = follow::follow(&session, screen) => status,
            // Whoever has read enough waits no longer.
            () = reader_gone() => Ok(Status::Failed),
        },
        false => {
            let verdict = session.ask(screen).await?;
            session.show(&verdict)?;
            Ok(match verdict.state {
                State::Live | State::Terminating => Status::Done,
                State::NotFound | State::Unknown => Status::Failed,
            })
        }
    }
}

/// What is asked, where, and how the answer is shown.
struct Session<'a> {
    args: &'a WhyArgs,
    link: Link,
}

impl Session<'_> {
    /// Reads everything anew.
    async fn ask(&self, screen: &Screen) -> anyhow::Result<Verdict> {
        // Whoever watches sees the last answer meanwhile.
        if !self.args.watch {
            screen.status("reading …");
        }
        let target = Target::find(&self.link, self.args).await?;
        let typist = Typist::new(self.link.typed.clone(), target.types.clone());
        let facts = Loader::new(&self.link, &target).facts().await;
        screen.status("");
        Ok(decide::decide(&facts, &typist))
    }

    fn show(&self, verdict: &Verdict) -> anyhow::Result<()> {
        answer::write(&self.render(verdict)?)
    }

    fn render(&self, verdict: &Verdict) -> anyhow::Result<String> {
        Ok(match self.args.output {
            VerdictFormat::Text => draw::draw(verdict, self.canvas()),
            VerdictFormat::Json => serde_json::to_string_pretty(verdict)? + "\n",
            VerdictFormat::Yaml => serde_saphyr::to_string(verdict)?,
        })
    }

    fn canvas(&self) -> Canvas {
        Canvas::of_stdout(self.args.color)
    }
}

/// An object by its name, before it is read.
fn unread(kind: rewitness_messaging::Kind, namespace: Option<&str>, name: &str) -> ResourceId {
    ResourceId { kind, namespace: namespace.map(Into::into), name: name.into(), uid: "".into() }
}
