//! Random models of one tensor, merged by the kernels and by the CPU, and how far apart the two may be.

use std::ops::ControlFlow;

use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights, convert, dtype};
use maec_merge::kernels::{Client, Device, KernelError, Statistics, Tile, merge, tensor_stats};
use maec_merge::{Inputs, Options, merge_to_memory};
use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Parameters, Recipe, Select};
use maec_train::Random;

/// μ of up to five languages.
const WEIGHTS: [f64; 5] = [0.45, -0.36, 1.5, 1.2, 0.08];
pub const PARAMETERS: Parameters =
    Parameters { alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 0.9, k2: 0.5, lambda: 0.5 };

pub fn client() -> Client {
    Device::Wgpu(Default::default()).client()
}

/// One tensor `τ` of every model, and what the merge is told.
pub struct Case {
    pub dtype: Dtype,
    /// `[elements]` as stored, of each model: base, languages, ability, reference.
    pub models: Vec<Vec<u8>>,
    pub parameters: Parameters,
}

impl Case {
    /// Draws every model's elements, each knowing the base's element at its place.
    pub fn new(
        dtype: Dtype,
        languages: usize,
        elements: usize,
        mut draw: impl FnMut(&mut Random, Option<f64>) -> f64,
    ) -> Self {
        let mut random = Random::new(7, elements as u64);
        let (mut base, mut models) = (vec![0.0; elements], Vec::new());
        for model in 0..languages + 3 {
            let draw = base.iter().map(|&base| draw(&mut random, (model > 0).then_some(base)));
            let mut bytes = Vec::new();
            convert::narrow(dtype, &draw.collect::<Vec<f64>>(), &mut bytes).unwrap();
            if model == 0 {
                convert::widen(dtype, &bytes, &mut base).unwrap();
            }
            models.push(bytes);
        }
        Self { dtype, models, parameters: PARAMETERS }
    }

    fn languages(&self) -> usize {
        self.models.len() - 3
    }

