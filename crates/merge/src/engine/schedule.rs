//! What is done next of a merge: every tensor's rounds of statistics, and its tiles in the output's order.
//!
//! A [`Schedule`] hands out tasks and takes back what came of them; who does them, and on how many threads, is not its business.
//! Where the last tiles of a tensor or of a round are under way, the tensors that follow are looked at in the meantime.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use maec_checkpoint::{TensorInfo, dtype};

use super::round::{Look, Round};
use super::{Job, Scratch, TILE, TILES_PER_THREAD, TensorMerge, ranges};
use crate::MergeError;
use crate::methods::Totals;

/// Elements of tensors that may be looked at before the first of the unfinished ones is merged.
const AHEAD: usize = TILES_PER_THREAD * TILE;

/// Most tensors that are open at once.
const OPEN: usize = 32;

/// A tensor that many threads read, and one at a time changes.
type Shared<'j> = Arc<RwLock<Box<dyn TensorMerge + 'j>>>;

/// The tensors of a job at work.
pub(super) struct Schedule<'j> {
    job: &'j dyn Job,
    /// The tensor that comes next.
    next: usize,
    /// Those of which not all tiles have been handed out, in order.
    open: VecDeque<Open<'j>>,
    /// Tiles handed out to be merged.
    handed: usize,
}

/// A tensor at work.
struct Open<'j> {
    index: usize,
    info: &'j TensorInfo,
    tensor: Shared<'j>,
    phase: Phase,
}

/// What is being done with a tensor.
enum Phase {
    Survey(Round),
    /// A task has it learn.
    Learn,
    /// The tiles that have yet to be handed out.
    Merge(VecDeque<Range<usize>>),
}

/// A tile that is merged.
pub(super) struct MergedTile {
    /// The tensor's place in the output.
    pub index: usize,
    pub elements: usize,
    /// As they are stored.
    pub bytes: Vec<u8>,
}

/// A piece of work for any thread.
pub(super) struct Task<'j> {
    index: usize,
    info: &'j TensorInfo,
    tensor: Shared<'j>,
    work: Work,
}

enum Work {
    Look(Look),
    Learn(Totals),
    /// The tile, and how many come before it.
    Merge(usize, Range<usize>),
}

/// What came of a task.
pub(super) enum Done {
    /// A look at some ranges of the tensor of a place.
    Looked(usize, Look),
    /// The tensor of a place knows what its round gathered.
    Learned(usize),
    /// A tile, and how many come before it.
    Merged(usize, MergedTile),
}

impl<'j> Schedule<'j> {
    /// Begins with the tensor of a place.
    pub fn new(job: &'j dyn Job, next: usize) -> Self {
        Self { job, next, open: VecDeque::new(), handed: 0 }
    }

    /// Tiles handed out to be merged so far.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn handed(&self) -> usize {
        self.handed
    }

    /// Whether all work has been handed out.
    pub fn is_done(&self) -> bool {
        self.open.is_empty() && self.next == self.job.outputs().len()
    }

    /// What can be done now: of the first tensor if it can be, a tile to merge only where `may_merge`. `None` where nothing can
    /// before something else is done.
    pub fn take(&mut self, may_merge: bool) -> Result<Option<Task<'j>>, MergeError> {
        loop {
            let (mut ahead, mut found) = (0, None);
            for (place, open) in self.open.iter_mut().enumerate() {
                found = open.take((may_merge && place == 0).then_some(&mut self.handed));
                if found.is_some() {
                    break;
                }
                ahead += if place > 0 { open.info.elements() } else { 0 };
            }
            if found.is_some() {
                self.open.pop_front_if(|first| matches!(&first.phase, Phase::Merge(left) if left.is_empty()));
                return Ok(found);
            }
            let Some(info) = self.job.outputs().get(self.next) else { return Ok(None) };
            if ahead >= AHEAD || self.open.len() >= OPEN {
                return Ok(None);
            }
            let tensor = self.job.tensor(self.next)?;
            let phase = Phase::of(info, tensor.as_ref());
            self.open.push_back(Open {
                index: self.next,
                info,
                tensor: Arc::new(RwLock::new(tensor)),
                phase,
            });
            self.next += 1;
        }
    }

    /// Takes back what came of a task; a merged tile and how many come before it.
    pub fn give(&mut self, done: Done) -> Option<(usize, MergedTile)> {
        match done {
            Done::Looked(index, look) => {
                if let Some(Open { phase: Phase::Survey(round), .. }) = self.find(index) {
                    round.give(look);
                }
                None
            }
            Done::Learned(index) => {
                if let Some(open) = self.find(index) {
                    open.phase = Phase::of(open.info, read(&open.tensor).as_ref());
                }
                None
            }
            Done::Merged(place, tile) => Some((place, tile)),
        }
    }

    fn find(&mut self, index: usize) -> Option<&mut Open<'j>> {
        self.open.iter_mut().find(|open| open.index == index)
    }
}

impl Phase {
    /// What comes next for a tensor.
    fn of(info: &TensorInfo, tensor: &dyn TensorMerge) -> Self {
        let ranges: VecDeque<_> = match info.elements() {
            0 => std::iter::once(0..0).collect(),
            elements => ranges(tensor, elements).into(),
        };
        match tensor.next() {
            Some(sizes) => Self::Survey(Round::new(sizes, ranges)),
            None => Self::Merge(ranges),
        }
    }
}

impl<'j> Open<'j> {
    /// What can be done of it now: a tile to merge only where tiles are counted.
    fn take(&mut self, handed: Option<&mut usize>) -> Option<Task<'j>> {
        let work = match &mut self.phase {
            Phase::Survey(round) => match round.take() {
                Some(look) => Work::Look(look),
                None => {
                    let totals = round.finish()?;
                    self.phase = Phase::Learn;
                    Work::Learn(totals)
                }
            },
            Phase::Learn => return None,
            Phase::Merge(left) => {
                let handed = handed?;
                let range = left.pop_front()?;
                *handed += 1;
                Work::Merge(*handed - 1, range)
            }
        };
        Some(Task { index: self.index, info: self.info, tensor: self.tensor.clone(), work })
    }
}

impl Task<'_> {
    /// Does it.
    ///
    /// # Errors
    ///
    /// As the inputs and the method have them.
    pub fn run(self, scratch: &mut Scratch) -> Result<Done, MergeError> {
        let Self { index, info, tensor, work } = self;
        Ok(match work {
            Work::Look(mut look) => {
                look.run(|range, totals| read(&tensor).look(range, scratch, totals))?;
                Done::Looked(index, look)
            }
            Work::Learn(totals) => {
                tensor.write().unwrap_or_else(PoisonError::into_inner).learn(&totals);
                Done::Learned(index)
            }
            Work::Merge(place, range) => {
                let elements = range.len();
                let mut bytes = Vec::with_capacity(elements * dtype::bytes_per_element(info.dtype));
                if elements > 0 {
                    read(&tensor).merge(range, scratch, &mut bytes)?;
                }
                Done::Merged(place, MergedTile { index, elements, bytes })
            }
        })
    }

    /// Whether it looks at tiles or at parts of a sample.
    pub fn is_look(&self) -> bool {
        matches!(self.work, Work::Look(_))
    }
}

fn read<'t, 'j>(tensor: &'t Shared<'j>) -> std::sync::RwLockReadGuard<'t, Box<dyn TensorMerge + 'j>> {
    tensor.read().unwrap_or_else(PoisonError::into_inner)
}
