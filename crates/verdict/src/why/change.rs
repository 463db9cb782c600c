//! A verdict beside the one before it, for whoever watches.

use rewitness_crds::visible;
use rewitness_messaging::Timestamp;

use super::verdict::{Finding, Verdict, Weight};

impl Verdict {
    /// A line for the log of whoever waits: when, what, and what blocks.
    pub fn line(&self, now: Timestamp) -> String {
        let all = Finding::all(&self.findings);
        let blocks = all.iter().filter(|finding| finding.weight == Weight::Blocks);
        let mut why: Vec<&str> = blocks.map(|finding| &*finding.message).collect();
        if why.is_empty() {
            why.extend(self.findings.first().map(|finding| &*finding.message));
        }
        let now = now.strftime("%H:%M:%SZ");
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
        format!("{now} {}\n", visible(&format!("{}{why}", self.summary)))
    }

    /// Whether something has changed besides the time.
    pub fn differs(&self, before: &Self) -> bool {
        self.state != before.state || !are_same(&self.findings, &before.findings)
    }
}

/// Whether nothing but times and texts differs.
fn are_same(findings: &[Finding], before: &[Finding]) -> bool {
    let is_same = |(one, was): (&Finding, &Finding)| {
        (one.weight, one.reason, &one.cascade, &one.finalizers, one.count, &one.hash)
            == (was.weight, was.reason, &was.cascade, &was.finalizers, was.count, &was.hash)
            && are_same(&one.findings, &was.findings)
    };
    findings.len() == before.len() && findings.iter().zip(before).all(is_same)
}

#[cfg(test)]
mod tests {
    use rewitness_crds::Reason;

    use super::super::verdict::{Resource, State};
    use super::*;

    #[test]
    fn a_line_is_one_whatever_others_wrote() {
        let asked = Resource::from(&rewitness_messaging::ResourceId {
            kind: rewitness_messaging::Kind::new("", "Secret"),
            namespace: None,
            name: "web".into(),
            uid: "".into(),
        });
        let blocks = Finding::new(Weight::Blocks, Reason::Finalizer, "kept by x/y\n\u{1b}[2J");
        let verdict =
            Verdict::new(asked, State::Terminating, None, "Secret web\nis there".to_owned(), vec![blocks]);
        let line = verdict.line(Timestamp::UNIX_EPOCH);
        assert_eq!(line, "00:00:00Z Secret web\u{fffd}is there: kept by x/y\u{fffd}\u{fffd}[2J\n");
    }
}
