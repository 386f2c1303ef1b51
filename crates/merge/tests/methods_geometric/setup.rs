//! One tensor of a few models, its parameters, and a merge of it.

use std::collections::BTreeMap;

use maec_merge::methods::{Dialect, Settings, Unfit, apply, named};

/// A method's name, how many models it is given here, whether with a base, and some parameters.
pub type Given = (&'static str, usize, bool, &'static [(&'static str, f64)]);

/// The methods.
pub const METHODS: [Given; 12] = [
    ("arcee_fusion", 1, true, &[]),
    ("karcher", 3, false, &[]),
    ("model_stock", 3, true, &[]),
    ("multislerp", 3, false, &[("weight", 0.5)]),
    ("multislerp", 3, true, &[("weight", 0.5)]),
    ("nearswap", 1, true, &[("t", 0.3)]),
    ("nuslerp", 2, false, &[("weight", 0.5)]),
    ("nuslerp", 2, true, &[("weight", 0.5)]),
    ("passthrough", 1, false, &[("scale", 1.0)]),
    ("sce", 3, true, &[("select_topk", 0.4)]),
    ("sce", 3, true, &[]),
    ("slerp", 1, true, &[("t", 0.3)]),
];

/// A tensor of models, flat, and how it is merged.
#[derive(Debug, Clone)]
pub struct Case {
    pub method: String,
    pub shape: Vec<usize>,
    pub base: Option<Vec<f32>>,
    pub models: Vec<Vec<f32>>,
    pub parameters: BTreeMap<String, Vec<f64>>,
}

impl Case {
    /// Models of a tensor, and a base where there is one.
    pub fn new(method: &str, shape: &[usize], base: Option<&[f32]>, models: &[Vec<f32>]) -> Self {
        Self {
            method: method.to_owned(),
            shape: shape.to_vec(),
            base: base.map(<[f32]>::to_vec),
            models: models.to_vec(),
            parameters: BTreeMap::new(),
        }
    }

    /// Sets a parameter: one number for all models, or one for each.
    pub fn with(mut self, name: &str, values: &[f64]) -> Self {
        self.parameters.insert(name.to_owned(), values.to_vec());
        self
    }

    /// Sets parameters, each one number.
    pub fn with_all(self, parameters: &[(&str, f64)]) -> Self {
        parameters.iter().fold(self, |case, (name, value)| case.with(name, &[*value]))
    }

    /// The merge in tiles of at most so many elements.
    pub fn tiled(&self, tile: usize) -> Result<Vec<f32>, Unfit> {
        let models: Vec<&[f32]> = self.models.iter().map(Vec::as_slice).collect();
        let method = named(&self.method).expect("a method");
        let lookup = |name: &str, model: usize| match self.parameters.get(name) {
            Some(values) => values.get(model).copied().unwrap_or(values[0]),
            None => {
                let parameter = method.about().parameters.iter().find(|parameter| parameter.name == name);
                parameter.and_then(|parameter| parameter.default).expect("a parameter with a default")
            }
        };
        let settings = Settings {
            tensor: "model.layers.0.mlp.up_proj.weight",
            shape: &self.shape,
            has_base: self.base.is_some(),
            models: models.len(),
            dialect: Dialect::Mergekit,
            seed: 0,
            whole: &[],
            lookup: &lookup,
        };
        apply(method, &settings, self.base.as_deref(), &models, tile)
    }

    /// The merge.
    pub fn merge(&self) -> Vec<f32> {
        self.tiled(usize::MAX / 4).expect("a merge")
    }
}

/// Values that look random but are always the same: multiples of 2⁻²³ in [−1, 1).
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Models of noise, each of another size.
pub fn models(seed: u64, count: usize, n: usize) -> Vec<Vec<f32>> {
    (1..=count)
        .map(|i| noise(seed ^ (i as u64) << 32, n).into_iter().map(|x| x * (0.2 + i as f32)).collect())
        .collect()
}

/// ‖x‖.
pub fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// Whether two tensors differ nowhere by more than so much of the largest element of these and of a merge's inputs.
pub fn near(case: &Case, found: &[f32], expected: &[f64], tolerance: f64) -> Result<(), String> {
    let inputs = case.models.iter().chain(&case.base).flatten().map(|x| f64::from(*x));
    let scale = inputs.chain(expected.iter().copied()).fold(0.0, |most: f64, x| x.abs().max(most));
    assert_eq!(found.len(), expected.len());
    let is_near = |(x, y): (&f32, &f64)| (f64::from(*x) - y).abs() <= tolerance * scale;
    match found.iter().zip(expected).position(|pair| !is_near(pair)) {
        None => Ok(()),
        Some(at) => {
            Err(format!("{case:?}: element {at}: {} is not {}, scale {scale}", found[at], expected[at]))
        }
    }
}

/// As f64.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}
