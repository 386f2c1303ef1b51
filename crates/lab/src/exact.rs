//! Eq. 1 without its approximation.

use std::collections::BTreeMap;
use std::path::Path;

use maec_train::{Gradients, Snapshot, TrainError};

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

    /// Writes a snapshot with the sums so far in it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&mut self, mut snapshot: Snapshot, path: &Path) -> Result<(), TrainError> {
        // Lent, not copied: they take twice the model's own memory.
        snapshot.sums = std::mem::take(&mut self.sums);
        let saved = snapshot.save(path);
        self.sums = snapshot.sums;
        saved
    }

    /// The sums that a snapshot of all parameters holds; `None` where they are not those of every tensor, so that nothing can be ranked by them.
    pub fn of(snapshot: &mut Snapshot) -> Option<Self> {
        let whole = snapshot.sums.len() == snapshot.weights.len()
            && snapshot.weights.iter().all(|(name, (_, values))| {
                snapshot.sums.get(name).is_some_and(|sums| sums.len() == values.len())
            });
        (whole || snapshot.progress.step == 0).then(|| Self { sums: std::mem::take(&mut snapshot.sums) })
    }

    /// The importance of every parameter.
    pub fn finish(self) -> BTreeMap<String, Vec<f64>> {
        self.sums
    }
}
