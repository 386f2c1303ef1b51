//! One tensor of a few models, its parameters, and a merge of it.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::BTreeMap;

use maec_merge::methods::{Dialect, Settings, Unfit, apply, named};

/// A tensor of models, flat, and how it is merged.
#[derive(Debug, Clone)]
pub struct Case {
    pub method: String,
    pub dialect: Dialect,
    pub tensor: String,
    pub shape: Vec<usize>,
    pub seed: u64,
    pub base: Option<Vec<f32>>,
    pub models: Vec<Vec<f32>>,
    pub parameters: BTreeMap<String, Vec<f64>>,
}

impl Case {
    /// Models of a tensor, and a base where there is one.
    pub fn new(method: &str, shape: &[usize], base: Option<&[f32]>, models: &[Vec<f32>]) -> Self {
        Self {
            method: method.to_owned(),
            dialect: Dialect::Mergekit,
            tensor: "model.layers.0.mlp.up_proj.weight".to_owned(),
            shape: shape.to_vec(),
            seed: 5,
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

    /// In a dialect.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Runs something with the case's settings.
    pub fn settings<R>(&self, run: impl FnOnce(&Settings<'_>) -> R) -> R {
        let about = named(&self.method).expect("a method").about();
        let lookup = |name: &str, model: usize| match self.parameters.get(name) {
            Some(values) => values.get(model).copied().unwrap_or(values[0]),
            None => {
                let parameter = about.parameters.iter().find(|parameter| parameter.name == name);
                parameter.and_then(|parameter| parameter.default).expect("a parameter with a default")
            }
        };
        run(&Settings {
            tensor: &self.tensor,
            shape: &self.shape,
            has_base: self.base.is_some(),
            models: self.models.len(),
            dialect: self.dialect,
            seed: self.seed,
            whole: &[],
            lookup: &lookup,
        })
    }

    /// The merge in tiles of at most so many elements.
    pub fn tiled(&self, tile: usize) -> Result<Vec<f32>, Unfit> {
        let models: Vec<&[f32]> = self.models.iter().map(Vec::as_slice).collect();
        let method = named(&self.method).expect("a method");
        self.settings(|settings| apply(method, settings, self.base.as_deref(), &models, tile))
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
