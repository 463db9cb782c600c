use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A label selector in Kubernetes' syntax: `app=web,tier in (a, b),!legacy`.
///
/// The empty selector matches everything.
///
/// ```
/// use rewitness_messaging::Selector;
///
/// let selector: Selector = "app=web,tier notin (test),!legacy".parse()?;
/// assert!(selector.matches(|key| (key == "app").then_some("web")));
/// assert!(!selector.matches(|_| None));
/// assert_eq!(selector.to_string(), "app=web,tier notin (test),!legacy");
/// # Ok::<(), rewitness_messaging::ParseSelectorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Test {
    Equals(String),
    NotEquals(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    /// Whether every resource matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels, given as a look-up by key, meet every requirement.
    ///
    /// As in Kubernetes, `!=` and `notin` also hold for a resource that lacks the key.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = label(&requirement.key);
            match &requirement.test {
                Test::Equals(wanted) => value == Some(wanted),
                Test::NotEquals(unwanted) => value != Some(unwanted),
                Test::In(wanted) => value.is_some_and(|value| wanted.iter().any(|one| one == value)),
                Test::NotIn(unwanted) => value.is_none_or(|value| unwanted.iter().all(|one| one != value)),
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
            }
        })
    }

    /// The keys that it looks at.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| &*requirement.key)
    }
}

/// A selector's text that does not parse: which requirement, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{requirement}` is not a label requirement: {reason}")]
pub struct ParseSelectorError {
    requirement: String,
    reason: &'static str,
}

impl FromStr for Selector {
    type Err = ParseSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        split_outside_parentheses(text)
            .map(str::trim)
            .map(parse_requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
}

fn parse_requirement(text: &str) -> Result<Requirement, ParseSelectorError> {
    let error = |reason| ParseSelectorError { requirement: text.to_owned(), reason };
    let (key, test) = if let Some(key) = text.strip_prefix('!') {
        (key, Test::Missing)
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Test::NotEquals(value.trim().to_owned()))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Test::Equals(value.trim().to_owned()))
    } else if let Some((head, rest)) = text.split_once('(') {
        let values = rest.strip_suffix(')').ok_or_else(|| error("the closing parenthesis is missing"))?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        match head.trim_end().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => (key, Test::In(values)),
            Some((key, "notin")) => (key, Test::NotIn(values)),
            _ => return Err(error("a list of values follows `in` or `notin`")),
        }
    } else {
        (text, Test::Exists)
    };
    let key = key.trim();
    check_key(key).map_err(error)?;
    let values = match &test {
        Test::Equals(value) | Test::NotEquals(value) => std::slice::from_ref(value),
        Test::In(values) | Test::NotIn(values) => values,
        Test::Exists | Test::Missing => &[],
    };
    values.iter().try_for_each(|value| check_value(value)).map_err(error)?;
    Ok(Requirement { key: key.to_owned(), test })
}

/// The rules of `metadata.labels` in the Kubernetes API conventions: an optional DNS prefix of at
/// most 253 characters and a slash, then a name of at most 63.
fn check_key(key: &str) -> Result<(), &'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.is_empty() || !is_label_text(name) {
        return Err(
            "a key is letters, digits, `-`, `_` and `.`, at most 63, and begins and ends with a letter or digit",
        );
    }
    let is_dns = |text: &str| {
        !text.is_empty()
            && text.len() <= 253
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
    };
    if prefix.is_some_and(|prefix| !is_dns(prefix)) {
        return Err("what stands before the slash of a key is a DNS name in lower case");
    }
    Ok(())
}

fn check_value(value: &str) -> Result<(), &'static str> {
    if value.is_empty() || is_label_text(value) {
        return Ok(());
    }
    Err(
        "a value is letters, digits, `-`, `_` and `.`, at most 63, and begins and ends with a letter or digit",
    )
}

fn is_label_text(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Requirement { key, test }) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match test {
                Test::Equals(value) => write!(f, "{key}={value}")?,
                Test::NotEquals(value) => write!(f, "{key}!={value}")?,
                Test::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Test::Exists => f.write_str(key)?,
                Test::Missing => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_match_as_kubernetes_matches() {
        let labels = [("app", "web"), ("example.com/tier", "a")];
        let look_up = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        for (selector, expected) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("app=web", true),
            ("app==web", true),
            ("app!=web", false),
            ("missing!=web", true),
            ("example.com/tier in (a,b)", true),
            ("example.com/tier  in ( b )", false),
            ("example.com/tier notin (b, c)", true),
            ("missing notin (b)", true),
            ("app=web,!missing,example.com/tier", true),
            ("app=web,missing", false),
            ("app=", false),
        ] {
            let parsed: Selector = selector.parse().unwrap();
            assert_eq!(parsed.matches(look_up), expected, "{selector}");
            assert_eq!(parsed.to_string().parse::<Selector>().unwrap(), parsed, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_by_name() {
        for text in
            ["=x", "a=b c", "a in (b", "a on (b)", "-a", ",", "a=b,,c", "A/B/c", "UPPER.com/a=b", "a=-"]
        {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.contains("is not a label requirement"), "{text}: {error}");
        }
    }
}
