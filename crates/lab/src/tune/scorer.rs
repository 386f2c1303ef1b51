//! What gives a choice its scores: merges of trained parts, asked on validation problems.

use std::num::NonZeroUsize;

use maec_checkpoint::Weights;
use maec_world::Abilities;

use super::Method;
use crate::{
    Catalog, Exam, Examiner as _, FilesExam, FilesGround, Lab, LabError, MaecChoice, Parts, Run, Scores,
    Store, Watch, Way, WorldExam, WorldGround, merge, recipe, scores,
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

    /// Threads of one trial. Several trials of small models beside each other use the cores better than one on all of them.
    fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

/// The runs that a method merges: the ability's (and for [`Method::Maec`] the reference language's after it), then the target
/// languages' in the recipe's order.
pub fn runs(catalog: &Catalog, method: Method) -> Vec<Run> {
    match method {
        Method::Maec => catalog.masked(),
        Method::FTv => catalog.task_vectors(Way::Full),
        Method::LTv => catalog.task_vectors(Way::Lora),
    }
}

/// What a method merges, trained or found in the store.
///
/// # Errors
/// When a training fails.
pub fn parts(lab: &Lab<'_>, catalog: &Catalog, method: Method) -> Result<Parts, LabError> {
    let base = lab.base()?;
    let runs = runs(catalog, method);
    let weights = runs.iter().map(|run| Ok(lab.train(run)?.weights));
    let mut weights = weights.collect::<Result<Vec<_>, LabError>>()?;
    let languages = weights.split_off(weights.len() - catalog.targets.len());
    let ability = weights.remove(0);
    // A task vector reads no Θ_{L0}.
    let reference = weights.pop().unwrap_or_else(|| base.clone());
    Ok(Parts { base, ability, reference, languages, language_vectors: catalog.language_vectors })
}

/// Asks a model.
pub type Ask<'a> = Box<dyn Fn(&str, &dyn Weights) -> Result<Scores, LabError> + Send + Sync + 'a>;

/// Asks a world's models, nothing but the one ability.
pub fn ask_world(mut ground: WorldGround, exam: Exam, ability: &str) -> Ask<'static> {
    ground.settings.abilities = if ability == "science" { Abilities::Science } else { Abilities::Arithmetic };
    let ability = ability.to_owned();
    Box::new(move |name, weights| {
        Ok(scores(&WorldExam { ground: &ground, exam }.hold(name, weights)?, &ability))
    })
}

/// Asks an experiment's models; what they answer is kept in the store, and `watch` may break off between batches.
pub fn ask_files<'a>(
    ground: &'a FilesGround,
    exam: &'a FilesExam,
    store: &'a Store,
    watch: &'a (dyn Watch + Sync),
    ability: &'a str,
) -> Ask<'a> {
    Box::new(move |name, weights| {
        let marks = exam.examine(&Lab { ground, store, watch }, name, weights)?;
        let others = marks.accuracy_without(ability, &ground.experiment().reference);
        let perplexity = marks.mean_perplexity().unwrap_or(f64::INFINITY);
        Ok(Scores { other_languages: others.rate(), perplexity })
    })
}

/// The parts of a plan's seeds, and who asks what is merged of them.
pub struct Merges<'a> {
    method: Method,
    /// Codes of the target languages, in Eq. 3's order.
    targets: Vec<String>,
    seeds: Vec<(Parts, Ask<'a>)>,
    base: Vec<Scores>,
    threads: NonZeroUsize,
}

impl<'a> Merges<'a> {
    /// None yet. Each trial has so many threads.
    pub fn new(method: Method, catalog: &Catalog, threads: NonZeroUsize) -> Self {
        let targets = catalog.targets.iter().map(|language| language.code.clone()).collect();
        Self { method, targets, seeds: Vec::new(), base: Vec::new(), threads }
    }

    /// Adds a seed's parts and asks its base.
    ///
    /// # Errors
    /// When the exam fails.
    pub fn add(&mut self, parts: Parts, ask: Ask<'a>) -> Result<(), LabError> {
        self.base.push(ask("base", parts.base.as_ref())?);
        self.seeds.push((parts, ask));
        Ok(())
    }
}

impl Scorer for Merges<'_> {
    fn base(&self) -> &[Scores] {
        &self.base
    }

    fn score(&self, choice: &MaecChoice) -> Result<Vec<Scores>, LabError> {
        let languages = self.targets.iter().map(|code| (code.as_str(), choice.mu));
        let recipe = recipe(self.method.merge_method(), choice.parameters, languages);
        let score =
            |(parts, ask): &(Parts, Ask<'_>)| ask(self.method.name(), &merge(parts, &recipe)?.weights);
        self.seeds.iter().map(score).collect()
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads
    }
}
