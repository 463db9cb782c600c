use std::fmt;

use rewitness_crds::Reason;
use rewitness_crds::cascade::{Confirmation, confirm_annotation};
use rewitness_messaging::Timestamp;

use super::dependent::{Dependent, LiveParent};
use super::hash::plan_hash;
use super::parent_record::ParentRecord;
use super::rule::Revision;

/// A deletion that waits for a person: nothing is deleted until the parent carries the annotation
/// `confirm.rewitness.dev/<cascade>` with this hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The hash of what would be deleted.
    pub hash: String,
    /// How many that are, with those that were deleted already.
    pub count: u64,
    /// What the annotation says, if it is there and says something else.
    pub given: Option<String>,
    /// Why a confirmation is needed.
    pub why: Vec<Excess>,
}

/// Why a deletion needs a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// More dependents than one parent may take with it, or than were confirmed.
    Dependents {
        /// How many may go without asking.
        allowed: u64,
    },
    /// More than one hour may take.
    Hour {
        /// How many may still go this hour.
        remaining: u64,
    },
    /// The parent disappears only because its kind is being removed.
    KindRemoved,
}

impl Excess {
    /// The word for it.
    pub fn reason(self) -> Reason {
        match self {
            Self::Dependents { .. } => Reason::MaxDependents,
            Self::Hour { .. } => Reason::MaxPerHour,
            Self::KindRemoved => Reason::KindRemoved,
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dependents { allowed } => write!(f, "only {allowed} are allowed without confirmation"),
            Self::Hour { remaining } => write!(f, "only {remaining} more are allowed in this hour"),
            Self::KindRemoved => write!(f, "the parent's kind itself is being removed"),
        }
    }
}

/// Whether dependents may be deleted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They may.
    Authorised,
    /// They may once this is recorded on the parent, and in the hour. The deletion begins by it.
    Begin(ParentRecord),
    /// They may once this is recorded on the parent.
    Extend(ParentRecord),
    /// They may not.
    Unconfirmed(Unconfirmed),
}

/// What decides whether dependents may be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) cascade: &'a str,
    pub(crate) revision: &'a Revision,
    pub(crate) parent: &'a LiveParent,
    pub(crate) record: Option<&'a ParentRecord>,
    /// What would be deleted, in all stages.
    pub(crate) remaining: &'a [&'a Dependent],
    pub(crate) hour_remaining: u64,
    pub(crate) kind_removed: bool,
    pub(crate) now: Timestamp,
}

impl Ask<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        let left = self.remaining.len() as u64;
        let count = self.record.map_or(0, |record| self.deleted(record)) + left;
        let allowed = match self.record.and_then(|record| record.confirmed.as_ref()) {
            Some(confirmed) => confirmed.count,
            None => self.revision.limits.max_dependents.into(),
        };
        let mut why = Vec::new();
        if count > allowed {
            why.push(Excess::Dependents { allowed });
        }
        // Both are asked when a deletion begins: what has begun under an old hour, or before its
        // kind was removed, is finished.
        if self.record.is_none() && count > self.hour_remaining {
            why.push(Excess::Hour { remaining: self.hour_remaining });
        }
        if self.record.is_none() && self.kind_removed {
            why.push(Excess::KindRemoved);
        }
        if why.is_empty() {
            return self.authorised(count, None);
        }
        let hash = plan_hash(self.remaining.iter().map(|dependent| &dependent.id.uid));
        let given = self.parent.annotations.get(&confirm_annotation(self.cascade));
        if given == Some(&hash) {
            return self.authorised(count, Some(Confirmation { hash, count, at: self.now }));
        }
        Verdict::Unconfirmed(Unconfirmed { hash, count, given: given.cloned(), why })
    }

    /// How many were deleted: as recorded, or, if that was not recorded any more, as many as are
    /// missing of those that the deletion was authorised for.
    ///
    /// What is left of those is told from what came later by the time of creation, which is the
    /// API server's on both sides.
    fn deleted(&self, record: &ParentRecord) -> u64 {
        let is_old = |dependent: &&&Dependent| record.newest.is_none() || dependent.created <= record.newest;
        let of_old = self.remaining.iter().filter(is_old).count();
        record.deleted().max(record.total.saturating_sub(of_old as u64))
    }

    fn authorised(&self, count: u64, confirmed: Option<Confirmation>) -> Verdict {
        let newest = self.remaining.iter().filter_map(|dependent| dependent.created).max();
        match self.record {
            None => Verdict::Begin(ParentRecord {
                uid: self.parent.id.uid.clone(),
                revision: self.revision.hash.clone(),
                began: self.now,
                total: count,
                newest,
                deleted: Default::default(),
                confirmed,
            }),
            Some(record) if count > record.total || confirmed.is_some() => Verdict::Extend(ParentRecord {
                total: count,
                newest: newest.max(record.newest),
                confirmed: confirmed.or_else(|| record.confirmed.clone()),
                ..record.clone()
            }),
            Some(_) => Verdict::Authorised,
        }
    }
}

#[cfg(test)]
mod tests {
    use rewitness_crds::cascade::Limits;

    use super::*;
    use crate::testing::{dependent, parent, time};

    fn revision(max_dependents: u32) -> Revision {
        Revision {
            hash: "r1".to_owned(),
            stages: Vec::new(),
            limits: Limits { max_dependents, max_per_hour: 0 },
        }
    }

    struct Case {
        revision: Revision,
        parent: LiveParent,
        record: Option<ParentRecord>,
        dependents: Vec<Dependent>,
        hour_remaining: u64,
        kind_removed: bool,
    }

