//! δ̃·‖δ‖₁/‖δ̃‖₁: what stays is as large, in sum, as all was. Not where either norm is less than 1e-7.

use super::Sparsify;
use super::norm::{COUNTS, add, l1};

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

    fn counts(&self) -> usize {
        match self.inner.counts() {
            0 if self.scale.is_none() => 2 * COUNTS,
            counts => counts,
        }
    }

    fn look(&self, start: usize, delta: &mut [f32], counts: &mut [u64]) {
        if self.inner.counts() > 0 {
            return self.inner.look(start, delta, counts);
        }
        let (all, kept) = counts.split_at_mut(COUNTS);
        add(delta, all);
        self.inner.apply(start, delta);
        add(delta, kept);
    }

    fn learn(&mut self, counts: &[u64]) {
        if self.inner.counts() > 0 {
            return self.inner.learn(counts);
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
