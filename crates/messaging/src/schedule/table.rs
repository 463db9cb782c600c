//! What is known of one source's resources, in tens of bytes each.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::names::{Interner, Names, Span};
use crate::{Kind, ResourceId, Timestamp, Uid, Version};

/// One resource as a list or a watch showed it. Borrows from the answer it was read from.
#[derive(Clone, Debug, Default)]
pub struct Observation<'a> {
    /// The namespace; `None` for a cluster-scoped resource.
    pub namespace: Option<Cow<'a, str>>,
    /// The name.
    pub name: Cow<'a, str>,
    /// The uid.
    pub uid: Cow<'a, str>,
    /// The version.
    pub version: Version,
    /// The generation: counts what was asked of the resource, not what was reported of it.
    pub generation: i64,
    /// Since when it is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// All its labels.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// All holds on it: on Kubernetes, its finalizers.
    pub holds: Vec<Cow<'a, str>>,
}

impl Observation<'_> {
    /// The value of one of its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Whether this hold is on it.
    pub fn is_held_by(&self, hold: &str) -> bool {
        self.holds.iter().any(|one| one == hold)
    }
}

/// The labels that some subscription asked for, by key.
pub(super) type Labels = Vec<(String, String)>;

/// A resource's place in its [`Table`].
pub(super) type Index = u32;

/// 56 bytes, and the name's in an arena beside it.
struct Entry {
    /// A canonical UUID's bits, or a hash; then the text is in `odd_uids`.
    uid: [u64; 2],
    version: u64,
    /// Microseconds since 1970, or [`NEVER`].
    deletion: i64,
    /// Boxed, because most resources have none: 8 bytes instead of 24.
    labels: Option<Box<Labels>>,
    /// Where the name stands; apart from its length, because together they would be padded.
    name_at: u32,
    generation: u32,
    namespace: u32,
    name_len: u16,
    /// The list in which it was seen last.
    seen: u8,
    flags: u8,
}

impl Entry {
    fn name(&self) -> Span {
        Span { at: self.name_at, len: self.name_len }
    }
}

const NEVER: i64 = i64::MIN;
const NO_NAMESPACE: u32 = u32::MAX;

const FREE: u8 = 1;
const GONE: u8 = 1 << 1;
const ODD_UID: u8 = 1 << 2;
const HOLD_WRITE_QUEUED: u8 = 1 << 3;
const HOLD_WRITE_IN_FLIGHT: u8 = 1 << 4;

/// What an observation changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was not known.
    New,
    /// It is what is known.
    None,
    /// It is older than what is known.
    Outdated,
    /// The version rose, and nothing else that counts.
    Version,
    /// The generation, the deletion timestamp or labels that are kept.
    Substance {
        /// The kept labels as they were, if they changed.
        labels_before: Option<Labels>,
        /// Whether more than labels changed.
        beyond_labels: bool,
    },
}

#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    free: Vec<Index>,
    by_uid: HashTable<Index>,
    hasher: RandomState,
    odd_uids: HashMap<Index, Uid>,
    names: Names,
    namespaces: Interner,
    kept_labels: BTreeSet<String>,
    list: u8,
}

impl Table {
    /// Keeps these labels too from now on. True if some were not kept before, so that what is
    /// known lacks them.
    pub(super) fn keep_labels(&mut self, keys: &BTreeSet<String>) -> bool {
        let before = self.kept_labels.len();
        self.kept_labels.extend(keys.iter().cloned());
        self.kept_labels.len() > before
    }

    /// Keeps no other labels any more.
    pub(super) fn keep_no_more_than(&mut self, wanted: BTreeSet<String>) {
        if self.kept_labels.is_subset(&wanted) {
            return;
        }
        self.kept_labels = wanted;
        for entry in &mut self.entries {
            let Some(mut labels) = entry.labels.take() else { continue };
            labels.retain(|(key, _)| self.kept_labels.contains(key));
            entry.labels = (!labels.is_empty()).then_some(labels);
        }
    }