    impl Case {
        fn new(max_dependents: u32, uids: std::ops::Range<u32>) -> Self {
            Self {
                revision: revision(max_dependents),
                parent: parent("p"),
                record: None,
                dependents: uids.map(|uid| dependent(&format!("d{uid}"))).collect(),
                hour_remaining: 1000,
                kind_removed: false,
            }
        }

        fn verdict(&self) -> Verdict {
            let remaining: Vec<_> = self.dependents.iter().collect();
            let ask = Ask {
                cascade: "project",
                revision: &self.revision,
                parent: &self.parent,
                record: self.record.as_ref(),
                remaining: &remaining,
                hour_remaining: self.hour_remaining,
                kind_removed: self.kind_removed,
                now: time(100),
            };
            ask.verdict()
        }

        fn begin(&mut self) {
            let Verdict::Begin(record) = self.verdict() else { panic!("{:?}", self.verdict()) };
            self.record = Some(record);
        }

        fn confirm(&mut self) {
            let Verdict::Unconfirmed(unconfirmed) = self.verdict() else { panic!("{:?}", self.verdict()) };
            self.parent.annotations.insert("confirm.rewitness.dev/project".to_owned(), unconfirmed.hash);
        }

        fn excess(&self) -> Vec<Excess> {
            match self.verdict() {
                Verdict::Unconfirmed(unconfirmed) => unconfirmed.why,
                _ => Vec::new(),
            }
        }
    }

    #[test]
    fn a_deletion_within_its_limits_begins_and_records_what_for() {
        let case = Case::new(3, 0..3);
        let Verdict::Begin(record) = case.verdict() else { panic!() };
        assert_eq!((record.total, record.confirmed, &*record.revision), (3, None, "r1"));
    }

    #[test]
    fn one_too_many_holds_the_whole_deletion_until_exactly_that_list_is_confirmed() {
        let mut case = Case::new(3, 0..4);
        assert_eq!(case.excess(), [Excess::Dependents { allowed: 3 }]);
        case.confirm();
        let swapped = dependent("other");
        let kept = std::mem::replace(&mut case.dependents[0], swapped);
        assert_eq!(case.excess(), [Excess::Dependents { allowed: 3 }], "another list was confirmed");
        case.dependents[0] = kept;
        case.begin();
        assert_eq!(case.record.as_ref().unwrap().confirmed.as_ref().unwrap().count, 4);
    }

    #[test]
    fn a_confirmed_deletion_goes_on_as_its_list_shrinks() {
        let mut case = Case::new(3, 0..10);
        case.confirm();
        case.begin();
        for left in (0..10).rev() {
            case.dependents.truncate(left);
            assert_eq!(case.verdict(), Verdict::Authorised, "{left} left");
        }
    }

    #[test]
    fn late_dependents_beyond_what_was_confirmed_need_a_new_confirmation() {
        let mut case = Case::new(3, 0..10);
        case.confirm();
        case.begin();
        case.dependents.truncate(4);
        case.dependents.extend(
            (20..26).map(|uid| Dependent { created: Some(time(90)), ..dependent(&format!("d{uid}")) }),
        );
        assert_eq!(case.excess(), [Excess::Dependents { allowed: 10 }], "6 deleted and 10 left");
        case.confirm();
        let Verdict::Extend(record) = case.verdict() else { panic!() };
        assert_eq!((record.total, record.confirmed.unwrap().count), (16, 16));
    }

    /// The process was killed after its deletes, and before it had recorded them.
    #[test]
    fn deletions_that_were_not_recorded_count_all_the_same() {
        let mut case = Case::new(10, 0..8);
        case.begin();
        case.dependents.truncate(1);
        case.dependents.extend(
            (20..24).map(|uid| Dependent { created: Some(time(90)), ..dependent(&format!("d{uid}")) }),
        );
        assert_eq!(case.excess(), [Excess::Dependents { allowed: 10 }], "7 deleted and 5 left");
    }

    #[test]
    fn within_the_limit_late_dependents_are_recorded_before_they_are_deleted() {
        let mut case = Case::new(10, 0..4);
        case.begin();
        case.dependents.push(Dependent { created: Some(time(90)), ..dependent("late") });
        let Verdict::Extend(record) = case.verdict() else { panic!() };
        assert_eq!((record.total, record.newest), (5, Some(time(90))));
    }

    #[test]
    fn the_hour_and_the_removal_of_the_kind_are_asked_when_a_deletion_begins() {
        let mut case = Case::new(10, 0..4);
        case.hour_remaining = 3;
        assert_eq!(case.excess(), [Excess::Hour { remaining: 3 }]);
        case.kind_removed = true;
        assert_eq!(case.excess(), [Excess::Hour { remaining: 3 }, Excess::KindRemoved]);
        case.confirm();
        case.begin();
        assert_eq!(case.verdict(), Verdict::Authorised);
    }

    #[test]
    fn a_record_of_another_object_authorises_nothing() {
        let mut case = Case::new(3, 0..10);
        case.confirm();
        case.begin();
        let record = serde_json::to_string(&case.record).unwrap();
        let mut copy = parent("copy");
        copy.annotations.insert("record.rewitness.dev/project".to_owned(), record.clone());
        assert_eq!(ParentRecord::of(&copy, "project"), None);
        case.parent.annotations.insert("record.rewitness.dev/project".to_owned(), record);
        assert_eq!(ParentRecord::of(&case.parent, "project"), case.record);
        assert_eq!(ParentRecord::of(&case.parent, "other"), None);
    }
}
