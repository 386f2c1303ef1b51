//! What gives a choice its scores: merges of trained parts, asked on validation problems.

use maec_world::Abilities;

use super::{Method, Plan};
use crate::{
    Catalog, Exam, Lab, LabError, MaecChoice, Parts, Run, Scores, Store, TARGETS, Watch, Way, WorldExam,
    WorldGround, merge, recipe, scores,
};

/// Gives choices their scores, from several threads at once.
pub trait Scorer: Sync {
    /// The base's, one for each of the plan's seeds.
    fn base(&self) -> &[Scores];

    /// A choice's, one for each seed.
    ///
    /// # Errors
    /// When a merge or an exam fails.
    fn score(&self, choice: &MaecChoice) -> Result<Vec<Scores>, LabError>;
}

/// The runs that a method merges: the ability's (and for [`Method::Maec`] the reference language's after it), then the target
/// languages' in the recipe's order.
pub fn runs(catalog: &Catalog, method: Method) -> Vec<Run> {
    let way = match method {
        Method::Maec => {
            let languages = catalog.targets.iter().map(|language| catalog.language(language));
            return [catalog.ability_and_reference(), catalog.reference()]
                .into_iter()
                .chain(languages)
                .collect();
        }
        Method::FTv => Way::Full,
        Method::LTv => Way::Lora,
    };
    let languages = catalog.targets.iter().map(|language| catalog.language_alone(language, way));
    [catalog.ability_alone(way)].into_iter().chain(languages).collect()
}

/// The worlds of a plan's seeds, each with the parts that were trained in it.
pub struct Worlds {
    method: Method,
    ability: String,
    exam: Exam,
    seeds: Vec<(WorldGround, Parts)>,
    base: Vec<Scores>,
}

impl Worlds {
    /// None yet.
    pub fn new(plan: &Plan) -> Self {
        let (seeds, base) = (Vec::new(), Vec::new());
        Self { method: plan.method, ability: plan.ability.clone(), exam: plan.exam, seeds, base }
    }

    /// Adds a seed's world: trains its parts, or finds them in the store, and asks its base. `trained` hears of every run's end.
    ///
    /// # Errors
    /// When a training or the exam fails.
    pub fn add(
        &mut self,
        mut ground: WorldGround,
        store: &Store,
        watch: &dyn Watch,
        trained: &mut dyn FnMut(&Run),
    ) -> Result<(), LabError> {
        let lab = Lab { ground: &ground, store, watch };
        let base = lab.base()?;
        let mut weights = Vec::new();
        for run in runs(&Catalog::of_world(&ground.settings, &self.ability), self.method) {
            weights.push(lab.train(&run)?.weights);
            trained(&run);
        }
        let languages = weights.split_off(weights.len() - TARGETS.len());
        let ability = weights.remove(0);
        // A task vector reads no Θ_{L0}.
        let reference = weights.pop().unwrap_or_else(|| base.clone());
        // From here on the world is only asked, and nothing but the one ability.
        ground.settings.abilities =
            if self.ability == "science" { Abilities::Science } else { Abilities::Arithmetic };
        let exam = WorldExam { ground: &ground, exam: self.exam };
        self.base.push(scores(&exam.hold("base", base.as_ref())?, &self.ability));
        self.seeds.push((ground, Parts { base, ability, reference, languages }));
        Ok(())
    }
}

impl Scorer for Worlds {
    fn base(&self) -> &[Scores] {
        &self.base
    }

    fn score(&self, choice: &MaecChoice) -> Result<Vec<Scores>, LabError> {
        let languages = TARGETS.map(|language| (language.code(), choice.mu));
        let recipe = recipe(self.method.merge_method(), choice.parameters, languages);
        let score = |(ground, parts): &(WorldGround, Parts)| {
            let merged = merge(parts, &recipe)?;
            let exam = WorldExam { ground, exam: self.exam };
            Ok(scores(&exam.hold(self.method.name(), &merged.weights)?, &self.ability))
        };
        self.seeds.iter().map(score).collect()
    }
}
