//! Small models in memory, and recipes for them.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::ops::ControlFlow;

use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert};
use maec_merge::{Inputs, MergeError, Options, Progress, Report, merge_to_memory};
use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};

/// A recipe with one language for each weight, named `L1`, `L2`, ….
pub fn recipe(parameters: Parameters, weights: &[f64]) -> Recipe {
    let model = |name: &str| ModelRef { model: name.to_owned() };
    let languages = weights.iter().enumerate().map(|(i, &weight)| {
        let name = format!("L{}", i + 1);
        LanguageModel { model: name.clone(), name, weight }
    });
    Recipe {
        version: Recipe::VERSION,
        merge_method: MergeMethod::Maec,
        base_model: "base".to_owned(),
        ability: model("A_L0"),
        reference: model("L0"),
        languages: languages.collect(),
        parameters,
        select: Select::default(),
        out_dtype: None,
    }
}

/// One tensor to build a model from: name, dtype, shape, values (rounded to the dtype).
pub type Tensor<'a> = (&'a str, Dtype, &'a [usize], Vec<f64>);

/// A model in memory.
pub fn model(name: &str, tensors: &[Tensor<'_>]) -> MemoryWeights {
    let stored = tensors.iter().map(|(tensor, dtype, shape, values)| {
        let info = TensorInfo { name: (*tensor).to_owned(), dtype: *dtype, shape: shape.to_vec() };
        let mut bytes = Vec::new();
        convert::narrow(*dtype, values, &mut bytes).expect("a float dtype");
        (info, bytes)
    });
    MemoryWeights::new(name, stored.collect()).expect("consistent tensors")
}

/// All models of a recipe.
#[derive(Debug)]
pub struct Models {
    pub base: MemoryWeights,
    pub ability: MemoryWeights,
    pub reference: MemoryWeights,
    pub languages: Vec<MemoryWeights>,
}

impl Models {
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: &self.base,
            ability: &self.ability,
            reference: &self.reference,
            languages: self.languages.iter().map(|model| model as &dyn Weights).collect(),
        }
    }

    pub fn merge(&self, recipe: &Recipe) -> Result<(MemoryWeights, Report), MergeError> {
        merge_to_memory(&self.inputs(), recipe, &Options::default(), &mut go_on)
    }
}

/// Never cancels.
pub fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A whole tensor as f64.
pub fn values(model: &dyn Weights, name: &str) -> Vec<f64> {
    let elements = model.info(name).expect("the tensor").elements();
    let mut out = vec![0.0; elements];
    model.read_f64(name, 0..elements, &mut out).expect("readable");
    out
}

/// Every tensor's name and stored bytes.
pub fn stored(model: &dyn Weights) -> Vec<(String, Vec<u8>)> {
    let read = |info: &TensorInfo| (info.name.clone(), model.read_bytes(&info.name).expect("readable"));
    model.tensors().iter().map(read).collect()
}
