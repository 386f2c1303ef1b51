//! Which choices are tried: a grid, random draws, or where a model of the trials so far expects the best.

use std::collections::HashMap;

use optimizer::distribution::{Distribution, FloatDistribution};
use optimizer::parameter::{ParamId, ParamValue};
use optimizer::sampler::{CompletedTrial, RandomSampler, Sampler as _, TpeSampler};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Space, TuneError};
use crate::MaecChoice;

/// Most trials of a search.
pub const MOST_TRIALS: usize = 100_000;
/// Trials that a model is asked for together, whatever the number of threads.
const BATCH: usize = 4;
/// Random trials before the first model.
const STARTUP: usize = 24;
/// Share of the trials that the model counts as good.
const GOOD: f64 = 0.1;
/// Standard deviation of the model's kernels, as a share of a range. The library's own rule narrows with the good trials'
/// spread, and then stays where the first good ones were.
const BANDWIDTH: f64 = 0.07;

/// How choices are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Every combination of `per` evenly spaced values of every range, and of all values of every list.
    Grid {
        /// Values of a range.
        per: usize,
    },
    /// Uniform draws.
    Random {
        /// How many.
        trials: usize,
    },
    /// 24 uniform draws, then batches of four: three from tree-structured Parzen estimators (Bergstra et al. 2011), one for each
    /// hyper-parameter, over all trials of the batches before, and a uniform draw.
    Model {
        /// How many.
        trials: usize,
    },
}

impl Search {
    /// The finest grid within a number of trials.
    ///
    /// # Errors
    /// [`TuneError::SmallGrid`] where even two values of every range are more.
    pub fn grid_within(space: &Space, trials: usize) -> Result<Self, TuneError> {
        let fits = |per: &usize| space.grid_size(*per).is_some_and(|size| size <= trials);
        if !fits(&2) {
            return Err(TuneError::SmallGrid { least: space.grid_size(2).unwrap_or(usize::MAX) });
        }
        // Without a range every grid is the same.
        let most = if space.grid_size(3) == space.grid_size(2) { 2 } else { trials };
        let (mut low, mut high) = (2, most.max(2));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(&middle) { low = middle } else { high = middle - 1 }
        }
        Ok(Self::Grid { per: low })
    }

    /// Trials in all.
    pub fn trials(&self, space: &Space) -> usize {
        match self {
            Self::Grid { per } => space.grid_size(*per).unwrap_or(usize::MAX),
            Self::Random { trials } | Self::Model { trials } => *trials,
        }
    }

    pub(super) fn check(&self, space: &Space) -> Result<(), TuneError> {
        if matches!(self, Self::Grid { per } if *per < 2) {
            return Err(TuneError::SmallGrid { least: space.grid_size(2).unwrap_or(usize::MAX) });
        }
        let trials = self.trials(space);
        if (1..=MOST_TRIALS).contains(&trials) { Ok(()) } else { Err(TuneError::Trials { trials }) }
    }

    /// The next choices, which depend on nothing but the seed and the trials before: `known` are all of those with their worth,
    /// the larger the better.
    pub(super) fn ask(&self, space: &Space, seed: u64, known: &[(MaecChoice, f64)]) -> Vec<MaecChoice> {
        let (first, trials) = (known.len(), self.trials(space));
        match self {
            Self::Grid { per } => space.grid(*per).split_off(first.min(trials)),
            Self::Random { .. } => (first..trials).map(|number| draw(space, seed, number)).collect(),
            Self::Model { .. } => {
                let numbers = first..trials.min((first / BATCH + 1) * BATCH);
                let mut model = Model::new(space, known);
                let mut asked = Vec::new();
                for number in numbers {
                    let choice = match number >= STARTUP && number % BATCH != BATCH - 1 {
                        true => model.ask(space, seed, number),
                        false => draw(space, seed, number),
                    };
                    model.expect_little(space, &choice);
                    asked.push(choice);
                }
                asked
            }
        }
    }
}

fn unit() -> Distribution {
    Distribution::Float(FloatDistribution { low: 0.0, high: 1.0, log_scale: false, step: None })
}

fn number_of(value: ParamValue) -> f64 {
    match value {
        ParamValue::Float(value) => value,
        // The library answers a float to a float's distribution.
        _ => 0.5,
    }
}

/// A uniform draw.
fn draw(space: &Space, seed: u64, number: usize) -> MaecChoice {
    let sampler = RandomSampler::with_seed(seed_of(seed, number));
    let place = |_| number_of(sampler.sample(&unit(), number as u64, &[]));
    space.choice(&space.free().into_iter().map(place).collect::<Vec<f64>>())
}

/// A seed for one trial alone, so that a trial is the same wherever a search goes on.
fn seed_of(seed: u64, number: usize) -> u64 {
    let digest = Sha256::digest([seed.to_le_bytes(), (number as u64).to_le_bytes()].concat());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes)
}

/// The library's view of the trials so far: for each axis places in the unit interval with a cost. It knows parameters by their
/// distributions, which are all the same here, so each axis has a history of its own.
struct Model {
    histories: Vec<Vec<CompletedTrial>>,
    worst: f64,
}

impl Model {
    fn new(space: &Space, known: &[(MaecChoice, f64)]) -> Self {
        let worst = known.iter().map(|(_, worth)| -worth).fold(f64::NEG_INFINITY, f64::max);
        let mut model = Self { histories: vec![Vec::new(); space.free().len()], worst };
        for (choice, worth) in known {
            model.learn(space, choice, -worth);
        }
        model
    }

    fn learn(&mut self, space: &Space, choice: &MaecChoice, cost: f64) {
        for (history, place) in self.histories.iter_mut().zip(space.places(choice)) {
            let (number, id) = (history.len() as u64, ParamId::new());
            let (place, unit) =
                (HashMap::from([(id, ParamValue::Float(place))]), HashMap::from([(id, unit())]));
            history.push(CompletedTrial::new(number, place, unit, HashMap::new(), cost));
        }
    }

    /// Counts a choice of the same batch among the worst ("constant liar"), so that the batch spreads.
    fn expect_little(&mut self, space: &Space, choice: &MaecChoice) {
        self.learn(space, choice, self.worst);
    }

    fn ask(&self, space: &Space, seed: u64, number: usize) -> MaecChoice {
        let sampler = TpeSampler::builder()
            .n_startup_trials(2)
            .gamma(GOOD)
            .kde_bandwidth(BANDWIDTH)
            .seed(seed_of(seed, number))
            .build()
            .expect("the share is within 0 and 1 and the bandwidth above 0");
        let places =
            self.histories.iter().map(|history| number_of(sampler.sample(&unit(), number as u64, history)));
        space.choice(&places.collect::<Vec<f64>>())
    }
}
