//! δ̃·‖δ‖₁/‖δ̃‖₁: what stays is as large, in sum, as all was. Not where either norm is less than 1e-7.

use super::Sparsify;
use super::norm::{COUNTS, add, l1};
use crate::methods::Sizes;
use crate::methods::totals::Part;

/// A norm below which nothing is rescaled.
const TINY: f64 = 1e-7;

/// A sparsifier whose result is rescaled.
pub(super) struct Rescaled<S> {
    inner: S,
    scale: Option<f32>,
}

impl<S: Sparsify> Rescaled<S> {
    /// Rescales what this one leaves.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, scale: None }
    }
}

impl<S: Sparsify> Sparsify for Rescaled<S> {
    fn granule(&self) -> usize {
        self.inner.granule()
    }

    fn rounds(&self) -> usize {
        self.inner.rounds() + 1
    }

    fn next(&self) -> Option<Sizes> {
        let norms = || self.scale.is_none().then_some(Sizes { counts: 2 * COUNTS, ..Sizes::default() });
        self.inner.next().or_else(norms)
    }

    fn look(&self, start: usize, delta: &mut [f32], part: Part<'_>) {
        if self.inner.next().is_some() {
            return self.inner.look(start, delta, part);
        }
        let (all, kept) = part.counts.split_at_mut(COUNTS);
        add(delta, all);
        self.inner.apply(start, delta);
        add(delta, kept);
    }

    fn learn(&mut self, counts: &[u64], lists: &[Vec<u32>]) {
        if self.inner.next().is_some() {
            return self.inner.learn(counts, lists);
        }
        let (all, kept) = counts.split_at(COUNTS);
        let (all, kept) = (l1(all), l1(kept));
        self.scale = Some(if all < TINY || kept < TINY { 1.0 } else { (all / kept) as f32 });
    }

    fn apply(&self, start: usize, delta: &mut [f32]) {
        self.inner.apply(start, delta);
        if let Some(scale) = self.scale {
            delta.iter_mut().for_each(|delta| *delta *= scale);
        }
    }
}
