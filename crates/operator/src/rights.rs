//! Which rights are missing, asked before they are needed.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};
use rewitness_kubernetes::ResolvedKind;

use crate::connect::Link;

/// The first of `verbs` that we may not do, as an error; nothing if the server does not say.
pub(crate) async fn require(
    link: &Link,
    kind: &ResolvedKind,
    namespace: Option<&str>,
    verbs: &[&str],
    purpose: &str,
) -> anyhow::Result<()> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(link.client.clone());
    for verb in verbs {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some((*verb).to_owned()),
                    group: Some(kind.kind.group.to_string()),
                    resource: Some(kind.plural.clone()),
                    namespace: namespace.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        // Whoever may not even ask finds out by trying.
        let Ok(answer) = reviews.create(&PostParams::default(), &review).await else { return Ok(()) };
        if answer.status.is_some_and(|status| !status.allowed) {
            let place = namespace.map_or_else(
                || "in all namespaces".to_owned(),
                |namespace| format!("in namespace {namespace}"),
            );
            let place = if kind.namespaced { format!(" {place}") } else { String::new() };
            anyhow::bail!(
                "missing right: you may not {verb} {kind}{place}, which {purpose} needs\n\
                 a Role or ClusterRole gives it: kubectl auth can-i {verb} {kind}"
            );
        }
    }
    Ok(())
}
