//! Finalizers that many clusters have, from the table in `owners.md`: whose they are, and what removes them.

const TABLE: &str = include_str!("owners.md");

/// The owner of a finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    /// When the owner removes it.
    pub(crate) removed: &'static str,
    /// What is left behind if it is removed by hand.
    pub(crate) left_behind: &'static str,
}

/// The row of a finalizer; the first that matches counts.
pub(crate) fn find(finalizer: &str) -> Option<Owner> {
    let matches = |pattern: &str| match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(start), _) => finalizer.starts_with(start),
        (None, Some(end)) => finalizer.ends_with(end),
        (None, None) => finalizer == pattern,
    };
    rows().find(|[pattern, ..]| matches(pattern)).map(|[_, name, removed, left_behind]| Owner {
        name,
        removed,
        left_behind,
    })
}

/// A finalizer with its owner, as far as that is known.
pub(crate) fn with_owner(finalizer: &str) -> String {
    match find(finalizer) {
        Some(owner) => format!("{finalizer} of {}: {}", owner.name, owner.removed),
        None => format!("{finalizer}, of an owner that is not known here"),
    }
}

/// What to think of before a finalizer is removed by hand.
pub(crate) fn caution(finalizer: &str) -> String {
    match find(finalizer) {
        Some(owner) => format!("{}; let its owner finish if it still runs", owner.left_behind),
        None => {
            "what its owner was to clean up stays; find the owner first, and let it finish if it still runs"
                .to_owned()
        }
    }
}

/// The cells of each row; the table begins after a line of dashes.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    let rows = TABLE.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.filter_map(|row| {
        let cells = row.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        cells.collect::<Vec<_>>().try_into().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_finalizers_have_their_owner() {
        for (finalizer, owner) in [
            ("kubernetes.io/pvc-protection", "Kubernetes (storage protection)"),
            ("resources-finalizer.argocd.argoproj.io/background", "Argo CD"),
            ("external-attacher/ebs-csi-aws-com", "the CSI external-attacher of the driver"),
            ("composite.apiextensions.crossplane.io", "Crossplane"),
            ("machine.cluster.x-k8s.io", "Cluster API"),
            ("restores.velero.io/external-resources-finalizer", "Velero"),
            ("finalizers.s3.services.k8s.aws", "the AWS controller (ACK) of this service"),
            ("cephcluster.ceph.rook.io", "Rook"),
        ] {
            assert_eq!(find(finalizer).unwrap().name, owner, "{finalizer}");
        }
        for unknown in ["example.com/backup", "orphaned", "my-orphan", "x.longhorn.io/y"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows().count(), lines - 1, "all but the head have four cells");
        for [pattern, ..] in rows() {
            let finalizer = pattern.replace('*', "x");
            assert!(find(&finalizer).is_some(), "{pattern}");
            assert!(!pattern.trim_matches('*').is_empty(), "{pattern} matches everything");
        }
    }
}
