//! Which rights are missing, asked before they are needed.

use rewitness_cascade::{Right, may};
use rewitness_kubernetes::ResolvedKind;

use rewitness_verdict::Link;
use rewitness_verdict::text::shell_word;

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
        let (place, flag) = match (&right.namespace, kind.namespaced) {
            (Some(namespace), true) => {
                (format!(" in namespace {namespace}"), format!(" -n {}", shell_word(namespace)))
            }
            (None, true) => (" in all namespaces".to_owned(), " -A".to_owned()),
            (_, false) => (String::new(), String::new()),
        };
        let ask = link.typed.kubectl(format_args!("auth can-i {verb} {kind}{flag}"));
        anyhow::bail!(
            "missing right: you may not {verb} {kind}{place}, which {purpose} needs\n\
             a Role or ClusterRole gives it: {ask}"
        );
    }
    Ok(())
}
