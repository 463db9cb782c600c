//! A verdict beside the one before it, for whoever watches.

use rewitness_crds::Reason;
use rewitness_messaging::Timestamp;

use super::verdict::{Finding, State, Verdict, Weight};

/// What a change is: not that time has passed.
type Shape = (State, Vec<(usize, Weight, Reason, Option<String>, Vec<String>, Option<u64>, Option<String>)>);

impl Verdict {
    /// A line for the log of whoever waits: when, what, and what blocks.
    pub fn line(&self, now: Timestamp) -> String {
        fn gather<'a>(findings: &'a [Finding], found: &mut Vec<&'a str>) {
            for finding in findings {
                if finding.weight == Weight::Blocks {
                    found.push(&finding.message);
                }
                gather(&finding.findings, found);
            }
        }
        let mut blocks = Vec::new();
        gather(&self.findings, &mut blocks);
        let first = self.findings.first().map(|finding| finding.message.as_str());
        let why = if blocks.is_empty() { first.into_iter().collect() } else { blocks };
        let now = now.strftime("%H:%M:%SZ");
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
        format!("{now} {}{why}\n", self.summary)
    }

    /// Whether something has changed besides the time.
    pub fn differs(&self, before: &Self) -> bool {
        self.shape() != before.shape()
    }

    fn shape(&self) -> Shape {
        fn gather(findings: &[Finding], depth: usize, shape: &mut Shape) {
            for one in findings {
                let (cascade, finalizers, hash) =
                    (one.cascade.clone(), one.finalizers.clone(), one.hash.clone());
                shape.1.push((depth, one.weight, one.reason, cascade, finalizers, one.count, hash));
                gather(&one.findings, depth + 1, shape);
            }
        }
        let mut shape = (self.state, Vec::new());
        gather(&self.findings, 0, &mut shape);
        shape
    }
}
