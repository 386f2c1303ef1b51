//! What surveys gather: sums, counts and lists of values.

/// What a round of a survey looks at, and how much it gathers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Sums, added tile by tile in the tensor's order.
    pub sums: usize,
    /// Counts.
    pub counts: usize,
    /// Lists of values.
    pub lists: usize,
    /// Elements that are enough to look at, spread over the tensor; 0 for all. Whoever can't choose may show all.
    pub sample: usize,
}

/// What a survey gathers from a tile: starts at zero for every tile; those of all tiles are added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Sums, each in element order.
    pub sums: Vec<f64>,
    /// Counts; their order never matters.
    pub counts: Vec<u64>,
    /// Values as bits; their order never matters; at most [`LISTED`](Self::LISTED) of a run of tiles.
    pub lists: Vec<Vec<u32>>,
}

impl Totals {
    /// Most values of a list of one run of tiles; what finds no room is left out, so whoever needs all counts them too.
    pub const LISTED: usize = 1 << 17;

    /// Most values of a list of all of them together.
    pub(crate) const LISTED_IN_ALL: usize = 1 << 19;

    /// Zeros.
    pub fn new(sizes: Sizes) -> Self {
        Self {
            sums: vec![0.0; sizes.sums],
            counts: vec![0; sizes.counts],
            lists: vec![Vec::new(); sizes.lists],
        }
    }

    /// How many there are.
    pub fn sizes(&self) -> Sizes {
        Sizes { sums: self.sums.len(), counts: self.counts.len(), lists: self.lists.len(), sample: 0 }
    }

    /// Adds the next tile's.
    pub fn add(&mut self, other: &Self) {
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            *sum += other;
        }
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count += other;
        }
        Self::append(&mut self.lists, &other.lists);
    }

    /// Adds more to lists, where there is room.
    pub(crate) fn append(lists: &mut [Vec<u32>], more: &[Vec<u32>]) {
        for (list, more) in lists.iter_mut().zip(more) {
            let room = Self::LISTED_IN_ALL.saturating_sub(list.len());
            list.extend_from_slice(&more[..room.min(more.len())]);
        }
    }

    /// The counts and lists, to be shared out.
    pub(super) fn part(&mut self) -> Part<'_> {
        Part { counts: &mut self.counts, lists: &mut self.lists }
    }
}

/// Some of the counts and lists of a round, which are one model's own.
pub(super) struct Part<'t> {
    /// Counts.
    pub counts: &'t mut [u64],
    /// Lists of values.
    pub lists: &'t mut [Vec<u32>],
}

impl<'t> Part<'t> {
    /// Takes off as many as a round of these sizes has.
    pub fn take(&mut self, sizes: Sizes) -> Part<'t> {
        let (counts, lists) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.lists));
        let (own_counts, own_lists);
        (own_counts, self.counts) = counts.split_at_mut(sizes.counts);
        (own_lists, self.lists) = lists.split_at_mut(sizes.lists);
        Part { counts: own_counts, lists: own_lists }
    }

    /// The same once more.
    pub fn again(&mut self) -> Part<'_> {
        Part { counts: self.counts, lists: self.lists }
    }
}

/// Adds a value to a list, where there is room.
pub(super) fn list(values: &mut Vec<u32>, value: u32) {
    if values.len() < Totals::LISTED {
        values.push(value);
    }
}
