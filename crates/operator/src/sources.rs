//! Where Cascades come from that a command is about: the cluster.

use kube::Api;
use kube::api::ListParams;
use rewitness_crds::Cascade;

use crate::connect::Link;
use crate::run::{WAY_OUT, is_served};

/// Before the name of a Cascade: as kubectl takes it, and as it stands in the finalizer.
const PREFIXES: [&str; 5] =
    ["cascade/", "cascades/", "casc/", "cascades.rewitness.dev/", "cascade.rewitness.dev/"];

/// The name in `cascade/NAME`, if it is written so.
pub(crate) fn cascade_name(text: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix))
}

/// The cluster's Cascades.
pub(crate) fn api(link: &Link) -> Api<Cascade> {
    Api::all(link.client.clone())
}

/// The Cascade that was named, as `NAME` or as `cascade/NAME`.
pub(crate) async fn named(link: &Link, typed: &str) -> anyhow::Result<Cascade> {
    let name = cascade_name(typed).unwrap_or(typed);
    match find(link, name).await? {
        Some(cascade) => Ok(cascade),
        None if is_served(&api(link)).await.unwrap_or(true) => anyhow::bail!(
            "there is no Cascade `{name}` on {}\n`kubectl get cascades` lists those that there are",
            link.place()
        ),
        None => Err(not_installed(link)),
    }
}

/// The Cascade of this name, if there is one.
pub(crate) async fn find(link: &Link, name: &str) -> anyhow::Result<Option<Cascade>> {
    let found = api(link).get_opt(name).await;
    found.map_err(|error| link.explain_call(&format!("read the Cascade {name}"), error))
}

/// All Cascades, by their names.
pub(crate) async fn all(link: &Link) -> anyhow::Result<Vec<Cascade>> {
    match api(link).list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(not_installed(link)),
        Err(error) => Err(link.explain_call("list Cascades", error)),
    }
}

fn not_installed(link: &Link) -> anyhow::Error {
    anyhow::anyhow!("{} does not serve Cascade\n{WAY_OUT}", link.place())
}
