use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rewitness_messaging::Version;
use sha2::{Digest, Sha256};

/// How many objects of one kind hold which value of one label, as a watch has told it so far.
///
/// # Guarantees
///
/// - Nothing is said before a list was complete, and a list that was not complete sweeps nothing.
/// - A list replaces what it does not show again.
/// - An object costs 24 bytes and its part of a hash table: 29 to 57 bytes in all. A value costs
///   about 300 bytes, and each namespace that it is held in about 100.
///
/// # Caveats
///
/// What it says is as old as the watch: good enough to show, and to choose the time of a look.
/// Nothing is deleted, and nothing let go, by it.
///
/// ```
/// use rewitness_cascade::CountTable;
/// use rewitness_messaging::Version;
///
/// let mut table = CountTable::default();
/// table.begin_list();
/// table.apply("uid-1", Some("team-a"), "web", Version(7));
/// assert_eq!(table.count("web", None), None);
/// table.end_list();
/// assert_eq!(table.count("web", None).map(|found| (found.count, found.version)), Some((1, Version(7))));
/// assert_eq!(table.count("web", Some("team-b")).map(|found| found.count), Some(0));
/// ```
#[derive(Debug, Default)]
pub struct CountTable {
    objects: HashMap<Fingerprint, Entry>,
    values: HashMap<Arc<str>, Value>,
    groups: Vec<Group>,
    free: Vec<u32>,
    /// What has become fewer since somebody asked.
    shrunk: HashSet<Referred>,
    /// Counts lists, so that what a list did not show is known.
    epoch: u32,
    /// Whether a list was ever complete.
    listed: bool,
    /// Whether what is known may not be shown.
    distrusted: bool,
    version: Version,
    /// The newest version in the list that is being made.
    listing: Option<Version>,
}

/// 128 bits that stand for a uid: those of a UUID, or else of its hash. The server's uids are
/// UUIDs.
type Fingerprint = [u64; 2];

/// 8 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    group: u32,
    epoch: u32,
}

/// The objects of one namespace that hold one value.
#[derive(Debug)]
struct Group {
    referred: Referred,
    count: u32,
}

#[derive(Debug, Default)]
struct Value {
    count: u32,
    /// Where its groups are, by namespace; the empty text is none.
    groups: HashMap<Arc<str>, u32>,
}

/// Whom some objects refer to: the value that they hold, and the namespace that they live in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Referred {
    /// What their label holds.
    pub value: Arc<str>,
    /// Their namespace; empty if their kind has none.
    pub namespace: Arc<str>,
}

/// A count that was true some time ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approximate {
    /// How many.
    pub count: u64,
    /// The newest version that was seen of any object of the kind.
    pub version: Version,
}

impl CountTable {
    /// A list begins: what [`apply`](Self::apply) does not see until [`end_list`](Self::end_list)
    /// is gone. A list that was under way has failed, and counts for nothing.
    pub fn begin_list(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.listing = Some(Version::UNKNOWN);
    }

    /// The list is complete.
    pub fn end_list(&mut self) {
        let Some(version) = self.listing.take() else { return };
        let epoch = self.epoch;
        let left: Vec<u32> =
            self.objects.extract_if(|_, entry| entry.epoch != epoch).map(|(_, entry)| entry.group).collect();
        left.into_iter().for_each(|group| self.leave(group));
        // A server that was restored from a backup has versions that are older than those before.
        self.version = if version == Version::UNKNOWN { self.version } else { version };
        (self.listed, self.distrusted) = (true, false);
    }

    /// What is known is no longer good enough to be shown, until it can be [trusted](Self::trust) again or
    /// the next list is complete.
    pub fn distrust(&mut self) {
        self.distrusted = true;
    }

    /// What is known has been followed all the time.
    pub fn trust(&mut self) {
        self.distrusted = false;
    }

    /// An object is there, and holds this value.
    pub fn apply(&mut self, uid: &str, namespace: Option<&str>, value: &str, version: Version) {
        self.saw(version);
        let group = self.group(value, namespace.unwrap_or_default());
        match self.objects.insert(fingerprint(uid), Entry { group, epoch: self.epoch }) {
            Some(before) if before.group == group => {}
            before => {
                self.enter(group);
                if let Some(before) = before {
                    self.leave(before.group);
                }
            }
        }
    }

    /// An object is gone, or does not have the label any more.
    pub fn remove(&mut self, uid: &str, version: Version) {
        self.saw(version);
        if let Some(entry) = self.objects.remove(&fingerprint(uid)) {
            self.leave(entry.group);
        }
    }

