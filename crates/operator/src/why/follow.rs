//! `--watch`: asks until it is gone.

use std::time::Duration;

use rewitness_crds::Reason;
use rewitness_messaging::Timestamp;
use tokio::time::sleep;

use super::Session;
use super::verdict::{Finding, State, Verdict, Weight};
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
        if is_drawn_anew(session) || shape(before) != shape(&verdict) {
            show(session, &verdict)?;
        }
        shown = Some(verdict);
        sleep(PACE).await;
    }
}

/// A person at a terminal sees ages grow; anybody else is told of changes alone.
fn is_drawn_anew(session: &Session<'_>) -> bool {
    session.args.output == VerdictFormat::Text && session.canvas().columns.is_some()
}

fn show(session: &Session<'_>, verdict: &Verdict) -> anyhow::Result<()> {
    let text = match session.args.output {
        VerdictFormat::Text if is_drawn_anew(session) => format!("{REDRAW}{}", session.render(verdict)?),
        VerdictFormat::Text => line(verdict),
        VerdictFormat::Json => serde_json::to_string(verdict)? + "\n",
        VerdictFormat::Yaml => format!("---\n{}", session.render(verdict)?),
    };
    answer::write(&text)
}

fn tell_gone(
    session: &Session<'_>,
    before: &Verdict,
    verdict: &Verdict,
    is_another: bool,
) -> anyhow::Result<Status> {
    if session.args.output == VerdictFormat::Text {
        let another = if is_another { "; another has its name" } else { "" };
        answer::write(&format!("{} is gone{another}\n", before.resource))?;
    } else {
        show(session, verdict)?;
    }
    Ok(Status::Done)
}

/// A line for the log of whoever waits: when, what, and what blocks.
fn line(verdict: &Verdict) -> String {
    fn gather<'a>(findings: &'a [Finding], found: &mut Vec<&'a str>) {
        for finding in findings {
            if finding.weight == Weight::Blocks {
                found.push(&finding.message);
            }
            gather(&finding.findings, found);
        }
    }
    let mut blocks = Vec::new();
    gather(&verdict.findings, &mut blocks);
    let first = verdict.findings.first().map(|finding| finding.message.as_str());
    let why = if blocks.is_empty() { first.into_iter().collect() } else { blocks };
    let now = Timestamp::now().strftime("%H:%M:%SZ");
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    format!("{now} {}{why}\n", verdict.summary)
}

/// What a change is: not that time has passed.
type Shape = (State, Vec<(usize, Weight, Reason, Option<String>, Vec<String>, Option<u64>, Option<String>)>);

fn shape(verdict: &Verdict) -> Shape {
    fn gather(findings: &[Finding], depth: usize, shape: &mut Shape) {
        for one in findings {
            let (cascade, finalizers, hash) = (one.cascade.clone(), one.finalizers.clone(), one.hash.clone());
            shape.1.push((depth, one.weight, one.reason, cascade, finalizers, one.count, hash));
            gather(&one.findings, depth + 1, shape);
        }
    }
    let mut shape = (verdict.state, Vec::new());
    gather(&verdict.findings, 0, &mut shape);
    shape
}
