//! The fields of a Cascade as a page: from the schema that a cluster gets, so that it says what is
//! really checked, and from the documentation of the types where that schema has no room for it.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use rewitness_crds::CascadeSpec;
use serde_json::Value;

use super::markdown::prose;

/// Where the types of the conditions are documented: constants have no schema.
const CONDITIONS: &str = include_str!("../../src/cascade/status.rs");

/// What each value of an enumeration means, by the names of all of its values.
type Meanings = BTreeMap<Vec<String>, Vec<(String, String)>>;

/// What is written so far.
struct Page {
    text: String,
    meanings: Meanings,
}

/// The page; `None` if a definition had no schema.
pub(crate) fn page() -> Option<String> {
    let definition = rewitness_crds::definitions().into_iter().next()?;
    let version = definition.spec.versions.first()?.clone();
    let root = version.schema?.open_api_v3_schema?;
    let mut page = Page { text: String::new(), meanings: meanings() };
    page.head(&definition, &version.name, &root);
    for part in ["spec", "status"] {
        page.object(part, root.properties.as_ref()?.get(part)?);
    }
    Some(page.text)
}

/// The documentation of enumerations' values, which schemas of definitions do not have.
fn meanings() -> Meanings {
    let schema = serde_json::to_value(schemars::schema_for!(CascadeSpec)).unwrap_or_default();
    let types = schema["$defs"].as_object().cloned().unwrap_or_default();
    let values = types.values().filter_map(|one| one["oneOf"].as_array()).map(|values| {
        let value = |value: &Value| {
            Some((value["const"].as_str()?.to_owned(), value["description"].as_str()?.to_owned()))
        };
        values.iter().filter_map(value).collect::<Vec<_>>()
    });
    let values = values.filter(|values| !values.is_empty());
    values.map(|values| (values.iter().map(|(name, _)| name.clone()).collect(), values)).collect()
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn head(&mut self, definition: &CustomResourceDefinition, version: &str, root: &JSONSchemaProps) {
        let names = &definition.spec.names;
        let short: Vec<String> = names.short_names.iter().flatten().map(|name| format!("`{name}`")).collect();
        self.line("<!-- Written by `make generate` from the types in `crates/crds/src`: change those. -->");
        self.line(&format!("# {}\n", names.kind));
        self.line(&format!("{}\n", prose(root.description.as_deref().unwrap_or_default())));
        self.line("| | |\n|---|---|");
        self.line(&format!("| `apiVersion` | `{}/{version}` |", definition.spec.group));
        self.line(&format!("| `kind` | `{}` |", names.kind));
        self.line(&format!("| scope | {} |", definition.spec.scope));
        self.line(&format!("| for kubectl | `{}`, {} |", names.plural, short.join(", ")));
        self.checks(&checks("", root));
    }

    /// A section for an object, and one for each object in it.
    fn object(&mut self, path: &str, schema: &JSONSchemaProps) {
        let fields = schema.properties.clone().unwrap_or_default();
        self.line(&format!("\n## {path}\n"));
        self.line(&format!("{}\n", prose(schema.description.as_deref().unwrap_or_default())));
        let is_status = path.starts_with("status");
        self.line(match is_status {
            true => "| field | type | meaning |\n|---|---|---|",
            false => "| field | type | default | meaning |\n|---|---|---|---|",
        });
        let required = required(schema);
        for (name, field) in &fields {
            let meaning = prose(field.description.as_deref().unwrap_or_default());
            let default = match &field.default {
                _ if is_status => String::new(),
                _ if required.contains(name) => " required |".to_owned(),
                Some(default) if default.0.is_object() => " as its fields |".to_owned(),
                Some(default) => format!(" `{}` |", default.0.to_string().trim_matches('"')),
                None => " |".to_owned(),
            };
            self.line(&format!("| `{name}` | {} |{default} {meaning} |", type_of(path, name, field)));
        }
        for (name, field) in &fields {
            self.values(name, field);
        }
        if path == "status.conditions[]" {
            self.conditions();
        }
        self.checks(&fields.iter().flat_map(|(name, field)| checks(name, field)).collect::<Vec<_>>());
        for (name, field) in &fields {
            if let Some((path, inner)) = inner(path, name, field) {
                self.object(&path, inner);
            }
        }
    }

    /// What the values of an enumeration mean.
    fn values(&mut self, name: &str, field: &JSONSchemaProps) {
        let Some(values) = self.meanings.get(&enumeration(field)).cloned() else { return };
        self.line(&format!("\n`{name}` is one of:\n"));
        for (value, meaning) in values {
            self.line(&format!("- `{value}`: {}", prose(&meaning)));
        }
    }

    fn conditions(&mut self) {
        self.line("\n`type` is one of:\n");
        let inside = CONDITIONS.split_once("pub mod condition {").map_or("", |(_, rest)| rest);
        let inside = inside.split_once("\n}").map_or("", |(inside, _)| inside);
        let mut meaning = String::new();
        for line in inside.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("/// ") {
                meaning.push_str(text);
            } else if let Some(name) = line.split('"').nth(1) {
                let text = format!("- `{name}`: {}", prose(&std::mem::take(&mut meaning)));
                self.line(&text);
            }
        }
    }

    fn checks(&mut self, checks: &[String]) {
        if checks.is_empty() {
            return;
        }
        self.line("\nThe API server refuses what does not keep to this:\n");
        for check in checks {
            self.line(&format!("- {check}"));
        }
    }
}

