//! A merge that is never stored: every tile is merged when it is read.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use maec_checkpoint::{Error, TensorInfo, Weights, check_range, dtype};
use maec_merge::{MergeError, TensorStats, merge_tensor, select_tensors, tensor_stats};
use maec_recipe::{MergeMethod, Recipe};

use super::slice::Slices;
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

/// Elements merged at a time.
const TILE: usize = if cfg!(test) { 7 } else { 1 << 20 };

/// A merged model whose values are merged when they are read, so that no more than a tile of it is in memory.
pub(crate) struct MergingWeights {
    models: Models,
    recipe: Recipe,
    /// The output's, sorted by name.
    tensors: Vec<TensorInfo>,
    /// Whether a tensor is in 𝒯, in the tensors' order.
    selected: Vec<bool>,
    changed: u32,
    /// What [`Weights`] has no error for.
    failed: Mutex<Option<MergeError>>,
}

impl MergingWeights {
    /// Reads every model for Eq. 4, tensor by tensor, and chooses 𝒯.
    pub async fn prepare<H: Host>(
        job: &Job<'_, H>,
        models: Models,
        recipe: &Recipe,
    ) -> Result<Self, Failure> {
        let total = models.base.tensors().iter().map(|info| info.bytes() as u64).sum();
        let mut done = 0;
        let mut stats: Vec<TensorStats> = Vec::with_capacity(models.base.tensors().len());
        for info in models.base.tensors() {
            job.checkpoint().await?;
            job.progress(|| "Comparing tensors".into(), done, total);
            let slices = Slices::of(&models, &info.name, None)?;
            stats.extend(tensor_stats(&slices.inputs(), recipe, &mut |_| job.flow())?);
            done += info.bytes() as u64;
        }
        Ok(Self::new(models, recipe, &stats))
    }

    /// With the statistics of all tensors.
    fn new(models: Models, recipe: &Recipe, stats: &[TensorStats]) -> Self {
        let selected = select_tensors(stats, recipe).selected;
        let changed = stats.iter().zip(&selected).filter(|&(stats, &selected)| adds(recipe, stats, selected));
        let changed = changed.count() as u32;
        let stored =
            |info: &TensorInfo| TensorInfo { dtype: stored_dtype(recipe, info.dtype), ..info.clone() };
        let tensors = models.base.tensors().iter().map(stored).collect();
        Self { tensors, selected, changed, models, recipe: recipe.clone(), failed: Mutex::default() }
    }

    /// Tensors to which the merge adds something.
    pub fn changed(&self) -> u32 {
        self.changed
    }

