//! One seed's checkpoints as a pack for the studio.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use maec_checkpoint::{DeltaRole, PackLanguage, Weights};
use maec_eval::{HeldOut, ModelReport};
use maec_lab::{Ground as _, Parts, ProblemSet, TARGETS, WorldGround};
use maec_protocol::RecordedRow;
use maec_recipe::Recipe;
use maec_world::Language;

use crate::evaluation;
use crate::models::Model;
use crate::pack::{self, Contents, Delta};

/// The most test problems of every language that go into the pack.
const PROBLEMS: usize = 120;
/// The most validation problems of every language that go into the pack.
const VALIDATION: usize = 40;
/// The most held-out texts of every language that go into the pack.
const TEXTS: usize = 100;

/// What made the pack, and from what its recorded numbers come.
pub struct Provenance<'a> {
    /// The command line.
    pub command: &'a str,
    /// λ of the studio's task vector.
    pub lambda: f64,
    /// Test problems of every language that were asked.
    pub problems: usize,
    /// Rows whose models are not in the pack.
    pub recorded: &'a [ModelReport],
}

/// Writes the pack; returns its id.
///
/// # Errors
/// When the folder can't be written or holds something else.
pub fn write_pack(
    folder: &Path,
    ground: &WorldGround,
    parts: Parts,
    recipe: Recipe,
    provenance: &Provenance<'_>,
) -> Result<String> {
    let code = |language: Language| language.code().to_owned();
    let text = |name: &str, text: String| (name.to_owned(), text);
    let texts = BTreeMap::from([
        text("config.json", ground.model().to_json("bfloat16")),
        text("tokenizer.json", ground.world.tokenizer_json()),
        text("tokenizer_config.json", ground.world.tokenizer_config_json()),
    ]);
    let delta = |id: String, role, language, weights: Arc<dyn Weights>| Delta { id, role, language, weights };
    let mut deltas = vec![
        delta("a-l0".into(), DeltaRole::Ability, None, parts.ability),
        delta("l0".into(), DeltaRole::Reference, None, parts.reference),
    ];
    for (language, weights) in TARGETS.into_iter().zip(parts.languages) {
        deltas.push(delta(code(language), DeltaRole::Language, Some(code(language)), weights));
    }
    let most = provenance.problems.min(PROBLEMS);
    let of = |language: Language, set, most: usize| {
        ground.problems(language, set).iter().take(most).cloned().collect::<Vec<_>>()
    };
    let problems = Language::ALL.into_iter().flat_map(|language| of(language, ProblemSet::Test, most));
    let validation = Language::ALL
        .into_iter()
        .flat_map(|language| of(language, ProblemSet::Validation, VALIDATION.min(most)));
    let heldout = Language::ALL.into_iter().flat_map(|language| {
        let text = |text: &String| HeldOut { text: text.clone(), language: language.code().to_owned() };
        ground.heldout(language).iter().take(TEXTS).map(text).collect::<Vec<_>>()
    });
    let recorded = provenance.recorded.iter().map(|report| RecordedRow {
        label: report.model.clone(),
        source: provenance.command.to_owned(),
        languages: report.languages.iter().map(evaluation::result).collect(),
    });
    let contents = Contents {
        title: "The workshop world: arithmetic, learned in English".to_owned(),
        seed: ground.seed,
        command: provenance.command.to_owned(),
        lambda: provenance.lambda,
        languages: Language::ALL
            .into_iter()
            .map(|language| PackLanguage { code: code(language), name: language.name().to_owned() })
            .collect(),
        base: Model { weights: parts.base, texts },
        deltas,
        problems: problems.collect(),
        validation: validation.collect(),
        heldout: heldout.collect(),
        recipe,
        recorded: recorded.collect(),
    };
    pack::write(folder, &contents)
}