/// The fields that have to be there; of a reference that is its only kind.
fn required(schema: &JSONSchemaProps) -> Vec<String> {
    let only = schema.one_of.iter().flatten().filter_map(|one| one.required.as_ref());
    schema.required.iter().chain(only).flatten().cloned().collect()
}

/// The type of a field; an object leads to its own section.
fn type_of(path: &str, name: &str, field: &JSONSchemaProps) -> String {
    let values = enumeration(field);
    if !values.is_empty() {
        return "one of several".to_owned();
    }
    let of_type = field.type_.as_deref().unwrap_or("object");
    let own = match inner(path, name, field) {
        Some((path, _)) => format!("[object](#{})", anchor(&path)),
        None => "object".to_owned(),
    };
    match (of_type, items(field), field.format.as_deref()) {
        ("array", Some(item), _) if item.type_.as_deref() == Some("object") => format!("list of {own}"),
        ("array", Some(item), _) => format!("list of {}", item.type_.as_deref().unwrap_or("object")),
        ("object", _, _) if field.additional_properties.is_some() => "map of string".to_owned(),
        ("object", ..) => own,
        (_, _, Some("date-time")) => "time".to_owned(),
        (plain, ..) => plain.to_owned(),
    }
}

/// The object that a field is, or that it is a list of, with its path.
fn inner<'a>(path: &str, name: &str, field: &'a JSONSchemaProps) -> Option<(String, &'a JSONSchemaProps)> {
    let (path, schema) = match items(field) {
        Some(item) => (format!("{path}.{name}[]"), item),
        None => (format!("{path}.{name}"), field),
    };
    schema.properties.is_some().then_some((path, schema))
}

fn items(field: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match field.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn enumeration(field: &JSONSchemaProps) -> Vec<String> {
    let values = field.enum_.iter().flatten();
    values.filter_map(|value| value.0.as_str().map(str::to_owned)).collect()
}

/// What is checked of a field, each with what it is called.
fn checks(name: &str, field: &JSONSchemaProps) -> Vec<String> {
    let mut checks = Vec::new();
    let bounds = [
        (field.min_length, "at least", "characters"),
        (field.max_length, "at most", "characters"),
        (field.min_items, "at least", "items"),
        (field.max_items, "at most", "items"),
    ];
    for (bound, how, what) in bounds {
        checks.extend(bound.map(|bound| format!("{how} {bound} {what}")));
    }
    // Lists of plain values have no section of their own in which that would stand.
    if let Some(item) = items(field).filter(|item| item.properties.is_none()) {
        checks.extend(self::checks("", item).into_iter().map(|check| format!("each {check}")));
    }
    checks.extend(field.minimum.map(|least| format!("at least {least}")));
    let rules = field.x_kubernetes_validations.iter().flatten();
    checks.extend(rules.map(|rule| {
        let is_about_changes = rule.rule.contains("oldSelf");
        let message = prose(rule.message.as_deref().unwrap_or(&rule.rule));
        if is_about_changes { format!("**immutable**: {message}") } else { message }
    }));
    let label = if name.is_empty() { String::new() } else { format!("`{name}`: ") };
    checks.into_iter().map(|check| format!("{label}{check}")).collect()
}

/// As mdBook and GitHub call the place of a heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|char| char.is_alphanumeric()).collect()
}
