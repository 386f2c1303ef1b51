//! A merge that is never stored: every tensor is merged when it is read.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use maec_checkpoint::{Error, TensorInfo, Weights, dtype};
use maec_merge::{Inputs, MergeError, TensorStats, merge_tensor, select_tensors, tensor_stats};
use maec_recipe::{MergeMethod, Recipe};

use crate::device_merge::stored_dtype;
use crate::job::Job;
use crate::{Failure, Host};

/// The models of a merge, each whole or as base + delta.
pub(crate) struct Models {
    pub base: Arc<dyn Weights>,
    pub ability: Arc<dyn Weights>,
    pub reference: Arc<dyn Weights>,
    /// In the recipe's order.
    pub languages: Vec<Arc<dyn Weights>>,
}

impl Models {
    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: self.base.as_ref(),
            ability: self.ability.as_ref(),
            reference: self.reference.as_ref(),
            languages: self.languages.iter().map(AsRef::as_ref).collect(),
        }
    }
}

/// A merged model whose tensors are merged when they are read, so that at most one of them is in memory.
pub(crate) struct MergingWeights {
    models: Models,
    recipe: Recipe,
    /// The output's, sorted by name.
    tensors: Vec<TensorInfo>,
    /// Whether a tensor is in 𝒯, in the tensors' order.
    selected: Vec<bool>,
    changed: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last tensor read and its stored bytes.
    last: Option<(String, Vec<u8>)>,
    /// What [`Weights`] has no error for.
    failed: Option<MergeError>,
}

impl MergingWeights {
    /// Reads every model for Eq. 4, tensor by tensor, and chooses 𝒯.
    pub async fn prepare<H: Host>(
        job: &Job<'_, H>,
        models: Models,
        recipe: &Recipe,
    ) -> Result<Self, Failure> {
        let stored =
            |info: &TensorInfo| TensorInfo { dtype: stored_dtype(recipe, info.dtype), ..info.clone() };
        let total = models.base.tensors().iter().map(|info| info.bytes() as u64).sum();
        let mut done = 0;
        let mut stats: Vec<TensorStats> = Vec::with_capacity(models.base.tensors().len());
        for info in models.base.tensors() {
            job.checkpoint().await?;
            job.progress(|| "Comparing tensors".into(), done, total);
            stats.extend(one_tensor(&models, recipe, info, job)?);
            done += info.bytes() as u64;
        }
        let selected = select_tensors(&stats, recipe).selected;
        let changed = stats.iter().zip(&selected).filter(|&(stats, &selected)| adds(recipe, stats, selected));
        let changed = changed.count() as u32;
        let tensors = models.base.tensors().iter().map(stored).collect();
        Ok(Self { tensors, selected, changed, models, recipe: recipe.clone(), state: Mutex::default() })
    }

    /// Tensors to which the merge adds something.
    pub fn changed(&self) -> u32 {
        self.changed
    }

    /// Why a read failed, where [`Weights`] could not say it.
    pub fn failure(&self) -> Option<MergeError> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed.take()
    }

    fn merged(&self, index: usize, state: &mut State) -> Result<(), Error> {
        let info = &self.tensors[index];
        if state.last.as_ref().is_some_and(|(name, _)| *name == info.name) {
            return Ok(());
        }
        state.last = None;
        let merged = merge_tensor(&self.models.inputs(), &self.recipe, &info.name, self.selected[index]);
        let bytes = merged.map_err(|error| match error {
            MergeError::Checkpoint(error) => error,
            error => {
                let reason = error.to_string();
                state.failed = Some(error);
                Error::Unwritable { tensor: info.name.clone(), reason }
            }
        })?;
        state.last = Some((info.name.clone(), bytes));
        Ok(())
    }
}

impl Weights for MergingWeights {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        "merged"
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        let missing = || Error::MissingTensor { name: self.name().into(), tensor: name.into() };
        let index = self.tensors.binary_search_by(|info| info.name.as_str().cmp(name));
        let index = index.map_err(|_| missing())?;
        let info = &self.tensors[index];
        let size = dtype::bytes_per_element(info.dtype);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.merged(index, &mut state)?;
        let bytes = state.last.as_ref().and_then(|(_, bytes)| {
            bytes.get(elements.start.checked_mul(size)?..elements.end.checked_mul(size)?)
        });
        let bytes = bytes.filter(|bytes| bytes.len() == out.len()).ok_or_else(|| Error::OutOfRange {
            name: self.name().into(),
            tensor: name.into(),
            start: elements.start,
            end: elements.end,
            buffer: out.len(),
            len: info.elements(),
        })?;
        out.copy_from_slice(bytes);
        Ok(())
    }
}

/// Whether Eq. 5, or the task vector, adds something to a tensor.
fn adds(recipe: &Recipe, stats: &TensorStats, selected: bool) -> bool {
    let p = &recipe.parameters;
    let (ability, language) = match (recipe.merge_method, selected) {
        (MergeMethod::Maec, true) => (p.gamma, p.eta),
        (MergeMethod::Maec, false) => (0.0, 1.0),
        (MergeMethod::TaskVector, _) => (p.lambda, p.lambda),
    };
    ability * stats.ability_norm != 0.0 || language * stats.language_norm != 0.0
}

/// Eq. 4's statistics of one tensor: those of models that have nothing else.
fn one_tensor<H: Host>(
    models: &Models,
    recipe: &Recipe,
    info: &TensorInfo,
    job: &Job<'_, H>,
) -> Result<Vec<TensorStats>, MergeError> {
    let alone = |of: &Arc<dyn Weights>| Alone::new(of, &info.name);
    let languages = models.languages.iter().map(alone).collect::<Result<Vec<_>, _>>()?;
    let (base, ability, reference) =
        (alone(&models.base)?, alone(&models.ability)?, alone(&models.reference)?);
    let inputs = Inputs {
        base: &base,
        ability: &ability,
        reference: &reference,
        languages: languages.iter().map(|model| model as &dyn Weights).collect(),
    };
    tensor_stats(&inputs, recipe, &mut |_| job.flow())
}

/// A model reduced to one of its tensors.
pub(crate) struct Alone {
    of: Arc<dyn Weights>,
    tensors: [TensorInfo; 1],
}

impl Alone {
    /// Fails where the model has no such tensor.
    pub fn new(of: &Arc<dyn Weights>, tensor: &str) -> Result<Self, Error> {
        Ok(Self { of: of.clone(), tensors: [of.info(tensor)?.clone()] })
    }
}

impl Weights for Alone {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        self.of.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.of.read_stored(name, elements, out)
    }
}