    /// How many objects hold this value, in this namespace or in all; `None` if that is not known.
    pub fn count(&self, value: &str, namespace: Option<&str>) -> Option<Approximate> {
        let value = self.values.get(value);
        let count = match namespace {
            None => value.map(|value| value.count),
            Some(namespace) => value
                .and_then(|value| value.groups.get(namespace))
                .map(|group| self.groups[*group as usize].count),
        };
        let count = count.unwrap_or_default().into();
        (self.listed && !self.distrusted).then_some(Approximate { count, version: self.version })
    }

    /// What became fewer, and is nothing at all now; each is told once.
    pub fn take_gone(&mut self) -> Vec<Referred> {
        let (values, groups) = (&self.values, &self.groups);
        let is_gone = |referred: &Referred| {
            let group = values.get(&referred.value).and_then(|value| value.groups.get(&referred.namespace));
            group.is_none_or(|group| groups[*group as usize].count == 0)
        };
        self.shrunk.extract_if(is_gone).collect()
    }

    /// What became fewer; each is told once.
    pub fn take_shrunk(&mut self) -> Vec<Referred> {
        self.shrunk.drain().collect()
    }

    /// Whether anything has become fewer that was not taken yet.
    pub fn has_shrunk(&self) -> bool {
        !self.shrunk.is_empty()
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether no object is known.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    fn saw(&mut self, version: Version) {
        let newest = self.listing.as_mut().unwrap_or(&mut self.version);
        *newest = version.max(*newest);
    }

    fn group(&mut self, value: &str, namespace: &str) -> u32 {
        if let Some(group) = self.values.get(value).and_then(|value| value.groups.get(namespace)) {
            return *group;
        }
        let referred = Referred { value: value.into(), namespace: namespace.into() };
        let at = self.free.pop().unwrap_or(self.groups.len() as u32);
        let of_value = self.values.entry(referred.value.clone()).or_default();
        of_value.groups.insert(referred.namespace.clone(), at);
        let group = Group { referred, count: 0 };
        match self.groups.get_mut(at as usize) {
            Some(free) => *free = group,
            None => self.groups.push(group),
        }
        at
    }

    fn enter(&mut self, at: u32) {
        let group = &mut self.groups[at as usize];
        group.count += 1;
        if let Some(value) = self.values.get_mut(&group.referred.value) {
            value.count += 1;
        }
    }

    /// A value that nobody holds any more leaves nothing behind but that it shrank.
    fn leave(&mut self, at: u32) {
        let group = &mut self.groups[at as usize];
        group.count -= 1;
        self.shrunk.insert(group.referred.clone());
        let Some(value) = self.values.get_mut(&group.referred.value) else { return };
        value.count -= 1;
        if group.count == 0 {
            value.groups.remove(&group.referred.namespace);
            self.free.push(at);
        }
        if value.count == 0 {
            self.values.remove(&group.referred.value);
        }
    }
}

fn fingerprint(uid: &str) -> Fingerprint {
    let digits: String = uid.split('-').collect();
    let bits = match u128::from_str_radix(&digits, 16) {
        Ok(bits) if uid.len() == 36 && digits.len() == 32 => bits,
        _ => {
            let hash: [u8; 32] = Sha256::digest(uid).into();
            hash.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
        }
    };
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(index: u32) -> String {
        format!("0e4e3b1c-8f4f-4c55-9f0a-{index:012x}")
    }

    /// Synced, with `per_value` objects for each value.
    fn table(values: &[&str], per_value: u32) -> CountTable {
        let mut table = CountTable::default();
        table.begin_list();
        for (at, value) in values.iter().enumerate() {
            for index in 0..per_value {
                table.apply(&uid(at as u32 * per_value + index), Some("team-a"), value, Version(5));
            }
        }
        table.end_list();
        table
    }

    fn count(table: &CountTable, value: &str) -> Option<u64> {
        table.count(value, None).map(|found| found.count)
    }

    fn values(referred: Vec<Referred>) -> Vec<String> {
        let mut values: Vec<_> = referred.into_iter().map(|one| one.value.to_string()).collect();
        values.sort();
        values
    }

    #[test]
    fn c11_a_list_replaces_what_it_does_not_show_again() {
        let mut table = table(&["web", "api"], 2);
        table.begin_list();
        table.apply(&uid(0), Some("team-a"), "web", Version(9));
        assert_eq!(count(&table, "api"), Some(2), "the list may still show them");
        table.end_list();
        assert_eq!((count(&table, "web"), count(&table, "api")), (Some(1), Some(0)));
        assert_eq!(table.len(), 1);
        assert_eq!(values(table.take_gone()), ["api"]);
        assert_eq!(values(table.take_shrunk()), ["web"]);
        assert!(!table.has_shrunk());
    }

    #[test]
    fn c11_a_list_that_was_not_complete_sweeps_nothing_and_hides_nothing() {
        let mut table = table(&["web"], 3);
        table.begin_list();
        table.apply(&uid(0), Some("team-a"), "web", Version(9));
        table.begin_list();
        assert_eq!(count(&table, "web"), Some(3));
        table.apply(&uid(1), Some("team-a"), "web", Version(9));
        table.end_list();
        assert_eq!(count(&table, "web"), Some(1), "what only the failed list showed is gone");
    }

    #[test]
    fn c11_nothing_is_said_before_a_list_was_complete() {
        let mut table = CountTable::default();
        assert_eq!(count(&table, "web"), None);
        table.begin_list();
        table.apply(&uid(0), None, "web", Version(1));
        assert_eq!(count(&table, "web"), None);
        table.end_list();
        assert_eq!(count(&table, "web"), Some(1));
        table.distrust();
        assert_eq!(count(&table, "web"), None);
        table.trust();
        assert_eq!(count(&table, "web"), Some(1));
        let mut never_listed = CountTable::default();
        never_listed.trust();
        assert_eq!(count(&never_listed, "web"), None);
    }

    #[test]
    fn c11_a_count_says_from_which_version_it_is() {
        let mut table = table(&["web"], 1);
        let version = |table: &CountTable| table.count("web", None).unwrap().version;
        assert_eq!(version(&table), Version(5));
        table.apply(&uid(0), Some("team-a"), "web", Version(8));
        table.apply(&uid(1), Some("team-a"), "web", Version(7));
        assert_eq!(version(&table), Version(8));
        table.begin_list();
        table.apply(&uid(0), Some("team-a"), "web", Version(3));
        table.end_list();
        assert_eq!(version(&table), Version(3), "the server was restored");
    }

    #[test]
    fn what_is_relabelled_counts_for_its_new_parent_alone() {
        let mut table = table(&["web"], 2);
        table.apply(&uid(0), Some("team-a"), "api", Version(6));
        assert_eq!((count(&table, "web"), count(&table, "api")), (Some(1), Some(1)));
        assert_eq!(values(table.take_gone()), Vec::<String>::new());
        assert_eq!(values(table.take_shrunk()), ["web"]);
        table.apply(&uid(0), Some("team-a"), "api", Version(7));
        assert_eq!(count(&table, "api"), Some(1));
        assert!(!table.has_shrunk(), "nothing became fewer");
    }

    #[test]
    fn two_namespaces_are_counted_apart_and_together() {
        let mut table = table(&["web"], 2);
        table.apply(&uid(7), Some("team-b"), "web", Version(6));
        let of = |namespace| table.count("web", namespace).unwrap().count;
        assert_eq!((of(None), of(Some("team-a")), of(Some("team-b")), of(Some("c"))), (3, 2, 1, 0));
        table.remove(&uid(7), Version(7));
        let gone = table.take_gone();
        assert_eq!((gone.len(), &*gone[0].namespace), (1, "team-b"));
        assert_eq!(count(&table, "web"), Some(2));
    }

    #[test]
    fn what_is_gone_for_good_leaves_nothing_behind() {
        let mut table = table(&[], 0);
        for index in 0..1000 {
            table.apply(&uid(index), Some("team-a"), &format!("v{index}"), Version(6));
            table.remove(&uid(index), Version(6));
            table.remove(&uid(index), Version(6));
        }
        assert_eq!((table.len(), table.values.len(), table.groups.len()), (0, 0, 1));
        assert_eq!(table.take_shrunk().len(), 1000);
    }

    #[test]
    fn an_object_costs_24_bytes_and_its_part_of_a_hash_table() {
        assert_eq!(size_of::<(Fingerprint, Entry)>(), 24);
        let table = table(&["web"], 100_000);
        // One byte of control for each place, of which at most 7 of 8 are used.
        let bytes = table.objects.capacity() * 8 / 7 * (24 + 1);
        assert!(bytes / table.len() < 58, "{bytes} bytes for {} objects", table.len());
    }

    #[test]
    fn any_uid_is_told_from_any_other() {
        let uids = ["", "u1", "u2", &uid(1), &uid(2), "0E4E3B1C-8F4F-4C55-9F0A-000000000001x"];
        let prints: HashSet<_> = uids.iter().map(|uid| fingerprint(uid)).collect();
        assert_eq!(prints.len(), uids.len());
        assert_eq!(fingerprint(&uid(1))[1], 0x9f0a_0000_0000_0001);
    }
}
