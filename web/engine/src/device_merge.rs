//! The merge on a GPU, held against the CPU executor's.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert};
use maec_merge::device::{merge_on_device, task_vector_on_device};
use maec_merge::{Inputs, Report, merge_tensor};
use maec_recipe::{MergeMethod, OutDtype, Recipe};

use crate::Failure;

/// Elements merged together: many tensors in one go, but buffers far below the smallest limit of any adapter.
const ELEMENTS: usize = 1 << 20;
/// The largest |GPU − CPU| / (1 + |CPU|) allowed: some f32 roundings of values of a model's size.
pub(crate) const TOLERANCE: f64 = 1e-5;

/// Merges on `device` what the CPU executor's `report` selected. Returns the device's values, rounded to the output's
/// dtype, and the largest |device − CPU| of both before that rounding.
///
/// Tensors are laid end to end, so that a small model takes two uploads a model and not one a tensor.
pub(crate) async fn merge(
    device: &Device,
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    report: &Report,
) -> Result<(MemoryWeights, f64), Failure> {
    let mut merged = BTreeMap::new();
    let mut largest = 0.0_f64;
    for selected in [true, false] {
        let mut names: Vec<&str> = Vec::new();
        let mut elements = 0;
        let mut group = report.tensors.iter().filter(|tensor| tensor.selected == selected).peekable();
        while let Some(tensor) = group.next() {
            names.push(&tensor.stats.name);
            elements += tensor.stats.elements as usize;
            if elements >= ELEMENTS || group.peek().is_none() {
                let values = merge_together(device, inputs, recipe, selected, &names).await?;
                largest = largest.max(compare(inputs, recipe, selected, &names, &values)?);
                split(inputs, &names, &values, &mut merged)?;
                names.clear();
                elements = 0;
            }
        }
    }
    let stored = |(name, values): (String, Vec<f32>)| -> Result<_, Failure> {
        let base = inputs.base.info(&name)?;
        let dtype = stored_dtype(recipe, base.dtype);
        let mut bytes = Vec::new();
        convert::encode_f32(dtype, &values, &mut bytes)?;
        Ok((TensorInfo { name, dtype, shape: base.shape.clone() }, bytes))
    };
    let tensors = merged.into_iter().map(stored).collect::<Result<_, _>>()?;
    Ok((MemoryWeights::new("merged on the GPU", tensors)?, largest))
}

/// Uploads the tensors of every model end to end, merges, and reads back.
async fn merge_together(
    device: &Device,
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    selected: bool,
    names: &[&str],
) -> Result<Vec<f32>, Failure> {
    let upload = |model: &dyn Weights| -> Result<Tensor<1>, Failure> {
        let mut values = Vec::new();
        for name in names {
            values.extend(model.read_f32(name)?);
        }
        let count = values.len();
        Ok(Tensor::from_data(TensorData::new(values, [count]), device))
    };
    let base = upload(inputs.base)?;
    let languages = inputs.languages.iter().map(|&model| upload(model)).collect::<Result<Vec<_>, _>>()?;
    let weights: Vec<f64> = recipe.languages.iter().map(|language| language.weight).collect();
    let ability = upload(inputs.ability)?;
    let merged = match recipe.merge_method {
        MergeMethod::Maec => {
            let reference = upload(inputs.reference)?;
            merge_on_device(base, ability, reference, &languages, &weights, &recipe.parameters, selected)
        }
        MergeMethod::TaskVector => {
            task_vector_on_device(base, ability, &languages, &weights, &recipe.parameters)
        }
    };
    read(merged).await
}

/// The largest |GPU − CPU|, both as f32, or [`Failure::Unusable`] where it is more than rounding.
fn compare(
    inputs: &Inputs<'_>,
    recipe: &Recipe,
    selected: bool,
    names: &[&str],
    values: &[f32],
) -> Result<f64, Failure> {
    let wide = Recipe { out_dtype: Some(OutDtype::Float32), ..recipe.clone() };
    let mut largest = 0.0_f64;
    let mut values = values.iter();
    for name in names {
        let cpu = convert::decode_f32(Dtype::F32, &merge_tensor(inputs, &wide, name, selected)?)?;
        for (&cpu, &gpu) in cpu.iter().zip(values.by_ref()) {
            let difference = (f64::from(gpu) - f64::from(cpu)).abs();
            let within = difference <= TOLERANCE * (1.0 + f64::from(cpu).abs());
            // A NaN is not within.
            if !within {
                return Err(Failure::Unusable(format!(
                    "The GPU merged `{name}` to {gpu} where the CPU has {cpu}."
                )));
            }
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}

/// Cuts the values into tensors again.
fn split(
    inputs: &Inputs<'_>,
    names: &[&str],
    values: &[f32],
    into: &mut BTreeMap<String, Vec<f32>>,
) -> Result<(), Failure> {
    let mut rest = values;
    for name in names {
        let elements = inputs.base.info(name)?.elements();
        let (own, tail) = rest
            .split_at_checked(elements)
            .ok_or_else(|| Failure::Device(format!("{} values came back for {name}", rest.len())))?;
        into.insert((*name).to_owned(), own.to_vec());
        rest = tail;
    }
    Ok(())
}

/// A tensor's values, once the device has computed them.
pub(crate) async fn read(tensor: Tensor<1>) -> Result<Vec<f32>, Failure> {
    let data = tensor.into_data_async().await.map_err(|error| Failure::Device(error.to_string()))?;
    data.try_to_vec::<f32>().map_err(|error| Failure::Device(error.to_string()))
}

/// The dtype that a tensor of the base has after the merge.
pub(crate) fn stored_dtype(recipe: &Recipe, base: Dtype) -> Dtype {
    match recipe.out_dtype {
        None => base,
        Some(OutDtype::Float32) => Dtype::F32,
        Some(OutDtype::Float16) => Dtype::F16,
        Some(OutDtype::Bfloat16) => Dtype::BF16,
    }
}
