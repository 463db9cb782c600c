//! Whether a Cascade is there whose finalizer is to be removed by hand (C10).

use rewitness_crds::Cascade;
use rewitness_crds::cascade::Mode;
use rewitness_verdict::{Link, sources};

use super::HoldRef;
use crate::args::UnholdArgs;
use crate::exit::wrong_use;
use crate::screen::Screen;

/// The types to release, as they would be typed. Refuses what a Cascade owns, unless that is forced.
pub(super) async fn types(args: &UnholdArgs, link: &Link, screen: &Screen) -> anyhow::Result<Vec<String>> {
    let HoldRef::Cascade(name) = &args.hold else { return Ok(args.types.clone()) };
    let owner = match sources::find(link, &name.to_string()).await {
        // Without the right to read Cascades, the types that were named can be released all the same.
        Err(_) if args.force && !args.types.is_empty() => None,
        Err(error) => {
            return Err(error.context(
                "it is not known whether the Cascade is there; --force removes the finalizer anyway",
            ));
        }
        Ok(owner) => owner,
    };
    if let Some(owner) = &owner {
        refuse_or_warn(args, owner, screen)?;
    }
    match (&*args.types, owner) {
        ([], None) => Err(wrong_use(format!(
            "there is no Cascade `{name}`, so say of which TYPE its parents are:\n  {}",
            link.typed.rewitness("unhold").flag("-A").word(args.hold.to_string()).word("TYPE")
        ))),
        ([], Some(owner)) => Ok(vec![sources::parent_kind(&owner).to_string()]),
        (types, _) => Ok(types.to_vec()),
    }
}

fn refuse_or_warn(args: &UnholdArgs, owner: &Cascade, screen: &Screen) -> anyhow::Result<()> {
    let is_going = owner.metadata.deletion_timestamp.is_some();
    if owner.spec.mode == Mode::Plan || args.dry_run {
        // A Cascade that only plans holds nothing: its operator removes the same finalizer.
        return Ok(());
    }
    let (why, instead) = match is_going {
        true => (
            "is being deleted, and its operator removes the finalizer from its parents",
            "without an operator",
        ),
        false => (
            "is there, and its operator holds its parents",
            "to release all, delete it or set it to mode Plan; without an operator, or for one parent",
        ),
    };
    if args.force {
        if !is_going {
            screen.alarm(
                "warning",
                format_args!("{} {why}: its operator adds the finalizer to live ones again", args.hold),
            );
        }
        return Ok(());
    }
    anyhow::bail!("{} {why}\n{instead}, --force removes the finalizer", args.hold)
}
