//! Whether somebody has the rights: a review for each.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;
use rewitness_cascade::{Right, may};
use rewitness_kubernetes::call::in_time;
use rewitness_verdict::text::counted;
use rewitness_verdict::{API_VERSION, Link};
use serde::Serialize;

use crate::answer;
use crate::args::RbacArgs;
use crate::exit::Status;
use crate::screen::Screen;

/// Reviews under way at a time.
const AT_A_TIME: usize = 8;

/// Who has which of the rights.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RightsCheck {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    granted: usize,
    missing: usize,
    rights: Vec<Reviewed>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Reviewed {
    verb: &'static str,
    group: String,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    granted: bool,
    /// As it is said to people.
    #[serde(skip)]
    text: String,
}

pub(super) async fn check(
    args: &RbacArgs,
    link: &Link,
    rights: &[Right],
    screen: &Screen,
) -> anyhow::Result<Status> {
    let asked = rights.iter().map(|right| async move {
        let granted = review(args, link, right).await?;
        anyhow::Ok(Reviewed::new(right, granted))
    });
    let mut asked = stream::iter(asked).buffered(AT_A_TIME);
    let mut reviewed = Vec::new();
    while let Some(one) = asked.next().await {
        reviewed.push(one?);
    }
    let missing = reviewed.iter().filter(|one| !one.granted).count();
    let check = RightsCheck {
        api_version: API_VERSION,
        kind: "RightsCheck",
        user: args.user.clone(),
        granted: reviewed.len() - missing,
        missing,
        rights: reviewed,
    };
    answer::print(args.output, &check, || check.rights.iter().map(Reviewed::line).collect())?;
    if missing == 0 {
        return Ok(Status::Done);
    }
    let missing = counted(missing as u64, "right is", "rights are");
    screen.note(format_args!(
        "{missing} missing; the same command without --check prints the role that grants them"
    ));
    Ok(Status::Failed)
}

async fn review(args: &RbacArgs, link: &Link, right: &Right) -> anyhow::Result<bool> {
    const WHAT: &str = "ask for the rights of somebody";
    let Some(user) = &args.user else {
        return may(&link.client, right).await.map_err(|error| link.explain_api(WHAT, &error));
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(user.clone()),
        groups: Some(groups(user, &args.groups)),
        resource_attributes: Some(attributes(right)),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let reviews: Api<SubjectAccessReview> = Api::all(link.client.clone());
    let review = in_time(reviews.create(&PostParams::default(), &review)).await;
    let status = review.map_err(|error| link.explain_call(WHAT, error))?.status;
    Ok(status.is_some_and(|status| status.allowed))
}

fn attributes(right: &Right) -> ResourceAttributes {
    let (plural, subresource) = right.parts();
    ResourceAttributes {
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.clone()),
        resource: Some(plural.to_owned()),
        subresource: Some(subresource.to_owned()).filter(|one| !one.is_empty()),
        name: right.name.clone(),
        namespace: right.namespace.clone(),
        ..ResourceAttributes::default()
    }
}

/// The groups of a user, with those that the API server gives to everybody, and to each
/// ServiceAccount: a review is asked of exactly the groups that it names.
fn groups(user: &str, named: &[String]) -> Vec<String> {
    let mut groups = named.to_vec();
    if let Some((namespace, _)) =
        user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'))
    {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    groups.push("system:authenticated".to_owned());
    groups
}

impl Reviewed {
    fn new(right: &Right, granted: bool) -> Self {
        Self {
            verb: right.verb,
            group: right.group.clone(),
            resource: right.resource.clone(),
            name: right.name.clone(),
            namespace: right.namespace.clone(),
            granted,
            text: right.to_string(),
        }
    }

    fn line(&self) -> String {
        format!("{} {}\n", if self.granted { '✓' } else { '✗' }, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_in_the_groups_of_all_service_accounts() {
        let named = ["ops".to_owned()];
        assert_eq!(groups("jane", &named), ["ops", "system:authenticated"]);
        let account = groups("system:serviceaccount:ns:rewitness", &[]);
        assert_eq!(account, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
    }

    #[test]
    fn a_subresource_is_asked_for_as_one() {
        let asked = attributes(&Right::new("patch", "rewitness.dev", "cascades/status"));
        assert_eq!(
            (asked.resource.as_deref(), asked.subresource.as_deref()),
            (Some("cascades"), Some("status"))
        );
    }
}
