//! What an experiment would train, from headers and manifests alone.

use std::collections::BTreeSet;

use maec_merge::count_half_up;
use maec_model::{ModelConfig, Precision};
use maec_train::{ALL_LINEAR, LoraConfig};
use serde::Serialize;

use crate::error::LabError;
use crate::ground::{Base, Ground};
use crate::run::{Ranking, Run, Start, Trains};
use crate::store::{Kept, Store};

/// What is asked of a [`Lab`](crate::Lab).
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Key neurons.
    Neurons(Ranking),
    /// A trained model.
    Weights(Run),
}

/// A training of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedRun {
    /// Its name.
    pub name: String,
    /// What it learns from, with shares in per cent where there are several.
    pub corpora: String,
    /// What the store has of it.
    pub kept: Kept,
    /// Optimizer steps.
    pub steps: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Predicted tokens; of worlds, whose sequences differ in length, about so many.
    pub tokens: u64,
    /// Trained parameters; of a union of masks at most so many.
    pub trained: u64,
    /// Bytes of the weights on the device.
    pub weights_bytes: u64,
    /// Bytes of moments, masters and positions: see [`StateMemory`](maec_train::StateMemory).
    pub state_bytes: u64,
    /// Seconds at the rate given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What an experiment would train, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Parameters of the model.
    pub parameters: u64,
    /// Its stored tensors.
    pub tensors: usize,
    /// Every training, what it needs before it.
    pub runs: Vec<PlannedRun>,
    /// Predicted tokens of what is not in the store.
    pub tokens: u64,
    /// Steps of the same.
    pub steps: u64,
    /// The most bytes of weights and state that one of them holds. Gradients and activations come on top.
    pub most_bytes: u64,
    /// Seconds at the rate given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Plan {
    /// Plans outcomes, with all that they need. Without a `store` nothing is there yet.
    ///
    /// # Errors
    /// When a corpus is missing or can't be read.
    pub fn new(
        ground: &dyn Ground,
        store: Option<&Store>,
        wanted: &[Wanted],
        tokens_per_second: Option<f64>,
    ) -> Result<Self, LabError> {
        let (parameters, tensors) = (ground.model().parameters() as u64, ground.model().tensors().len());
        let planner = Planner { ground, store, tokens_per_second, parameters };
        let trainings = Trainings::of(ground, wanted).runs;
        let planned = trainings.iter().map(|(key, run)| planner.planned(key, run));
        let runs: Vec<PlannedRun> = planned.collect::<Result<_, _>>()?;
        let missing = || runs.iter().filter(|run| run.kept != Kept::Finished);
        let tokens = missing().map(|run| run.tokens).sum();
        let steps = missing().map(|run| u64::from(run.steps)).sum();
        let most_bytes = missing().map(|run| run.weights_bytes + run.state_bytes).max().unwrap_or(0);
        let seconds = tokens_per_second.map(|rate| tokens as f64 / rate);
        Ok(Self { parameters, tensors, tokens, steps, most_bytes, seconds, runs })
    }
}

/// Steps of trainings that a store does not have, without a look at their data: what a progress bar is long.
pub fn steps_left(ground: &dyn Ground, store: &Store, wanted: &[Wanted]) -> u64 {
    let runs = Trainings::of(ground, wanted).runs;
    let missing = runs.iter().filter(|(key, _)| store.kept(key) != Kept::Finished);
    missing.map(|(_, run)| u64::from(run.steps)).sum()
}

/// Trainings with their keys, each once, what it needs before it.
struct Trainings<'a> {
    ground: &'a dyn Ground,
    seen: BTreeSet<String>,
    runs: Vec<(String, Run)>,
}

impl<'a> Trainings<'a> {
    fn of(ground: &'a dyn Ground, wanted: &[Wanted]) -> Self {
        let mut trainings = Self { ground, seen: BTreeSet::new(), runs: Vec::new() };
        for outcome in wanted {
            match outcome {
                Wanted::Neurons(ranking) => trainings.ranking(ranking),
                Wanted::Weights(run) => trainings.run(run),
            }
        }
        trainings
    }

