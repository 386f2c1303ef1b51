//! A schedule's tasks on many threads. None of them waits for another as long as there is anything to do; tiles that are merged
//! early wait for their turn, and only so many may.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::schedule::{MergedTile, Schedule};
use super::{Pool, Scratch, TILES_PER_THREAD};
use crate::MergeError;

/// The threads at work, and what they share.
pub(super) struct Crew<'j> {
    state: Mutex<State<'j>>,
    /// There may be something to do.
    work: Condvar,
    /// There may be a tile whose turn it is.
    ready: Condvar,
    /// Most tiles that are under way or wait for their turn.
    most: usize,
}

struct State<'j> {
    schedule: Schedule<'j>,
    /// Tiles that wait for their turn, by how many come before them.
    merged: BTreeMap<usize, MergedTile>,
    /// Tiles that were handed on.
    taken: usize,
    /// Threads that have not left.
    threads: usize,
    /// The first error of a thread.
    failed: Option<MergeError>,
    /// Nothing more is to be begun.
    is_stopped: bool,
}

impl<'j> Crew<'j> {
    /// As many as the pool has threads.
    pub fn new(schedule: Schedule<'j>, pool: &Pool) -> Self {
        let threads = pool.threads();
        let state =
            State { schedule, merged: BTreeMap::new(), taken: 0, threads, failed: None, is_stopped: false };
        let most = threads * TILES_PER_THREAD;
        Self { state: Mutex::new(state), work: Condvar::new(), ready: Condvar::new(), most }
    }

    /// Does everything; `take` is handed the tiles in order, on this thread.
    pub fn run(
        self,
        pool: &Pool,
        take: &mut dyn FnMut(MergedTile) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        let taken = pool.all(
            |scratch| self.work(scratch),
            || {
                let _stopping = Stopping(&self);
                std::iter::from_fn(|| self.next()).try_for_each(take)
            },
        );
        let failed = self.state.into_inner().unwrap_or_else(PoisonError::into_inner).failed;
        taken.and(failed.map_or(Ok(()), Err))
    }

    /// The tile whose turn it is, when it is merged; `None` after the last, or where a thread failed.
    fn next(&self) -> Option<MergedTile> {
        let mut state = self.lock();
        loop {
            let turn = state.taken;
            if let Some(tile) = state.merged.remove(&turn) {
                state.taken += 1;
                drop(state);
                self.work.notify_all();
                return Some(tile);
            }
            if state.is_stopped || state.threads == 0 {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread's part.
    fn work(&self, scratch: &mut Scratch) {
        let _leaving = Leaving(self);
        let mut state = self.lock();
        while !state.is_stopped && !state.schedule.is_done() {
            let may_merge = state.schedule.handed() - state.taken < self.most;
            match state.schedule.take(may_merge) {
                Ok(Some(task)) => {
                    drop(state);
                    let done = task.run(scratch);
                    state = self.lock();
                    match done {
                        Ok(done) => {
                            let merged = state.schedule.give(done);
                            state.merged.extend(merged);
                        }
                        Err(error) => state.fail(error),
                    }
                    self.work.notify_all();
                    self.ready.notify_one();
                }
                Ok(None) => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Err(error) => state.fail(error),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'j>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State<'_> {
    fn fail(&mut self, error: MergeError) {
        self.failed.get_or_insert(error);
        self.is_stopped = true;
    }
}

/// Tells the threads that nobody takes any more tiles.
struct Stopping<'c, 'j>(&'c Crew<'j>);

impl Drop for Stopping<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().is_stopped = true;
        self.0.work.notify_all();
    }
}

/// Tells the others that a thread leaves, even where it panics.
struct Leaving<'c, 'j>(&'c Crew<'j>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.threads -= 1;
        state.is_stopped |= std::thread::panicking();
        drop(state);
        self.0.work.notify_all();
        self.0.ready.notify_one();
    }
}
