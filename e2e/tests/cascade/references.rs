//! Which objects refer to a parent, and that no other is touched.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use rewitness_cascade::DeletionState;
use rewitness_controlplane::{Call, Fault, Match};
use rewitness_messaging::Outcome;
use serde_json::{Value, json};

use rewitness_e2e::follower::{Operator, causes, refused, waits_for};
use rewitness_e2e::lab::{FOREIGN, Lab};

fn referring(mut dependents: Value, value: &str, scope: &str) -> Value {
    dependents["reference"]["value"] = value.into();
    dependents["scope"] = scope.into();
    dependents
}

/// Two tenants whose projects have the same name.
#[tokio::test]
async fn the_dependents_of_a_parent_of_the_same_name_in_another_namespace_stay() -> Result<()> {
    for (value, scope) in
        [("Name", "SameNamespace"), ("NamespacedName", "AllNamespaces"), ("UID", "AllNamespaces")]
    {
        let lab = Lab::new().await?;
        let other = lab.plane.namespace("cascade").await?;
        let rule =
            lab.cascade_of("Space", &[&[referring(lab.dependents("Cluster"), value, scope)]], json!({}));
        let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
        let parent = lab.parent("Space", "web", &rule).await?;
        let namesake = lab.create_in("Space", &other, "web", None).await?;
        for (ns, parent) in [(&lab.ns, &parent), (&other, &namesake)] {
            let reference = match value {
                "Name" => "web".to_owned(),
                "UID" => parent.metadata.uid.clone().unwrap_or_default(),
                _ => format!("{ns}.web"),
            };
            lab.create_in("Cluster", ns, "a", Some(&reference)).await?;
        }
        lab.delete("Space", "web").await?;
        lab.gone("Space", "web").await?;
        assert!(!lab.exists("Cluster", "a").await?, "{value}");
        assert!(lab.api_in("Cluster", &other).get_opt("a").await?.is_some(), "{value}");
    }
    Ok(())
}

#[tokio::test]
async fn an_ambiguous_reference_deletes_nothing_and_says_so() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade_of(
        "Space",
        &[&[referring(lab.dependents("Cluster"), "Name", "AllNamespaces")]],
        json!({}),
    );
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Space", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Space", "web").await?;
    let (reason, message) = operator.state(0, &parent, refused).await?;
    assert_eq!(reason, "AmbiguousReference");
    assert!(message.contains("UID or NamespacedName"), "{message}");
    assert!(lab.exists("Cluster", "a").await?);
    Ok(())
}

#[tokio::test]
async fn a_parent_with_a_name_of_200_characters_can_have_no_dependents_and_goes() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let proxy = lab.proxy()?;
    let _operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let name = "x".repeat(200);
    lab.parent("Project", &name, &rule).await?;
    lab.delete("Project", &name).await?;
    lab.gone("Project", &name).await?;
    assert_eq!(proxy.count(|call| call.path.ends_with("/clusters")), 0, "there is nothing to look for");
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b3_b22_c2_lists_are_consistent_paged_by_label_and_made_before_the_parent_is_read()
-> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    operator.rules[0].handle.replayed().await;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    let calls = proxy.requests();
    let lists: Vec<_> = calls.iter().filter(|call| call.path.ends_with("/clusters")).collect();
    assert!(lists.len() >= 3, "one that found it, and two that found nothing");
    let is_read = |call: &Call| {
        call.method == "GET" && ["/clusters", "/projects/web"].iter().any(|path| call.path.ends_with(path))
    };
    for list in &lists {
        // B3, B22.
        assert!(!list.query.contains("resourceVersion"), "{}", list.query);
        assert!(list.query.contains("labelSelector=") && list.query.contains("%3Dweb"), "{}", list.query);
        assert!(list.query.contains("limit="), "{}", list.query);
        let next = calls.iter().find(|call| call.number > list.number && is_read(call));
        assert!(next.is_some_and(|call| call.path.ends_with("/projects/web")), "the parent is read after it");
    }
    let delete = calls.iter().find(|call| call.method == "DELETE").expect("a delete");
    let body: Value = serde_json::from_slice(&delete.body)?;
    assert!(body["preconditions"]["uid"].is_string() && body["preconditions"]["resourceVersion"].is_string());
    assert_eq!(body["propagationPolicy"], "Background");
    Ok(())
}