    fn ranking(&mut self, ranking: &Ranking) {
        let key = ranking.key(self.ground.identity());
        if self.seen.insert(key.clone()) {
            self.start(&Start::Base);
            self.runs.push((key, ranking.run()));
        }
    }

    fn run(&mut self, run: &Run) {
        let key = run.key(self.ground.identity());
        if !self.seen.insert(key.clone()) {
            return;
        }
        self.start(&run.start);
        if let Trains::KeyNeurons(rankings) | Trains::RandomNeurons { like: rankings, .. } = &run.trains {
            rankings.iter().for_each(|ranking| self.ranking(ranking));
        }
        self.runs.push((key, run.clone()));
    }

    fn start(&mut self, start: &Start) {
        match start {
            Start::Fresh => {}
            Start::Base => {
                if let Base::Trained(run) = self.ground.base() {
                    self.run(&run);
                }
            }
            Start::After(run) => self.run(run),
        }
    }
}

struct Planner<'a> {
    ground: &'a dyn Ground,
    store: Option<&'a Store>,
    tokens_per_second: Option<f64>,
    parameters: u64,
}

impl Planner<'_> {
    fn planned(&self, key: &str, run: &Run) -> Result<PlannedRun, LabError> {
        let config = self.ground.config(run.steps, run.rate, run.start == Start::Fresh);
        let length = self.ground.tokens_per_sequence(&run.corpora)?;
        let sequences = match config.tokens_per_step {
            Some(tokens) => (tokens as f64 / length).ceil(),
            None => f64::from(config.sequences_per_step),
        };
        let tokens = (f64::from(run.steps) * sequences * length).round() as u64;
        let (trained, state_bytes) = self.state(&run.trains);
        Ok(PlannedRun {
            name: run.name.clone(),
            corpora: self.corpora(run),
            kept: self.store.map_or(Kept::Nothing, |store| store.kept(key)),
            steps: run.steps,
            learning_rate: run.rate,
            tokens,
            trained,
            weights_bytes: self.ground.storage().bytes(self.ground.model()),
            state_bytes,
            seconds: self.tokens_per_second.map(|rate| tokens as f64 / rate),
        })
    }

    fn corpora(&self, run: &Run) -> String {
        let sum: f64 = run.corpora.iter().map(|share| share.weight).sum();
        let shown = |share: &crate::Share| match run.corpora.len() {
            1 => share.corpus.to_string(),
            _ => format!("{} {:.0} %", share.corpus, 100.0 * share.weight / sum),
        };
        run.corpora.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Trained parameters and the bytes of their state.
    fn state(&self, trains: &Trains) -> (u64, u64) {
        // Two f32 moments; in 16 bits an f32 master; a u32 position where a mask chooses.
        let master = if self.ground.storage().matrices == Precision::F32 { 0 } else { 4 };
        match trains {
            Trains::All => (self.parameters, self.parameters * (8 + master)),
            Trains::KeyNeurons(rankings) | Trains::RandomNeurons { like: rankings, .. } => {
                let count = |ranking: &Ranking| count_half_up(ranking.k1, self.parameters as usize) as u64;
                let trained = rankings.iter().map(count).sum::<u64>().min(self.parameters);
                (trained, trained * (12 + master))
            }
            Trains::Lora(lora) => {
                let trained = factors(self.ground.model(), lora);
                (trained, trained * 8)
            }
        }
    }
}

/// Parameters of low-rank factors: r·(in + out) for every layer that is meant.
fn factors(model: &ModelConfig, lora: &LoraConfig) -> u64 {
    let meant = |module: &str| {
        lora.targets.iter().any(|target| match module.strip_suffix(target.as_str()) {
            Some(before) => before.is_empty() || before.ends_with('.'),
            None => target == ALL_LINEAR && module != "lm_head",
        })
    };
    let layers = model.tensors().into_iter().filter_map(|(name, shape)| {
        let module = name.strip_suffix(".weight")?;
        let linear = shape.len() == 2 && !module.ends_with("embed_tokens");
        (linear && meant(module)).then(|| (shape[0] + shape[1]) as u64)
    });
    lora.rank as u64 * layers.sum::<u64>()
}
