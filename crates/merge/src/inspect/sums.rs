//! What is added up of tiles: each model's values, and how they go together.

use super::report::{Comparison, Stats};
use super::series::Series;
use super::units::Unit;
use crate::methods::Tile;

/// Elements that are looked at together; their f64 stay in the processor's first cache.
const BLOCK: usize = 1024;

/// All that is added up of one tile, one tensor, one layer or everything.
#[derive(Clone, Default)]
pub(super) struct Sums {
    base: Option<Series>,
    /// By the model's place; `None` where a model is not looked at.
    models: Vec<Option<Series>>,
    pairs: Option<Pairs>,
}

/// Sums over models that are compared.
#[derive(Clone, Default)]
struct Pairs {
    /// δ of every model; empty without a base.
    deltas: Vec<Series>,
    /// Σ vᵢ² of each model's compared values.
    squares: Vec<f64>,
    /// Σ vᵢ·vⱼ for i < j, row after row.
    products: Vec<f64>,
    /// Elements that at least two models changed, and those of them that they changed in both directions.
    contested: u64,
    conflicting: u64,
}

impl Sums {
    /// Nothing yet, of a unit of so many models in all.
    pub fn new(unit: &Unit, models: usize) -> Self {
        let mut sums = Self { base: unit.base.as_ref().map(|_| Series::default()), ..Self::empty(models) };
        for (place, _) in &unit.models {
            sums.models[*place] = Some(Series::default());
        }
        sums.pairs = unit.whole.then(|| Pairs::new(models, unit.base.is_some()));
        sums
    }

    /// Nothing at all.
    pub fn empty(models: usize) -> Self {
        Self { base: None, models: vec![None; models], pairs: None }
    }

    /// Adds a tile of the unit that this was made for.
    pub fn look(&mut self, tile: &Tile<'_>) {
        let mut base = Vec::with_capacity(BLOCK);
        let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(BLOCK); tile.models.len()];
        for at in (0..tile.len()).step_by(BLOCK) {
            let range = at..tile.len().min(at + BLOCK);
            if let (Some(series), Some(tile)) = (&mut self.base, tile.base) {
                widen(&tile[range.clone()], &mut base);
                series.look(&base);
            }
            let present = self.models.iter_mut().flatten();
            for ((series, tile), values) in present.zip(tile.models).zip(&mut values) {
                widen(&tile[range.clone()], values);
                series.look(values);
            }
            if let Some(pairs) = &mut self.pairs {
                pairs.look(tile.base.map(|_| base.as_slice()), &mut values);
            }
        }
    }

    /// Adds what comes next.
    pub fn add(&mut self, next: &Self) {
        let all = self.models.iter_mut().zip(&next.models).chain([(&mut self.base, &next.base)]);
        for (series, next) in all {
            if let Some(next) = next {
                series.get_or_insert_default().add(next);
            }
        }
        if let Some(next) = &next.pairs {
            self.pairs.get_or_insert_with(|| Pairs::like(next)).add(next);
        }
    }

    pub fn finish(&self) -> Stats {
        Stats {
            base: self.base.as_ref().map(Series::finish),
            models: self.models.iter().map(|series| series.as_ref().map(Series::finish)).collect(),
            comparison: self.pairs.as_ref().map(Pairs::finish),
        }
    }
}

fn widen(values: &[f32], out: &mut Vec<f64>) {
    out.clear();
    out.extend(values.iter().map(|&x| f64::from(x)));
}

impl Pairs {
    fn new(models: usize, has_base: bool) -> Self {
        Self {
            deltas: if has_base { vec![Series::default(); models] } else { Vec::new() },
            squares: vec![0.0; models],
            products: vec![0.0; models * models.saturating_sub(1) / 2],
            contested: 0,
            conflicting: 0,
        }
    }

    fn like(other: &Self) -> Self {
        Self::new(other.squares.len(), !other.deltas.is_empty())
    }

    /// Adds a block of every model; `values` is overwritten.
    fn look(&mut self, base: Option<&[f64]>, values: &mut [Vec<f64>]) {
        if let Some(base) = base {
            for (values, series) in values.iter_mut().zip(&mut self.deltas) {
                values.iter_mut().zip(base).for_each(|(x, base)| *x -= base);
                series.look(values);
            }
        }
        if values.len() < 2 {
            return;
        }
        for x in values.iter_mut().flatten().filter(|x| !x.is_finite()) {
            *x = 0.0;
        }
        let mut products = self.products.iter_mut();
        for (i, a) in values.iter().enumerate() {
            self.squares[i] += dot(a, a);
            values[i + 1..].iter().zip(&mut products).for_each(|(b, product)| *product += dot(a, b));
        }
        if base.is_some() {
            self.signs(values);
        }
    }

    fn signs(&mut self, deltas: &[Vec<f64>]) {
        let (mut up, mut down) = ([0_u32; BLOCK], [0_u32; BLOCK]);
        for delta in deltas {
            for ((x, up), down) in delta.iter().zip(&mut up).zip(&mut down) {
                *up += u32::from(*x > 0.0);
                *down += u32::from(*x < 0.0);
            }
        }
        for (up, down) in up.into_iter().zip(down) {
            self.contested += u64::from(up + down >= 2);
            self.conflicting += u64::from(up > 0 && down > 0);
        }
    }

    fn add(&mut self, next: &Self) {
        self.deltas.iter_mut().zip(&next.deltas).for_each(|(series, next)| series.add(next));
        self.squares.iter_mut().zip(&next.squares).for_each(|(sum, next)| *sum += next);
        self.products.iter_mut().zip(&next.products).for_each(|(sum, next)| *sum += next);
        self.contested += next.contested;
        self.conflicting += next.conflicting;
    }

    fn finish(&self) -> Comparison {
        let models = self.squares.len();
        let mut cosine = vec![vec![1.0; models]; models];
        let pairs = (0..models).flat_map(|i| (i + 1..models).map(move |j| (i, j)));
        for ((i, j), product) in pairs.zip(&self.products) {
            let norms = self.squares[i].sqrt() * self.squares[j].sqrt();
            let value = if norms > 0.0 { (product / norms).clamp(-1.0, 1.0) } else { 0.0 };
            (cosine[i][j], cosine[j][i]) = (value, value);
        }
        let has_signs = !self.deltas.is_empty() && models >= 2;
        let share = if self.contested == 0 { 0.0 } else { self.conflicting as f64 / self.contested as f64 };
        Comparison {
            deltas: self.deltas.iter().map(Series::finish).collect(),
            contested: has_signs.then_some(self.contested),
            sign_conflict: has_signs.then_some(share),
            cosine: if models < 2 { Vec::new() } else { cosine },
        }
    }
}

/// Σ aᵢ·bᵢ in four interleaved accumulators.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a4.0.iter().zip(b4.0) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a4.1.iter().zip(b4.1).map(|(a, b)| a * b).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}
