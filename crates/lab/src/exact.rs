//! Eq. 1 without its approximation.

use std::collections::BTreeMap;

use maec_train::Gradients;

/// Σ over steps of |∂loss/∂θⱼ|, in f64, by tensor.
#[derive(Default)]
pub struct GradientSums {
    sums: BTreeMap<String, Vec<f64>>,
}

impl GradientSums {
    /// Adds a step's gradients, which are whole tensors in the Hugging Face layout.
    pub fn add(&mut self, gradients: &Gradients) {
        for (name, gradient) in gradients.iter() {
            let data = gradient.clone().into_data();
            let sums = self.sums.entry(name.to_owned()).or_insert_with(|| vec![0.0; data.num_elements()]);
            for (sum, value) in sums.iter_mut().zip(data.iter::<f32>()) {
                *sum += f64::from(value.abs());
            }
        }
    }

    /// The importance of every parameter.
    pub fn finish(self) -> BTreeMap<String, Vec<f64>> {
        self.sums
    }
}
