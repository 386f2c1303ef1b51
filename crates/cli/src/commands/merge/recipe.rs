//! Merges by MAEC's own recipes.

use std::path::Path;

use anyhow::{Context, Result};
use maec_checkpoint::{Weights, fingerprint};
use maec_merge::engine::Pool;
use maec_merge::folder::{card, provenance};
use maec_merge::{Inputs, MaecJob, Report, check};
use maec_recipe::{MergeMethod, Recipe};

use super::Args;
use crate::failure::Problems;
use crate::merged::{Stamps, Target};
use crate::models::{Model, Models};
use crate::output::ReportFile;
use crate::{input, output, progress, table};

/// Merges by the recipe in `args`.
pub fn run(args: &Args) -> Result<()> {
    let recipe = read(&args.recipe)?;
    let mut models = args.models();
    let opened = Opened::open(&mut models, &recipe)?;
    args.check_outputs(&models)?;
    let report_file = args.report.as_deref().map(ReportFile::begin).transpose()?;
    let inputs = opened.inputs();
    check(&inputs, &recipe).map_err(Problems::new)?;
    models.fetch()?;
    let stamps = Stamps::take(models.files());
    let mut job = MaecJob::new(&inputs, &recipe, args.allow_nonfinite)?;
    let pool = Pool::new(args.write.budget.threads(|threads| threads as u64 * MaecJob::MEMORY_PER_THREAD)?)?;
    let mut pinned = recipe.clone();
    models.pin(&mut pinned);
    let read = inputs.models(&recipe).into_iter();
    let fingerprints = read.map(|(_, model)| fingerprint(model)).collect::<Result<Vec<_>, _>>()?;
    let metadata = provenance(pinned.to_json(), serde_json::to_string(&fingerprints)?);
    // Inputs are known by their fingerprints, and by their files' sizes and times.
    let known = format!("{metadata:?} {} {stamps:?}", args.allow_nonfinite);
    let target = Target::begin(&args.out, &opened.base.texts, metadata, &job, &args.write)?;
    let bar = progress::bar("merging", 0);
    let (written, hash) = target.run(&mut job, &known, &pool, &bar)?;
    // Reports name their inputs by their hashes.
    let hash_inputs = report_file.is_some() || args.json || args.hash_inputs;
    let mut report = job.report(hash, hash_inputs, &pool)?;
    stamps.check()?;
    models.pin(&mut report.recipe);
    report.versions.insert("maec".into(), env!("CARGO_PKG_VERSION").into());
    written.finish(&report.recipe.to_yaml(), &card::of_recipe(&report, &fingerprints), &[])?;
    bar.finish_and_clear();
    if let Some(file) = report_file {
        file.finish(&report)?;
    }
    if args.json { output::print_json(&report) } else { output::print(said(&report, &args.out)) }
}

/// Reads a recipe of either spelling.
pub fn read(path: &Path) -> Result<Recipe> {
    let text = input::text(path)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let recipe = if is_json { Recipe::from_json(&text) } else { Recipe::from_yaml(&text) };
    recipe.with_context(|| path.display().to_string())
}

/// A recipe's models.
pub struct Opened {
    /// Θo, with the files that go into a merged folder.
    pub base: Model,
    ability: Model,
    reference: Model,
    languages: Vec<Model>,
}

impl Opened {
    /// Opens them. The task vector's reference is not looked at, so it need not be there.
    pub fn open(models: &mut Models, recipe: &Recipe) -> Result<Self> {
        let base = models.open(&recipe.base_model).context("base_model")?;
        let mut onto =
            |part: &str, name: &str| models.open_onto(&base, name).with_context(|| part.to_owned());
        let ability = onto("ability", &recipe.ability.model)?;
        let reference = match recipe.merge_method {
            MergeMethod::Maec => onto("reference", &recipe.reference.model)?,
            MergeMethod::TaskVector => base.clone(),
        };
        let languages = recipe.languages.iter();
        let languages =
            languages.map(|it| onto(&format!("language {}", it.name), &it.model)).collect::<Result<_>>()?;
        Ok(Self { base, ability, reference, languages })
    }

    /// As a merge takes them.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: self.base.weights.as_ref(),
            ability: self.ability.weights.as_ref(),
            reference: self.reference.weights.as_ref(),
            languages: self
                .languages
                .iter()
                .map(|model| -> &dyn Weights { model.weights.as_ref() })
                .collect(),
        }
    }
}

fn said(report: &Report, out: &Path) -> String {
    let mut table = table::new(&["rank", "tensor", "S", "selected", "‖R(A)‖", "‖R_Lang‖", "‖Θo‖"], 0);
    let name = table.column_mut(1);
    name.into_iter().for_each(|column| column.set_cell_alignment(comfy_table::CellAlignment::Left));
    let mut ranked: Vec<_> = report.tensors.iter().collect();
    ranked.sort_by_key(|tensor| tensor.rank);
    for tensor in ranked {
        let stats = &tensor.stats;
        table.add_row([
            tensor.rank.to_string(),
            stats.name.clone(),
            format!("{:+.4}", stats.similarity),
            if tensor.selected { "yes" } else { "–" }.into(),
            format!("{:.4}", stats.ability_norm),
            format!("{:.4}", stats.language_norm),
            format!("{:.4}", stats.base_norm),
        ]);
    }
    format!(
        "{table}\n{}: {} of {} tensors selected\nmodel hash {}",
        out.display(),
        report.selected,
        report.tensors.len(),
        report.output_hash
    )
}
