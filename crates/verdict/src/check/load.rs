//! Reading what a report needs: live, with the caller's own rights, each call with an end. A read that
//! fails is kept as such.

use std::ops::ControlFlow;

use anyhow::Result;
use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, PostParams};
use rewitness_cascade::{Right, may, own_rights};
use rewitness_crds::{CASCADES, Cascade};
use rewitness_kubernetes::Resolver;
use rewitness_kubernetes::call::in_time;
use rewitness_messaging::Timestamp;

use super::facts::{Asked, CascadeList, Facts, Phase, Purpose, VERSION, Version};
use crate::link::Link;
use crate::read::{Read, Unread, is_not_found, pages, read};
use crate::served::Served;

mod scan;

/// How many rights are asked for at a time.
const REVIEWS: usize = 8;

/// How many Cascades are read: pages of 500.
const PAGES: usize = 4;

/// Everything that there is to know; an error if the server does not even answer.
pub(super) async fn facts(link: &Link, is_before: bool) -> Result<Facts> {
    let version = version(link).await?;
    let (user, served, definition, cascades) =
        futures::join!(user(link), served(link), definition(link), cascades(link));
    let phase = match is_before {
        true => Phase::Before { rights: rights(link).await },
        false => {
            let kinds = served.as_ref().map(|served| &*served.kinds).unwrap_or_default();
            Phase::After { scan: scan::scan(link, kinds).await }
        }
    };
    let cascades = if_served(cascades, &definition);
    let place = link.place();
    Ok(Facts { now: Timestamp::now(), place, version, user, served, definition, cascades, phase })
}

async fn version(link: &Link) -> Result<Read<Version>> {
    let what = "read the server's version";
    match in_time(link.client.apiserver_version()).await {
        Ok(info) => {
            let number =
                |text: &str| text.trim_end_matches(|char: char| !char.is_ascii_digit()).parse::<u32>().ok();
            let number = number(&info.major).zip(number(&info.minor));
            Ok(Ok(Version { text: info.git_version, number }))
        }
        // It answers; who it is may be kept from this caller.
        Err(kube::Error::Api(answer)) if answer.code == 403 => {
            Ok(Err(Unread { what: what.to_owned(), reason: None }))
        }
        Err(error) => Err(link.explain_call(what, error)),
    }
}

async fn user(link: &Link) -> Read<Option<String>> {
    let reviews: Api<SelfSubjectReview> = Api::all(link.client.clone());
    let (by, review) = (PostParams::default(), SelfSubjectReview::default());
    let answer = read("create selfsubjectreviews.authentication.k8s.io", reviews.create(&by, &review)).await;
    match answer {
        Ok(review) => Ok(review.status.and_then(|status| status.user_info?.username)),
        // Served from Kubernetes 1.28 on.
        Err(unread) if is_not_found(&unread) => Ok(None),
        Err(unread) => Err(unread),
    }
}

async fn served(link: &Link) -> Read<Served> {
    let resolver = Resolver::new(&link.client).await.map_err(|error| Unread {
        what: "discover what the server serves".to_owned(),
        reason: Some(rewitness_kubernetes::call::chain(&error)),
    })?;
    Ok(Served::of(&resolver))
}

async fn definition(link: &Link) -> Read<Option<CustomResourceDefinition>> {
    let definitions: Api<CustomResourceDefinition> = Api::all(link.client.clone());
    let what = format!("get customresourcedefinitions.apiextensions.k8s.io/{CASCADES}");
    read(&what, definitions.get_opt(CASCADES)).await
}

/// There are no Cascades where they are not served. Where their definition says that they are, a list
/// that was not found was lost on its way, and was not empty: by one all that is held would seem
/// nobody's.
fn if_served(
    cascades: Read<CascadeList>,
    definition: &Read<Option<CustomResourceDefinition>>,
) -> Read<CascadeList> {
    let is_unserved = match definition {
        Ok(None) => true,
        Ok(Some(definition)) => !is_served(definition),
        Err(_) => false,
    };
    match cascades {
        Err(unread) if is_not_found(&unread) && is_unserved => Ok(CascadeList::default()),
        read => read,
    }
}

/// Whether a definition says that the version of this program can be read.
fn is_served(definition: &CustomResourceDefinition) -> bool {
    let mut versions = definition.spec.versions.iter();
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    versions.any(|version| version.served && version.name == VERSION)
        && conditions.into_iter().any(|one| one.type_ == "Established" && one.status == "True")
}

async fn cascades(link: &Link) -> Read<CascadeList> {
    let api: Api<Cascade> = Api::all(link.client.clone());
    let mut items = Vec::new();
    let list = async |params: &ListParams| api.list(params).await;
    let ended = pages("list cascades.rewitness.dev", PAGES, ListParams::default(), list, |page| {
        items.extend(page.items);
        ControlFlow::Continue(())
    });
    let is_cut = !ended.await?;
    Ok(CascadeList { items, is_cut })
}

/// What somebody needs who types what the documentation says.
async fn rights(link: &Link) -> Vec<Asked> {
    let asked = to_install().into_iter().map(|(purpose, right)| async move {
        let what = format!("ask whether you may {right}");
        let granted = may(&link.client, &right).await.map_err(|error| Unread::of(what, error));
        Asked { purpose, right, granted }
    });
    stream::iter(asked).buffered(REVIEWS).collect().await
}

/// `kubectl apply` reads what there is, and creates or patches it.
fn to_install() -> Vec<(Purpose, Right)> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let definition =
        |verb| Right::new(verb, "apiextensions.k8s.io", "customresourcedefinitions").named(CASCADES);
    let mut rights = vec![
        (Purpose::Definition, definition("get")),
        (Purpose::Definition, Right { name: None, ..definition("create") }),
        (Purpose::Definition, definition("patch")),
    ];
    for (purpose, resource) in [(Purpose::Roles, "clusterroles"), (Purpose::Binding, "clusterrolebindings")] {
        rights.extend(["get", "create", "patch"].map(|verb| (purpose, Right::new(verb, RBAC, resource))));
    }
    rights.extend(
        ["escalate", "bind"].map(|verb| (Purpose::Escalation, Right::new(verb, RBAC, "clusterroles"))),
    );
    rights.extend(own_rights().into_iter().map(|right| (Purpose::Granted, right)));
    rights
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(status: &str) -> CustomResourceDefinition {
        let mut definition = rewitness_crds::definitions().remove(0);
        let conditions = json!({ "conditions": [{ "type": "Established", "status": status }] });
        definition.status = serde_json::from_value(conditions).unwrap();
        definition
    }

    #[tokio::test]
    async fn a_list_that_is_not_found_is_empty_only_where_nothing_is_served() {
        let answer = kube::core::Status::failure("gone", "NotFound").with_code(404);
        let lost = async || read("list", async { Err(kube::Error::Api(answer.clone().boxed())) }).await;
        let mut unserved = definition("True");
        unserved.spec.versions[0].served = false;
        for there in [None, Some(definition("False")), Some(unserved)] {
            assert!(if_served(lost().await, &Ok(there)).is_ok_and(|list| list.items.is_empty()));
        }
        let unread = Err(Unread { what: "get".to_owned(), reason: None });
        for there in [Ok(Some(definition("True"))), unread] {
            assert!(if_served(lost().await, &there).is_err(), "{there:?}");
        }
    }
}
