//! The demo from its first word to its last.

use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use rewitness_e2e::{program, target_dir};

use crate::args::Args;
use crate::cascades::Cascades;
use crate::cloud::Cloud;
use crate::context::Context;
use crate::explain;
use crate::place::Place;
use crate::platform::Platform;
use crate::report::Report;
use crate::screen::{Screen, Style};
use crate::session::Session;
use crate::signals::Signals;
use crate::stage::Stage;
use crate::steps::Step;

/// Tells everything. `false` if a step did not happen, or somebody did not want it to.
pub(crate) async fn tell(args: &Args, screen: &Screen) -> Result<bool> {
    let started = args.started();
    let program = program()?;
    let sessions = target_dir()?.join("demo");
    let mut signals = Signals::catch()?;
    screen.line("");
    screen.line(screen.paint(Style::Bold, "Rewitness: a replayable queue of Kubernetes resource lifecycles"));
    screen.line("");
    let place = tokio::select! {
        place = find_place(args, &sessions, screen) => place?,
        () = signals.next() => None,
    };
    let Some(place) = place else {
        screen.line("Nothing was written.");
        return Ok(false);
    };

    let session = Session::begin(&sessions)?;
    if place.context().is_some() {
        // Should this process be killed, the next one knows by the folder that it may clean up.
        session.keep()?;
    }
    let mut report = Report::default();
    let shown = tokio::select! {
        shown = show(&place, &session, &program, screen, started, &mut report) => Some(shown),
        () = signals.next() => None,
    };
    let cleaned = clean(&place, session, &mut signals, screen).await;
    match shown {
        None => screen.failure("interrupted"),
        Some(shown) => shown?,
    }
    Ok(cleaned? && report.is_complete())
}

/// Where the demo takes place; `None` if that was not agreed to.
async fn find_place(args: &Args, sessions: &Path, screen: &Screen) -> Result<Option<Place>> {
    let Some(name) = &args.context else { return Place::own(screen).await.map(Some) };
    let context = Context::read(name).await?;
    if !context.agree(args.yes, screen).await? {
        return Ok(None);
    }
    context.prepare(sessions, screen).await?;
    Ok(Some(Place::somebodys(context)))
}

/// Sets the stage and plays the steps, up to the first that does not happen.
async fn show(
    place: &Place,
    session: &Session,
    program: &Path,
    screen: &Screen,
    started: SystemTime,
    report: &mut Report,
) -> Result<()> {
    let platform = Platform::new(place.client.clone());
    platform.install(&session.id()).await?;
    screen.prose(
        "A small platform is installed there: projects, and in the namespaces of three teams the networks and \
         clusters that refer to them by a label.",
    );
    let mut stage = Stage {
        screen,
        place,
        platform,
        cascades: Cascades::new(place.client.clone(), session.id()),
        cloud: Cloud::new(session.dir())?,
        program: program.to_owned(),
        running: None,
        first_line: None,
    };
    for (number, step) in (1..).zip(Step::ALL) {
        screen.heading(number, step.title());
        screen.prose(step.why());
        screen.line("");
        let begun = Instant::now();
        let result = step.perform(&mut stage).await;
        let failed = result.is_err();
        if let Err(error) = &result {
            screen.failure(&explain(error));
        }
        report.add(step, result.ok(), begun.elapsed());
        if failed {
            break;
        }
    }
    report.show(screen, started, stage.first_line);
    Ok(())
}

/// Leaves nothing behind in somebody's cluster; our own goes with its processes. `false` if a signal cut this off too.
async fn clean(place: &Place, session: Session, signals: &mut Signals, screen: &Screen) -> Result<bool> {
    let Some(context) = place.context() else { return Ok(true) };
    screen.line("");
    screen.line("Removing everything from the cluster …");
    let ours = [session.id()];
    tokio::select! {
        cleaned = context.clean(&ours) => cleaned?,
        () = signals.next() => {
            screen.failure("cut off: the next demo in this cluster removes the rest");
            return Ok(false);
        }
    }
    screen.proof("nothing of the demo is left in the cluster");
    session.forget();
    Ok(true)
}
