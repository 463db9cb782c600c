//! What tests need inside a cluster: namespaces, resources of their own, identities with few rights.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::client::{APIGroupDiscovery, APIGroupDiscoveryList};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::controlplane::ControlPlane;
use crate::kubeconfig::{self, Credentials};
use crate::shared::unique;
use crate::wait::until;

const SOON: Duration = Duration::from_secs(60);

impl ControlPlane {
    /// Creates a namespace with a new name that begins with `prefix`.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let name = unique(prefix);
        self.ensure_namespace(&self.client().await?, &name).await?;
        Ok(name)
    }

    async fn ensure_namespace(&self, client: &Client, name: &str) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply(&namespaces, name, body).await
    }

    /// Applies a CustomResourceDefinition with the version `v1`, any schema and a `status` subresource, and
    /// waits until the resource is served.
    ///
    /// # Errors
    /// The API server refuses it, or does not serve it in time.
    pub async fn crd(
        &self,
        group: &str,
        plural: &str,
        kind: &str,
        namespaced: bool,
        short_names: &[&str],
    ) -> Result<ApiResource> {
        self.apply_crd(json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group,
                "scope": if namespaced { "Namespaced" } else { "Cluster" },
                "names": {
                    "plural": plural,
                    "singular": kind.to_lowercase(),
                    "kind": kind,
                    "listKind": format!("{kind}List"),
                    "shortNames": short_names,
                },
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                    }},
                }],
            },
        }))
        .await
    }

    /// Applies any CustomResourceDefinition by server-side apply, waits until its first version is served
    /// and can be discovered, and answers that version.
    ///
    /// # Errors
    /// The API server refuses it, or does not serve it in time.
    pub async fn apply_crd(&self, definition: Value) -> Result<ApiResource> {
        let definition: CustomResourceDefinition = serde_json::from_value(definition).context("a CRD")?;
        let client = self.client().await?;
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let name = definition.metadata.name.clone().context("a CRD without a name")?;
        let spec = &definition.spec;
        let version = &spec.versions.first().context("a CRD without a version")?.name;
        let gvk = GroupVersionKind::gvk(&spec.group, version, &spec.names.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &spec.names.plural);
        apply(&definitions, &name, serde_json::to_value(&definition)?).await?;
        until(&format!("{name} is established"), SOON, async || {
            let status = definitions.get(&name).await?.status;
            let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
            Ok(conditions.iter().any(|it| it.type_ == "Established" && it.status == "True").then_some(()))
        })
        .await?;
        // The server publishes the new paths a moment after it has set the condition.
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        until(&format!("{name} is served"), SOON, async || {
            match objects.list(&ListParams::default().limit(1)).await {
                Ok(_) => Ok(Some(())),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        // And it lists them a moment after that, by which programs find what people type.
        until(&format!("{name} is discovered"), SOON, async || {
            let served = client.list_api_groups_aggregated().await?;
            Ok(is_among(&served, &resource).then_some(()))
        })
        .await?;
        Ok(resource)
    }

    /// Creates a ServiceAccount, its namespace if need be, and a ClusterRole with these rules bound to it;
    /// answers a kubeconfig with a token for one day once the rules are in force.
    ///
    /// # Errors
    /// The API server refuses a part of it, or does not grant the rules in time.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
        rules: Vec<PolicyRule>,
    ) -> Result<PathBuf> {
        let client = self.client().await?;
        self.ensure_namespace(&client, namespace).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        apply(&accounts, name, json!({"metadata": {"name": name}})).await?;
        let full_name = format!("{namespace}:{name}");
        let roles: Api<ClusterRole> = Api::all(client.clone());
        apply(&roles, &full_name, json!({"metadata": {"name": full_name}, "rules": rules})).await?;
        let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
        let binding = json!({
            "metadata": {"name": full_name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": full_name},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        });
        apply(&bindings, &full_name, binding).await?;
        let token = json!({"spec": {"audiences": [], "expirationSeconds": 24 * 3600}});
        let token: TokenRequest = serde_json::from_value(token)?;
        let token = accounts.create_token_request(name, &PostParams::default(), &token).await?;
        let token =
            token.status.and_then(|status| status.token).context("a token request without a token")?;
        let path = self.dir().join(format!("{namespace}.{name}.kubeconfig"));
        kubeconfig::write(&path, self.port(), self.authority.certificate(), &Credentials::Token(token))?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        for rule in &rules {
            self.is_granted(&user, rule, true).await?;
        }
        Ok(path)
    }

    /// Waits until a user has the first right of a rule, or has it no more: the authorizer learns of a role by a watch,
    /// a moment after the API server has answered.
    ///
    /// # Errors
    /// It is not so in time.
    pub async fn is_granted(&self, user: &str, rule: &PolicyRule, granted: bool) -> Result<()> {
        let first = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.first()).cloned();
        let Some(resource) = first(&rule.resources) else { return Ok(()) };
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource.as_str(), ""));
        let review: SubjectAccessReview =
            serde_json::from_value(json!({"spec": {"user": user, "resourceAttributes": {
                "verb": rule.verbs.first(),
                "group": first(&rule.api_groups),
                "resource": resource,
                "subresource": subresource,
                "name": first(&rule.resource_names),
            }}}))?;
        let reviews: Api<SubjectAccessReview> = Api::all(self.client().await?);
        until(&format!("{user} may {:?} {resource}: {granted}", rule.verbs.first()), SOON, async || {
            let review = reviews.create(&PostParams::default(), &review).await?;
            Ok((review.status.is_some_and(|status| status.allowed) == granted).then_some(()))
        })
        .await
    }

    /// The kubectl that fits this control plane, for whoever types commands as a person does.
    pub fn kubectl_program(&self) -> PathBuf {
        self.assets.program("kubectl")
    }

    /// Runs kubectl as the administrator and answers what it wrote, whether it failed or not.
    ///
    /// # Errors
    /// kubectl cannot be run.
    pub async fn kubectl<S: AsRef<str>>(&self, args: &[S]) -> Result<Output> {
        Command::new(self.assets.program("kubectl"))
            .args(args.iter().map(AsRef::as_ref))
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.dir().join("kubectl-cache"))
            // Not the developer's own preferences.
            .env("KUBERC", "off")
            .kill_on_drop(true)
            .output()
            .await
            .context("run kubectl")
    }

    /// Runs kubectl as the administrator and answers its output.
    ///
    /// # Errors
    /// kubectl cannot be run, or fails; its message is in the error.
    pub async fn kubectl_ok<S: AsRef<str>>(&self, args: &[S]) -> Result<String> {
        let output = self.kubectl(args).await?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl ends with {}: {message}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

async fn apply<K>(api: &Api<K>, name: &str, mut body: Value) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    body["apiVersion"] = K::api_version(&()).into();
    body["kind"] = K::kind(&()).into();
    let by = PatchParams::apply("controlplane").force();
    api.patch(name, &by, &Patch::Apply(body))
        .await
        .with_context(|| format!("apply {} {name}", K::kind(&())))?;
    Ok(())
}

/// Whether a kind is in what the server says that it serves.
fn is_among(served: &APIGroupDiscoveryList, wanted: &ApiResource) -> bool {
    let name_of = |group: &&APIGroupDiscovery| group.metadata.as_ref().and_then(|it| it.name.clone());
    let groups = served.items.iter().filter(|group| name_of(group).as_ref() == Some(&wanted.group));
    let versions = groups.flat_map(|group| &group.versions);
    let resources = versions
        .filter(|version| version.version.as_ref() == Some(&wanted.version))
        .flat_map(|version| &version.resources);
    resources.into_iter().any(|resource| resource.resource.as_ref() == Some(&wanted.plural))
}

/// These verbs on one resource of one group.
pub fn policy_rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(ToString::to_string).collect(),
        ..PolicyRule::default()
    }
}
