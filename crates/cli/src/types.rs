//! From the types that were typed to kinds that can be followed.

use rewitness_kubernetes::{ResolvedKind, Resolver};
use rewitness_verdict::{Link, of_what_is_left};

use crate::exit::wrong_use;

/// The kinds that `types` name, each once, in the order they were typed.
pub(crate) async fn resolve(link: &Link, types: &[String]) -> anyhow::Result<Vec<ResolvedKind>> {
    let resolver = Resolver::new(&link.client).await.map_err(|error| link.explain(error))?;
    let mut kinds: Vec<ResolvedKind> = Vec::new();
    for name in types {
        if name.contains('/') {
            return Err(wrong_use(format!(
                "`{name}` names one object; a TYPE is wanted, as `{}`\nchoose among objects with -l SELECTOR",
                name.split('/').next().unwrap_or_default()
            )));
        }
        let kind = resolver.resolve(name).map_err(|error| of_what_is_left(&resolver, link.explain(error)))?;
        if !kind.is_watchable() {
            return Err(wrong_use(format!("{kind} cannot be listed and watched; it only takes requests")));
        }
        if !kinds.iter().any(|known| known.kind == kind.kind) {
            kinds.push(kind.clone());
        }
    }
    Ok(kinds)
}
