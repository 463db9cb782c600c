//! `rewitness check`: whether all is well with Rewitness in a cluster.

use rewitness_verdict::check::{self, Result};

use crate::answer;
use crate::args::{CheckArgs, GlobalArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::{Screen, stdout_canvas};

pub(crate) async fn run(args: &CheckArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let link = connect::connect(global).await?;
    screen.status("reading …");
    let report = check::check(&link, args.pre).await;
    screen.status("");
    answer::print(args.output, &report, || check::draw(&report, stdout_canvas(args.color)))?;
    Ok(match report.result {
        Result::Ok | Result::Note | Result::Warning => Status::Done,
        Result::Failed | Result::Unknown => Status::Failed,
    })
}
