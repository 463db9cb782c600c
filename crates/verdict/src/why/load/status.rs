//! What Kubernetes itself says: of namespaces, of definitions, of API services, in Events.

use std::ops::ControlFlow;

use k8s_openapi::api::core::v1::{Event as CoreEvent, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::ListParams;
use kube::{Api, Client};
use rewitness_kubernetes::call::segment;
use rewitness_messaging::{Kind, ResourceId};

use crate::read::{Read, pages, read};
use crate::why::facts::{ApiServiceFacts, Condition, Content, DefinitionFacts, Event, NamespaceFacts};

/// How many Events of an object are kept.
const EVENTS: usize = 100;

/// How many pages of them are read.
const PAGES: usize = 20;

pub(super) async fn namespace(client: &Client, name: &str) -> Read<NamespaceFacts> {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = read("get namespaces", api.get(&segment(name))).await?;
    let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
    let amiss = conditions
        .into_iter()
        .filter(|one| one.status == "True")
        .map(|one| Condition { kind: one.type_, message: one.message.unwrap_or_default() });
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
    let terminating = conditions.into_iter().find(|one| one.type_ == "Terminating");
    Ok(DefinitionFacts {
        defined: Kind::new(definition.spec.group, definition.spec.names.kind),
        terminating: terminating
            .map(|one| format!("{}: {}", one.reason.unwrap_or_default(), one.message.unwrap_or_default())),
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

/// The Events of an object, the newest first. Events of what lives in no namespace are in
/// `default`. The server lists them by their names, which say nothing of their age: all are read, up to
/// 10,000.
pub(super) async fn events(client: &Client, id: &ResourceId) -> Read<Vec<Event>> {
    let namespace = id.namespace.as_deref().unwrap_or("default");
    let api: Api<CoreEvent> = Api::namespaced(client.clone(), namespace);
    let of_object = ListParams::default().fields(&format!("involvedObject.uid={}", id.uid));
    let (what, list) =
        (format!("list events in {namespace}"), async |params: &ListParams| api.list(params).await);
    let mut events: Vec<Event> = Vec::new();
    let listed = pages(&what, PAGES, of_object, list, |page| {
        events.extend(page.items.into_iter().map(event));
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        events.truncate(EVENTS);
        ControlFlow::Continue(())
    });
    listed.await?;
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    fn recorded(second: usize) -> Value {
        json!({
            "metadata": { "name": format!("e{second}"), "namespace": "team" }, "involvedObject": {},
            "reason": format!("R{second}"), "lastTimestamp": format!("2026-01-02T03:{:02}:{:02}Z", second / 60, second % 60),
        })
    }

    /// Two pages; the newest Event is the last of the second.
    async fn server(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let (token, seconds) = match request.uri().query().unwrap_or_default().contains("continue=") {
            false => ("more", 0..150),
            true => ("", 150..170),
        };
        let items: Vec<Value> = seconds.map(recorded).collect();
        let list = json!({ "kind": "EventList", "apiVersion": "v1", "metadata": { "continue": token }, "items": items });
        Ok(Response::new(Body::from(list.to_string().into_bytes())))
    }

    #[tokio::test]
    async fn of_many_events_the_newest_are_kept() {
        let client = Client::new(tower::service_fn(server), "default");
        let id = ResourceId {
            kind: Kind::new("", "ConfigMap"),
            namespace: Some("team".into()),
            name: "web".into(),
            uid: "u1".into(),
        };
        let found = events(&client, &id).await.unwrap();
        assert_eq!((found.len(), &*found[0].reason, &*found[99].reason), (100, "R169", "R70"));
    }
}
