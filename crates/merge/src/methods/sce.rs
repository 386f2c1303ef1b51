//! SCE: select what the models differ in most, calculate each one's weight from how far it moved, erase what is against the
//! majority's sign (Wan et al. 2024, FuseChat, arXiv:2408.07990); the same in every dialect.
//!
//! Of an element's differences v is the population variance; of the nnz elements that have one, the k = ⌊nnz·select_topk⌋ largest
//! are selected, and all that equal the k-th: mergekit's choice among those is arbitrary. k = 0 leaves the base, and so does one
//! model alone unless all is selected. Where the models moved almost nothing, Σ mean(δᵢ²) < 1e-6, they weigh alike.

use maec_vector::vectorized;

use super::delta_sum::difference;
use super::parameters::INT8_MASK;
use super::sparsify::Select;
use super::{
    ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Sizes, Survey, Tile, Totals, Unfit, gram,
};

/// `sce`.
pub struct Sce;

static ABOUT: About = About {
    name: "sce",
    summary: "Adds what the models agree on, where they differ most, each by how far it moved (Wan et al. 2024).",
    formula: "base + Σ wᵢ·mᵢ·δ̃ᵢ / max(Σ wᵢmᵢ, 1e-6), δ̃ = the δ of the ⌊nnz(v)·select_topk⌋ elements of largest variance v, \
              wᵢ = mean(δ̃ᵢ²)/W, W = Σ mean(δ̃ᵢ²) (1/N if W < 1e-6), mᵢ = [sign δ̃ᵢ = s], s = +1 if Σ δ̃ᵢ ≥ 0 else −1",
    parameters: &[
        Parameter {
            name: "select_topk",
            meaning: "the share of elements that is selected; 1 selects all",
            default: Some(1.0),
            per_model: false,
            kind: Kind::Number(0.0, 1.0),
        },
        INT8_MASK,
    ],
    base: Base::Required,
    models: (1, ANY),
};

/// Elements of a block.
const BLOCK: usize = 1024;

/// Moves that are nothing, and the least divisor.
const LEAST: f64 = 1e-6;

impl Method for Sce {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let topk = settings.number("select_topk");
        let elements = settings.elements();
        // Only elements with a variance are counted. The product is f32, as in mergekit.
        let first = move |nonzero: u64| vec![nonzero - ((nonzero as f32 * topk as f32) as u64).min(nonzero)];
        let select = (topk < 1.0).then(|| Select::new(elements, first));
        Ok(Box::new(Erased { select, elements, models: settings.models, weights: None }))
    }
}

struct Erased {
    select: Option<Select>,
    elements: usize,
    models: usize,
    /// wᵢ, once known.
    weights: Option<Vec<f32>>,
}

/// A block's working memory.
struct Block<'a> {
    /// δ̃, `[models, elements]`.
    deltas: &'a mut [f32],
    /// v, `[elements]`; of no meaning where all is selected.
    variances: &'a mut [f32],
}

impl Erased {
    /// Hands every block of a tile on: where in the tile it is, and its differences.
    fn blocks(&self, tile: &Tile<'_>, mut run: impl FnMut(std::ops::Range<usize>, Block<'_>)) {
        let Some(base) = tile.base else { return };
        let mut deltas = vec![0.0; self.models * BLOCK];
        let (mut variances, mut means) = (vec![0.0; BLOCK], vec![0.0; 2 * BLOCK]);
        for at in (0..base.len()).step_by(BLOCK) {
            let range = at..base.len().min(at + BLOCK);
            let n = range.len();
            let (deltas, variances) = (&mut deltas[..self.models * n], &mut variances[..n]);
            for (deltas, x) in deltas.chunks_exact_mut(n).zip(tile.models) {
                difference(&x[range.clone()], &base[range.clone()], deltas);
            }
            if self.select.is_some() {
                variance(deltas, &mut means[..2 * n], variances);
            }
            run(range, Block { deltas, variances });
        }
    }

    /// Sets to zero what is not selected.
    fn mask(&self, block: &mut Block<'_>) {
        let Some(least) = self.select.as_ref().and_then(|select| select.values().first()) else { return };
        for deltas in block.deltas.chunks_exact_mut(block.variances.len()) {
            select(*least, block.variances, deltas);
        }
    }
}

