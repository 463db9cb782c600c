/// What stands before the slash of every Cascade's finalizer.
const FINALIZER_PREFIX: &str = "cascade.rewitness.dev/";

/// The finalizer by which the operator holds a Cascade itself, until its parents are held no more.
pub const CASCADE_FINALIZER: &str = "rewitness.dev/cascade";

/// The annotation of a Cascade that says which parents it may hold: put there before the first of
/// them is held, so that an operator that starts anew knows which to let go after an edit.
pub const HELD_PARENTS_ANNOTATION: &str = "rewitness.dev/held-parents";

/// The finalizer by which the Cascade of this name holds its parents.
///
/// ```
/// use rewitness_crds::cascade;
/// assert_eq!(cascade::finalizer("project"), "cascade.rewitness.dev/project");
/// assert!(cascade::is_finalizer("cascade.rewitness.dev/project"));
/// assert!(!cascade::is_finalizer("hold.rewitness.dev/project"));
/// assert_eq!(cascade::of_finalizer("cascade.rewitness.dev/project"), Some("project"));
/// ```
pub fn finalizer(cascade: &str) -> String {
    format!("{FINALIZER_PREFIX}{cascade}")
}

/// Whether a finalizer is some Cascade's.
pub fn is_finalizer(finalizer: &str) -> bool {
    of_finalizer(finalizer).is_some()
}

/// The name of the Cascade whose finalizer it is; `None` if it is none of a Cascade.
pub fn of_finalizer(finalizer: &str) -> Option<&str> {
    finalizer.strip_prefix(FINALIZER_PREFIX)
}

/// The annotation of a parent by which a person confirms a plan; its value is the plan's hash.
///
/// ```
/// use rewitness_crds::cascade;
/// assert_eq!(cascade::confirm_annotation("project"), "confirm.rewitness.dev/project");
/// ```
pub fn confirm_annotation(cascade: &str) -> String {
    format!("confirm.rewitness.dev/{cascade}")
}

/// The annotation of a parent in which its deletion's record is kept: with which revision it began,
/// and how many deletions are authorised.
pub fn record_annotation(cascade: &str) -> String {
    format!("record.rewitness.dev/{cascade}")
}
