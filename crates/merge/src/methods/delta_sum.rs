//! Generalised task arithmetic: base + λ·mix(sparsified δᵢ), the kernel of task arithmetic, TIES, DARE, DELLA and breadcrumbs.
//!
//! A tile is worked through in blocks that stay in the first-level cache: every model's δ is taken and sparsified there, then
//! all are mixed.

use maec_vector::vectorized;

use super::consensus::Mix;
use super::sparsify::Sparsifiers;
use super::{Kernel, Settings, Sizes, Survey, Tile, Totals};

/// Elements of a block, where its granule allows.
const BLOCK: usize = 1024;

/// The methods' shared kernel.
pub(super) struct DeltaSum {
    sparsifiers: Sparsifiers,
    mix: Mix,
    lambda: f32,
}

impl DeltaSum {
    /// The kernel of one tensor.
    pub(super) fn new(settings: &Settings<'_>, sparsifiers: Sparsifiers, mix: Mix) -> Self {
        Self { sparsifiers, mix, lambda: settings.number("lambda") as f32 }
    }

    /// Hands every block of a tile on: its first flat index, where in the tile it is, the sparsified differences
    /// `[models, elements]`.
    pub(super) fn blocks(&self, tile: &Tile<'_>, mut run: impl FnMut(std::ops::Range<usize>, &[f32])) {
        let Some(base) = tile.base else { return };
        let block = BLOCK.next_multiple_of(self.granule().max(1)).min(base.len());
        let mut deltas = vec![0.0; block * tile.models.len()];
        for at in (0..base.len()).step_by(block.max(1)) {
            let n = block.min(base.len() - at);
            let range = at..at + n;
            let deltas = &mut deltas[..n * tile.models.len()];
            for ((delta, x), sparsifier) in deltas.chunks_exact_mut(n).zip(tile.models).zip(&self.sparsifiers)
            {
                difference(&x[range.clone()], &base[range.clone()], delta);
                if let Some(sparsifier) = sparsifier {
                    sparsifier.apply(tile.start + at, delta);
                }
            }
            run(range, deltas);
        }
    }

    /// How many elements' sums are positive, and how many negative, in a tile.
    pub(super) fn signs(&self, tile: &Tile<'_>) -> [u64; 2] {
        let mut counts = [0, 0];
        self.blocks(tile, |_, deltas| {
            let [positive, negative] = self.mix.signs(deltas);
            counts = [counts[0] + positive, counts[1] + negative];
        });
        counts
    }

    /// What every model's sparsifier has learned, for another kernel's settings.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = f64> {
        self.sparsifiers.iter().map(|sparsifier| sparsifier.as_ref().map_or(0.0, |s| s.threshold()))
    }
}

vectorized! {
    /// x − base, `[elements]` each.
    pub(super) fn difference<'a>(x: &'a [f32], base: &'a [f32], delta: &'a mut [f32]) {
        for ((delta, x), base) in delta.iter_mut().zip(x).zip(base) {
            *delta = x - base;
        }
    }

    /// base + λ·out, `[elements]` each.
    fn add_to<'a>(base: &'a [f32], lambda: f32, out: &'a mut [f32]) {
        for (out, base) in out.iter_mut().zip(base) {
            *out = base + lambda * *out;
        }
    }
}

impl Survey for DeltaSum {
    fn next(&self) -> Option<Sizes> {
        self.sparsifiers.iter().flatten().filter_map(|sparsifier| sparsifier.next()).reduce(|all, next| {
            Sizes {
                sums: 0,
                counts: all.counts + next.counts,
                lists: all.lists + next.lists,
                // A sample is enough where it is for every model.
                sample: if all.sample.min(next.sample) > 0 { all.sample.max(next.sample) } else { 0 },
            }
        })
    }

    fn rounds(&self) -> usize {
        self.sparsifiers.iter().flatten().map(|sparsifier| sparsifier.rounds()).max().unwrap_or(0)
    }

    fn look(&self, tile: &Tile<'_>, totals: &mut Totals) {
        let Some(base) = tile.base else { return };
        let block = BLOCK.next_multiple_of(self.granule().max(1)).min(base.len()).max(1);
        let mut buffer = vec![0.0; block];
        let mut rest = totals.part();
        for (sparsifier, x) in self.sparsifiers.iter().zip(tile.models) {
            let Some((sparsifier, sizes)) = sparsifier.as_ref().and_then(|s| Some((s, s.next()?))) else {
                continue;
            };
            let mut own = rest.take(sizes);
            for (index, (x, base)) in x.chunks(block).zip(base.chunks(block)).enumerate() {
                let delta = &mut buffer[..x.len()];
                difference(x, base, delta);
                sparsifier.look(tile.start + index * block, delta, own.again());
            }
        }
    }

    fn learn(&mut self, totals: &Totals) {
        let (mut counts, mut lists) = (totals.counts.as_slice(), totals.lists.as_slice());
        for sparsifier in self.sparsifiers.iter_mut().flatten() {
            let Some(sizes) = sparsifier.next() else { continue };
            let (own_counts, own_lists);
            (own_counts, counts) = counts.split_at(sizes.counts);
            (own_lists, lists) = lists.split_at(sizes.lists);
            sparsifier.learn(own_counts, own_lists);
        }
    }
}

impl Kernel for DeltaSum {
    fn granule(&self) -> usize {
        self.sparsifiers.iter().flatten().map(|sparsifier| sparsifier.granule()).max().unwrap_or(1)
    }

    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let Some(base) = tile.base else { return };
        let is_whole = self.sparsifiers.iter().all(Option::is_none);
        if !is_whole || !self.mix.add_differences(tile.models, base, out) {
            self.blocks(tile, |range, deltas| self.mix.mix(deltas, &mut out[range]));
        }
        add_to(base, self.lambda, out);
    }
}