#[tokio::test]
async fn c5_many_pages_are_read_to_their_end_and_an_expired_token_means_listing_anew() -> Result<()> {
    let lab = Lab::new().await?;
    let more = json!({ "limits": { "maxDependents": 2000 } });
    let rule = lab.cascade_of("Project", &[&[lab.dependents("Cluster")]], more);
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    lab.parent("Project", "web", &rule).await?;
    let create = |index| lab_create(&lab, index);
    stream::iter(0..1100).map(create).buffer_unordered(32).try_collect::<()>().await?;
    let gone = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
        "metadata": { "continue": "never-use-this" },
    });
    let continued = Match::any().path("/clusters").when(|call| call.query.contains("continue=")).times(2);
    let expired = proxy.rule(continued, Fault::Answer { code: 410, body: gone.to_string().into_bytes() });
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    assert_eq!(expired.hits(), 2);
    assert_eq!(proxy.count(|call| call.query.contains("never-use-this")), 0);
    assert_eq!(proxy.count(|call| call.method == "DELETE"), 1100);
    assert!(!operator.rules[0].records.ever("Unlisted"), "it is no failure");
    assert!(lab.api("Cluster").list(&Default::default()).await?.items.is_empty());
    Ok(())
}

async fn lab_create(lab: &Lab, index: usize) -> Result<()> {
    lab.create("Cluster", &format!("c{index}"), Some("web")).await.map(drop)
}

/// The server behind the proxy ignores selectors, as a broken aggregated one might.
#[tokio::test]
async fn a_list_that_does_not_match_its_selector_is_neither_acted_on_nor_taken_for_empty() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "innocent", Some("api")).await?;
    let listed = lab.api("Cluster").list(&Default::default()).await?;
    let body = serde_json::to_vec(&listed)?;
    let lists = Match::any().method("GET").path("/clusters");
    let broken = proxy.rule(lists, Fault::Answer { code: 200, body });
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Unlisted")).await?;
    assert!(lab.exists("Cluster", "innocent").await? && lab.exists("Project", "web").await?);
    drop(broken);
    lab.gone("Project", "web").await?;
    assert!(lab.exists("Cluster", "innocent").await?);
    Ok(())
}

#[tokio::test]
pub(crate) async fn a_kind_that_goes_and_comes_back_is_never_taken_for_empty() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster"), lab.dependents("Disk")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create("Disk", "a", Some("web")).await?;
    lab.patch("Disk", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Finalizers")).await?;
    let kubectl = ["delete", "crd", &format!("clusters.{}", lab.group)];
    lab.plane.kubectl_ok(&kubectl).await?;
    operator.state(0, &parent, waits_for("KindNotServed")).await?;
    lab.patch("Disk", "a", json!({ "finalizers": null })).await?;
    lab.gone("Disk", "a").await?;
    let unserved_alone = |state: &DeletionState| (causes(state)? == ["KindNotServed"]).then_some(());
    operator.state(0, &parent, unserved_alone).await?;
    assert!(lab.exists("Project", "web").await?, "nobody knows what Clusters there are");
    lab.plane.crd(&lab.group, "clusters", "Cluster", true, &[]).await?;
    lab.gone("Project", "web").await
}

/// B1: a lagging API server shows the former object of this name being deleted.
#[tokio::test]
async fn fault_b1_a_stale_delivery_of_a_former_object_of_this_name_does_nothing() -> Result<()> {
    use rewitness_cascade::{Cascades, Config, MemoryRecords, Rule};
    use rewitness_messaging::{
        Cause, Consumer, Delivery, Envelope, HoldState, Kind, ResourceId, State, Version,
    };

    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let cascades = Cascades::new(lab.operator_client().await?, Config::default());
    let consumer = cascades.consumer(Rule::new(&rule)?, MemoryRecords::default());
    let delivery = Delivery {
        envelope: Envelope {
            resource: ResourceId {
                kind: Kind::new(&*lab.group, "Project"),
                namespace: None,
                name: "web".into(),
                uid: "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab".into(),
            },
            deletion_timestamp: Some("2026-01-01T00:00:00Z".parse()?),
        },
        state: State::Deleting,
        cause: Cause::Replay,
        attempt: 1,
        version: Version(1),
        hold: HoldState::Held,
        labels: Vec::new(),
    };
    let outcome = consumer.consume(delivery).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
    assert_eq!(outcome, Outcome::Done);
    assert!(lab.exists("Cluster", "a").await? && lab.exists("Project", "web").await?);
    Ok(())
}