    /// Why a read failed, where [`Weights`] could not say it.
    pub fn failure(&self) -> Option<MergeError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Some elements of a tensor, merged and stored.
    fn tile(&self, info: &TensorInfo, elements: Range<usize>, selected: bool) -> Result<Vec<u8>, Error> {
        let start = elements.start;
        let slices = Slices::of(&self.models, &info.name, Some(elements))?;
        merge_tensor(&slices.inputs(), &self.recipe, &info.name, selected).map_err(|error| match error {
            MergeError::Checkpoint(Error::NonFinite { name, tensor, index }) => {
                Error::NonFinite { name, tensor, index: start + index }
            }
            MergeError::Checkpoint(error) => error,
            error => {
                let error = match error {
                    MergeError::Overflow { tensor, index, dtype } => {
                        MergeError::Overflow { tensor, index: start + index, dtype }
                    }
                    error => error,
                };
                let reason = error.to_string();
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Error::Unwritable { tensor: info.name.clone(), reason }
            }
        })
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
        let missing = |_| Error::MissingTensor { name: self.name().into(), tensor: name.into() };
        let place = self.tensors.binary_search_by(|info| info.name.as_str().cmp(name)).map_err(missing)?;
        let info = &self.tensors[place];
        let size = dtype::bytes_per_element(info.dtype);
        check_range(self.name(), info, &elements, out.len(), size)?;
        for (start, out) in elements.step_by(TILE).zip(out.chunks_mut(TILE * size)) {
            let tile = start..start + out.len() / size;
            out.copy_from_slice(&self.tile(info, tile, self.selected[place])?);
        }
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use maec_checkpoint::{Dtype, MemoryWeights, convert};
    use maec_merge::{Inputs, Options, merge_to_memory};

    use super::*;

    /// Three tensors of several tiles, drawn from a linear congruential generator.
    fn model(seed: u32) -> Arc<dyn Weights> {
        let mut state = seed.wrapping_mul(2_654_435_761);
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 23) - 1.0
        };
        let tensors = [("a", vec![5, 6]), ("b", vec![23]), ("c", vec![2, 3, 4])].map(|(name, shape)| {
            let values: Vec<f64> = (0..shape.iter().product()).map(|_| draw()).collect();
            let mut bytes = Vec::new();
            convert::narrow(Dtype::BF16, &values, &mut bytes).unwrap();
            (TensorInfo { name: name.into(), dtype: Dtype::BF16, shape }, bytes)
        });
        Arc::new(MemoryWeights::new(format!("model {seed}"), tensors.into()).unwrap())
    }

    fn models() -> Models {
        Models { base: model(1), ability: model(2), reference: model(3), languages: vec![model(4), model(5)] }
    }

    fn recipe(changes: &str) -> Recipe {
        let json = r#"{"version": 1, "merge_method": "maec", "base_model": "b", "ability": {"model": "a"},
            "reference": {"model": "l"}, "languages": [{"name": "es", "model": "es", "weight": 0.5},
            {"name": "bn", "model": "bn", "weight": 0.3}], "parameters": {"k2": 0.6}CHANGES}"#;
        Recipe::from_json(&json.replace("CHANGES", changes)).unwrap()
    }

    fn lazy(models: Models, recipe: &Recipe) -> MergingWeights {
        let whole = inputs(&models);
        let stats = tensor_stats(&whole, recipe, &mut |_| ControlFlow::Continue(())).unwrap();
        MergingWeights::new(models, recipe, &stats)
    }

    fn inputs(models: &Models) -> Inputs<'_> {
        Inputs {
            base: models.base.as_ref(),
            ability: models.ability.as_ref(),
            reference: models.reference.as_ref(),
            languages: models.languages.iter().map(AsRef::as_ref).collect(),
        }
    }

    #[test]
    fn every_range_is_what_the_executor_writes() {
        for recipe in [recipe(""), recipe(r#", "out_dtype": "float32""#)] {
            let models = models();
            let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
            let (expected, report) =
                merge_to_memory(&inputs(&models), &recipe, &Options::default(), go_on).unwrap();
            assert_eq!(report.selected, 2);
            let merging = lazy(models, &recipe);
            assert_eq!((merging.tensors(), merging.changed()), (expected.tensors(), 3));
            for info in expected.tensors() {
                let size = dtype::bytes_per_element(info.dtype);
                let whole = expected.read_bytes(&info.name).unwrap();
                for start in 0..info.elements() {
                    for end in start..=info.elements() {
                        let mut out = vec![0; (end - start) * size];
                        merging.read_stored(&info.name, start..end, &mut out).unwrap();
                        assert_eq!(out, whole[start * size..end * size], "{} {start}..{end}", info.name);
                    }
                }
                let end = info.elements();
                let past = merging.read_stored(&info.name, end..end + 1, &mut vec![0; size]);
                assert!(matches!(past, Err(Error::OutOfRange { .. })));
            }
        }
    }

    #[test]
    fn what_cannot_be_merged_is_named_by_its_place_in_the_tensor() {
        let mut models = models();
        let mut bytes = models.base.read_bytes("b").unwrap();
        bytes[2 * 20..2 * 21].copy_from_slice(&[0xc0, 0x7f]);
        let read =
            |name: &str| (models.base.info(name).unwrap().clone(), models.base.read_bytes(name).unwrap());
        let broken = vec![read("a"), (models.base.info("b").unwrap().clone(), bytes), read("c")];
        let recipe = recipe("");
        let stats = tensor_stats(&inputs(&models), &recipe, &mut |_| ControlFlow::Continue(())).unwrap();
        models.base = Arc::new(MemoryWeights::new("broken", broken).unwrap());
        let error = MergingWeights::new(models, &recipe, &stats).read_bytes("b").unwrap_err();
        assert!(matches!(error, Error::NonFinite { index: 20, .. }), "{error}");
    }

    #[test]
    fn an_overflow_is_kept_as_it_is() {
        let recipe = recipe(r#", "out_dtype": "float16""#);
        let recipe = Recipe {
            parameters: maec_recipe::Parameters { gamma: 1e6, k2: 1.0, ..recipe.parameters },
            ..recipe
        };
        let merging = lazy(models(), &recipe);
        assert!(merging.read_bytes("a").is_err());
        assert!(matches!(merging.failure(), Some(MergeError::Overflow { .. })));
    }
}
