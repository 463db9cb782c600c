//! Whether the definition that is installed is the one that this program knows.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// How the installed definition differs from ours, as far as that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Fields that it lacks.
    pub(super) lacks: Vec<String>,
    /// Fields that it has beside ours.
    pub(super) adds: Vec<String>,
    /// Fields that it describes in another way: another type, another rule, another default. And what
    /// is not in the schema: scope, names, subresources.
    pub(super) changes: Vec<String>,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares one version of both. What is for readers alone, as descriptions, does not matter; what the
/// server fills in, as `listKind` and `conversion`, is not looked at, and short names and columns,
/// which change nothing but how it looks, are not either.
pub(super) fn compare(
    installed: &CustomResourceDefinition,
    ours: &CustomResourceDefinition,
    version: &str,
) -> Difference {
    let mut difference = Difference::default();
    let (theirs, mine) = (&installed.spec, &ours.spec);
    let of = |definition: &CustomResourceDefinition| {
        let found = definition.spec.versions.iter().find(|one| one.name == version);
        serde_json::to_value(found).unwrap_or_default()
    };
    let (their_version, my_version) = (of(installed), of(ours));
    let parts = [
        ("scope", theirs.scope == mine.scope),
        ("names", (&theirs.names.kind, &theirs.names.plural) == (&mine.names.kind, &mine.names.plural)),
        ("subresources", their_version["subresources"] == my_version["subresources"]),
    ];
    difference.changes.extend(parts.iter().filter(|(_, same)| !same).map(|(part, _)| (*part).to_owned()));
    let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
    walk("", &schema(&their_version), &schema(&my_version), &mut difference);
    difference
}

fn walk(path: &str, theirs: &Value, mine: &Value, difference: &mut Difference) {
    if own(theirs) != own(mine) {
        difference.changes.push(if path.is_empty() {
            "the object itself".to_owned()
        } else {
            path.to_owned()
        });
    }
    let names = |schema: &Value| -> BTreeSet<String> {
        schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
    };
    let (their_names, my_names) = (names(theirs), names(mine));
    let inner = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
    difference.lacks.extend(my_names.difference(&their_names).map(inner));
    difference.adds.extend(their_names.difference(&my_names).map(inner));
    for name in their_names.intersection(&my_names) {
        walk(&inner(name), &theirs["properties"][name], &mine["properties"][name], difference);
    }
    for part in ["items", "additionalProperties"] {
        if theirs[part].is_object() && mine[part].is_object() {
            walk(&format!("{path}[]"), &theirs[part], &mine[part], difference);
        }
    }
}

/// What a schema says of its own level: not of the fields in it, and not to readers.
fn own(schema: &Value) -> Value {
    let mut own = schema.clone();
    let Some(fields) = own.as_object_mut() else { return own };
    for told_elsewhere in ["properties", "description", "title"] {
        fields.remove(told_elsewhere);
    }
    for part in ["items", "additionalProperties"] {
        if let Some(inner @ Value::Object(_)) = fields.get_mut(part) {
            *inner = Value::Bool(true);
        }
    }
    if let Some(Value::Array(required)) = fields.get_mut("required") {
        required.sort_by_key(Value::to_string);
    }
    own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ours() -> CustomResourceDefinition {
        rewitness_crds::definitions().remove(0)
    }

    /// Ours with a change of the schema at this place.
    fn changed(pointer: &str, change: impl Fn(&mut Value)) -> CustomResourceDefinition {
        let mut definition = serde_json::to_value(ours()).unwrap();
        let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        change(schema.pointer_mut(pointer).unwrap());
        serde_json::from_value(definition).unwrap()
    }

    #[test]
    fn what_the_server_fills_in_and_what_is_for_readers_is_no_difference() {
        let mut installed = changed("", |schema| schema["description"] = json!("in other words"));
        installed.spec.names.list_kind = Some("CascadeList".to_owned());
        installed.spec.preserve_unknown_fields = Some(false);
        assert!(compare(&installed, &ours(), "v1alpha1").is_none());
    }

    #[test]
    fn what_an_older_or_newer_definition_says_otherwise_is_named() {
        let older = changed("/properties/spec/properties", |fields| {
            fields.as_object_mut().unwrap().remove("suspend");
        });
        assert_eq!(compare(&older, &ours(), "v1alpha1").lacks, ["spec.suspend"]);
        assert_eq!(compare(&ours(), &older, "v1alpha1").adds, ["spec.suspend"]);
        let inner = "/properties/spec/properties/stages/items/properties/dependents/items/properties";
        let deep = changed(inner, |fields| fields["added"] = json!({ "type": "string" }));
        assert_eq!(compare(&deep, &ours(), "v1alpha1").adds, ["spec.stages[].dependents[].added"]);
        let other = changed("/properties/spec/properties/mode", |mode| mode["default"] = json!("Enforce"));
        let expected = Difference { changes: vec!["spec.mode".to_owned()], ..Difference::default() };
        assert_eq!(compare(&other, &ours(), "v1alpha1"), expected);
        let mut namespaced = ours();
        namespaced.spec.scope = "Namespaced".to_owned();
        assert_eq!(compare(&namespaced, &ours(), "v1alpha1").changes, ["scope"]);
    }
}
