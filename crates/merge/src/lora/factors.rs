//! One module's factors in all adapters.

use maec_checkpoint::lora::{Adapter, LoraModule};
use nalgebra::DMatrix;

use super::CombineError;

/// A module in one adapter, with the adapter's weight.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) adapter: &'a Adapter,
    pub(super) module: &'a LoraModule,
    pub(super) weight: f64,
}

impl Part<'_> {
    /// w·s.
    pub(super) fn scale(&self) -> f64 {
        self.weight * self.module.scale
    }
}

/// ΔW = b·a, both f64: `b` is `[out, r]`, `a` is `[r, in]`.
pub(super) struct Product {
    pub(super) b: DMatrix<f64>,
    pub(super) a: DMatrix<f64>,
}

impl Product {
    /// Reads the factors of all parts, each A times its w·s, and stacks them: A's below each other, B's beside.
    pub(super) fn stacked(parts: &[Part<'_>]) -> Result<Self, CombineError> {
        let LoraModule { inputs, outputs, .. } = *parts[0].module;
        let rank = parts.iter().map(|part| part.module.rank).sum();
        let (mut b, mut a) = (DMatrix::zeros(outputs, rank), DMatrix::zeros(rank, inputs));
        let mut first = 0;
        for part in parts {
            let (rank, scale) = (part.module.rank, part.scale());
            let factors = part.adapter.factors(part.module)?;
            for (i, &value) in factors.a.iter().enumerate() {
                a[(first + i / inputs, i % inputs)] = f64::from(value) * scale;
            }
            for (i, &value) in factors.b.iter().enumerate() {
                b[(i / rank, first + i % rank)] = f64::from(value);
            }
            first += rank;
        }
        let product = Self { b, a };
        product.check(parts[0].module, |value| value.is_finite())?;
        Ok(product)
    }

    /// PEFT's `linear`: A = Σ ±√|w·s|·Aᵢ, the sign that of w·s, and B = Σ √|w·s|·Bᵢ, all of one rank.
    pub(super) fn summed(parts: &[Part<'_>]) -> Result<Self, CombineError> {
        let LoraModule { inputs, outputs, rank, .. } = *parts[0].module;
        let (mut b, mut a) = (DMatrix::zeros(outputs, rank), DMatrix::zeros(rank, inputs));
        for part in parts {
            let root = part.scale().abs().sqrt();
            let signed = if part.scale() < 0.0 { -root } else { root };
            let factors = part.adapter.factors(part.module)?;
            for (i, &value) in factors.a.iter().enumerate() {
                a[(i / inputs, i % inputs)] += f64::from(value) * signed;
            }
            for (i, &value) in factors.b.iter().enumerate() {
                b[(i / rank, i % rank)] += f64::from(value) * root;
            }
        }
        Ok(Self { b, a })
    }

    /// b·a − other.b·other.a, with the ranks beside each other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let (r, s) = (self.a.nrows(), other.a.nrows());
        let b = DMatrix::from_fn(self.b.nrows(), r + s, |i, k| {
            if k < r { self.b[(i, k)] } else { -other.b[(i, k - r)] }
        });
        let a =
            DMatrix::from_fn(
                r + s,
                self.a.ncols(),
                |k, j| {
                    if k < r { self.a[(k, j)] } else { other.a[(k - r, j)] }
                },
            );
        Self { b, a }
    }

    /// [`CombineError::NonFinite`] unless every entry passes.
    pub(super) fn check(&self, module: &LoraModule, pass: fn(f64) -> bool) -> Result<(), CombineError> {
        if self.a.iter().chain(self.b.iter()).all(|&value| pass(value)) {
            return Ok(());
        }
        Err(CombineError::NonFinite { module: module.name.clone() })
    }
}
