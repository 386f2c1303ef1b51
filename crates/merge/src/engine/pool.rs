//! Tiles on all threads; one after the other where there are none.

use std::cell::RefCell;

use super::Scratch;
use crate::MergeError;
use crate::methods::{Sizes, Totals};

thread_local! {
    /// Buffers live as long as their thread: fresh ones cost a page fault for every 4 KiB.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The threads that a merge may use.
pub struct Pool {
    #[cfg(not(target_arch = "wasm32"))]
    pool: rayon::ThreadPool,
}

impl Pool {
    /// So many threads; 0 for one for each core.
    ///
    /// # Errors
    ///
    /// When the system gives none.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(threads: usize) -> Result<Self, MergeError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self { pool: pool.map_err(|error| MergeError::Threads { reason: error.to_string() })? })
    }

    /// The one thread that there is.
    #[cfg(target_arch = "wasm32")]
    pub fn new(_threads: usize) -> Result<Self, MergeError> {
        Ok(Self {})
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        #[cfg(not(target_arch = "wasm32"))]
        return self.pool.current_num_threads();
        #[cfg(target_arch = "wasm32")]
        return 1;
    }

    /// Does something on this thread.
    pub(super) fn alone<R>(&self, run: impl FnOnce(&mut Scratch) -> R) -> R {
        SCRATCH.with_borrow_mut(run)
    }

    /// Does something on every thread, and something else on this one meanwhile.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn all<R>(&self, each: impl Fn(&mut Scratch) + Sync, here: impl FnOnce() -> R) -> R {
        self.pool.in_place_scope(|scope| {
            let each = &each;
            for _ in 0..self.threads() {
                scope.spawn(move |_| SCRATCH.with_borrow_mut(each));
            }
            here()
        })
    }

    /// Does something with every item; results in the items' order, or the first error that was met.
    pub(crate) fn map<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        run: impl Fn(&mut Scratch, T) -> Result<R, MergeError> + Sync,
    ) -> Result<Vec<R>, MergeError> {
        let one = |item| SCRATCH.with_borrow_mut(|scratch| run(scratch, item));
        #[cfg(not(target_arch = "wasm32"))]
        {
            use rayon::prelude::*;
            self.pool.install(|| items.into_par_iter().with_max_len(1).map(one).collect())
        }
        #[cfg(target_arch = "wasm32")]
        items.into_iter().map(one).collect()
    }

    /// Adds tiles to a round of statistics: sums tile by tile in order, whichever thread made them.
    pub(crate) fn gather<T: Send + Clone>(
        &self,
        totals: &mut Totals,
        tiles: Vec<T>,
        look: impl Fn(&mut Scratch, T, &mut Totals) -> Result<(), MergeError> + Sync,
    ) -> Result<(), MergeError> {
        let sizes = totals.sizes();
        // A thread counts in one array over a run of tiles, and keeps the sums of each.
        let count = (2 * self.threads()).min(tiles.len());
        let begin = |run: usize| run * tiles.len() / count;
        let runs = (0..count).map(|run| tiles[begin(run)..begin(run + 1)].to_vec()).collect();
        let parts = self.map(runs, |scratch, run: Vec<T>| {
            let mut totals = Totals::new(Sizes { sums: 0, ..sizes });
            let mut sums = Vec::with_capacity(run.len());
            for tile in run {
                totals.sums = vec![0.0; sizes.sums];
                look(scratch, tile, &mut totals)?;
                sums.push(std::mem::take(&mut totals.sums));
            }
            Ok((totals, sums))
        })?;
        for (run, tiles) in parts {
            for sums in tiles {
                totals.add(&Totals { sums, ..Totals::default() });
            }
            totals.add(&run);
        }
        Ok(())
    }
}
