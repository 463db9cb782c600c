/// Whether a text can be the name of a finalizer: a DNS name, a slash, and a name of at most 63
/// characters (Kubernetes' "qualified name", `k8s.io/apimachinery/pkg/util/validation`).
///
/// # Errors
///
/// What it lacks, for a person to read.
///
/// ```
/// use rewitness_kubernetes::finalizer::check_name;
///
/// assert!(check_name("hold.rewitness.dev/backup").is_ok());
/// assert!(check_name("backup").unwrap_err().contains("slash"));
/// ```
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let Some((prefix, name)) = name.split_once('/') else {
        return Err("a finalizer's name is a DNS name, a slash and a name, as `hold.rewitness.dev/backup`");
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if prefix.len() > 253 || !prefix.split('.').all(is_label) {
        return Err("what stands before the slash of a finalizer's name is a DNS name in lower case");
    }
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > 63
        || !is_edge(bytes.first())
        || !is_edge(bytes.last())
        || !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    {
        return Err(
            "what stands after the slash of a finalizer's name is letters, digits, `-`, `_` and `.`, at most 63, \
                    and begins and ends with a letter or digit",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_the_api_server_checks_them() {
        let long = "n".repeat(63);
        for good in ["hold.rewitness.dev/a", "a/b", "example.com/A_b.c-9", &format!("x.y/{long}")] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let too_long = format!("x.y/{long}n");
        for bad in [
            "", "a", "/a", "a/", "a/b/c", "A.com/b", "a..b/c", "-a/b", "a-/b", "a/-b", "a/b-", "a/b c",
            &too_long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
