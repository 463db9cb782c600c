//! `rewitness why`: why a resource is still there, and what to do about it.

use rewitness_verdict::Link;
use rewitness_verdict::why::{self, Canvas, State, Verdict};

use crate::answer;
use crate::args::{GlobalArgs, WhyArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::{Screen, stdout_canvas};
use crate::tail::reader_gone;

mod follow;

pub(crate) async fn run(args: &WhyArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
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
            answer::write(session.render(&verdict)?)?;
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

    fn render(&self, verdict: &Verdict) -> anyhow::Result<String> {
        answer::render(self.args.output, verdict, || why::draw(verdict, self.canvas()))
    }

    fn canvas(&self) -> Canvas {
        stdout_canvas(self.args.color)
    }
}
