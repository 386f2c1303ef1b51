//! Choosing everything tunable on validation problems, with as many trials for the task vector as for MAEC.

use std::path::Path;

use anyhow::{Context, Result};
use maec_lab::{Exam, LabSettings, MaecChoice, ProblemSet, Scores, WorldExam, WorldGround, scores};
use maec_recipe::{MergeMethod, Parameters, Recipe};
use serde::{Deserialize, Serialize};

use super::artefacts::Artefacts;
use super::{ABILITY, merged, recipe};
use crate::output::ReportFile;
use crate::progress;

/// A merge may cost so much perplexity over the base's while it is tuned.
const PERPLEXITY_LIMIT: f64 = 1.10;
/// What every trial is asked in every language.
const EXAM: Exam = Exam { set: ProblemSet::Validation, problems: 200, texts: 150 };

fn exam(ground: &WorldGround) -> WorldExam<'_> {
    WorldExam { ground, exam: EXAM }
}

/// What was chosen, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Validation seeds.
    pub seeds: Vec<u64>,
    /// MAEC's numbers.
    pub maec: MaecChoice,
    /// F-TV's λ (all μ = 1), over the all-parameter checkpoints.
    pub task_vector: MaecChoice,
    /// λ of the studio's task vector, over the pack's deltas with MAEC's μ.
    pub pack_lambda: f64,
    /// Every trial, in the order made.
    pub trials: Vec<Trial>,
}

/// One candidate's means over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// `maec`, `f-tv` or `pack-tv`.
    pub method: String,
    /// Its numbers.
    pub choice: MaecChoice,
    /// Validation accuracy outside English, mean over the seeds.
    pub accuracy: f64,
    /// Mean perplexity over the base's, mean over the seeds.
    pub perplexity_ratio: f64,
}

impl Tuned {
    /// What this repository publishes, made by `maec quickstart --seeds 101,102,103 --tune FILE`.
    pub fn published() -> Result<Self> {
        serde_json::from_str(include_str!("tuned.json")).context("tuned.json")
    }

    /// MAEC's recipe.
    pub fn recipe(&self) -> Recipe {
        let mut recipe = recipe(&self.maec, MergeMethod::Maec);
        recipe.parameters.lambda = self.pack_lambda;
        recipe
    }
}

fn start() -> Parameters {
    Parameters { alpha: 1.0, beta: 0.5, gamma: 1.0, eta: 1.0, k2: 0.8, lambda: 0.5 }
}

/// 24 candidates for MAEC: β × γ × k₂. Of α, β and γ two are free, since γ·R(A) = γα(…) − γβ(…); α stays at 1.
/// η stays at 1 as published, μ at 0.3.
fn maec_candidates() -> Vec<MaecChoice> {
    let mut all = Vec::new();
    for beta in [0.25, 0.5, 0.75, 1.0] {
        for gamma in [0.6, 0.8, 1.0] {
            for k2 in [0.7, 0.9] {
                all.push(MaecChoice { parameters: Parameters { beta, gamma, k2, ..start() }, mu: 0.3 });
            }
        }
    }
    all
}

/// 24 candidates for a task vector: λ from 0.025 to 0.6, beyond which the perplexity limit is far away.
fn lambda_candidates(mu: f64) -> Vec<MaecChoice> {
    let lambda = |step: u32| f64::from(step) * 25.0 / 1000.0;
    (1..=24)
        .map(|step| MaecChoice { parameters: Parameters { lambda: lambda(step), ..start() }, mu })
        .collect()
}

struct Seed {
    ground: WorldGround,
    artefacts: Artefacts,
    base: Scores,
}

/// Tunes on the seeds' validation problems and writes the choice.
///
/// # Errors
/// When a training diverges or the file can't be written.
pub fn run(settings: &LabSettings, seeds: &[u64], path: &Path) -> Result<()> {
    let file = ReportFile::begin(path)?;
    let mut trained = Vec::new();
    for &seed in seeds {
        let ground = WorldGround::new(settings.clone(), seed)?;
        let artefacts = Artefacts::train(&ground, ABILITY)?;
        let base = scores(&exam(&ground).hold("base", artefacts.masked.base.as_ref())?, ABILITY);
        trained.push(Seed { ground, artefacts, base });
    }
    let mut trials = Vec::new();
    let maec = best(&trained, "maec", &maec_candidates(), &mut trials)?;
    let task_vector = best(&trained, "f-tv", &lambda_candidates(1.0), &mut trials)?;
    let pack = best(&trained, "pack-tv", &lambda_candidates(maec.mu), &mut trials)?;
    let tuned =
        Tuned { seeds: seeds.to_vec(), maec, task_vector, pack_lambda: pack.parameters.lambda, trials };
    file.finish(&tuned)
}

/// The candidate with the best mean validation accuracy outside English among those that keep the perplexity limit;
/// if none does, the one with the lowest perplexity.
fn best(
    seeds: &[Seed],
    method: &str,
    candidates: &[MaecChoice],
    trials: &mut Vec<Trial>,
) -> Result<MaecChoice> {
    let bar = progress::bar(&format!("tuning {method}"), candidates.len() as u64);
    let mut mine = Vec::new();
    for choice in candidates {
        let by = if method == "maec" { MergeMethod::Maec } else { MergeMethod::TaskVector };
        let (mut accuracy, mut ratio) = (0.0, 0.0);
        for seed in seeds {
            let artefacts = &seed.artefacts;
            let parts = if method == "f-tv" { &artefacts.full } else { &artefacts.masked };
            let merged = merged(parts, choice, by)?;
            let scores = scores(&exam(&seed.ground).hold(method, &merged.weights)?, ABILITY);
            accuracy += scores.other_languages / seeds.len() as f64;
            ratio += scores.perplexity / seed.base.perplexity / seeds.len() as f64;
        }
        mine.push(Trial { method: method.to_owned(), choice: *choice, accuracy, perplexity_ratio: ratio });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let allowed = mine.iter().filter(|trial| trial.perplexity_ratio <= PERPLEXITY_LIMIT);
    let by_accuracy = allowed.max_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    let calmest = || mine.iter().min_by(|a, b| a.perplexity_ratio.total_cmp(&b.perplexity_ratio));
    let choice = by_accuracy.or_else(calmest).context("there are no candidates")?.choice;
    trials.extend(mine);
    Ok(choice)
}
