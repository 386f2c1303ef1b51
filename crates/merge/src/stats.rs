//! Eq. 4's similarity S(τ) and the norms of every tensor.

use std::ops::ControlFlow;

use maec_checkpoint::{Dtype, ModelHasher, TensorInfo};
use maec_recipe::Recipe;
use serde::{Deserialize, Serialize};

use crate::{
    Inputs, MergeError, Progress, Stage,
    method::{Terms, method},
    progress::Meter,
    select::{Selection, select},
    tiles::{Observer, Tiles, ranges},
};

/// What Eq. 4 and a reader want to know of one tensor τ. Norms are Euclidean, over the flattened tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorStats {
    /// Hugging Face name.
    pub name: String,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The base's dtype.
    pub dtype: Dtype,
    /// Number of elements.
    pub elements: u64,
    /// S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]); 0 where a side is zero.
    pub similarity: f64,
    /// ‖R(A)\[τ\]‖.
    pub ability_norm: f64,
    /// ‖R_Lang\[τ\]‖.
    pub language_norm: f64,
    /// ‖Θo\[τ\]‖.
    pub base_norm: f64,
    /// Elements of R(A)\[τ\] that are not zero.
    pub ability_nonzero: u64,
}

/// Reads every model once: the statistics of all tensors, sorted by name.
///
/// `k2` and `select` do not matter here, so what this returns serves every choice of them: see
/// [`select_tensors`]. Fails with [`MergeError::Checkpoint`] where models do not fit or hold a NaN or infinity, and
/// with [`MergeError::Cancelled`].
pub fn tensor_stats(
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<TensorStats>, MergeError> {
    statistics(inputs, recipe, false, None, progress)
}

/// 𝒯 for a recipe: Eq. 4's choice with the recipe's patterns, or every tensor where the method selects none.
///
/// `stats` may come from another recipe that differs in nothing but `k2` and `select`.
pub fn select_tensors(stats: &[TensorStats], recipe: &Recipe) -> Selection {
    let scores: Vec<(&str, f64)> =
        stats.iter().map(|tensor| (tensor.name.as_str(), tensor.similarity)).collect();
    if method(recipe.merge_method).selects() {
        select(&scores, recipe.parameters.k2, &recipe.select)
    } else {
        select(&scores, 1.0, &Default::default())
    }
}

/// [`tensor_stats`], which also hashes the models in passing: one hasher for each of [`Inputs::models`].
pub(crate) fn statistics(
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    allow_nonfinite: bool,
    mut hashers: Option<&mut [ModelHasher]>,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<TensorStats>, MergeError> {
    let mut tiles = Tiles::new(inputs, recipe, allow_nonfinite);
    let mut meter = Meter::new(Stage::Statistics, inputs.base.tensors(), progress);
    let models = inputs.models(recipe);
    let mut stats = Vec::with_capacity(inputs.base.tensors().len());
    for base in inputs.base.tensors() {
        let info = inputs.tensor(recipe, &base.name)?;
        if let Some(hashers) = hashers.as_deref_mut() {
            for (hasher, (_, model)) in hashers.iter_mut().zip(&models) {
                hasher.begin(model.info(&info.name)?);
            }
        }
        let hash = &mut |model: usize, bytes: &[u8]| {
            if let Some(hashers) = hashers.as_deref_mut() {
                hashers[model].update(bytes);
            }
        };
        stats.push(of_tensor(&mut tiles, info, hash, &mut |n| meter.advance(&info.name, n))?);
    }
    Ok(stats)
}

/// One tensor's statistics; `each` hears of every tile's elements.
pub(crate) fn of_tensor(
    tiles: &mut Tiles<'_>,
    info: &TensorInfo,
    observe: &mut Observer<'_>,
    each: &mut dyn FnMut(usize) -> Result<(), MergeError>,
) -> Result<TensorStats, MergeError> {
    let mut sums = Sums::default();
    for elements in ranges(info.elements()) {
        let n = elements.len();
        tiles.each(&info.name, elements, true, observe, |_, terms| {
            sums.add(terms);
            Ok(())
        })?;
        each(n)?;
    }
    Ok(sums.finish(info))
}

/// Running sums over a tensor, each with one accumulator in element order, so that tiles leave no trace.
#[derive(Default)]
pub(crate) struct Sums {
    dot: f64,
    ability: f64,
    language: f64,
    base: f64,
    nonzero: u64,
}

impl Sums {
    pub fn add(&mut self, Terms { base, ability, language }: Terms<'_>) {
        for ((&base, &ability), &language) in base.iter().zip(ability).zip(language) {
            self.dot += ability * language;
            self.ability += ability * ability;
            self.language += language * language;
            self.base += base * base;
            self.nonzero += u64::from(ability != 0.0);
        }
    }

    pub fn finish(self, info: &TensorInfo) -> TensorStats {
        let (ability_norm, language_norm) = (self.ability.sqrt(), self.language.sqrt());
        TensorStats {
            name: info.name.clone(),
            shape: info.shape.clone(),
            dtype: info.dtype,
            elements: info.elements() as u64,
            similarity: cosine(self.dot, ability_norm, language_norm),
            ability_norm,
            language_norm,
            base_norm: self.base.sqrt(),
            ability_nonzero: self.nonzero,
        }
    }
}

/// dot / (‖a‖·‖b‖), and 0 where a side is zero or the quotient is no number.
pub(crate) fn cosine(dot: f64, a: f64, b: f64) -> f64 {
    let cosine = dot / (a * b);
    if a == 0.0 || b == 0.0 || cosine.is_nan() { 0.0 } else { cosine }
}
