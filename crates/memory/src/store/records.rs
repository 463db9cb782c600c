use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rewitness_messaging::{Kind, ResourceId, Uid, Version};
use thiserror::Error;
use tokio::sync::watch;

use super::faults::Faults;
use super::history::{Event, History};
use super::object::{Draft, Object};

/// A system of record in memory: what a queue lists, watches and marks.
///
/// Clones share one store. It outlives its queues, as an API server outlives the processes that
/// use it, so a test restarts a process by making a new queue on the same store.
///
/// # Guarantees
///
/// - Versions rise with every write, over all kinds. Only [`Store::roll_back`] moves them backwards.
/// - A uid is given once, and never again.
/// - A resource with holds that is deleted stays, with a deletion timestamp, until the last hold
///   is removed.
/// - Namespaces and kinds exist as soon as they are named.
///
/// ```
/// use rewitness_memory::{Draft, Store};
/// use rewitness_messaging::Kind;
///
/// let store = Store::new();
/// let widget = Kind::new("example.com", "Widget");
/// let web = store.create(Draft::new(widget, "web").in_namespace("team-a").held_by("example.com/mine"))?;
///
/// store.delete(&web.resource)?;
/// assert!(store.get(&web.resource).is_some_and(|object| object.deletion_timestamp.is_some()));
/// store.remove_hold(&web.resource, "example.com/mine")?;
/// assert!(store.get(&web.resource).is_none());
/// # Ok::<(), rewitness_memory::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Store(pub(super) Arc<Shared>);

pub(super) struct Shared {
    holds_deletion: bool,
    records: Mutex<Records>,
    /// Says that something was written, or that a fault began or ended.
    pub(super) changed: watch::Sender<()>,
}

/// Where a resource lives; one at a time has the place.
pub(super) type Place = (Kind, Option<Arc<str>>, Arc<str>);

pub(super) struct Records {
    pub(super) objects: BTreeMap<Place, Arc<Object>>,
    pub(super) version: Version,
    uids_given: u64,
    pub(super) history: History,
    pub(super) faults: Faults,
}

