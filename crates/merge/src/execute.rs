//! MAEC on one thread: the reference for the engine's jobs, and what the page's exports and hashes come from.

use std::ops::ControlFlow;

use maec_checkpoint::{Dtype, MemoryWeights, ModelHasher, TensorInfo, convert};
use maec_recipe::Recipe;

use crate::{
    Inputs, MergeError, Progress, Report, Stage,
    method::method,
    plan::{check, output_dtype, output_tensors},
    progress::Meter,
    report::InputReport,
    stats::{select_tensors, statistics},
    tiles::{Tiles, ranges},
};

/// What an execution may be told beside the recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Go on where an input holds a NaN or infinity, or an output overflows. A NaN is written as its dtype's one
    /// canonical NaN.
    pub allow_nonfinite: bool,
    /// Report every input's model hash too; it is taken while Eq. 4 reads them, at SHA-256's speed.
    pub hash_inputs: bool,
}

/// Merges into memory: reads every model for Eq. 4, selects, then computes Eq. 5.
///
/// The output is the base's tensors sorted by name, in the recipe's `out_dtype` or the base's. Fails with the first problem that
/// [`check`] finds, with a NaN or infinity named by model, tensor and index, with [`MergeError::Overflow`], or with
/// [`MergeError::Cancelled`].
pub fn merge_to_memory(
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<(MemoryWeights, Report), MergeError> {
    if let Err(problems) = check(inputs, recipe)
        && let Some(first) = problems.into_iter().next()
    {
        return Err(first);
    }
    let models = inputs.models(recipe);
    let mut hashers: Vec<ModelHasher> = models.iter().map(|_| ModelHasher::new()).collect();
    let hashing = options.hash_inputs.then_some(hashers.as_mut_slice());
    let stats = statistics(inputs, recipe, options.allow_nonfinite, hashing, progress)?;
    let selection = select_tensors(&stats, recipe);

    let mut merger = Merger::new(inputs, recipe, options.allow_nonfinite);
    let mut meter = Meter::new(Stage::Merge, inputs.base.tensors(), progress);
    let mut hasher = ModelHasher::new();
    let outputs = output_tensors(inputs, recipe);
    let mut tensors: Vec<(TensorInfo, Vec<u8>)> = Vec::with_capacity(outputs.len());
    for info in outputs {
        let base = inputs.base.info(&info.name)?;
        hasher.begin(&info);
        let place = stats.partition_point(|tensor| tensor.name < info.name);
        let mut bytes = Vec::with_capacity(info.bytes());
        merger.merge(base, selection.selected[place], &mut |tile, elements| {
            hasher.update(tile);
            bytes.extend_from_slice(tile);
            meter.advance(&info.name, elements)
        })?;
        tensors.push((info, bytes));
    }

    let inputs = models.into_iter().zip(hashers).map(|((part, model), hasher)| {
        let hash = options.hash_inputs.then(|| hasher.finish());
        InputReport { part, model: model.name().to_owned(), hash }
    });
    let report = Report::new(recipe, inputs.collect(), stats, &selection, hasher.finish());
    Ok((MemoryWeights::new("merged", tensors)?, report))
}

/// One merged tensor's stored bytes, in the recipe's `out_dtype` or the base's: Eq. 5 with τ ∈ 𝒯 if `selected`.
///
/// A NaN or infinity in what it reads is an error; for an unselected tensor MAEC does not read the ability.
pub fn merge_tensor(
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    name: &str,
    selected: bool,
) -> Result<Vec<u8>, MergeError> {
    let info = inputs.tensor(recipe, name)?;
    let mut merger = Merger::new(inputs, recipe, false);
    let mut bytes = Vec::with_capacity(info.elements() * size_of::<f64>());
    merger.merge(info, selected, &mut |tile, _| {
        bytes.extend_from_slice(tile);
        Ok(())
    })?;
    Ok(bytes)
}

/// Takes a tile's stored bytes, and how many elements they are.
type Put<'p> = dyn FnMut(&[u8], usize) -> Result<(), MergeError> + 'p;

/// Eq. 5, tile by tile.
struct Merger<'a> {
    recipe: &'a Recipe,
    allow_nonfinite: bool,
    tiles: Tiles<'a>,
    merged: Vec<f64>,
    stored: Vec<u8>,
}

impl<'a> Merger<'a> {
    fn new(inputs: &'a Inputs<'a>, recipe: &'a Recipe, allow_nonfinite: bool) -> Self {
        let tiles = Tiles::new(inputs, recipe, allow_nonfinite);
        Self { recipe, allow_nonfinite, tiles, merged: Vec::new(), stored: Vec::new() }
    }

    /// Merges a tensor of the base.
    fn merge(&mut self, base: &TensorInfo, selected: bool, put: &mut Put<'_>) -> Result<(), MergeError> {
        let method = method(self.recipe.merge_method);
        let dtype = output_dtype(self.recipe, base);
        for elements in ranges(base.elements()) {
            let n = elements.len();
            let with_ability = method.reads_ability(selected);
            self.stored.clear();
            let (merged, stored) = (&mut self.merged, &mut self.stored);
            let range = elements.clone();
            self.tiles.each(&base.name, range, with_ability, &mut |_, _| (), |part, terms| {
                merged.resize(part.len(), 0.0);
                method.merge(terms, &self.recipe.parameters, selected, merged);
                Ok(convert::narrow(dtype, merged, stored)?)
            })?;
            self.check_overflow(base, dtype, elements.start)?;
            put(&self.stored, n)?;
        }
        Ok(())
    }

    /// Finite inputs may still leave the output's range.
    fn check_overflow(&self, base: &TensorInfo, dtype: Dtype, start: usize) -> Result<(), MergeError> {
        match convert::first_non_finite(dtype, &self.stored) {
            Some(index) if !self.allow_nonfinite => {
                Err(MergeError::Overflow { tensor: base.name.clone(), index: start + index, dtype })
            }
            _ => Ok(()),
        }
    }
}
