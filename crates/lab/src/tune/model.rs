//! The choices of a search one after another, those of a model among them: tree-structured Parzen estimators.

use std::collections::HashMap;

use maec_search::{Search, Space, draw, seed_of};
use optimizer::distribution::{Distribution, FloatDistribution};
use optimizer::parameter::{ParamId, ParamValue};
use optimizer::sampler::{CompletedTrial, Sampler as _, TpeSampler};

use crate::MaecChoice;

/// Trials that a model is asked for together, whatever the number of threads.
const BATCH: usize = 4;
/// Random trials before the first model.
const STARTUP: usize = 24;
/// Share of the trials that the model counts as good.
const GOOD: f64 = 0.1;
/// Standard deviation of the model's kernels, as a share of a range. The library's own rule narrows with the good trials'
/// spread, and then stays where the first good ones were.
const BANDWIDTH: f64 = 0.07;

/// The next choices, which depend on nothing but the seed and the trials before: `known` are all of those with their worth, the
/// larger the better.
pub(super) fn ask(search: Search, space: &Space, seed: u64, known: &[(MaecChoice, f64)]) -> Vec<MaecChoice> {
    let first = known.len();
    if let Some(mut all) = search.choices(space, seed) {
        return all.split_off(first.min(all.len()));
    }
    let numbers = first..search.trials(space).min((first / BATCH + 1) * BATCH);
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
