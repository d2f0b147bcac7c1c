//! What has been read of a catalogue, so that no file is parsed twice.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::called::Called;
use crate::spec::{Diagnostic, FamilySpec};

/// Entries by name, families by architecture, and devices by what they are called. Errors are not
/// kept: whoever asks again is told again, with the place.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    entries: Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>,
    families: Mutex<BTreeMap<String, Arc<FamilySpec>>>,
    called: OnceLock<Arc<Called>>,
}

/// What a lock guards: whoever panicked holding it left whole entries, as inserting is all it did.
fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Parsed {
    /// An entry of type `T` that has been read.
    pub(super) fn entry<T: Any + Send + Sync>(&self, name: &str) -> Option<Arc<T>> {
        let known = open(&self.entries).get(name).map(Arc::clone)?;
        known.downcast().ok()
    }

    /// Keeps an entry.
    pub(super) fn keep_entry<T: Any + Send + Sync>(&self, name: &str, entry: &Arc<T>) {
        let entry: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(entry);
        open(&self.entries).insert(name.to_string(), entry);
    }

    /// The family of an architecture that has been looked for.
    pub(super) fn family(&self, architecture: &str) -> Option<Arc<FamilySpec>> {
        open(&self.families).get(architecture).map(Arc::clone)
    }

    /// Keeps the family of an architecture.
    pub(super) fn keep_family(&self, architecture: &str, family: &Arc<FamilySpec>) {
        open(&self.families).insert(architecture.to_string(), Arc::clone(family));
    }

    /// Devices by what they are called, which `make` takes apart where nobody has.
    pub(super) fn called(
        &self,
        make: impl FnOnce() -> Result<Called, Diagnostic>,
    ) -> Result<Arc<Called>, Diagnostic> {
        if let Some(known) = self.called.get() {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(make()?);
        Ok(Arc::clone(self.called.get_or_init(|| made)))
    }
}
