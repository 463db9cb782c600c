use super::documents::Served;
use super::near::nearest;
use super::resolved_kind::ResolvedKind;
use crate::Error;

/// Finds kinds by the names that people type, as kubectl does.
///
/// A name is a plural, a singular, a short name or a kind, in any case, alone or followed by
/// `.group` or `.version.group`; a group may be cut off after any of its letters. A plural or
/// singular goes before a short name; among several groups the one that the server lists first is
/// meant, and in it the preferred version.
///
/// # Caveats
///
/// It knows what was served when it was made.
///
/// ```no_run
/// # async fn example(client: kube::Client) -> Result<(), rewitness_kubernetes::Error> {
/// let resolver = rewitness_kubernetes::Resolver::new(&client).await?;
/// let deployments = resolver.resolve("deploy")?;
/// assert_eq!(deployments.kind.to_string(), "Deployment.apps");
/// assert_eq!(deployments.to_string(), "deployments.apps");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Resolver {
    served: Served,
}

impl Resolver {
    pub(super) fn of(served: Served) -> Self {
        Self { served }
    }

    /// The group versions, as `group/version`, whose kinds cannot be read at present, or not all of them.
    pub fn broken(&self) -> &[String] {
        &self.served.broken
    }

    /// Every kind, in every version, in the server's order of preference.
    pub fn kinds(&self) -> &[ResolvedKind] {
        &self.served.kinds
    }

    /// The kind that a name means.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownType`], with similar names.
    pub fn resolve(&self, name: &str) -> Result<&ResolvedKind, Error> {
        let wanted = name.trim().to_lowercase();
        let mut forms = Vec::new();
        if let [resource, version, group] = wanted.splitn(3, '.').collect::<Vec<_>>()[..] {
            forms.push(Wanted { resource, version: Some(version), group: Group::Is(group) });
        }
        match wanted.split_once('.') {
            Some((resource, group)) => {
                forms.push(Wanted { resource, version: None, group: Group::Is(group) });
                forms.push(Wanted { resource, version: None, group: Group::Begins(group) });
            }
            None => forms.push(Wanted { resource: &wanted, version: None, group: Group::Any }),
        }
        let found = forms.iter().find_map(|form| self.find(form));
        found.ok_or_else(|| self.unknown(name, &wanted))
    }

    fn find(&self, wanted: &Wanted<'_>) -> Option<&ResolvedKind> {
        let there = || self.served.kinds.iter().filter(|kind| wanted.is_where(kind));
        let named =
            there().find(|kind| wanted.resource == kind.plural.to_lowercase() || wanted.is_singular(kind));
        let short = || {
            there().find(|kind| kind.short_names.iter().any(|short| short.to_lowercase() == wanted.resource))
        };
        named.or_else(short)
    }

    fn unknown(&self, name: &str, wanted: &str) -> Error {
        let resource = wanted.split('.').next().unwrap_or(wanted);
        let names = self.served.kinds.iter().filter(|kind| kind.is_watchable()).flat_map(|kind| {
            let names = [kind.plural.as_str(), kind.singular.as_str()].into_iter();
            let short = kind.short_names.iter().map(String::as_str);
            names.chain(short.filter(|short| short.len() > 2)).map(|name| (name, kind.to_string()))
        });
        Error::UnknownType { name: name.to_owned(), near: nearest(resource, names) }
    }
}

/// A name, taken apart.
struct Wanted<'a> {
    resource: &'a str,
    version: Option<&'a str>,
    group: Group<'a>,
}

