//! What measuring an ability needs at hand: trained parts with their cost, merges, scores.

use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_recipe::{MergeMethod, Parameters, Recipe, Select};

use super::brief::Brief;
use super::measure::{Row, Tables};
use super::tuned::Chosen;
use crate::catalog::{Catalog, Way};
use crate::error::LabError;
use crate::exam::Marks;
use crate::extraction::LanguageVectors;
use crate::lab::{Lab, Trained};
use crate::merging::{Parts, merge, recipe};
use crate::run::{Run, Start};

/// One ability's bench.
pub(super) struct Bench<'a> {
    pub lab: &'a Lab<'a>,
    pub tables: &'a Tables<'a>,
    pub catalog: &'a Catalog,
    pub chosen: &'a Chosen,
    /// The other abilities' runs.
    pub others: Vec<&'a Catalog>,
    pub backbone: &'a Marks,
}

/// Tokens and seconds of some trainings.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost(u64, f64);

impl Cost {
    fn of(trained: &Trained) -> Self {
        Self(trained.provenance.tokens, trained.provenance.seconds)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl Bench<'_> {
    /// The outcome of a run.
    pub(super) fn weights(&self, run: &Run) -> Result<Arc<dyn Weights>, LabError> {
        Ok(self.lab.train(run)?.weights)
    }

    /// MAEC's parts, with the cost of all masked trainings and of the runs that ranked their neurons.
    pub(super) fn masked(&self) -> Result<(Parts, Cost), LabError> {
        let (mut weights, mut cost) = self.train(&self.catalog.masked())?;
        for ranking in self.catalog.rankings() {
            let provenance = self.lab.rank(&ranking)?.1;
            cost = cost.plus(Cost(provenance.tokens, provenance.seconds));
        }
        let languages = weights.split_off(2);
        let [ability, reference] = [weights[0].clone(), weights[1].clone()];
        let language_vectors = self.catalog.language_vectors;
        Ok((Parts { base: self.lab.base()?, ability, reference, languages, language_vectors }, cost))
    }

    /// The task vectors' parts.
    pub(super) fn task_vector(&self, way: Way) -> Result<(Parts, Cost), LabError> {
        let (mut weights, cost) = self.train(&self.catalog.task_vectors(way))?;
        let languages = weights.split_off(1);
        let base = self.lab.base()?;
        // No task vector reads Θ_{L0}.
        let (reference, ability) = (base.clone(), weights[0].clone());
        let language_vectors = LanguageVectors::Plain;
        Ok((Parts { base, ability, reference, languages, language_vectors }, cost))
    }

    fn train(&self, runs: &[Run]) -> Result<(Vec<Arc<dyn Weights>>, Cost), LabError> {
        let (mut weights, mut cost) = (Vec::new(), Cost::default());
        for run in runs {
            let trained = self.lab.train(run)?;
            cost = cost.plus(Cost::of(&trained));
            weights.push(trained.weights);
        }
        Ok((weights, cost))
    }

    /// MAEC's recipe as chosen.
    pub(super) fn recipe(&self) -> Recipe {
        self.recipe_with(|_| {})
    }

    /// MAEC's recipe with other numbers.
    pub(super) fn recipe_with(&self, change: impl FnOnce(&mut Parameters)) -> Recipe {
        let mut parameters = self.chosen.parameters;
        change(&mut parameters);
        let codes = self.catalog.targets.iter().map(|language| language.code.as_str());
        recipe(MergeMethod::Maec, parameters, codes.zip(self.chosen.weights.iter().copied()))
    }

    /// A task vector's recipe; all μ are 1.
    pub(super) fn vector_recipe(&self, lambda: f64) -> Recipe {
        let parameters = Parameters { lambda, ..Parameters::default() };
        let codes = self.catalog.targets.iter().map(|language| (language.code.as_str(), 1.0));
        recipe(MergeMethod::TaskVector, parameters, codes)
    }

    /// MAEC's recipe with exactly these tensors in 𝒯.
    pub(super) fn only(&self, include: Vec<String>) -> Recipe {
        let select = Select { include, exclude: Vec::new() };
        Recipe { select, ..self.recipe_with(|parameters| parameters.k2 = 0.0) }
    }

    /// A model's row.
    pub(super) fn row(&self, name: &str, weights: &dyn Weights, cost: Cost) -> Result<Row, LabError> {
        let marks = self.tables.examiner.examine(self.lab, name, weights)?;
        let reference = &self.catalog.reference.code;
        let brief = |ability: &str| Brief::of(&marks, self.backbone, ability, reference);
        let elsewhere = self.others.iter().map(|other| Ok((other.ability.clone(), brief(&other.ability)?)));
        Ok(Row {
            name: name.to_owned(),
            tokens: cost.0,
            seconds: cost.1,
            elsewhere: elsewhere.collect::<Result<_, LabError>>()?,
            scores: brief(&self.catalog.ability)?,
        })
    }

    /// A merge's row.
    pub(super) fn merged(
        &self,
        name: &str,
        parts: &Parts,
        recipe: &Recipe,
        cost: Cost,
    ) -> Result<Row, LabError> {
        self.row(name, &merge(parts, recipe)?.weights, cost)
    }

    /// A trained model's row; its cost is that of what it began with too.
    pub(super) fn trained(&self, name: &str, run: &Run) -> Result<Row, LabError> {
        let trained = self.lab.train(run)?;
        let mut cost = Cost::of(&trained);
        if let Start::After(before) = &run.start {
            cost = cost.plus(Cost::of(&self.lab.train(before)?));
        }
        self.row(name, trained.weights.as_ref(), cost)
    }
}
