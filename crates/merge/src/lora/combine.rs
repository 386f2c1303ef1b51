//! The new adapter, module by module.

use std::collections::BTreeMap;

use maec_checkpoint::lora::{Adapter, LoraModule, SavedTensor};
use maec_checkpoint::{Dtype, TensorInfo, convert};
use nalgebra::DMatrix;

use super::factors::{Part, Product};
use super::output::{self, CombinedAdapter, ModuleReport};
use super::{CombineError, svd};

/// How adapters become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Factors beside each other: ΔW exactly, but for one rounding of A to F32; the rank is the sum of all ranks.
    Cat,
    /// ΔW's best approximation of at most this rank.
    Svd {
        /// The rank, 1 or more; a module has no more than its dimensions and the sum of its ranks allow.
        rank: usize,
    },
    /// PEFT's `linear`: A's and B's added for themselves, so that every A meets every B. Ranks must be the same.
    Linear,
}

/// The stored bytes of a tensor of an adapter.
pub(super) type Tensor = (TensorInfo, Vec<u8>);

/// Merges adapters of one base, each with its weight, into one adapter. A module that only some of them have is theirs
/// alone, as in PEFT.
///
/// Tensors that adapters hold beside their factors are carried over where all adapters have the same; a weight under
/// factors (`base_layer`), which is the base's, also where not all have it. Fails with [`CombineError`].
pub fn combine(adapters: &[(&Adapter, f64)], how: Combine) -> Result<CombinedAdapter, CombineError> {
    let Some(&(first, _)) = adapters.first() else { return Err(CombineError::NoAdapters) };
    if how == (Combine::Svd { rank: 0 }) {
        return Err(CombineError::NoRank);
    }
    for &(adapter, weight) in adapters {
        if !weight.is_finite() {
            return Err(CombineError::Weight { adapter: adapter.name().into(), weight });
        }
        if adapter.config().fan_in_fan_out != first.config().fan_in_fan_out {
            return Err(other_layout(first, adapter));
        }
    }
    let mut tensors = Vec::new();
    let mut modules = Vec::new();
    for (name, parts) in by_module(adapters) {
        check_parts(name, &parts, how)?;
        let (product, norm, error) = merged(&parts, how)?;
        let module = LoraModule { rank: product.a.nrows(), scale: 1.0, ..parts[0].module.clone() };
        tensors.extend(stored(&module, &product)?);
        modules.push((module, ModuleReport::new(name, product.a.nrows(), norm, error)));
    }
    tensors.extend(carried(adapters)?);
    Ok(output::combined(adapters, modules, tensors)?)
}

/// The modules that any adapter has, sorted by name, each with the adapters that have it.
fn by_module<'a>(adapters: &[(&'a Adapter, f64)]) -> BTreeMap<&'a str, Vec<Part<'a>>> {
    let mut parts: BTreeMap<&str, Vec<Part<'_>>> = BTreeMap::new();
    for &(adapter, weight) in adapters {
        for module in adapter.modules() {
            parts.entry(&module.name).or_default().push(Part { adapter, module, weight });
        }
    }
    parts
}

fn other_layout(first: &Adapter, other: &Adapter) -> CombineError {
    CombineError::OtherLayout { adapter: first.name().into(), with: other.name().into() }
}

fn check_parts(name: &str, parts: &[Part<'_>], how: Combine) -> Result<(), CombineError> {
    let first = parts[0];
    for part in parts {
        let (a, b) = (first.module, part.module);
        let (module, adapter, with) =
            (name.to_owned(), first.adapter.name().to_owned(), part.adapter.name().to_owned());
        let (dimensions, other) = ([a.outputs, a.inputs], [b.outputs, b.inputs]);
        if a.embedding != b.embedding {
            return Err(other_layout(first.adapter, part.adapter));
        }
        if dimensions != other {
            return Err(CombineError::OtherShape { module, adapter, first: dimensions, with, other });
        }
        if how == Combine::Linear && a.rank != b.rank {
            return Err(CombineError::OtherRank { module, adapter, first: a.rank, with, other: b.rank });
        }
    }
    Ok(())
}

/// A module's new factors, ‖ΔW‖² and the squared norm of what they miss of it.
fn merged(parts: &[Part<'_>], how: Combine) -> Result<(Product, f64, f64), CombineError> {
    let exact = Product::stacked(parts)?;
    Ok(match how {
        Combine::Cat => {
            let norm = svd::norm_squared(&exact);
            (exact, norm, 0.0)
        }
        Combine::Svd { rank } => {
            let best = svd::low_rank(&exact, rank);
            (best.product, best.total, best.lost)
        }
        Combine::Linear => {
            let summed = Product::summed(parts)?;
            let error = svd::norm_squared(&summed.minus(&exact));
            (summed, svd::norm_squared(&exact), error)
        }
    })
}

/// The factors as an adapter's tensors, F32.
fn stored(module: &LoraModule, product: &Product) -> Result<[Tensor; 2], CombineError> {
    product.check(module, |value| (value as f32).is_finite())?;
    let [a, b] = module.tensors();
    Ok([matrix(a, &product.a)?, matrix(b, &product.b)?])
}

fn matrix(name: String, matrix: &DMatrix<f64>) -> Result<Tensor, CombineError> {
    let shape = vec![matrix.nrows(), matrix.ncols()];
    let mut bytes = Vec::with_capacity(matrix.len() * size_of::<f32>());
    // nalgebra keeps a matrix column by column, a file row by row.
    convert::narrow(Dtype::F32, matrix.transpose().as_slice(), &mut bytes)?;
    Ok((TensorInfo { name, dtype: Dtype::F32, shape }, bytes))
}

/// The tensors beside the factors that the new adapter can have too.
fn carried(adapters: &[(&Adapter, f64)]) -> Result<Vec<Tensor>, CombineError> {
    let mut holders: BTreeMap<&str, Vec<(&Adapter, &SavedTensor)>> = BTreeMap::new();
    for &(adapter, _) in adapters {
        for saved in adapter.saved() {
            holders.entry(&saved.name).or_default().push((adapter, saved));
        }
    }
    let mut tensors = Vec::new();
    for (tensor, holders) in holders {
        let (first, saved) = holders[0];
        let bytes = first.weights().read_bytes(&saved.info.name)?;
        let mut same =
            holders.len() == adapters.len() || holders.iter().all(|(_, saved)| saved.is_under_factors());
        for (other, copy) in &holders[1..] {
            let alike = (copy.info.dtype, &copy.info.shape) == (saved.info.dtype, &saved.info.shape);
            same = same && alike && other.weights().read_bytes(&copy.info.name)? == bytes;
        }
        if !same {
            return Err(CombineError::Replaces { adapter: first.name().into(), tensor: tensor.into() });
        }
        tensors.push((saved.info.clone(), bytes));
    }
    Ok(tensors)
}
