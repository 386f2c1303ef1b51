//! Table 2's rows with their controls, and Fig. 3's ablations.

use maec_recipe::{Parameters, Recipe};
use maec_train::Random;

use super::bench::{Bench, Cost};
use super::measure::Row;
use crate::catalog::Way;
use crate::error::LabError;
use crate::merging::{Parts, merge};

/// Stream of the seed that tensors are drawn from.
const TENSORS: u64 = 1 << 41;

impl Bench<'_> {
    /// The backbone, the baselines, MAEC, then controls and variants.
    pub(super) fn rows(&self, masked: &Parts, cost: Cost, say: &dyn Fn(&str)) -> Result<Vec<Row>, LabError> {
        let ability = &self.catalog.ability;
        let mut rows = vec![self.row("Backbone", masked.base.as_ref(), Cost::default())?];
        for (name, run) in self.catalog.continual() {
            say(&format!("{ability}: {name}"));
            rows.push(self.trained(&name, &run)?);
        }
        for (name, way, lambda) in
            [("F-TV", Way::Full, self.chosen.full_lambda), ("L-TV", Way::Lora, self.chosen.lora_lambda)]
        {
            say(&format!("{ability}: {name}"));
            let (parts, cost) = self.task_vector(way)?;
            rows.push(self.merged(name, &parts, &self.vector_recipe(lambda), cost)?);
        }
        say(&format!("{ability}: MAEC"));
        let recipe = self.recipe();
        let maec = merge(masked, &recipe)?;
        rows.push(self.row("MAEC", &maec.weights, cost)?);

        say(&format!("{ability}: controls"));
        let selected = maec.report.tensors.iter().filter(|tensor| tensor.selected).count();
        let random = self.random_tensors(masked, selected);
        rows.push(self.merged("MAEC, random tensors", masked, &random, cost)?);
        for (name, run) in self.catalog.variants(self.tables.seed) {
            let parts = Parts { ability: self.weights(&run)?, ..masked.clone() };
            rows.push(self.merged(&name, &parts, &recipe, cost)?);
        }
        Ok(rows)
    }

    /// MAEC's recipe with as many tensors in 𝒯, but drawn at random.
    fn random_tensors(&self, parts: &Parts, count: usize) -> Recipe {
        let names: Vec<&str> = parts.base.tensors().iter().map(|info| info.name.as_str()).collect();
        let order = Random::new(self.tables.seed, TENSORS).permutation(names.len());
        let include = order.into_iter().take(count).map(|index| names[index as usize].to_owned());
        self.only(include.collect())
    }

    /// MAEC without each of its parts.
    pub(super) fn ablations(&self, masked: &Parts, cost: Cost) -> Result<Vec<Row>, LabError> {
        let unmasked = self.catalog.unmasked();
        let mut unmasked = unmasked.iter().map(|run| self.weights(run)).collect::<Result<Vec<_>, _>>()?;
        let languages = unmasked.split_off(2);
        let [ability, reference] = [unmasked[0].clone(), unmasked[1].clone()];
        let unmasked = Parts { ability, reference, languages, ..masked.clone() };
        let maec = self.recipe();
        let changed = |change: fn(&mut Parameters)| self.recipe_with(change);
        Ok(vec![
            self.merged("MAEC", masked, &maec, cost)?,
            self.merged("−KNL", &unmasked, &maec, cost)?,
            self.merged("−AWO", masked, &changed(|p| (p.alpha, p.beta) = (1.0, 0.0)), cost)?,
            self.merged("−ATI", masked, &changed(|p| p.k2 = 1.0), cost)?,
            self.merged("−AAC", masked, &changed(|p| p.k2 = 0.0), cost)?,
        ])
    }
}
