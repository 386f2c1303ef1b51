//! How far two sets of key neurons are the same.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use maec_checkpoint::TensorInfo;
use maec_train::KeyNeurons;
use serde::{Deserialize, Serialize};

/// Counts of two sets among some parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Parameters, n.
    pub parameters: u64,
    /// |𝒩₁| among them.
    pub first: u64,
    /// |𝒩₂| among them.
    pub second: u64,
    /// |𝒩₁ ∩ 𝒩₂|.
    pub both: u64,
    /// |𝒩₁ ∩ 𝒩₂| / |𝒩₁ ∪ 𝒩₂|; 0 of two empty sets.
    pub jaccard: f64,
    /// |𝒩₁|·|𝒩₂| / n: what two sets of these sizes drawn at random have in common on average.
    pub expected: f64,
}

impl Counts {
    fn add(&mut self, parameters: u64, first: &[u32], second: &[u32]) {
        self.parameters += parameters;
        self.first += first.len() as u64;
        self.second += second.len() as u64;
        self.both += common(first, second);
    }

    fn finish(mut self) -> Self {
        let union = self.first + self.second - self.both;
        self.jaccard = if union == 0 { 0.0 } else { self.both as f64 / union as f64 };
        self.expected = match self.parameters {
            0 => 0.0,
            n => self.first as f64 * self.second as f64 / n as f64,
        };
        self
    }
}

/// Elements that two ascending lists share.
fn common(first: &[u32], second: &[u32]) -> u64 {
    let (mut first, mut second, mut both) = (first.iter().peekable(), second.iter().peekable(), 0);
    while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
        match a.cmp(b) {
            Ordering::Less => drop(first.next()),
            Ordering::Greater => drop(second.next()),
            Ordering::Equal => {
                both += 1;
                first.next();
                second.next();
            }
        }
    }
    both
}

/// Two sets of key neurons, in all and by tensor kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// The first set's name.
    pub first: String,
    /// The second set's.
    pub second: String,
    /// Of all parameters.
    pub all: Counts,
    /// By [`kind`].
    pub kinds: BTreeMap<String, Counts>,
}

impl Overlap {
    /// Counts two sets over a model's tensors.
    pub fn of(tensors: &[TensorInfo], first: (&str, &KeyNeurons), second: (&str, &KeyNeurons)) -> Self {
        let (mut all, mut kinds) = (Counts::default(), BTreeMap::<String, Counts>::new());
        for info in tensors {
            let [a, b] = [first.1.of(&info.name), second.1.of(&info.name)];
            all.add(info.elements() as u64, a, b);
            kinds.entry(kind(&info.name).to_owned()).or_default().add(info.elements() as u64, a, b);
        }
        let kinds = kinds.into_iter().map(|(name, counts)| (name, counts.finish())).collect();
        Self { first: first.0.to_owned(), second: second.0.to_owned(), all: all.finish(), kinds }
    }
}

/// A tensor's kind: the name of its layer without its place and its parameter, such as `q_proj`, `embed_tokens` or
/// `input_layernorm`; biases have kinds of their own, such as `q_proj.bias`.
pub fn kind(tensor: &str) -> &str {
    let name = tensor.strip_suffix(".weight").unwrap_or(tensor);
    let end = name.strip_suffix(".bias").unwrap_or(name).len();
    name[..end].rfind('.').map_or(name, |dot| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use maec_checkpoint::Dtype;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_are_layers_names() {
        for (tensor, expected) in [
            ("model.layers.11.self_attn.q_proj.weight", "q_proj"),
            ("model.layers.0.self_attn.k_proj.bias", "k_proj.bias"),
            ("model.embed_tokens.weight", "embed_tokens"),
            ("model.layers.3.input_layernorm.weight", "input_layernorm"),
            ("lm_head.weight", "lm_head"),
            ("x", "x"),
        ] {
            assert_eq!(kind(tensor), expected);
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_sets(
            first in prop::collection::btree_set(0u32..60, 0..40),
            second in prop::collection::btree_set(0u32..60, 0..40),
        ) {
            let info = |name: &str| TensorInfo { name: name.into(), dtype: Dtype::F32, shape: vec![6, 5] };
            let tensors = [info("l.0.a.weight"), info("l.1.a.weight")];
            let neurons = |set: &BTreeSet<u32>| {
                let (low, high): (Vec<u32>, Vec<u32>) = set.iter().partition(|&&index| index < 30);
                let high = high.into_iter().map(|index| index - 30).collect();
                KeyNeurons::from_positions([("l.0.a.weight".into(), low), ("l.1.a.weight".into(), high)])
            };
            let overlap = Overlap::of(&tensors, ("a", &neurons(&first)), ("b", &neurons(&second)));
            let both = first.intersection(&second).count();
            let union = first.union(&second).count();
            prop_assert_eq!(overlap.all.both, both as u64);
            prop_assert_eq!(overlap.all.jaccard, if union == 0 { 0.0 } else { both as f64 / union as f64 });
            prop_assert_eq!(overlap.all.expected, (first.len() * second.len()) as f64 / 60.0);
            prop_assert_eq!(overlap.kinds["a"], overlap.all);
        }
    }
}