vectorized! {
    /// Every element's population variance over models, from `deltas` `[models, elements]`; `scratch` is `[2, elements]`.
    fn variance<'a>(deltas: &'a [f32], scratch: &'a mut [f64], variances: &'a mut [f32]) {
        let n = variances.len();
        let models = (deltas.len() / n) as f64;
        scratch.fill(0.0);
        let (means, squares) = scratch.split_at_mut(n);
        for deltas in deltas.chunks_exact(n) {
            for (mean, delta) in means.iter_mut().zip(deltas) {
                *mean += f64::from(*delta) / models;
            }
        }
        for deltas in deltas.chunks_exact(n) {
            for ((square, mean), delta) in squares.iter_mut().zip(&*means).zip(deltas) {
                let distance = f64::from(*delta) - mean;
                *square += distance * distance;
            }
        }
        for (variance, square) in variances.iter_mut().zip(squares) {
            *variance = (*square / models) as f32;
        }
    }

    /// Sets to zero the δ of elements whose variance's bits are less.
    fn select<'a>(least: u32, variances: &'a [f32], deltas: &'a mut [f32]) {
        for (delta, variance) in deltas.iter_mut().zip(variances) {
            *delta = if variance.abs().to_bits() >= least { *delta } else { 0.0 };
        }
    }

    /// Adds one model's δ to the sums that elect a sign, `[elements]` each.
    fn add<'a>(deltas: &'a [f32], sums: &'a mut [f32]) {
        sums.iter_mut().zip(deltas).for_each(|(sum, delta)| *sum += delta);
    }

    /// Adds what of one model's δ agrees with the sign of a sum, times its weight, and the weight.
    fn add_agreeing<'a>(weight: f32, deltas: &'a [f32], sums: &'a [f32], out: &'a mut [f32], divisors: &'a mut [f32]) {
        for (((out, divisor), delta), sum) in out.iter_mut().zip(divisors).zip(deltas).zip(sums) {
            let sign = if *sum >= 0.0 { 1.0 } else { -1.0 };
            // A mask instead of a branch, which would be predicted wrong half of the time.
            let agrees = u32::from(delta * sign > 0.0).wrapping_neg();
            let agreeing = f32::from_bits(weight.to_bits() & agrees);
            *out += agreeing * delta;
            *divisor += agreeing;
        }
    }

    /// base + out / divisor, `[elements]` each.
    fn finish<'a>(base: &'a [f32], divisors: &'a [f32], out: &'a mut [f32]) {
        for ((out, divisor), base) in out.iter_mut().zip(divisors).zip(base) {
            *out = base + *out / divisor.max(LEAST as f32);
        }
    }
}

impl Survey for Erased {
    fn next(&self) -> Option<Sizes> {
        let moves = || self.weights.is_none().then_some(Sizes { sums: self.models, ..Sizes::default() });
        self.select.as_ref().and_then(Select::next).or_else(moves)
    }

    fn rounds(&self) -> usize {
        self.select.as_ref().map_or(0, Select::rounds) + 1
    }

    fn look(&self, tile: &Tile<'_>, totals: &mut Totals) {
        let selecting = self.select.as_ref().filter(|select| select.next().is_some());
        let (mut differing, mut wide) = (Vec::new(), Vec::new());
        self.blocks(tile, |_, mut block| {
            if let Some(select) = selecting {
                differing.clear();
                differing.extend(block.variances.iter().copied().filter(|variance| *variance != 0.0));
                return select.look(&differing, totals.part());
            }
            self.mask(&mut block);
            let n = block.variances.len();
            for (sum, deltas) in totals.sums.chunks_exact_mut(1).zip(block.deltas.chunks_exact(n)) {
                wide.clear();
                wide.extend(deltas.iter().copied().map(f64::from));
                gram::add(&wide, n, sum);
            }
        });
    }

    fn learn(&mut self, totals: &Totals) {
        if let Some(select) = self.select.as_mut().filter(|select| select.next().is_some()) {
            return select.learn(&totals.counts, &totals.lists);
        }
        let means: Vec<f64> = totals.sums.iter().map(|sum| sum / self.elements as f64).collect();
        let sum: f64 = means.iter().sum();
        let weight = |mean| if sum < LEAST { 1.0 / self.models as f64 } else { mean / sum };
        self.weights = Some(means.into_iter().map(|mean| weight(mean) as f32).collect());
    }
}

impl Kernel for Erased {
    fn merge(&self, tile: &Tile<'_>, out: &mut [f32]) {
        let (Some(base), Some(weights)) = (tile.base, &self.weights) else { return };
        let (mut sums, mut divisors) = (Vec::new(), Vec::new());
        self.blocks(tile, |range, mut block| {
            self.mask(&mut block);
            let out = &mut out[range.clone()];
            let n = out.len();
            for zeros in [&mut sums, &mut divisors] {
                zeros.clear();
                zeros.resize(n, 0.0_f32);
            }
            out.fill(0.0);
            block.deltas.chunks_exact(n).for_each(|deltas| add(deltas, &mut sums));
            for (deltas, &weight) in block.deltas.chunks_exact(n).zip(weights) {
                add_agreeing(weight, deltas, &sums, out, &mut divisors);
            }
            finish(&base[range], &divisors, out);
        });
    }
}
