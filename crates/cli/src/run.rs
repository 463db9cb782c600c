//! `rewitness run`: the operator, as a process of its own.

use std::time::Duration;

use anyhow::Context as _;
use rewitness_cascade::{WAY_OUT, is_served};
use rewitness_operator::{Config, Operator, Work};
use rewitness_verdict::{Link, sources};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::answer;
use crate::args::{GlobalArgs, RunArgs};
use crate::connect;
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::Signals;

/// How long calls under way may go on once the time of `--timeout` is over.
const LATE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &RunArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    let link = connect::connect(global).await?;
    let mut time = std::pin::pin!(sleep(args.timeout.unwrap_or(Duration::MAX)));
    if args.once {
        let cascades = sources::api(&link);
        let is_served = tokio::select! {
            is_served = is_served(&cascades) => is_served,
            () = &mut time => anyhow::bail!("{} did not answer in the time of --timeout", link.place()),
        };
        let is_served = is_served.with_context(|| format!("cannot list Cascades of {}", link.place()))?;
        anyhow::ensure!(is_served, "the server does not serve Cascade\n{WAY_OUT}");
    }
    tracing::info!(server = link.server, "started");
    let operator = Operator::new(link.client.clone(), config(&link, args));
    let work = operator.work();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = std::pin::pin!(operator.run(async { drop(stopped.await) }));
    let (status, grace) = tokio::select! {
        ended = &mut running => return ended.map(|()| Status::Done).map_err(anyhow::Error::from),
        () = signals.next() => (if args.once { Status::Failed } else { Status::Done }, Duration::MAX),
        worked_off = work.worked_off(), if args.once => (worked_off.map(|()| tell(&work))??, Duration::MAX),
        () = &mut time => {
            tracing::warn!("not all was worked off in time");
            tell(&work)?;
            (Status::Failed, LATE)
        }
    };
    drop(stop);
    tokio::select! {
        ended = &mut running => ended?,
        () = async { tokio::select! { () = signals.next() => {}, () = sleep(grace) => {} } } => {
            screen.note("ended at once; the next start goes on");
            return Ok(Status::Failed);
        }
    }
    Ok(status)
}

fn config(link: &Link, args: &RunArgs) -> Config {
    Config {
        selector: args.selector.clone().unwrap_or_default(),
        namespace_scope: args.namespace_scope.iter().map(|one| one.to_string()).collect(),
        allow_protected_kinds: args.allow_protected_kinds.clone(),
        // In a pod the namespace is the operator's own.
        own_namespace: link.context.is_none().then(|| link.namespace.to_string()),
    }
}

/// Prints a line per Cascade. [`Status::Failed`] if any is in error, or holds a deletion.
fn tell(work: &Work) -> anyhow::Result<Status> {
    let mut is_clean = true;
    for one in work.cascades() {
        is_clean &= one.is_clean();
        answer::write(format!(
            "cascade/{} ready={} reason={} parents={} held={} blocked={}\n",
            one.name, one.ready, one.reason, one.parents, one.held, one.blocked
        ))?;
    }
    Ok(if is_clean { Status::Done } else { Status::Failed })
}
