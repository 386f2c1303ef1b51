//! One tensor of a few models, its parameters, and a merge of it.

use std::collections::BTreeMap;

use maec_merge::methods::{Dialect, METHODS, Settings, Unfit, apply, named};

/// Methods that draw random numbers.
pub const RANDOM: [&str; 4] = ["dare_linear", "dare_ties", "della", "della_linear"];

/// Methods that do not.
pub const DETERMINISTIC: [&str; 4] = ["breadcrumbs", "breadcrumbs_ties", "task_arithmetic", "ties"];

/// A tensor of a base and of models, flat, and how it is merged.
#[derive(Debug, Clone)]
pub struct Case {
    pub method: String,
    pub dialect: Dialect,
    pub tensor: String,
    pub shape: Vec<usize>,
    pub seed: u64,
    pub base: Vec<f32>,
    pub models: Vec<Vec<f32>>,
    pub parameters: BTreeMap<String, Vec<f64>>,
}

impl Case {
    /// Models of a matrix, all with weight 1.
    pub fn new(method: &str, shape: &[usize], base: &[f32], models: &[Vec<f32>]) -> Self {
        let case = Self {
            method: method.to_owned(),
            dialect: Dialect::Mergekit,
            tensor: "model.layers.0.mlp.up_proj.weight".to_owned(),
            shape: shape.to_vec(),
            seed: 5,
            base: base.to_vec(),
            models: models.to_vec(),
            parameters: BTreeMap::new(),
        };
        case.with("weight", &[1.0])
    }

    /// Sets a parameter: one number for all models, or one for each.
    pub fn with(mut self, name: &str, values: &[f64]) -> Self {
        self.parameters.insert(name.to_owned(), values.to_vec());
        self
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
            has_base: true,
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
        self.settings(|settings| apply(method, settings, Some(&self.base), &models, tile))
    }

    /// The merge.
    pub fn merge(&self) -> Vec<f32> {
        self.tiled(usize::MAX / 2).expect("a merge")
    }
}

/// Values that look random but are always the same: uniform in [−1, 1).
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

/// The bits of values, to compare them exactly.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn methods_are_sorted_and_named_once() {
    let names: Vec<&str> = METHODS.iter().map(|method| method.about().name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    for name in RANDOM.iter().chain(&DETERMINISTIC) {
        assert_eq!(named(name).expect("a method").about().name, *name);
    }
}