    pub fn weights(&self) -> &'static [f64] {
        &WEIGHTS[..self.languages()]
    }

    fn values(&self, model: usize) -> Vec<f64> {
        widen(self.dtype, &self.models[model])
    }

    pub fn tile(&self, client: &Client) -> Tile {
        let rows: Vec<&[u8]> = self.models.iter().map(Vec::as_slice).collect();
        let (languages, ability) = rows[1..].split_at(self.languages());
        Tile::upload(client, self.dtype, rows[0], languages, Some([ability[0], ability[1]])).unwrap()
    }

    pub fn on_device(&self, selected: bool, allow_nonfinite: bool) -> Result<Vec<u8>, KernelError> {
        let client = client();
        let merged = merge(&client, &self.tile(&client), self.weights(), &self.parameters, selected).unwrap();
        pollster::block_on(merged.read(&client, allow_nonfinite))
    }

    pub fn statistics(&self) -> Result<Statistics, KernelError> {
        let client = client();
        let sums = tensor_stats(&client, &self.tile(&client), self.weights(), &self.parameters).unwrap();
        pollster::block_on(sums.read(&client))
    }

    /// The CPU executor's bytes, with every NaN and infinity allowed.
    pub fn on_cpu(&self, selected: bool) -> Vec<u8> {
        let parameters = Parameters { k2: f64::from(selected), ..self.parameters };
        self.with_inputs(parameters, |inputs, recipe| {
            let options = Options { allow_nonfinite: true, ..Options::default() };
            let (merged, _) =
                merge_to_memory(inputs, recipe, &options, &mut |_| ControlFlow::Continue(())).unwrap();
            merged.read_bytes("w").unwrap()
        })
    }

    pub fn with_inputs<R>(&self, parameters: Parameters, run: impl FnOnce(&Inputs<'_>, &Recipe) -> R) -> R {
        let shape = vec![self.models[0].len() / dtype::bytes_per_element(self.dtype)];
        let info = TensorInfo { name: "w".into(), dtype: self.dtype, shape };
        let models: Vec<MemoryWeights> = self
            .models
            .iter()
            .map(|bytes| MemoryWeights::new("model", vec![(info.clone(), bytes.clone())]).unwrap())
            .collect();
        let (languages, ability) = models[1..].split_at(self.languages());
        let inputs = Inputs {
            base: &models[0],
            ability: &ability[0],
            reference: &ability[1],
            languages: languages.iter().map(|model| model as &dyn Weights).collect(),
        };
        let model = |name: &str| ModelRef { model: name.to_owned() };
        let language = |(index, &weight): (usize, &f64)| {
            let name = format!("L{index}");
            LanguageModel { model: name.clone(), name, weight }
        };
        let recipe = Recipe {
            version: Recipe::VERSION,
            merge_method: MergeMethod::Maec,
            base_model: "base".to_owned(),
            ability: model("A"),
            reference: model("L0"),
            languages: self.weights().iter().enumerate().map(language).collect(),
            parameters,
            select: Select::default(),
            out_dtype: None,
        };
        run(&inputs, &recipe)
    }

    /// Merges both ways and compares every element: the share of other bits than the CPU's, and of zeros where it has none.
    pub fn compare(&self, selected: bool) -> [f64; 2] {
        let (device, cpu) = (self.on_device(selected, true).unwrap(), self.on_cpu(selected));
        assert_eq!(device.len(), cpu.len());
        let models: Vec<Vec<f64>> = (0..self.models.len()).map(|model| self.values(model)).collect();
        let (found, wanted) = (widen(self.dtype, &device), widen(self.dtype, &cpu));
        let size = dtype::bytes_per_element(self.dtype);
        let rows = if selected { models.len() } else { 1 + self.languages() };
        let (mut differ, mut lost) = (0, 0);
        for (index, (&found, &wanted)) in found.iter().zip(&wanted).enumerate() {
            let bytes = |of: &[u8]| of[index * size..][..size].to_vec();
            let of_models: Vec<f64> = models[..rows].iter().map(|model| model[index]).collect();
            let place =
                format!("{} {selected} {index}: {of_models:?}: {found:e}, CPU {wanted:e}", self.dtype);
            if of_models.iter().any(|value| !value.is_finite()) {
                assert_eq!(bytes(&device), bytes(&cpu), "{place}");
                continue;
            }
            differ += usize::from(bytes(&device) != bytes(&cpu) && found != wanted);
            lost += usize::from(found == 0.0 && wanted != 0.0);
            if self.models[..rows].iter().all(|model| bytes(model) == bytes(&self.models[0])) {
                assert_eq!(bytes(&device), bytes(&self.models[0]), "{place}");
                continue;
            }
            let (exact, terms) = self.exact(&of_models, selected);
            let roundings = (self.languages() + 6) as f64 * 2f64.powi(-24) * terms;
            let allowed = last_place(self.dtype, exact.abs().max(found.abs())) / 2.0
                + roundings
                + flushed(self.dtype, self.factors());
            if wanted.is_infinite() {
                assert!(found == wanted || exact.abs() - found.abs() <= allowed, "{place}");
            } else {
                assert!((found - exact).abs() <= allowed, "{place}, allowed {allowed:e}");
            }
        }
        [differ, lost].map(|count| count as f64 / found.len() as f64)
    }

    /// Eq. 2, 3 and 5 in f64, and the sum of the terms' magnitudes.
    fn exact(&self, of_models: &[f64], selected: bool) -> (f64, f64) {
        let (base, p) = (of_models[0], &self.parameters);
        let language = |magnitude: fn(f64) -> f64| -> f64 {
            let terms = of_models[1..].iter().zip(self.weights());
            terms.map(|(model, weight)| magnitude(weight * (model - base))).sum()
        };
        let (r_lang, r_lang_terms) = (language(|term| term), language(f64::abs));
        if !selected {
            return (base + r_lang, base.abs() + r_lang_terms);
        }
        let [.., ability, reference] = of_models else { unreachable!("a base and two more") };
        let (gained, known) = (p.alpha * (ability - base), p.beta * (reference - base));
        let value = (base + p.gamma * (gained - known)) + p.eta * r_lang;
        (value, base.abs() + p.gamma.abs() * (gained.abs() + known.abs()) + p.eta.abs() * r_lang_terms)
    }

    /// 1 + the sum of all factors' magnitudes, or more.
    fn factors(&self) -> f64 {
        let p = &self.parameters;
        let languages: f64 = self.weights().iter().map(|weight| weight.abs()).sum();
        1.0 + (p.gamma.abs() + 1.0) * (p.alpha.abs() + p.beta.abs() + 1.0)
            + (p.eta.abs() + 1.0) * (languages + 1.0)
    }
}

fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    let mut values = vec![0.0; bytes.len() / dtype::bytes_per_element(dtype)];
    convert::widen(dtype, bytes, &mut values).unwrap();
    values
}

/// The distance of neighbours around a magnitude.
fn last_place(dtype: Dtype, magnitude: f64) -> f64 {
    let (fraction, least) = match dtype {
        Dtype::BF16 => (7, -126),
        Dtype::F16 => (10, -14),
        _ => (23, -126),
    };
    let exponent = if magnitude == 0.0 { least } else { (magnitude.log2().floor() as i32).max(least) };
    2f64.powi(exponent - fraction)
}

/// What zeros in place of f32's subnormals may make, in every model, product and sum.
fn flushed(dtype: Dtype, factors: f64) -> f64 {
    if dtype == Dtype::F16 { 0.0 } else { 4.0 * factors * 2f64.powi(-126) }
}
