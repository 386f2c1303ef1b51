//! Where a run's sequences come from, and the one kept in memory: token sequences in a seeded order, mixed by weight,
//! with a position that resumes exactly.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::random::Random;

/// An endless, deterministic stream of token sequences whose position can be saved.
pub trait Sequences: Send {
    /// The next sequence, of at least two tokens and no more than the model's positions and one.
    ///
    /// # Errors
    /// When it can't be read.
    fn next_sequence(&mut self) -> Result<Vec<u32>, TrainError>;

    /// Where the stream stands.
    fn position(&self) -> serde_json::Value;

    /// Goes on from an earlier position of the same stream.
    ///
    /// # Errors
    /// When it is no position of this stream.
    fn seek(&mut self, position: &serde_json::Value) -> Result<(), TrainError>;
}

impl Sequences for Box<dyn Sequences> {
    fn next_sequence(&mut self) -> Result<Vec<u32>, TrainError> {
        self.as_mut().next_sequence()
    }

    fn position(&self) -> serde_json::Value {
        self.as_ref().position()
    }

    fn seek(&mut self, position: &serde_json::Value) -> Result<(), TrainError> {
        self.as_mut().seek(position)
    }
}

/// One corpus of a mixture.
pub struct Source {
    /// Name, for messages.
    pub name: String,
    /// Token ids of every text, start and end tokens included.
    pub sequences: Vec<Vec<u32>>,
    /// Share of the mixture's tokens, relative to the other sources'.
    pub weight: f64,
}

/// Where a mixture stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixtureState {
    /// Sequences taken from each source.
    pub taken: Vec<u64>,
    /// Tokens taken from each source.
    pub tokens: Vec<u64>,
}

/// Draws sequences from several sources so that their token counts keep to the weights. Each source is gone through
/// in a new seeded order every epoch.
pub struct Mixture {
    sources: Vec<Source>,
    orders: Vec<(u64, Vec<u32>)>,
    seed: u64,
    state: MixtureState,
}

impl Mixture {
    /// Checks the sources against a model's vocabulary and positions; sequences of fewer than two tokens are left out.
    ///
    /// # Errors
    /// When a source is empty, has a token outside the vocabulary or a sequence that is too long.
    pub fn new(
        mut sources: Vec<Source>,
        seed: u64,
        vocab: usize,
        positions: usize,
    ) -> Result<Self, TrainError> {
        for source in &mut sources {
            source.sequences.retain(|sequence| sequence.len() > 1);
            let name = || source.name.clone();
            if source.sequences.is_empty() {
                return Err(TrainError::EmptyCorpus { name: name() });
            }
            for sequence in &source.sequences {
                if let Some(&token) = sequence.iter().find(|&&token| token as usize >= vocab) {
                    return Err(TrainError::Vocabulary { name: name(), token, vocab });
                }
                if sequence.len() > positions + 1 {
                    return Err(TrainError::TooLong {
                        name: name(),
                        length: sequence.len(),
                        limit: positions,
                    });
                }
            }
        }
        if sources.is_empty() {
            return Err(TrainError::EmptyCorpus { name: "(none given)".into() });
        }
        let count = sources.len();
        let state = MixtureState { taken: vec![0; count], tokens: vec![0; count] };
        Ok(Self { sources, orders: vec![(u64::MAX, Vec::new()); count], seed, state })
    }

    /// Where the mixture stands.
    pub fn state(&self) -> &MixtureState {
        &self.state
    }

    /// Goes on from an earlier state of the same sources.
    pub fn restore(&mut self, state: MixtureState) {
        self.state = state;
    }

    /// The next sequence: from the source that is furthest behind its share of tokens, the first of equals.
    pub fn next_sequence(&mut self) -> &[u32] {
        let behind = |index: &usize| self.state.tokens[*index] as f64 / self.sources[*index].weight;
        let source = (0..self.sources.len())
            .min_by(|a, b| behind(a).total_cmp(&behind(b)))
            .expect("a mixture has at least one source");
        let count = self.sources[source].sequences.len() as u64;
        let (epoch, position) = (self.state.taken[source] / count, self.state.taken[source] % count);
        if self.orders[source].0 != epoch {
            let mut random = Random::new(self.seed, ((source as u64) << 32) | epoch);
            self.orders[source] = (epoch, random.permutation(count as usize));
        }
        let sequence = &self.sources[source].sequences[self.orders[source].1[position as usize] as usize];
        self.state.taken[source] += 1;
        self.state.tokens[source] += sequence.len() as u64;
        sequence
    }
}

impl Sequences for Mixture {
    fn next_sequence(&mut self) -> Result<Vec<u32>, TrainError> {
        Ok(Self::next_sequence(self).to_vec())
    }

    fn position(&self) -> serde_json::Value {
        serde_json::json!({ "taken": self.state.taken, "tokens": self.state.tokens })
    }

    fn seek(&mut self, position: &serde_json::Value) -> Result<(), TrainError> {
        let state = MixtureState::deserialize(position).ok();
        let fits = |state: &MixtureState| {
            state.taken.len() == self.sources.len() && state.tokens.len() == self.sources.len()
        };
        let Some(state) = state.filter(fits) else {
            return Err(TrainError::Mismatch {
                tensor: "data".into(),
                problem: format!(
                    "the checkpoint's position is of other corpora, here are {}; use those that the run began with",
                    self.sources.len()
                ),
            });
        };
        self.restore(state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture(weights: [f64; 2]) -> Mixture {
        let source = |name: &str, length: usize, weight| Source {
            name: name.into(),
            sequences: (0..50).map(|i| vec![i; length]).collect(),
            weight,
        };
        Mixture::new(vec![source("short", 5, weights[0]), source("long", 20, weights[1])], 9, 64, 32).unwrap()
    }

    #[test]
    fn tokens_keep_to_the_weights() {
        let mut mixture = mixture([3.0, 1.0]);
        for _ in 0..2_000 {
            mixture.next_sequence();
        }
        let tokens = &mixture.state().tokens;
        let ratio = tokens[0] as f64 / tokens[1] as f64;
        assert!((ratio - 3.0).abs() < 0.02, "{ratio}");
    }

    #[test]
    fn a_restored_mixture_goes_on_with_the_same_sequences() {
        let mut whole = mixture([1.0, 1.0]);
        let all: Vec<Vec<u32>> = (0..300).map(|_| whole.next_sequence().to_vec()).collect();
        let mut first = mixture([1.0, 1.0]);
        (0..137).for_each(|_| drop(first.next_sequence().to_vec()));
        let mut second = mixture([1.0, 1.0]);
        second.restore(first.state().clone());
        let rest: Vec<Vec<u32>> = (137..300).map(|_| second.next_sequence().to_vec()).collect();
        assert_eq!(rest, all[137..]);
    }

    #[test]
    fn bad_corpora_are_refused_by_name() {
        let make = |sequences: Vec<Vec<u32>>| {
            let source = Source { name: "c.jsonl".into(), sequences, weight: 1.0 };
            Mixture::new(vec![source], 0, 10, 4).map(drop).unwrap_err().to_string()
        };
        assert!(make(vec![vec![1]]).contains("c.jsonl") && make(vec![]).contains("no sequence"));
        assert!(make(vec![vec![1, 10]]).contains("token 10"));
        assert!(make(vec![vec![1; 6]]).contains("6 tokens"));
    }
}