    /// Every resource known, those that have gone but are still owed to a consumer included.
    pub(super) fn indexes(&self) -> impl Iterator<Item = Index> + use<'_> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.flags & FREE == 0).map(|(index, _)| index)
    }

    pub(super) fn find(&self, uid: &Uid) -> Option<Index> {
        let bits = self.bits(uid);
        self.by_uid.find(bits[0] ^ bits[1], |&index| self.is(index, bits, uid)).copied()
    }

    fn bits(&self, uid: &Uid) -> [u64; 2] {
        match uid.bits() {
            Some(bits) => [(bits >> 64) as u64, bits as u64],
            None => [self.hasher.hash_one(uid), 0],
        }
    }

    fn is(&self, index: Index, bits: [u64; 2], uid: &Uid) -> bool {
        let entry = &self.entries[index as usize];
        entry.uid == bits
            && match entry.flags & ODD_UID {
                0 => uid.bits().is_some(),
                _ => self.odd_uids.get(&index) == Some(uid),
            }
    }

    /// Takes in an observation. With `accept_older`, what is older than what is known counts too:
    /// the system of record was rolled back.
    pub(super) fn observe(&mut self, seen: &Observation<'_>, accept_older: bool) -> (Index, Change) {
        match self.find(&Uid::new(&seen.uid)) {
            Some(index) => {
                self.entries[index as usize].seen = self.list;
                (index, self.update(index, seen, accept_older))
            }
            None => (self.insert(seen), Change::New),
        }
    }

    /// Takes in the answer to a write of our own. It proves neither that the list under way has the
    /// resource, nor that one that is not known any more is there.
    pub(super) fn observe_own_write(&mut self, seen: &Observation<'_>) -> Option<(Index, Change)> {
        let index = self.find(&Uid::new(&seen.uid))?;
        Some((index, self.update(index, seen, false)))
    }

    fn update(&mut self, index: Index, seen: &Observation<'_>, accept_older: bool) -> Change {
        let labels = self.kept(seen);
        let entry = &mut self.entries[index as usize];
        let known = Version(entry.version);
        if seen.version.is_older_than(known) && !accept_older {
            return Change::Outdated;
        }
        let gone = entry.flags & GONE != 0;
        // Gone for good: a late frame about it says nothing new. After a roll-back nothing is for good,
        // and the same version may be another state.
        if !accept_older && (gone || seen.version == known && known != Version::UNKNOWN) {
            // Labels that nobody asked for before were not kept, and are shown only now.
            entry.labels = labels;
            return Change::None;
        }
        entry.flags &= !GONE;
        let deletion = micros(seen.deletion_timestamp);
        let generation = seen.generation as u32;
        let beyond_labels = gone || entry.deletion != deletion || entry.generation != generation;
        let labels_changed = entry.labels != labels;
        // Without versions only the substance tells whether anything happened.
        let silent = seen.version == Version::UNKNOWN || seen.version == known;
        entry.version = seen.version.0;
        entry.deletion = deletion;
        entry.generation = generation;
        let before = std::mem::replace(&mut entry.labels, labels);
        if beyond_labels || labels_changed {
            let labels_before = labels_changed.then(|| before.map(|labels| *labels).unwrap_or_default());
            Change::Substance { labels_before, beyond_labels }
        } else if silent {
            Change::None
        } else {
            Change::Version
        }
    }

    fn kept(&self, seen: &Observation<'_>) -> Option<Box<Labels>> {
        if self.kept_labels.is_empty() {
            return None;
        }
        let value = |key: &String| seen.label(key).map(|value| (key.clone(), value.to_owned()));
        let labels: Labels = self.kept_labels.iter().filter_map(value).collect();
        (!labels.is_empty()).then(|| Box::new(labels))
    }

    fn insert(&mut self, seen: &Observation<'_>) -> Index {
        let uid = Uid::new(&seen.uid);
        let bits = self.bits(&uid);
        let name = self.names.add(&seen.name);
        let entry = Entry {
            uid: bits,
            version: seen.version.0,
            deletion: micros(seen.deletion_timestamp),
            labels: self.kept(seen),
            name_at: name.at,
            name_len: name.len,
            generation: seen.generation as u32,
            namespace: seen.namespace.as_deref().map_or(NO_NAMESPACE, |name| self.namespaces.add(name)),
            seen: self.list,
            flags: if uid.bits().is_none() { ODD_UID } else { 0 },
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as Index
            }
        };
        if uid.bits().is_none() {
            self.odd_uids.insert(index, uid);
        }
        let entries = &self.entries;
        let hash = |index: &Index| entries[*index as usize].uid[0] ^ entries[*index as usize].uid[1];
        self.by_uid.insert_unique(bits[0] ^ bits[1], index, hash);
        index
    }

    /// Forgets a resource. Its place is used again.
    pub(super) fn forget(&mut self, index: Index) {
        let entry = &mut self.entries[index as usize];
        if entry.flags & FREE != 0 {
            return;
        }
        let (hash, name, namespace) = (entry.uid[0] ^ entry.uid[1], entry.name(), entry.namespace);
        entry.flags = FREE;
        entry.labels = None;
        if let Ok(found) = self.by_uid.find_entry(hash, |&one| one == index) {
            found.remove();
        }
        self.odd_uids.remove(&index);
        if namespace != NO_NAMESPACE {
            self.namespaces.drop_one(namespace);
        }
        self.free.push(index);
        if self.names.discard(name) {
            let live = self.entries.iter_mut().filter(|entry| entry.flags & FREE == 0);
            self.names.compact(live.map(|entry| (&mut entry.name_at, entry.name_len)));
        }
    }

    /// Begins a list: what is not seen until [`Table::unseen`] is no longer there.
    pub(super) fn begin_list(&mut self) {
        self.list = match self.list.checked_add(1) {
            Some(next) => next,
            None => {
                self.entries.iter_mut().for_each(|entry| entry.seen = 0);
                1
            }
        };
    }

    /// The list shows something that cannot be read. What it may be counts as seen: the resource of
    /// this uid, else those of this name, else, where not even that can be told, all.
    pub(super) fn unreadable(&mut self, namespace: Option<&str>, name: Option<&str>, uid: Option<&str>) {
        let suspects: Vec<Index> = match (uid.and_then(|uid| self.find(&Uid::new(uid))), name) {
            (Some(index), _) => vec![index],
            (None, Some(name)) => self
                .indexes()
                .filter(|index| self.names.get(self.entries[*index as usize].name()) == name)
                .filter(|index| namespace.is_none() || self.namespace(*index).as_deref() == namespace)
                .collect(),
            (None, None) => self.indexes().collect(),
        };
        for index in suspects {
            self.entries[index as usize].seen = self.list;
        }
    }

    /// What was known and is not in the list that has ended.
    pub(super) fn unseen(&self) -> Vec<Index> {
        let gone = |index: &Index| {
            let entry = &self.entries[*index as usize];
            entry.seen != self.list && entry.flags & GONE == 0
        };
        self.indexes().filter(gone).collect()
    }

    pub(super) fn id(&self, index: Index, kind: &Kind) -> ResourceId {
        let entry = &self.entries[index as usize];
        let uid = match self.odd_uids.get(&index) {
            Some(uid) => uid.clone(),
            None => Uid::from_bits(u128::from(entry.uid[0]) << 64 | u128::from(entry.uid[1])),
        };
        ResourceId {
            kind: kind.clone(),
            namespace: self.namespace(index),
            name: self.names.get(entry.name()).into(),
            uid,
        }
    }

    fn namespace(&self, index: Index) -> Option<Arc<str>> {
        let namespace = self.entries[index as usize].namespace;
        (namespace != NO_NAMESPACE).then(|| self.namespaces.get(namespace))
    }

    pub(super) fn version(&self, index: Index) -> Version {
        Version(self.entries[index as usize].version)
    }

    pub(super) fn deletion(&self, index: Index) -> Option<Timestamp> {
        match self.entries[index as usize].deletion {
            NEVER => None,
            micros => Timestamp::from_microsecond(micros).ok(),
        }
    }

    pub(super) fn is_deleting(&self, index: Index) -> bool {
        self.entries[index as usize].deletion != NEVER
    }

    pub(super) fn labels(&self, index: Index, asked: &BTreeSet<String>) -> Labels {
        let kept = self.entries[index as usize].labels.as_deref();
        kept.into_iter().flatten().filter(|(key, _)| asked.contains(key)).cloned().collect()
    }

    pub(super) fn is_gone(&self, index: Index) -> bool {
        self.flag(index, GONE)
    }

    /// It has gone, and what was to be written to it is not.
    pub(super) fn set_gone(&mut self, index: Index) {
        let flags = &mut self.entries[index as usize].flags;
        *flags = *flags & ODD_UID | GONE;
    }

    /// Whether this place still holds a resource that has not gone.
    pub(super) fn is_active(&self, index: Index) -> bool {
        self.entries.get(index as usize).is_some_and(|entry| entry.flags & (FREE | GONE) == 0)
    }

    pub(super) fn is_hold_write_queued(&self, index: Index) -> bool {
        self.flag(index, HOLD_WRITE_QUEUED)
    }

    pub(super) fn set_hold_write_queued(&mut self, index: Index, queued: bool) {
        self.set_flag(index, HOLD_WRITE_QUEUED, queued);
    }

    pub(super) fn is_hold_write_in_flight(&self, index: Index) -> bool {
        self.flag(index, HOLD_WRITE_IN_FLIGHT)
    }

    pub(super) fn set_hold_write_in_flight(&mut self, index: Index, in_flight: bool) {
        self.set_flag(index, HOLD_WRITE_IN_FLIGHT, in_flight);
    }

    fn flag(&self, index: Index, flag: u8) -> bool {
        self.entries[index as usize].flags & flag != 0
    }

    fn set_flag(&mut self, index: Index, flag: u8, on: bool) {
        let flags = &mut self.entries[index as usize].flags;
        *flags = if on { *flags | flag } else { *flags & !flag };
    }
}

