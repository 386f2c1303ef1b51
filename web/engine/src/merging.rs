//! Statistics and merges of the pack's models.

use maec_checkpoint::{MemoryWeights, Weights};
use maec_merge::{Inputs, Options, Progress, Report, Stage, merge_to_memory, tensor_stats};
use maec_model::Decoder;
use maec_protocol::{Reply, Subject, TensorScore};
use maec_recipe::{MergeMethod, Parameters, Recipe, Select};

use crate::bench::Bench;
use crate::job::Job;
use crate::{Failure, Host, device_merge};

/// What the CPU executor made of a recipe: what is exported and hashed.
pub(crate) struct Made {
    /// What was merged.
    pub recipe: Recipe,
    /// The merged bytes.
    pub weights: MemoryWeights,
    /// The executor's account, with the hash of its bytes.
    pub report: Report,
}

/// A finished merge, ready to run.
pub(crate) struct Merge {
    /// The CPU executor's part.
    pub made: Made,
    /// On a GPU made of the GPU's own values, else of the CPU executor's.
    pub model: Decoder,
    /// Largest |GPU − CPU|; 0 on the CPU.
    pub max_difference: f64,
}

impl Bench {
    /// The recipe's models, all of them in the pack.
    pub fn inputs(&self, recipe: &Recipe) -> Result<Inputs<'_>, Failure> {
        recipe.validate()?;
        if recipe.base_model != self.recipe.base_model {
            let message = format!(
                "The recipe's base is `{}`, this pack's `{}`.",
                recipe.base_model, self.recipe.base_model
            );
            return Err(Failure::refused(message, "Open the pack that the recipe was made for."));
        }
        let delta = |id: &str| -> Result<&dyn Weights, Failure> {
            let known = self.pack.manifest().delta(id)?;
            Ok(&self.deltas[&known.id])
        };
        let languages = recipe.languages.iter().map(|language| delta(&language.model));
        Ok(Inputs {
            base: self.weights.as_ref(),
            ability: delta(&recipe.ability.model)?,
            reference: delta(&recipe.reference.model)?,
            languages: languages.collect::<Result<_, _>>()?,
        })
    }

    /// Eq. 4's statistics; those of the last recipe are kept.
    pub async fn score<H: Host>(&mut self, job: &Job<'_, H>, recipe: &Recipe) -> Result<Reply, Failure> {
        job.checkpoint().await?;
        let key = scored_part(recipe);
        let kept = self.stats.take().filter(|(last, _)| *last == key);
        let stats = match kept {
            Some((_, stats)) => stats,
            None => tensor_stats(&self.inputs(recipe)?, recipe, &mut |Progress { done, total, .. }| {
                job.progress(|| "Comparing tensors".into(), done, total);
                job.flow()
            })?,
        };
        let tensors = stats.iter().map(|tensor| TensorScore {
            name: tensor.name.clone(),
            shape: tensor.shape.iter().map(|&dimension| dimension as u64).collect(),
            similarity: tensor.similarity,
            ability_norm: tensor.ability_norm,
            language_norm: tensor.language_norm,
            base_norm: tensor.base_norm,
            ability_nonzero: tensor.ability_nonzero,
        });
        let reply = Reply::Scored { tensors: tensors.collect() };
        self.stats = Some((key, stats));
        Ok(reply)
    }

    /// Merges, and keeps the merge as [`maec_protocol::Subject::Merged`].
    pub async fn merge_for_page<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        recipe: &Recipe,
    ) -> Result<Reply, Failure> {
        job.checkpoint().await?;
        let before = job.host().dispatches();
        let merge = self.merge(job, recipe, "").await?;
        job.checkpoint().await?;
        let report = &merge.made.report;
        let mut ranked: Vec<_> = report.tensors.iter().filter(|tensor| tensor.selected).collect();
        ranked.sort_by_key(|tensor| tensor.rank);
        let reply = Reply::Merged {
            hash: report.output_hash.clone(),
            selected: ranked.into_iter().map(|tensor| tensor.stats.name.clone()).collect(),
            seconds: job.seconds(),
            dispatches: job.host().dispatches() - before,
            max_difference: merge.max_difference,
        };
        self.merged = Some(merge);
        Ok(reply)
    }

    /// Merges on the CPU, for an export. `what` ends the progress messages' labels.
    pub fn make<H: Host>(&self, job: &Job<'_, H>, recipe: &Recipe, what: &str) -> Result<Made, Failure> {
        let inputs = self.inputs(recipe)?;
        let progress = &mut |Progress { stage, done, total, .. }: Progress<'_>| {
            let (label, before) = match stage {
                Stage::Statistics => ("Comparing tensors", 0),
                Stage::Merge => ("Merging", total),
            };
            job.progress(|| format!("{label}{what}"), before + done, 2 * total);
            job.flow()
        };
        let (weights, report) = merge_to_memory(&inputs, recipe, &Options::default(), progress)?;
        Ok(Made { recipe: recipe.clone(), weights, report })
    }

    /// Merges on the CPU, and on a GPU once more there.
    async fn merge<H: Host>(&self, job: &Job<'_, H>, recipe: &Recipe, what: &str) -> Result<Merge, Failure> {
        let made = self.make(job, recipe, what)?;
        let (model, max_difference) = if H::GPU {
            job.checkpoint().await?;
            let inputs = self.inputs(recipe)?;
            let (values, difference) =
                device_merge::merge(&self.device, &inputs, recipe, &made.report).await?;
            (Decoder::load(self.config.clone(), &values, &self.device)?, difference)
        } else {
            (Decoder::load(self.config.clone(), &made.weights, &self.device)?, 0.0)
        };
        Ok(Merge { made, model, max_difference })
    }

    /// Sees to it that the subjects are those of `recipe`: merges what is missing or of another recipe.
    pub async fn prepare<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        recipe: &Recipe,
        subjects: &[Subject],
        lambda: f64,
    ) -> Result<(), Failure> {
        if subjects.contains(&Subject::Merged) && !is_of(self.merged.as_ref(), recipe) {
            job.checkpoint().await?;
            self.merged = Some(self.merge(job, recipe, "").await?);
        }
        let vector = Recipe {
            merge_method: MergeMethod::TaskVector,
            parameters: Parameters { lambda, ..Parameters::default() },
            select: Select::default(),
            ..recipe.clone()
        };
        if subjects.contains(&Subject::TaskVector) && !is_of(self.task_vector.as_ref(), &vector) {
            job.checkpoint().await?;
            self.task_vector = Some(self.merge(job, &vector, " (task vector)").await?);
        }
        Ok(())
    }
}

/// Whether there is a merge, and of this recipe.
fn is_of(merge: Option<&Merge>, recipe: &Recipe) -> bool {
    merge.is_some_and(|merge| merge.made.recipe == *recipe)
}

/// The recipe without what Eq. 4's similarities do not depend on.
fn scored_part(recipe: &Recipe) -> Recipe {
    let Parameters { alpha, beta, .. } = recipe.parameters;
    Recipe {
        parameters: Parameters { alpha, beta, ..Parameters::default() },
        select: Select::default(),
        out_dtype: None,
        ..recipe.clone()
    }
}
