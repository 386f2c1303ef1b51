//! Eq. 1: key neurons, ranked globally over all parameters with an exact cut.

use std::collections::BTreeMap;

use crate::error::TrainError;

/// The set 𝒩 of trained scalars: for every tensor, its ascending flat indices in the Hugging Face layout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyNeurons {
    positions: BTreeMap<String, Vec<u32>>,
}

/// I(θⱼ) = |Θ̃ⱼ − Θⱼ| / learning rate of one tensor (Eq. 1), in f64.
pub fn importance(before: &[f32], after: &[f32], learning_rate: f64) -> Vec<f64> {
    before.iter().zip(after).map(|(b, a)| (f64::from(*a) - f64::from(*b)).abs() / learning_rate).collect()
}

/// `fraction` of `count`, halves rounded up. The product is nudged by a few units in its last place so that
/// a fraction such as 0.05, which binary cannot hold, still rounds as its decimal would.
fn count_half_up(fraction: f64, count: usize) -> usize {
    let exact = fraction * count as f64;
    let nudge = exact.abs() * 4.0 * f64::EPSILON;
    ((exact + nudge + 0.5).floor() as usize).min(count)
}

impl KeyNeurons {
    /// The `fraction` (k₁) of all parameters with the largest importance; ties go by name, then flat index.
    /// The count rounds half up.
    ///
    /// # Errors
    /// When `fraction` is not in 0..=1 or an importance is not a number.
    pub fn select(importance: &BTreeMap<String, Vec<f64>>, fraction: f64) -> Result<Self, TrainError> {
        if !(0.0..=1.0).contains(&fraction) {
            let expected = "give a fraction between 0 and 1, for example 0.05";
            return Err(TrainError::Config { field: "k1", value: fraction.to_string(), expected });
        }
        let mut ranked: Vec<(u64, u32, u32)> = Vec::with_capacity(importance.values().map(Vec::len).sum());
        for (tensor, (name, values)) in importance.iter().enumerate() {
            for (index, value) in values.iter().enumerate() {
                if !value.is_finite() {
                    let problem = format!(
                        "importance {value} at {index}; the Eq. 1 run diverged, lower its learning rate"
                    );
                    return Err(TrainError::Mismatch { tensor: name.clone(), problem });
                }
                // Bits of non-negative floats sort as the floats do; inverted, the largest come first.
                ranked.push((!value.abs().to_bits(), tensor as u32, index as u32));
            }
        }
        let count = count_half_up(fraction, ranked.len());
        if count > 0 && count < ranked.len() {
            ranked.select_nth_unstable(count - 1);
        }
        ranked.truncate(count);
        let names: Vec<&String> = importance.keys().collect();
        let mut positions: BTreeMap<String, Vec<u32>> =
            names.iter().map(|n| ((*n).clone(), Vec::new())).collect();
        for (_, tensor, index) in ranked {
            positions.get_mut(names[tensor as usize]).expect("every name was inserted").push(index);
        }
        Ok(Self::from_positions(positions))
    }

    /// From lists of flat indices, in any order.
    pub fn from_positions(positions: impl IntoIterator<Item = (String, Vec<u32>)>) -> Self {
        let mut positions: BTreeMap<String, Vec<u32>> = positions.into_iter().collect();
        for list in positions.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        // Equal sets are equal, whatever tensors they have nothing of.
        positions.retain(|_, list| !list.is_empty());
        Self { positions }
    }

    /// 𝒩 ∪ ℳ.
    pub fn union(&self, other: &Self) -> Self {
        let mut positions = self.positions.clone();
        for (name, list) in &other.positions {
            positions.entry(name.clone()).or_default().extend(list);
        }
        Self::from_positions(positions)
    }

    /// Ascending flat indices in one tensor.
    pub fn of(&self, tensor: &str) -> &[u32] {
        self.positions.get(tensor).map_or(&[], Vec::as_slice)
    }

    /// Tensors and their indices, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.positions.iter().map(|(name, list)| (name.as_str(), list.as_slice()))
    }

    /// Neurons in all.
    pub fn len(&self) -> usize {
        self.positions.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a set that names other tensors, or indices outside them.
    ///
    /// # Errors
    /// Names the tensor.
    pub fn check(&self, sizes: &BTreeMap<String, usize>) -> Result<(), TrainError> {
        for (name, list) in &self.positions {
            let problem = match (sizes.get(name), list.last()) {
                (None, Some(_)) => {
                    "the mask names this tensor, the model has none; use a mask of the same model".into()
                }
                (Some(&size), Some(&last)) if last as usize >= size => {
                    format!(
                        "the mask has index {last}, the tensor {size} values; use a mask of the same model"
                    )
                }
                _ => continue,
            };
            return Err(TrainError::Mismatch { tensor: name.clone(), problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(tensors: &[(&str, &[f64])]) -> BTreeMap<String, Vec<f64>> {
        tensors.iter().map(|(name, values)| (name.to_string(), values.to_vec())).collect()
    }

    #[test]
    fn ties_go_by_name_then_index() {
        let importance = map(&[("b", &[1.0, 2.0, 1.0]), ("a", &[0.5, 1.0, 1.0])]);
        let neurons = KeyNeurons::select(&importance, 0.5).unwrap();
        assert_eq!(neurons.of("b"), [1]);
        assert_eq!(neurons.of("a"), [1, 2]);
    }

    #[test]
    fn counts_round_half_up() {
        assert_eq!(count_half_up(0.05, 10), 1);
        assert_eq!(count_half_up(0.05, 9), 0);
        assert_eq!(count_half_up(0.05, 1448), 72);
        assert_eq!(count_half_up(0.05, 1450), 73);
        assert_eq!(count_half_up(1.0, 7), 7);
    }

    #[test]
    fn bad_fractions_and_values_are_refused() {
        let importance = map(&[("a", &[1.0])]);
        assert!(KeyNeurons::select(&importance, 1.5).unwrap_err().to_string().contains("k1 is 1.5"));
        assert!(
            KeyNeurons::select(&map(&[("a", &[f64::NAN])]), 0.5).unwrap_err().to_string().contains("`a`")
        );
    }

    proptest! {
        #[test]
        fn the_cut_is_exact(values in prop::collection::vec(0u8..20, 1..200), fraction in 0.0f64..=1.0) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let neurons = KeyNeurons::select(&map(&[("t", &values)]), fraction).unwrap();
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
            let mut expected: Vec<u32> = order[..neurons.len()].iter().map(|&i| i as u32).collect();
            expected.sort_unstable();
            prop_assert_eq!(neurons.of("t"), expected);
            prop_assert_eq!(neurons.len(), (fraction * values.len() as f64 + 0.5).floor() as usize);
        }
    }
}