fn micros(timestamp: Option<Timestamp>) -> i64 {
    timestamp.map_or(NEVER, |timestamp| timestamp.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(uid: &'static str, version: u64) -> Observation<'static> {
        Observation { name: uid.into(), uid: uid.into(), version: Version(version), ..Default::default() }
    }

    #[test]
    fn an_entry_is_56_bytes() {
        assert_eq!(size_of::<Entry>(), 56);
    }

    #[test]
    fn an_older_version_changes_nothing_unless_it_was_rolled_back() {
        let mut table = Table::default();
        let (index, change) = table.observe(&seen("a", 5), false);
        assert_eq!(change, Change::New);
        assert_eq!(table.observe(&seen("a", 4), false), (index, Change::Outdated));
        assert_eq!(table.observe(&seen("a", 5), false), (index, Change::None));
        assert_eq!(table.observe(&seen("a", 6), false), (index, Change::Version));
        assert_eq!(table.observe(&seen("a", 4), true), (index, Change::Version));
        assert_eq!(table.version(index), Version(4));
    }

    #[test]
    fn what_a_list_lacks_is_unseen_even_after_a_list_that_was_aborted() {
        let mut table = Table::default();
        table.begin_list();
        let (a, _) = table.observe(&seen("a", 1), false);
        let (b, _) = table.observe(&seen("b", 1), false);
        assert!(table.unseen().is_empty());
        table.begin_list();
        table.observe(&seen("a", 1), false);
        for _ in 0..600 {
            table.begin_list();
        }
        table.observe(&seen("b", 1), false);
        assert_eq!(table.unseen(), [a]);
        table.forget(a);
        assert!(table.find(&"a".into()).is_none());
        assert_eq!(table.find(&"b".into()), Some(b));
    }

    #[test]
    fn names_survive_the_compaction_of_their_arena() {
        let mut table = Table::default();
        let kind = Kind::new("", "Test");
        let uids: Vec<&'static str> =
            (0..20_000).map(|n| &*Box::leak(format!("name-{n}").into_boxed_str())).collect();
        let indexes: Vec<Index> = uids.iter().map(|uid| table.observe(&seen(uid, 1), false).0).collect();
        for index in &indexes[..15_000] {
            table.forget(*index);
        }
        for (uid, index) in uids.iter().zip(&indexes).skip(15_000) {
            let id = table.id(*index, &kind);
            assert_eq!((&*id.name, id.uid.to_string()), (*uid, (*uid).to_owned()));
        }
        assert!(table.names.bytes() < 200_000, "{} bytes for 5,000 short names", table.names.bytes());
    }
}
