//! From facts to the report. Pure: the same facts have the same report.

use super::facts::{Facts, Phase};
use super::report::Report;
use crate::commands::Commands;

mod cascades;
mod decision;
mod definition;
mod deletions;
mod finalizers;
mod install;
mod kubernetes;
mod operator;

use decision::Decision;

/// What is made of the facts.
pub(crate) fn decide(facts: &Facts, commands: &Commands) -> Report {
    let decision = Decision { facts, commands };
    let kubernetes = decision.kubernetes();
    match &facts.phase {
        Phase::Before { rights } => {
            Report::new(true, vec![kubernetes, decision.rights(rights), decision.present()])
        }
        Phase::After { scan } => {
            let definition = decision.definition();
            let (operator, cascades) = (decision.operator(), decision.cascades());
            Report::new(false, vec![kubernetes, definition, operator, cascades, decision.finalizers(scan)])
        }
    }
}

#[cfg(test)]
mod tests;
