//! `rewitness why`: why a resource is still there, and what to do about it.

use rewitness_verdict::Link;
use rewitness_verdict::why::{self, Canvas, State, Verdict};

use crate::answer;
use crate::args::{GlobalArgs, VerdictFormat, WhyArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::{Screen, stdout_canvas};
use crate::signals::Signals;
use crate::tail::reader_gone;

mod follow;

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
    /// Reads everything again.
    async fn ask(&self, screen: &Screen) -> anyhow::Result<Verdict> {
        // Whoever watches sees the last answer meanwhile.
        if !self.args.watch {
            screen.status("reading …");
        }
        let verdict = why::ask(&self.link, &self.args.what, self.args.namespace.as_deref()).await?;
        screen.status("");
        Ok(verdict)
    }

    fn show(&self, verdict: &Verdict) -> anyhow::Result<()> {
        answer::write(&self.render(verdict)?)
    }

    fn render(&self, verdict: &Verdict) -> anyhow::Result<String> {
        Ok(match self.args.output {
            VerdictFormat::Text => why::draw(verdict, self.canvas()),
            VerdictFormat::Json => serde_json::to_string_pretty(verdict)? + "\n",
            VerdictFormat::Yaml => serde_saphyr::to_string(verdict)?,
        })
    }

    fn canvas(&self) -> Canvas {
        stdout_canvas(self.args.color)
    }
}
