//! `rewitness run --once`: until what is there is worked off.

use std::io::{self, Write};
use std::time::Duration;

use kube::api::ListParams;
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::condition;
use rewitness_messaging::{Selector, Timestamp};
use tokio::time::{Instant, sleep};

use super::course::is_ours;
use super::followed::Followed;
use super::rules::Rules;
use crate::call::in_time;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is listed what there is, while not all of it is known.
const LIST_AGAIN: Duration = Duration::from_secs(1);

/// For how long nothing may have been left to do: what comes of a deletion comes soon after it.
const QUIET: Duration = Duration::from_secs(2);

/// Waits until every Cascade was taken in and replayed, and every deletion is finished or waits for
/// something that does not go by itself.
pub(crate) async fn worked_off(rules: &Rules, selector: &Selector) -> anyhow::Result<()> {
    let (mut names, mut listed) = (list(rules, selector).await?, Instant::now());
    let mut quiet_since = None;
    loop {
        let all = rules.all();
        let known = names.iter().all(|name| all.iter().any(|followed| followed.name == *name));
        // One that is not known may have gone since.
        if !known && listed.elapsed() >= LIST_AGAIN {
            (names, listed) = (list(rules, selector).await.unwrap_or(names), Instant::now());
        }
        let at_rest = known && all.iter().all(|followed| followed.is_worked_off());
        let since = quiet_since.filter(|_| at_rest).unwrap_or_else(Instant::now);
        if at_rest && since.elapsed() >= QUIET {
            return Ok(());
        }
        quiet_since = at_rest.then_some(since);
        sleep(LOOK).await;
    }
}

/// The Cascades that are to be taken in.
async fn list(rules: &Rules, selector: &Selector) -> kube::Result<Vec<String>> {
    let cascades = in_time(rules.api.list(&ListParams::default().labels(&selector.to_string()))).await?;
    Ok(cascades.items.into_iter().filter(is_ours).filter_map(|cascade| cascade.metadata.name).collect())
}

/// Prints a line per Cascade. `false` if any is in error, or holds a deletion.
pub(crate) fn tell(rules: &[std::sync::Arc<Followed>]) -> io::Result<bool> {
    let mut is_clean = true;
    for followed in rules {
        let status = followed.status(&CascadeStatus::default(), Timestamp::now()).unwrap_or_default();
        let ready = status.conditions.iter().find(|one| one.type_ == condition::READY);
        let (value, reason) = ready.map_or(("Unknown", "Unknown"), |one| (&one.status, &one.reason));
        let counts = status.counts;
        is_clean &= value == "True" && counts.held == 0;
        let line = format!(
            "cascade/{} ready={value} reason={reason} parents={} held={} blocked={}\n",
            followed.name, counts.parents, counts.held, counts.blocked
        );
        match io::stdout().write_all(line.as_bytes()) {
            // Nobody reads it; the status tells all the same.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    Ok(is_clean)
}
