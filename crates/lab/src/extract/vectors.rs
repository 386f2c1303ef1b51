//! R(A) and R(Lᵢ) as models: the base with a weighted sum of differences added.

use std::ops::Range;

use maec_checkpoint::{Dtype, Error, TensorInfo, Weights, check_range, convert};

/// Elements computed at a time.
const TILE: usize = 64 * 1024;

/// Θo + Σ cᵢ·(Θᵢ − Θo), computed in f64 in the order of the terms, then rounded to f32, ties to even.
///
/// Eq. 2's R(A) has the terms (α, Θ_{A,L0}) and (−β, Θ_{L0}); Eq. 3's R(Lᵢ) the one term (1, Θ_{Li}),
/// or the two (α, Θ_{Li}) and (−β, Θ_{L0}). Where no term differs
/// from the base the sum is exactly zero and the value the base's own.
pub struct Shifted<'a> {
    name: String,
    base: &'a dyn Weights,
    terms: Vec<(f64, &'a dyn Weights)>,
    tensors: Vec<TensorInfo>,
}

impl<'a> Shifted<'a> {
    /// A base and terms of the same shapes.
    pub fn new(name: impl Into<String>, base: &'a dyn Weights, terms: Vec<(f64, &'a dyn Weights)>) -> Self {
        let wide = |info: &TensorInfo| TensorInfo { dtype: Dtype::F32, ..info.clone() };
        Self { name: name.into(), base, terms, tensors: base.tensors().iter().map(wide).collect() }
    }
}

impl Weights for Shifted<'_> {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        check_range(self.name(), self.info(name)?, &elements, out.len(), 4)?;
        let (mut base, mut other, mut sum) = (Vec::new(), Vec::new(), Vec::new());
        for (tile, start) in out.chunks_mut(4 * TILE).zip(elements.clone().step_by(TILE)) {
            let range = start..start + tile.len() / 4;
            for buffer in [&mut base, &mut other, &mut sum] {
                buffer.resize(range.len(), 0.0);
            }
            sum.fill(0.0);
            self.base.read_f64(name, range.clone(), &mut base)?;
            for (factor, term) in &self.terms {
                term.read_f64(name, range.clone(), &mut other)?;
                for ((sum, other), base) in sum.iter_mut().zip(&other).zip(&base) {
                    *sum += factor * (other - base);
                }
            }
            for (sum, base) in sum.iter_mut().zip(&base) {
                *sum += base;
            }
            let mut bytes = Vec::with_capacity(tile.len());
            convert::narrow(Dtype::F32, &sum, &mut bytes)?;
            tile.copy_from_slice(&bytes);
        }
        Ok(())
    }
}
