//! What stays is a range of |δ|: its largest elements (TIES), or all but the smallest and the largest (breadcrumbs).
//!
//! Elements that equal an end of the range all stay, however many; mergekit's choice among them is its sort's.

use maec_vector::vectorized;

use super::select::Select;
use super::{Sparsifiers, Sparsify, boxed, by_density};
use crate::methods::totals::Part;
use crate::methods::{Dialect, Settings, Sizes, Unfit};

/// Keeps low ≤ |δ| ≤ high, both as bits.
pub(super) struct Band {
    select: Option<Select>,
    low: u32,
    high: u32,
}

impl Band {
    /// Nothing stays.
    pub(super) const NOTHING: Self = Self::at_least(u32::MAX);

    /// What stays has at least these bits.
    const fn at_least(low: u32) -> Self {
        Self { select: None, low, high: u32::MAX }
    }

    /// What stays is between the values of a first rank and, where there is one, a second.
    fn ranked(elements: usize, wanted: impl Fn(u64) -> Vec<u64> + Send + Sync + 'static) -> Self {
        Self { select: Some(Select::new(elements, wanted)), low: 0, high: u32::MAX }
    }

    /// The k = ⌊density·n⌋ largest |δ| stay, but at least so many.
    fn top(elements: usize, density: f64, least: u64) -> Self {
        Self::ranked(elements, move |n| vec![n - share(density, n).max(least).min(n)])
    }

    /// The γ·n largest are dropped, and the smallest until density·n are left.
    fn outliers(elements: usize, density: f64, gamma: f64) -> Self {
        Self::ranked(elements, move |n| {
            let kept = share(density, n).min(n);
            let top = share(gamma, n).min(n - kept);
            if kept == 0 { vec![n] } else { vec![n - kept - top, n - top - 1] }
        })
    }
}

/// ⌊share·n⌋ in f64, as Python computes it.
fn share(share: f64, n: u64) -> u64 {
    (share * n as f64) as u64
}

impl Sparsify for Band {
    fn rounds(&self) -> usize {
        self.select.as_ref().map_or(0, Select::rounds)
    }

    fn next(&self) -> Option<Sizes> {
        self.select.as_ref().and_then(Select::next)
    }

    fn look(&self, _start: usize, delta: &mut [f32], part: Part<'_>) {
        if let Some(select) = &self.select {
            select.look(delta, part);
        }
    }

    fn learn(&mut self, counts: &[u64], lists: &[Vec<u32>]) {
        if let Some(select) = &mut self.select {
            select.learn(counts, lists);
            let mut values = select.values().iter().copied();
            self.low = values.next().unwrap_or(0);
            self.high = values.next().unwrap_or(u32::MAX);
        }
    }

    fn apply(&self, _start: usize, delta: &mut [f32]) {
        // All bits are below 2³¹, and signed numbers are the ones that SSE2 and wasm's vectors compare at once.
        let Ok(low) = i32::try_from(self.low) else { return delta.fill(0.0) };
        keep(low, i32::try_from(self.high).unwrap_or(i32::MAX), delta);
    }

    fn threshold(&self) -> f64 {
        f64::from(self.low)
    }
}

vectorized! {
    /// Sets to zero all but low ≤ |δ| ≤ high.
    fn keep<'a>(low: i32, high: i32, delta: &'a mut [f32]) {
        for delta in delta {
            let bits = delta.abs().to_bits().cast_signed();
            *delta = if (bits >= low) & (bits <= high) { *delta } else { 0.0 };
        }
    }
}

/// Top-k of each model's δ among so many elements, a tensor's or the whole model's. As in mergekit k is at least 1 there, and what
/// stays may be rescaled.
pub(in crate::methods) fn top(settings: &Settings<'_>, elements: usize) -> Result<Sparsifiers, Unfit> {
    let mergekit = settings.dialect == Dialect::Mergekit;
    let rescale = mergekit && settings.flag("rescale");
    by_density(settings, |_, density| Ok(boxed(Band::top(elements, density, mergekit.into()), rescale)))
}

/// What stays has at least these bits of |δ|, one number a model: what [`Sparsify::threshold`] gave.
pub(in crate::methods) fn at_least(thresholds: &[f64]) -> Sparsifiers {
    let one = |&low: &f64| (low > 0.0).then(|| boxed(Band::at_least(low as u32), false));
    thresholds.iter().map(one).collect()
}

/// Breadcrumbs' masks of each model's δ.
pub(in crate::methods) fn outliers(settings: &Settings<'_>) -> Result<Sparsifiers, Unfit> {
    let (elements, rescale) = (settings.elements(), settings.flag("rescale"));
    let gammas = settings.each("gamma");
    by_density(settings, |model, density| {
        Ok(boxed(Band::outliers(elements, density, gammas[model]), rescale))
    })
}
