//! From facts to the report. Pure: the same facts have the same report.

use super::facts::{Facts, Phase};
use super::report::Report;
use crate::why::Typist;

mod cascades;
mod definition;
mod deletions;
mod finalizers;
mod install;
mod judge;
mod kubernetes;
mod operator;
mod parents;

use judge::Judge;

/// What is made of the facts.
pub(crate) fn decide(facts: &Facts, typist: &Typist) -> Report {
    let judge = Judge { facts, typist };
    let kubernetes = judge.kubernetes();
    match &facts.phase {
        Phase::Before { rights } => {
            Report::new(true, vec![kubernetes, judge.rights(rights), judge.present()])
        }
        Phase::After { survey } => {
            let definition = judge.definition();
            let (operator, cascades) = (judge.operator(), judge.cascades());
            Report::new(false, vec![kubernetes, definition, operator, cascades, judge.finalizers(survey)])
        }
    }
}

#[cfg(test)]
mod tests;
