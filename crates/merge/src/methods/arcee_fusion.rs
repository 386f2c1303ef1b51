//! Arcee Fusion: only the changes that stand out are taken from the model (Arcee AI's method, as mergekit has it); the same in every
//! dialect.
//!
//! An element stands out by its importance |Δ|·K, K its row's Kullback–Leibler divergence: of the softmax of the model's row from
//! that of the base's, along the last dimension, 1e-8 added to each probability. Quartiles are elements, none between two: those of
//! ranks ⌊¼(n − 1)⌋, ⌊½(n − 1)⌋ and ⌊¾(n − 1)⌋ in f32. A vector is one row. Two equal models give that model.
//!
//! K is computed in f64 and is at least 0. Where two models are so near that f32 leaves nothing but rounding of K, mergekit's choice
//! is that rounding's.

use std::sync::OnceLock;

use super::sparsify::Select;
use super::{About, Base, Kernel, Method, Settings, Sizes, Survey, Tile, Totals, Unfit};

/// `arcee_fusion`.
pub struct ArceeFusion;

static ABOUT: About = About {
    name: "arcee_fusion",
    summary: "Takes from the model only the changes that stand out from the others (Arcee AI).",
    formula: "base + Δ·[|Δ|·K ≥ Q₂ + 1.5·(Q₃ − Q₁)], Δ = x − base, K = Σ p·ln(p/q) over a row, p = softmax(x) + 1e-8, \
              q = softmax(base) + 1e-8, Q the quartiles of |Δ|·K over the tensor",
    parameters: &[],
    base: Base::Required,
    models: (1, 1),
};

/// What is added to probabilities.
const EPSILON: f64 = 1e-8;

impl Method for ArceeFusion {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let row = settings.shape.last().copied().unwrap_or(1).max(1);
        let quartiles = |n: u64| {
            let last = n.saturating_sub(1) as f32;
            [0.25, 0.5, 0.75].map(|share: f32| (share * last) as u64).to_vec()
        };
        Ok(Box::new(Fusion {
            row,
            divergences: (0..settings.elements() / row).map(|_| OnceLock::new()).collect(),
            select: Select::new(settings.elements(), quartiles),
            threshold: None,
        }))
    }
}

struct Fusion {
    /// Elements of a row.
    row: usize,
    /// K of every row, once it was looked at.
    divergences: Vec<OnceLock<f32>>,
    select: Select,
    /// The least importance that is taken, once known.
    threshold: Option<f32>,
}

impl Fusion {
    /// Hands every row of a tile on: the base's, the model's, and its elements' importances; `[row]` each.
    fn rows(&self, tile: &Tile<'_>, mut run: impl FnMut(usize, &[f32], &[f32], &[f32])) {
        let (Some(base), [model]) = (tile.base, tile.models) else { return };
        let mut importances = vec![0.0; self.row];
        let first = tile.start / self.row;
        for (index, (base, x)) in base.chunks_exact(self.row).zip(model.chunks_exact(self.row)).enumerate() {
            let Some(known) = self.divergences.get(first + index) else { return };
            let divergence = *known.get_or_init(|| divergence(base, x) as f32);
            for ((importance, base), x) in importances.iter_mut().zip(base).zip(x) {
                *importance = (x - base).abs() * divergence;
            }
            run(index, base, x, &importances);
        }
    }
}

/// Σ p·ln(p/q) of a row; both sum up to the same, so that it is never negative but by rounding.
fn divergence(base: &[f32], x: &[f32]) -> f64 {
    let terms = softmax(x).zip(softmax(base)).map(|(p, q)| p * libm::log(p / q));
    terms.sum::<f64>().max(0.0)
}

/// A row's probabilities, a little added to each.
fn softmax(row: &[f32]) -> impl Iterator<Item = f64> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let values: Vec<f64> = row.iter().map(|x| libm::exp(f64::from(*x) - f64::from(most))).collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(move |value| value / sum + EPSILON)
}

impl Survey for Fusion {
    fn next(&self) -> Option<Sizes> {
        self.select.next()
    }

    fn rounds(&self) -> usize {
        self.select.rounds()
    }

    fn look(&self, tile: &Tile<'_>, totals: &mut Totals) {
        self.rows(tile, |_, _, _, importances| self.select.look(importances, totals.part()));
    }

    fn learn(&mut self, totals: &Totals) {
        self.select.learn(&totals.counts, &totals.lists);
        if let [first, median, third] = *self.select.values() {
            let [first, median, third] = [first, median, third].map(f32::from_bits);
            self.threshold = Some(median + 1.5 * (third - first));
        }
    }
}

impl Kernel for Fusion {
    fn granule(&self) -> usize {
        self.row
    }

    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let Some(threshold) = self.threshold else { return };
        self.rows(tile, |index, base, x, importances| {
            let out = &mut out[index * self.row..(index + 1) * self.row];
            for (((out, base), x), importance) in out.iter_mut().zip(base).zip(x).zip(importances) {
                let taken = if *importance >= threshold { 1.0 } else { 0.0 };
                *out = base + taken * (x - base);
            }
        });
    }
}
