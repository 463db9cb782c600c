//! `--watch`: asks until it is gone.

use std::time::Duration;

use rewitness_crds::visible;
use rewitness_messaging::Timestamp;
use rewitness_verdict::why::{State, Verdict};
use tokio::time::sleep;

use super::Session;
use crate::answer;
use crate::args::VerdictFormat;
use crate::exit::{Status, describe};
use crate::screen::Screen;

/// How often it is asked.
const PACE: Duration = Duration::from_secs(2);

/// To the first line, and clear what is below.
const REDRAW: &str = "\x1b[H\x1b[2J";

pub(super) async fn follow(session: &Session<'_>, screen: &Screen) -> anyhow::Result<Status> {
    let mut shown: Option<Verdict> = None;
    // The first that was seen: an answer in between may not know any.
    let mut uid: Option<String> = None;
    loop {
        let verdict = match session.ask(screen).await {
            Ok(verdict) => verdict,
            Err(error) if shown.is_none() => return Err(error),
            Err(error) => {
                screen.alarm("warning", describe(&error));
                sleep(PACE).await;
                continue;
            }
        };
        uid = uid.or_else(|| verdict.resource.uid.clone());
        let Some(before) = &shown else {
            show(session, &verdict)?;
            if verdict.state == State::NotFound {
                return Ok(Status::Failed);
            }
            shown = Some(verdict);
            sleep(PACE).await;
            continue;
        };
        let is_gone = verdict.state == State::NotFound;
        let is_another = uid.is_some() && verdict.resource.uid.is_some() && uid != verdict.resource.uid;
        if is_gone || is_another {
            return tell_gone(session, before, &verdict, is_another);
        }
        if is_redrawn(session) || verdict.differs(before) {
            show(session, &verdict)?;
        }
        shown = Some(verdict);
        sleep(PACE).await;
    }
}

/// A person at a terminal sees ages grow; anybody else is told of changes alone.
fn is_redrawn(session: &Session<'_>) -> bool {
    session.args.output == VerdictFormat::Text && session.canvas().columns.is_some()
}

fn show(session: &Session<'_>, verdict: &Verdict) -> anyhow::Result<()> {
    let text = match session.args.output {
        VerdictFormat::Text if is_redrawn(session) => format!("{REDRAW}{}", session.render(verdict)?),
        VerdictFormat::Text => verdict.line(Timestamp::now()),
        VerdictFormat::Json => serde_json::to_string(verdict)? + "\n",
        VerdictFormat::Yaml => format!("---\n{}", session.render(verdict)?),
    };
    answer::write(text)
}

fn tell_gone(
    session: &Session<'_>,
    before: &Verdict,
    verdict: &Verdict,
    is_another: bool,
) -> anyhow::Result<Status> {
    if session.args.output == VerdictFormat::Text {
        let another = if is_another { "; another has its name" } else { "" };
        answer::write(format!("{} is gone{another}\n", visible(&before.resource.to_string())))?;
    } else {
        show(session, verdict)?;
    }
    Ok(Status::Done)
}
