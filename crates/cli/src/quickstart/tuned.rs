//! What was chosen on validation problems, before any test problem was asked.

use anyhow::{Context, Result};
use maec_lab::MaecChoice;
use maec_lab::tune::{Method, Tuning};
use maec_recipe::{MergeMethod, Recipe};
use serde::{Deserialize, Serialize};

use super::{ABILITY, recipe};
use crate::failure::usage;

/// What the quickstart's merges are made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// Validation seeds.
    pub seeds: Vec<u64>,
    /// MAEC's numbers.
    pub maec: MaecChoice,
    /// F-TV's λ (all μ = 1), over the all-parameter checkpoints.
    pub task_vector: MaecChoice,
    /// λ of the studio's task vector, over the pack's deltas with MAEC's μ.
    pub pack_lambda: f64,
}

impl Tuned {
    /// What this repository publishes; docs/results.md says how it was found.
    pub fn published() -> Result<Self> {
        serde_json::from_str(include_str!("tuned.json")).context("tuned.json")
    }

    /// Takes the choice of a search in the place of what is here for its method.
    ///
    /// # Errors
    /// Where it is of another ability or of a method that the quickstart does not merge by, or was made on one of the seeds that are
    /// reported.
    pub fn take(&mut self, tuning: &Tuning, reported: &[u64]) -> Result<()> {
        let plan = &tuning.plan;
        if plan.ability != ABILITY {
            return Err(usage(format!(
                "--tuned: the quickstart teaches {ABILITY}, and something was chosen for {}: give a search for {ABILITY}",
                plan.ability
            )));
        }
        if let Some(seed) = reported.iter().find(|seed| plan.seeds.contains(seed)) {
            return Err(usage(format!(
                "--tuned: what was chosen on seed {seed} would flatter the results reported for it: give other seeds with --seeds"
            )));
        }
        match plan.method {
            Method::Maec => self.maec = tuning.choice,
            Method::FTv => self.task_vector = tuning.choice,
            Method::LTv => {
                return Err(usage("--tuned: the quickstart has no l-tv: give a search by maec or f-tv"));
            }
        }
        self.seeds.extend(&plan.seeds);
        self.seeds.sort_unstable();
        self.seeds.dedup();
        Ok(())
    }

    /// MAEC's recipe.
    pub fn recipe(&self) -> Recipe {
        let mut recipe = recipe(&self.maec, MergeMethod::Maec);
        recipe.parameters.lambda = self.pack_lambda;
        recipe
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use maec_recipe::Parameters;

    use super::*;

    #[test]
    fn the_published_choices_are_those_of_the_packs_and_tables() {
        let tuned = Tuned::published().unwrap();
        let shared = Parameters { alpha: 1.0, beta: 0.5, gamma: 1.0, eta: 1.0, k2: 0.9, lambda: 0.5 };
        assert_eq!(tuned.seeds, [101, 102, 103]);
        assert_eq!(tuned.maec, MaecChoice { parameters: shared, mu: 0.3 });
        let parameters = Parameters { k2: 0.8, lambda: 0.375, ..shared };
        assert_eq!(tuned.task_vector, MaecChoice { parameters, mu: 1.0 });
        assert_eq!(tuned.pack_lambda, 0.35);
        assert_eq!(tuned.recipe().parameters, Parameters { lambda: 0.35, ..shared });
        assert!(tuned.recipe().languages.iter().all(|language| language.weight == 0.3));
    }

    /// The trials that the choices were made from.
    #[test]
    fn the_published_choices_are_the_best_of_their_trials_within_the_limit() {
        let mut best: BTreeMap<&str, (f64, Vec<&str>)> = BTreeMap::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for line in include_str!("../../../../docs/quickstart-trials.csv").lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [accuracy, ratio] = [6, 7].map(|at| cells[at].parse::<f64>().unwrap());
            *counts.entry(cells[0]).or_default() += 1;
            let entry = best.entry(cells[0]).or_insert((f64::NEG_INFINITY, Vec::new()));
            if ratio <= 1.10 && accuracy >= entry.0 {
                *entry = (accuracy, cells[1..5].to_vec());
            }
        }
        assert_eq!(counts, BTreeMap::from([("f-tv", 24), ("maec", 24), ("pack-tv", 24)]));
        assert_eq!(best["maec"].1, ["0.5", "1.0", "0.9", ""]);
        assert_eq!(best["f-tv"].1, ["", "", "", "0.375"]);
        assert_eq!(best["pack-tv"].1, ["", "", "", "0.35"]);
    }

    #[test]
    fn a_search_takes_the_place_of_its_methods_choice_alone() {
        let page = Tuning::read(include_bytes!("../../../../tests/tuning/page.json")).unwrap();
        let mut tuned = Tuned::published().unwrap();
        tuned.take(&page, &[2, 3]).unwrap();
        let published = Tuned::published().unwrap();
        assert_eq!((tuned.maec, tuned.task_vector), (page.choice, published.task_vector));
        assert_eq!((tuned.pack_lambda, tuned.seeds), (0.35, vec![1, 101, 102, 103]));
        let refused = |tuning: &Tuning, reported: &[u64]| {
            Tuned::published().unwrap().take(tuning, reported).unwrap_err().to_string()
        };
        assert!(refused(&page, &[1]).contains("chosen on seed 1 would flatter"));
        let mut other = page.clone();
        other.plan.ability = "science".into();
        assert!(refused(&other, &[2]).contains("chosen for science"));
        let mut other = page;
        other.plan.method = Method::LTv;
        assert!(refused(&other, &[2]).contains("no l-tv"));
    }
}
