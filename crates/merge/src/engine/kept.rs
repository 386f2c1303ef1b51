//! Stored tiles that are kept from a tensor's statistics to its merge, so that they are read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes that a merge keeps. Whatever finds no room is read again.
pub(super) const KEPT_BYTES: usize = 32 << 20;

/// The buffers of a merge's kept tiles, used over and over: fresh ones cost a page fault for every 4 KiB.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Free>>);

#[derive(Default)]
struct Free {
    buffers: Vec<Vec<u8>>,
    /// Of the buffers that are in use.
    used: usize,
}

impl Shelf {
    /// A buffer of so many bytes, whatever is in it, if there is room.
    fn take(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = free.buffers.iter().rposition(|buffer| buffer.capacity() >= bytes);
        let mut buffer = match place {
            Some(place) => free.buffers.swap_remove(place),
            None => {
                let held = |free: &Free| free.used + free.buffers.iter().map(Vec::capacity).sum::<usize>();
                while held(&free) + bytes > KEPT_BYTES {
                    free.buffers.pop()?;
                }
                Vec::with_capacity(bytes)
            }
        };
        free.used += buffer.capacity();
        drop(free);
        buffer.resize(bytes, 0);
        Some(buffer)
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.used -= buffer.capacity();
        free.buffers.push(buffer);
    }
}

/// One tensor's kept tiles, by their first elements: in each the base's and every model's stored bytes, one after the other.
#[derive(Default)]
pub(super) struct Kept {
    shelf: Shelf,
    tiles: Mutex<BTreeMap<usize, Vec<u8>>>,
}

impl Kept {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf, tiles: Mutex::default() }
    }

    /// Has `run` look at the tile of so many bytes from element `first` on. It is read where it has not been kept, and kept
    /// afterwards if `keep` says so and there is room; `scratch` stands in where there is none.
    pub(super) fn with<E>(
        &self,
        (first, bytes): (usize, usize),
        keep: bool,
        scratch: &mut Vec<u8>,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
        run: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let kept = self.lock().remove(&first);
        let stored = match kept {
            Some(stored) if stored.len() == bytes => stored,
            other => {
                // Another round may have cut the tensor otherwise.
                other.into_iter().for_each(|stored| self.shelf.give(stored));
                let Some(mut stored) = keep.then(|| self.shelf.take(bytes)).flatten() else {
                    scratch.resize(bytes, 0);
                    read(scratch)?;
                    return run(scratch);
                };
                read(&mut stored)?;
                stored
            }
        };
        let done = run(&stored);
        if keep {
            self.lock().insert(first, stored);
        } else {
            self.shelf.give(stored);
        }
        done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Vec<u8>>> {
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (_, buffer) in std::mem::take(&mut *self.lock()) {
            self.shelf.give(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Looks at a tile, whose bytes are all `first`; whether it was read.
    fn look(kept: &Kept, (first, bytes): (usize, usize), keep: bool) -> bool {
        let mut was_read = false;
        let read = |stored: &mut [u8]| {
            stored.fill(first as u8);
            was_read = true;
            Ok::<(), Infallible>(())
        };
        let run = |stored: &[u8]| {
            assert_eq!(stored, vec![first as u8; bytes]);
            Ok(())
        };
        kept.with((first, bytes), keep, &mut Vec::new(), read, run).unwrap();
        was_read
    }

    #[test]
    fn a_kept_tile_is_read_once_until_it_is_merged() {
        let kept = Kept::default();
        let reads = [true, true, false, true].map(|keep| look(&kept, (3, 10), keep));
        assert_eq!(reads, [true, false, false, true]);
    }

    #[test]
    fn a_tile_that_is_cut_otherwise_is_read_again() {
        let kept = Kept::default();
        assert!(look(&kept, (3, 10), true) && look(&kept, (3, 20), true) && !look(&kept, (3, 20), true));
    }

    #[test]
    fn tensors_share_the_room_and_leave_it_behind() {
        let shelf = Shelf::default();
        let bytes = KEPT_BYTES / 4;
        for _ in 0..3 {
            let (one, other) = (Kept::new(shelf.clone()), Kept::new(shelf.clone()));
            (0..3).for_each(|first| assert!(look(&one, (first, bytes), true)));
            (0..3).for_each(|first| assert!(look(&other, (first, bytes), true)));
            (0..3).for_each(|first| assert!(!look(&one, (first, bytes), true)));
            assert_eq!([0, 1, 2].map(|first| look(&other, (first, bytes), true)), [false, true, true]);
        }
    }
}
