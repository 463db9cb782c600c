//! What would be deleted is said, and nothing is.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use kube::ResourceExt;
use kube::api::DynamicObject;
use rewitness_controlplane::until;
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::PlannedDependents;
use tokio::time::timeout;

use crate::platform::{PROJECTS, PlatformKind};
use crate::stage::Stage;

/// How soon an operator that runs here already would say something of a new Cascade. Waited for only where Cascade was
/// there before the demo.
const SOMEBODY: Duration = Duration::from_secs(15);

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    let before = stage.platform.list().await?;
    let is_new = stage.cascades.install().await?;
    screen.prose("This is the Cascade:");
    screen.line("");
    screen.text(&stage.cascades.text());
    screen.line("");
    if is_new {
        screen.action("install deploy/crds");
    }
    screen.action("apply the Cascade");
    stage.cascades.apply().await?;
    if !is_new {
        nobody_else(stage).await?;
    }
    stage.operate()?;

    let mut expected = Vec::new();
    for kind in [PlatformKind::Cluster, PlatformKind::Network] {
        let mut count = 0;
        for project in PROJECTS {
            count += stage.platform.dependents(kind, project).await?.len() as u64;
        }
        expected.push(count);
    }
    let planned = stage.cascades.status("the plan is counted", |status| {
        let planned = planned(status);
        let counts: Option<Vec<u64>> = planned.iter().map(|(_, one)| one.approximate_count).collect();
        (counts.as_ref() == Some(&expected)).then_some(planned)
    });
    let planned = planned.await?;
    screen.line("");
    screen.prose("Its status, should all projects be deleted:");
    screen.line("");
    let line = |(stage, one): &(String, PlannedDependents)| {
        let count = one.approximate_count.unwrap_or_default();
        (format!("stage {stage}"), format!("about {count} of {}", one.kind))
    };
    screen.entries(&planned.iter().map(line).collect::<Vec<_>>());
    screen.line("");
    let after = stage.platform.list().await?;
    ensure!(versions(&before) == versions(&after), "a resource was written to");
    let (clusters, networks) = (expected[0], expected[1]);
    screen.proof(format_args!(
        "the API lists {clusters} clusters and {networks} networks, and every resource at the version that it had: \
         nothing was written. A plan counts by watches; a deletion goes by exact lists"
    ));
    Ok(format!("{clusters} clusters, {networks} networks, nothing written"))
}

/// Whether nobody else acts on the Cascade: each would undo what the other shows.
async fn nobody_else(stage: &Stage<'_>) -> Result<()> {
    let acts = until("somebody acts", 2 * SOMEBODY, async || {
        let cascade = stage.cascades.read().await?;
        Ok(cascade.and_then(|cascade| cascade.status).map(drop))
    });
    match timeout(SOMEBODY, acts).await {
        Err(_) => Ok(()),
        Ok(acts) => {
            acts?;
            bail!("an operator runs in this cluster already, and follows the demo's Cascade too")
        }
    }
}

/// What a status says would be deleted, by stage.
fn planned(status: &CascadeStatus) -> Vec<(String, PlannedDependents)> {
    let stages = status.planned.iter().flat_map(|planned| &planned.stages);
    let each = stages.flat_map(|stage| stage.dependents.iter().map(|one| (stage.name.clone(), one.clone())));
    each.collect()
}

fn versions(objects: &[DynamicObject]) -> Vec<(Option<String>, Option<String>)> {
    objects.iter().map(|object| (object.uid(), object.resource_version())).collect()
}
