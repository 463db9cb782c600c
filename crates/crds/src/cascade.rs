//! `Cascade`: when a parent is deleted, delete what refers to it, in order, and let the parent go
//! only when all of that is gone.

mod check;
mod dependents;
mod limits;
mod names;
mod parent;
mod spec;
mod status;

pub use check::InvalidName;
pub use dependents::{Action, DependentScope, Dependents, Propagation, Reference, ReferenceValue, Stage};
pub use limits::Limits;
pub use names::{
    CASCADE_FINALIZER, HELD_PARENTS_ANNOTATION, confirm_annotation, finalizer, is_finalizer, of_finalizer,
    record_annotation,
};
pub use parent::{InvalidParentSelector, Parent};
pub use spec::{Cascade, CascadeSpec, Mode};
pub use status::{
    CascadeStatus, Confirmation, Counts, FinishedCascade, HeldParent, HourBucket, Planned, PlannedDependents,
    PlannedStage, Remaining, Revision, StageCount, Unconfirmed, condition,
};
