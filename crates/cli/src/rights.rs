//! Which rights are missing, asked before they are needed.

use rewitness_cascade::{Right, may};
use rewitness_kubernetes::ResolvedKind;

use rewitness_verdict::Link;

/// The first of `verbs` that we may not do, as an error; nothing if the server does not say.
pub(crate) async fn require(
    link: &Link,
    kind: &ResolvedKind,
    namespace: Option<&str>,
    verbs: &[&'static str],
    purpose: &str,
) -> anyhow::Result<()> {
    for verb in verbs {
        let namespace = namespace.map(str::to_owned);
        let right = Right { namespace, ..Right::new(verb, &kind.kind.group, &kind.plural) };
        // Whoever may not even ask finds out by trying.
        let Ok(granted) = may(&link.client, &right).await else { return Ok(()) };
        if granted {
            continue;
        }
        let place = match (&right.namespace, kind.namespaced) {
            (Some(namespace), true) => format!(" in namespace {namespace}"),
            (None, true) => " in all namespaces".to_owned(),
            (_, false) => String::new(),
        };
        let ask = link.typed.can_i(&right);
        let ask = if right.namespace.is_none() && kind.namespaced { ask.flag("-A") } else { ask };
        anyhow::bail!(
            "missing right: you may not {verb} {kind}{place}, which {purpose} needs\n\
             a Role or ClusterRole gives it: {ask}"
        );
    }
    Ok(())
}
