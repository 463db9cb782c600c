//! `rewitness check`: whether all is well with Rewitness in a cluster, and the way out where it is not.
//!
//! Load, decide, draw: [`load`] reads with the caller's own rights, [`decide`] makes a report of what
//! was read, [`draw`] shows it. Nothing is written.

use crate::answer;
use crate::args::{CheckArgs, GlobalArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::Signals;
use crate::why::{Canvas, Typist};

mod commands;
mod decide;
mod draw;
mod facts;
mod load;
mod report;
mod schema;

use report::{Report, Result};

pub(crate) async fn run(args: &CheckArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = check(args, global, screen) => status,
        () = signals.next() => Ok(Status::Failed),
    }
}

async fn check(args: &CheckArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    screen.status("reading …");
    let read = load::facts(&link, args.pre).await;
    screen.status("");
    let report = match read {
        Ok(facts) => decide::decide(&facts, &Typist::new(link.typed.clone(), facts.types())),
        Err(unreachable) => Report::unreachable(args.pre, &unreachable),
    };
    answer::print(args.output, &report, || draw::draw(&report, Canvas::of_stdout(args.color)))?;
    Ok(match report.result {
        Result::Ok | Result::Note | Result::Warning => Status::Done,
        Result::Failed | Result::Unknown => Status::Failed,
    })
}
