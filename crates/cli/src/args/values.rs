//! What a single value has to look like.

use std::time::Duration;

use rewitness_messaging::Kind;

/// A time as people write it, `1m30s`; more than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let usage = "a time is written as 500ms, 60s or 5m";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| usage.to_owned())?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("it must be more than nothing; {usage}")),
    }
}

/// A kind with its group, as `Namespace` or `ClusterRole.rbac.authorization.k8s.io`.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let (kind, group) = text.split_once('.').unwrap_or((text, ""));
    let is_kind = kind.starts_with(|first: char| first.is_ascii_uppercase());
    match is_kind && kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(Kind::new(group, kind)),
        false => Err("a kind is written as Namespace or ClusterRole.rbac.authorization.k8s.io".to_owned()),
    }
}
