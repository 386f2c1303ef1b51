//! What a merge will do, found out from headers alone.

use maec_checkpoint::{Dtype, Error, TensorInfo};
use maec_recipe::{OutDtype, Recipe, glob};
use serde::{Deserialize, Serialize};

use crate::{Inputs, MergeError, method::method, select::count_half_up, tiles};

/// A merge before any weight is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The output's tensors, sorted by name.
    pub tensors: Vec<PlannedTensor>,
    /// Parameters of the output.
    pub parameters: u64,
    /// Tensors that Eq. 4 will select: k₂ of all, half up. Patterns may change it.
    pub selected: usize,
    /// Bytes read at most: each model once for Eq. 4 and once for Eq. 5. A sparse delta counts as what it stands for.
    pub bytes_read: u64,
    /// Bytes of tensor data in the output, its header not counted.
    pub bytes_written: u64,
    /// Bytes of working memory, beside what the inputs and the output hold themselves.
    pub memory_bytes: u64,
}

/// One tensor of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTensor {
    /// Hugging Face name.
    pub name: String,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The dtype it will be stored in.
    pub dtype: Dtype,
    /// Its stored size.
    pub bytes: u64,
}

/// Plans a merge, or says everything that stands in its way.
///
/// Checked are the recipe, the number of models, and for every tensor that all models have it, in one shape and in
/// the base's dtype or a wider one, and that no model has any other; and that every pattern matches a tensor.
pub fn check(inputs: &Inputs<'_>, recipe: &Recipe) -> Result<Plan, Vec<MergeError>> {
    let problems = problems(inputs, recipe);
    if !problems.is_empty() {
        return Err(problems);
    }
    let models = inputs.models(recipe);
    let bytes = |model: &dyn maec_checkpoint::Weights| -> u64 {
        model.tensors().iter().map(|info| info.bytes() as u64).sum()
    };
    let outputs: Vec<TensorInfo> = output_tensors(inputs, recipe);
    let n = outputs.len();
    Ok(Plan {
        parameters: outputs.iter().map(|info| info.elements() as u64).sum(),
        selected: if method(recipe.merge_method).selects() {
            count_half_up(recipe.parameters.k2, n)
        } else {
            n
        },
        bytes_read: 2 * models.iter().map(|(_, model)| bytes(*model)).sum::<u64>(),
        bytes_written: outputs.iter().map(|info| info.bytes() as u64).sum(),
        memory_bytes: tiles::MEMORY_BYTES,
        tensors: outputs
            .into_iter()
            .map(|info| PlannedTensor {
                bytes: info.bytes() as u64,
                name: info.name,
                shape: info.shape,
                dtype: info.dtype,
            })
            .collect(),
    })
}

/// The output's tensors: the base's, in the recipe's dtype where it has one.
pub(crate) fn output_tensors(inputs: &Inputs<'_>, recipe: &Recipe) -> Vec<TensorInfo> {
    let stored = |info: &TensorInfo| TensorInfo { dtype: output_dtype(recipe, info), ..info.clone() };
    inputs.base.tensors().iter().map(stored).collect()
}

/// The dtype that a tensor of the base is stored in after the merge.
pub(crate) fn output_dtype(recipe: &Recipe, base: &TensorInfo) -> Dtype {
    match recipe.out_dtype {
        None => base.dtype,
        Some(OutDtype::Float32) => Dtype::F32,
        Some(OutDtype::Float16) => Dtype::F16,
        Some(OutDtype::Bfloat16) => Dtype::BF16,
    }
}

fn problems(inputs: &Inputs<'_>, recipe: &Recipe) -> Vec<MergeError> {
    let mut problems: Vec<MergeError> = Vec::new();
    if let Err(error) = recipe.validate() {
        problems.push(error.into());
    }
    problems.extend(inputs.miscount(recipe));
    let base = inputs.base;
    if base.tensors().is_empty() {
        problems.push(MergeError::NoTensors { model: base.name().into() });
    }
    for info in base.tensors() {
        problems.extend(inputs.mismatches(recipe, info));
    }
    for (_, model) in inputs.models(recipe) {
        for info in model.tensors().iter().filter(|info| base.info(&info.name).is_err()) {
            let extra = Error::ExtraTensor {
                name: model.name().into(),
                tensor: info.name.clone(),
                base: base.name().into(),
            };
            problems.push(extra.into());
        }
    }
    for (list, patterns) in [("include", &recipe.select.include), ("exclude", &recipe.select.exclude)] {
        for pattern in patterns {
            if !base.tensors().iter().any(|info| glob::matches(pattern, &info.name)) {
                let model = base.name().into();
                problems.push(MergeError::MatchesNothing { list, pattern: pattern.clone(), model });
            }
        }
    }
    problems
}
