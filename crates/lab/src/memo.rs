//! Lists that are made once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Lists by what they are of, each made when it is first asked for.
pub(crate) struct Memo<K, T>(Mutex<BTreeMap<K, Arc<[T]>>>);

impl<K, T> Default for Memo<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, T> Memo<K, T> {
    /// The list of a key.
    pub(crate) fn get(&self, key: K, make: impl FnOnce() -> Vec<T>) -> Arc<[T]> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(key).or_insert_with(|| make().into()).clone()
    }
}