enum Group<'a> {
    Any,
    Is(&'a str),
    Begins(&'a str),
}

impl Wanted<'_> {
    fn is_where(&self, kind: &ResolvedKind) -> bool {
        let group = match self.group {
            Group::Any => true,
            Group::Is(group) => *kind.kind.group == *group,
            Group::Begins(group) => kind.kind.group.starts_with(group),
        };
        group && self.version.is_none_or(|version| version == kind.version)
    }

    fn is_singular(&self, kind: &ResolvedKind) -> bool {
        self.resource == kind.singular.to_lowercase() || self.resource == kind.kind.kind.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolver() -> Resolver {
        let resource = |plural: &str, kind: &str, short: &[&str], scope: &str| {
            json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope,
                   "singularResource": kind.to_lowercase(), "verbs": ["list", "watch"], "shortNames": short})
        };
        let group = |name: &str, versions: serde_json::Value| json!({"metadata": {"name": name}, "versions": versions});
        let list = json!({"kind": "APIGroupDiscoveryList", "items": [
            group("", json!([{"version": "v1", "resources": [
                resource("pods", "Pod", &["po"], "Namespaced"), resource("events", "Event", &["ev"], "Namespaced"),
                resource("namespaces", "Namespace", &["ns"], "Cluster")]}])),
            group("apps", json!([{"version": "v1", "resources": [resource("deployments", "Deployment", &["deploy"], "Namespaced")]}])),
            group("events.k8s.io", json!([{"version": "v1", "resources": [resource("events", "Event", &["ev"], "Namespaced")]}])),
            group("example.com", json!([
                {"version": "v2", "resources": [resource("widgets", "Widget", &["po", "wg"], "Namespaced")]},
                {"version": "v1", "resources": [resource("widgets", "Widget", &["wg"], "Namespaced"),
                                                resource("gears", "Gear", &[], "Cluster")]}])),
            group("example.com.evil.test", json!([{"version": "v1", "resources": [resource("widgets", "Widget", &[], "Cluster")]}])),
            group("metrics.k8s.io", json!([{"version": "v1beta1", "freshness": "Stale", "resources": []}])),
        ]});
        Resolver::of(super::super::documents::aggregated(list.to_string().as_bytes()).unwrap().served)
    }

    #[test]
    fn names_mean_what_they_mean_to_kubectl() {
        let resolver = resolver();
        for (name, expected) in [
            ("pods", "v1 pods"),
            ("Pod", "v1 pods"),
            ("POD", "v1 pods"),
            ("po", "v1 pods"),
            ("deploy", "v1 deployments.apps"),
            ("deployments.apps", "v1 deployments.apps"),
            ("deployments.v1.apps", "v1 deployments.apps"),
            ("deploy.apps", "v1 deployments.apps"),
            ("events", "v1 events"),
            ("events.events.k8s.io", "v1 events.events.k8s.io"),
            ("ev.events", "v1 events.events.k8s.io"),
            ("widget", "v2 widgets.example.com"),
            ("wg", "v2 widgets.example.com"),
            ("widgets.v1.example.com", "v1 widgets.example.com"),
            ("Widget.v1.example.com", "v1 widgets.example.com"),
            ("widgets.example.com", "v2 widgets.example.com"),
            ("widgets.exam", "v2 widgets.example.com"),
            ("widgets.example.com.evil.test", "v1 widgets.example.com.evil.test"),
            ("widgets.example.com.e", "v1 widgets.example.com.evil.test"),
            ("gear", "v1 gears.example.com"),
        ] {
            let kind = resolver.resolve(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(format!("{} {kind}", kind.version), expected, "{name}");
        }
        assert!(!resolver.resolve("ns").unwrap().namespaced);
        assert_eq!(resolver.broken(), ["metrics.k8s.io/v1beta1"]);
    }

    #[test]
    fn an_unknown_name_gets_similar_ones() {
        let resolver = resolver();
        for (name, expected) in [
            (
                "wigdets",
                "the server has no type `wigdets`; did you mean one of widgets.example.com, widgets.example.com.evil.test?",
            ),
            (
                "deployment.example.com",
                "the server has no type `deployment.example.com`; did you mean `deployments.apps`?",
            ),
            ("dep", "the server has no type `dep`; did you mean `deployments.apps`?"),
            (
                "widgets.v3.example.com",
                "the server has no type `widgets.v3.example.com`; did you mean one of widgets.example.com, widgets.example.com.evil.test?",
            ),
            ("zebra", "the server has no type `zebra`"),
            ("", "the server has no type ``"),
        ] {
            assert_eq!(resolver.resolve(name).unwrap_err().to_string(), expected);
        }
    }
}
