//! What the API server takes for a name.

/// Whether a text can be the value of a label: at most 63 characters, and nothing but letters,
/// digits, `-`, `_` and `.` between a letter or digit at both ends. The empty text can.
///
/// ```
/// use rewitness_crds::is_label_value;
///
/// assert!(is_label_value("Team_a.1") && is_label_value("") && !is_label_value("team/a"));
/// ```
pub fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether a text is a label of RFC 1123, as the name of a namespace is: at most 63 lower-case letters,
/// digits and inner dashes.
///
/// ```
/// use rewitness_crds::is_dns_label;
///
/// assert!(is_dns_label("team-a") && !is_dns_label("team.a") && !is_dns_label(""));
/// ```
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

/// Whether a text is a subdomain of RFC 1123, as most names are: labels with dots between, at most 253
/// characters. As in Kubernetes, only the whole is limited.
///
/// ```
/// use rewitness_crds::is_dns_subdomain;
///
/// assert!(is_dns_subdomain("team-a.example.com") && !is_dns_subdomain("team..a"));
/// ```
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}

/// As much of a text that is no name as an error shows.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
