//! `rewitness rbac`: the rights that rules need, as roles; or whether somebody has them.

use std::collections::BTreeSet;

use rewitness_cascade::{Cascades, Config, Refused, Right, own_rights};
use rewitness_crds::Cascade;
use rewitness_verdict::{Link, sources};

use crate::answer;
use crate::args::{GlobalArgs, RbacArgs, VerdictFormat};
use crate::connect;
use crate::exit::Status;
use crate::screen::Screen;

mod manifest;
mod review;

use manifest::Manifest;

pub(crate) async fn run(args: &RbacArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut cascades = Vec::new();
    for file in &args.files {
        cascades.extend(sources::read(file)?);
    }
    let link = connect::connect(global).await?;
    if args.all {
        cascades = sources::all(&link).await?;
    }
    let within: Vec<String> = args.namespace_scope.iter().map(|one| one.to_string()).collect();
    let rights = rights(&link, &cascades, &within).await?;
    if args.check {
        return review::check(args, &link, &rights, screen).await;
    }
    let names: BTreeSet<String> = cascades.iter().filter_map(|one| one.metadata.name.clone()).collect();
    let manifest = Manifest { name: &args.name, cascades: &names, rights: &rights };
    match args.output {
        VerdictFormat::Text | VerdictFormat::Yaml => answer::write(manifest.yaml()?)?,
        VerdictFormat::Json => answer::print(args.output, &manifest.json(), String::new)?,
    }
    Ok(Status::Done)
}

/// What the operator needs to follow all of these. Nothing is answered if any is not known: a role
/// that lacks a part would take rights away where it takes another's place.
async fn rights(link: &Link, cascades: &[Cascade], within: &[String]) -> anyhow::Result<Vec<Right>> {
    let lookup = Cascades::new(link.client.clone(), Config::default());
    let mut rights: BTreeSet<Right> = own_rights().into_iter().collect();
    for cascade in cascades {
        let rule = sources::rule(cascade)?;
        let name = rule.name().to_owned();
        let rule = if within.is_empty() { rule } else { rule.within(within.to_vec()) };
        let needs = lookup.needs(&rule).await.map_err(|error| {
            anyhow::Error::from(error).context(format!("cascade/{name}: what it needs cannot be looked up"))
        })?;
        if !needs.not_served.is_empty() {
            let kinds: Vec<String> = needs.not_served.iter().map(ToString::to_string).collect();
            anyhow::bail!(
                "cascade/{name}: {} does not serve {}, so the rights on it have no name yet\n\
                 install its definition first, or drop it from the Cascade",
                link.place(),
                kinds.join(", ")
            );
        }
        let out_of_scope = needs.refused.iter().find(|refused| matches!(refused, Refused::OutOfScope(_)));
        if let Some(refused) = out_of_scope {
            anyhow::bail!("cascade/{name}: {refused}, so it would not be followed");
        }
        rights.extend(needs.rights);
    }
    Ok(rights.into_iter().collect())
}
