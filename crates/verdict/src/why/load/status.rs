//! What Kubernetes itself says: of namespaces, of definitions, of API services, in Events.

use k8s_openapi::api::core::v1::{Event as CoreEvent, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::ListParams;
use kube::{Api, Client};
use rewitness_kubernetes::call::segment;
use rewitness_messaging::{Kind, ResourceId};

use super::read::read;
use crate::why::facts::{ApiServiceFacts, Condition, Content, DefinitionFacts, Event, NamespaceFacts, Read};

/// How many Events of an object are read.
const EVENTS: u32 = 100;

pub(super) async fn namespace(client: &Client, name: &str) -> Read<NamespaceFacts> {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = read("get namespaces", api.get(&segment(name))).await?;
    let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
    let amiss = conditions.into_iter().filter(|one| one.status == "True").map(|one| Condition {
        kind: one.type_,
        reason: one.reason.unwrap_or_default(),
        message: one.message.unwrap_or_default(),
    });
    Ok(NamespaceFacts {
        finalizers: namespace.spec.and_then(|spec| spec.finalizers).unwrap_or_default(),
        conditions: amiss.collect(),
        content: Content::default(),
    })
}

/// What a definition says, and which kind it defines.
pub(super) async fn definition(client: &Client, name: &str) -> Read<DefinitionFacts> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition =
        read("get customresourcedefinitions.apiextensions.k8s.io", api.get(&segment(name))).await?;
    let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
    let terminating = conditions.into_iter().filter(|one| one.type_ == "Terminating").map(|one| Condition {
        kind: one.type_,
        reason: one.reason.unwrap_or_default(),
        message: one.message.unwrap_or_default(),
    });
    Ok(DefinitionFacts {
        defined: Kind::new(definition.spec.group, definition.spec.names.kind),
        conditions: terminating.collect(),
        content: Content::default(),
    })
}

/// API services that are not available.
pub(super) async fn unavailable(client: &Client) -> Read<Vec<ApiServiceFacts>> {
    let api: Api<APIService> = Api::all(client.clone());
    let what = "list apiservices.apiregistration.k8s.io";
    let services = read(what, api.list(&ListParams::default())).await?;
    let unavailable = services.items.into_iter().filter_map(|service| {
        let conditions = service.status.and_then(|status| status.conditions).unwrap_or_default();
        let available = conditions.into_iter().find(|one| one.type_ == "Available")?;
        (available.status != "True").then(|| ApiServiceFacts {
            name: service.metadata.name.unwrap_or_default(),
            group: service.spec.and_then(|spec| spec.group).unwrap_or_default(),
            message: available.message.or(available.reason).unwrap_or_default(),
        })
    });
    Ok(unavailable.collect())
}

/// What was said of an object, the newest first. Events of what lives in no namespace are in
/// `default`.
pub(super) async fn events(client: &Client, id: &ResourceId) -> Read<Vec<Event>> {
    let namespace = id.namespace.as_deref().unwrap_or("default");
    let api: Api<CoreEvent> = Api::namespaced(client.clone(), namespace);
    let of_object = ListParams::default().fields(&format!("involvedObject.uid={}", id.uid)).limit(EVENTS);
    let what = format!("list events in {namespace}");
    let mut events: Vec<Event> =
        read(&what, api.list(&of_object)).await?.items.into_iter().map(event).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    Ok(events)
}

fn event(event: CoreEvent) -> Event {
    let by = event.reporting_component.filter(|by| !by.is_empty());
    let by = by.or_else(|| event.source.and_then(|source| source.component));
    // A series has a last time of its own; single events have one of two others.
    let at = event.series.and_then(|series| series.last_observed_time).map(|time| time.0);
    let at = at.or(event.last_timestamp.map(|time| time.0)).or(event.event_time.map(|time| time.0));
    Event {
        is_warning: event.type_.as_deref() == Some("Warning"),
        by: by.unwrap_or_else(|| "somebody".to_owned()),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        related: event.related.and_then(|related| related.uid),
        at,
    }
}