/// Why the store refuses a write.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The name is in use.
    #[error("{kind} `{name}` exists already")]
    Exists {
        /// Of which kind.
        kind: Kind,
        /// Which name.
        name: Arc<str>,
    },
    /// There is no such resource, or another one has its name now.
    #[error("{resource} with uid {} is not there", resource.uid)]
    NotFound {
        /// Which.
        resource: ResourceId,
    },
    /// A resource that is being deleted takes no new holds.
    #[error("{resource} is being deleted and takes no hold")]
    Deleting {
        /// Which.
        resource: ResourceId,
    },
    /// The resource is not at the version any more that the write was meant for.
    #[error("{resource} has changed")]
    Changed {
        /// Which.
        resource: ResourceId,
    },
    /// The store was made [without holds](Store::without_holds).
    #[error("this store keeps no holds")]
    CannotHold,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::build(true)
    }

    /// An empty store whose resources cannot be held: a deleted one is gone at once. It stands for
    /// systems of record that by their nature have nothing like a finalizer.
    pub fn without_holds() -> Self {
        Self::build(false)
    }

    /// Whether resources can be held.
    pub fn holds_deletion(&self) -> bool {
        self.0.holds_deletion
    }

    /// Creates a resource.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`] if the name is taken, also by one that is being deleted.
    pub fn create(&self, new: Draft) -> Result<Object, StoreError> {
        if !new.holds.is_empty() && !self.0.holds_deletion {
            return Err(StoreError::CannotHold);
        }
        let mut records = self.records();
        let place = (new.kind.clone(), new.namespace.clone(), new.name.clone());
        if records.objects.contains_key(&place) {
            return Err(StoreError::Exists { kind: new.kind, name: new.name });
        }
        let object = Object::created(new, records.new_uid());
        Ok(self.put(records, place, object))
    }

    /// Changes a resource's desired state: version and generation rise.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if this very resource, by uid, is not there.
    pub fn update(&self, resource: &ResourceId) -> Result<Object, StoreError> {
        self.change(resource, |object| object.generation += 1)
    }

    /// Writes a resource's status: the version rises and nothing else.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn touch(&self, resource: &ResourceId) -> Result<Object, StoreError> {
        self.change(resource, |_| {})
    }

    /// Replaces a resource's labels.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn relabel<K: Into<String>, V: Into<String>>(
        &self,
        resource: &ResourceId,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Object, StoreError> {
        let labels = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.change(resource, |object| object.labels = labels)
    }

    /// Asks for a resource's deletion. One without holds is gone at once; one with holds gets a
    /// deletion timestamp and stays. Asking again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn delete(&self, resource: &ResourceId) -> Result<(), StoreError> {
        let (records, current) = self.current(resource)?;
        if current.deletion_timestamp.is_some() {
            return Ok(());
        }
        let mut object = (*current).clone();
        object.deletion_timestamp = Some(Timestamp::now());
        object.generation += 1;
        self.put_or_remove(records, object);
        Ok(())
    }

    /// Puts a hold on a resource. One that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Deleting`] if it is too late, and as [`Store::update`].
    pub fn add_hold(&self, resource: &ResourceId, hold: &str) -> Result<Object, StoreError> {
        self.change_holds(resource, &[hold.into()], &[], None)
    }

    /// Takes a hold off a resource; the last one off a resource that is being deleted lets it go.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn remove_hold(&self, resource: &ResourceId, hold: &str) -> Result<Object, StoreError> {
        self.change_holds(resource, &[], &[hold.into()], None)
    }

    /// Takes every hold off a resource, whoever owns it: what a person does who forces a deletion.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn strip_holds(&self, resource: &ResourceId) -> Result<Object, StoreError> {
        let (records, current) = self.current(resource)?;
        let mut object = (*current).clone();
        object.holds.clear();
        Ok(self.put_or_remove(records, object))
    }

    /// The resource as it is, if this very one, by uid, is there.
    pub fn get(&self, resource: &ResourceId) -> Option<Object> {
        self.current(resource).ok().map(|(_, object)| (*object).clone())
    }

    /// The resource that has this name now.
    pub fn find(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> Option<Object> {
        let place = (kind.clone(), namespace.map(Into::into), name.into());
        self.records().objects.get(&place).map(|object| (**object).clone())
    }

    /// All resources of a kind, by namespace and name.
    pub fn list(&self, kind: &Kind) -> Vec<Object> {
        let records = self.records();
        records
            .objects
            .values()
            .filter(|object| object.resource.kind == *kind)
            .map(|object| (**object).clone())
            .collect()
    }

    /// Waits until this very resource, by uid, is there no more.
    pub async fn gone(&self, resource: &ResourceId) {
        let mut changed = self.0.changed.subscribe();
        while self.get(resource).is_some() {
            // The sender lives in this store.
            let _ = changed.changed().await;
        }
    }

    /// Puts holds on and takes holds off in one write, at this version if one is given; no write where
    /// nothing would change.
    pub(super) fn change_holds(
        &self,
        resource: &ResourceId,
        add: &[Arc<str>],
        remove: &[Arc<str>],
        at: Option<Version>,
    ) -> Result<Object, StoreError> {
        let (records, current) = self.current(resource)?;
        let missing: BTreeSet<&Arc<str>> = add.iter().filter(|hold| !current.holds.contains(*hold)).collect();
        if !missing.is_empty() && !self.0.holds_deletion {
            return Err(StoreError::CannotHold);
        }
        if !missing.is_empty() && current.deletion_timestamp.is_some() {
            return Err(StoreError::Deleting { resource: resource.clone() });
        }
        if missing.is_empty() && !remove.iter().any(|hold| current.holds.contains(hold)) {
            return Ok((*current).clone());
        }
        if at.is_some_and(|version| version != current.version) {
            return Err(StoreError::Changed { resource: resource.clone() });
        }
        let mut object = (*current).clone();
        object.holds.extend(missing.into_iter().cloned());
        object.holds.retain(|hold| !remove.contains(hold));
        Ok(self.put_or_remove(records, object))
    }

    fn build(holds_deletion: bool) -> Self {
        let records = Records {
            objects: BTreeMap::new(),
            version: Version(1),
            uids_given: 0,
            history: History::default(),
            faults: Faults::default(),
        };
        Self(Arc::new(Shared {
            holds_deletion,
            records: Mutex::new(records),
            changed: watch::Sender::new(()),
        }))
    }

    pub(super) fn change(
        &self,
        resource: &ResourceId,
        write: impl FnOnce(&mut Object),
    ) -> Result<Object, StoreError> {
        let (records, current) = self.current(resource)?;
        let mut object = (*current).clone();
        write(&mut object);
        Ok(self.put(records, place_of(resource), object))
    }

    fn current(&self, resource: &ResourceId) -> Result<(MutexGuard<'_, Records>, Arc<Object>), StoreError> {
        let records = self.records();
        let found =
            records.objects.get(&place_of(resource)).filter(|object| object.resource.uid == resource.uid);
        match found.cloned() {
            Some(object) => Ok((records, object)),
            None => Err(StoreError::NotFound { resource: resource.clone() }),
        }
    }

    fn put_or_remove(&self, records: MutexGuard<'_, Records>, object: Object) -> Object {
        let place = place_of(&object.resource);
        if object.deletion_timestamp.is_some() && object.holds.is_empty() {
            self.remove(records, &place, object)
        } else {
            self.put(records, place, object)
        }
    }

    fn put(&self, mut records: MutexGuard<'_, Records>, place: Place, mut object: Object) -> Object {
        object.version = records.next_version();
        let after = Arc::new(object.clone());
        let before = records.objects.insert(place, after.clone());
        records.history.push(Event { version: object.version, before, after: Some(after) });
        drop(records);
        self.0.changed.send_replace(());
        object
    }

    fn remove(&self, mut records: MutexGuard<'_, Records>, place: &Place, mut object: Object) -> Object {
        object.version = records.next_version();
        let before = records.objects.remove(place);
        records.history.push(Event { version: object.version, before, after: None });
        drop(records);
        self.0.changed.send_replace(());
        object
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        // Every write is complete before the lock is let go, so a panic elsewhere spoils nothing.
        self.0.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records();
        f.debug_struct("Store")
            .field("version", &records.version)
            .field("objects", &records.objects.values())
            .finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn next_version(&mut self) -> Version {
        self.version.0 += 1;
        self.version
    }

    /// Uids count up, in the canonical form of a UUID, so that a failing test shows the same ones
    /// each time it runs.
    fn new_uid(&mut self) -> Uid {
        self.uids_given += 1;
        Uid::new(&format!("00000000-0000-4000-8000-{:012x}", self.uids_given))
    }
}

fn place_of(resource: &ResourceId) -> Place {
    (resource.kind.clone(), resource.namespace.clone(), resource.name.clone())
}
