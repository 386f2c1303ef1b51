//! One round of a tensor's statistics, gathered by whichever threads have time.

use std::collections::VecDeque;
use std::ops::Range;

use super::sample::SAMPLED;
use crate::MergeError;
use crate::methods::{Sizes, Totals};

/// Elements that are looked at in one go: short ranges of a sample are taken together.
const TOGETHER: usize = 16 * SAMPLED;

/// A round under way. Sums are added range by range in order, whoever took them; counts and lists in any order.
pub(super) struct Round {
    sizes: Sizes,
    /// The ranges that have yet to be looked at.
    left: VecDeque<Range<usize>>,
    /// Ranges handed out.
    handed: usize,
    /// Looks handed out and not yet given back.
    under_way: usize,
    /// Every range's sums.
    sums: Vec<Vec<f64>>,
    /// The lists so far.
    lists: Vec<Vec<u32>>,
    /// Counts, an array for each look that was under way at once.
    counts: Vec<Totals>,
}

/// A look at some ranges of a round, and what it found.
pub(super) struct Look {
    /// Ranges of the round before these.
    first: usize,
    ranges: Vec<Range<usize>>,
    /// Every range's sums.
    sums: Vec<Vec<f64>>,
    totals: Totals,
    sums_of_range: usize,
}

impl Round {
    /// Begins.
    pub fn new(sizes: Sizes, left: VecDeque<Range<usize>>) -> Self {
        let (sums, lists) = (vec![Vec::new(); left.len()], vec![Vec::new(); sizes.lists]);
        Self { sizes, left, handed: 0, under_way: 0, sums, lists, counts: Vec::new() }
    }

    /// What can be looked at now.
    pub fn take(&mut self) -> Option<Look> {
        let (first, mut ranges, mut elements) = (self.handed, Vec::new(), 0);
        while elements < TOGETHER
            && let Some(range) = self.left.pop_front()
        {
            elements += range.len().max(1);
            ranges.push(range);
        }
        if ranges.is_empty() {
            return None;
        }
        (self.handed, self.under_way) = (self.handed + ranges.len(), self.under_way + 1);
        let totals = self.counts.pop().unwrap_or_else(|| Totals::new(Sizes { sums: 0, ..self.sizes }));
        Some(Look { first, ranges, sums: Vec::new(), totals, sums_of_range: self.sizes.sums })
    }

    /// Takes a look back.
    pub fn give(&mut self, look: Look) {
        let Look { first, sums, mut totals, .. } = look;
        for (place, sums) in self.sums.iter_mut().skip(first).zip(sums) {
            *place = sums;
        }
        Totals::append(&mut self.lists, &totals.lists);
        totals.lists.iter_mut().for_each(Vec::clear);
        self.counts.push(totals);
        self.under_way -= 1;
    }

    /// Everything gathered; `None` while something is under way or left.
    pub fn finish(&mut self) -> Option<Totals> {
        if self.under_way > 0 || !self.left.is_empty() {
            return None;
        }
        let mut totals = Totals { lists: std::mem::take(&mut self.lists), ..Totals::new(self.sizes) };
        for sums in self.sums.drain(..) {
            totals.add(&Totals { sums, ..Totals::default() });
        }
        self.counts.drain(..).for_each(|counts| totals.add(&counts));
        Some(totals)
    }
}

impl Look {
    /// Looks at every range in turn.
    pub fn run(
        &mut self,
        mut look: impl FnMut(Range<usize>, &mut Totals) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        for range in self.ranges.drain(..) {
            self.totals.sums = vec![0.0; self.sums_of_range];
            look(range, &mut self.totals)?;
            self.sums.push(std::mem::take(&mut self.totals.sums));
        }
        Ok(())
    }
}
