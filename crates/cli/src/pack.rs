//! Bundling a pack: a base, its deltas and its problems, for the studio.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use maec_checkpoint::{
    AtomicFolder, DeltaPositions, DeltaRole, Dtype, Manifest, MemorySink, PackDelta, PackLanguage, Weights,
    is_pack, write_delta, write_pack, write_safetensors,
};
use maec_eval::{HeldOut, Problem};
use maec_merge::{Inputs, check};
use maec_protocol::RecordedRow;
use maec_recipe::Recipe;
use serde::Serialize;

use crate::models::Model;

/// A model that goes into a pack as a delta.
pub struct Delta {
    /// What recipes call it.
    pub id: String,
    /// What was trained.
    pub role: DeltaRole,
    /// Code of the language trained on, for [`DeltaRole::Language`].
    pub language: Option<String>,
    /// The trained model.
    pub weights: Arc<dyn Weights>,
}

/// Everything that goes into a pack.
pub struct Contents {
    /// What people call it.
    pub title: String,
    /// Seed from which everything in it was made.
    pub seed: u64,
    /// Command line that made it.
    pub command: String,
    /// λ of the task vector.
    pub lambda: f64,
    /// The languages, the reference language first.
    pub languages: Vec<PackLanguage>,
    /// The base, stored as BF16, with `config.json` and `tokenizer.json`.
    pub base: Model,
    /// The trained models. Their values are rounded to BF16.
    pub deltas: Vec<Delta>,
    /// Test problems of all languages.
    pub problems: Vec<Problem>,
    /// Validation problems of all languages, or none.
    pub validation: Vec<Problem>,
    /// Held-out text of all languages.
    pub heldout: Vec<HeldOut>,
    /// The default recipe; its models are `base` and the deltas' ids.
    pub recipe: Recipe,
    /// Results that were measured and are not recomputed.
    pub recorded: Vec<RecordedRow>,
}

/// Writes a pack's folder; returns its id, the first 16 hex digits of the manifest's SHA-256.
///
/// Fails where the base is not BF16, a delta does not fit it, the recipe names a model that is not in the pack or
/// cannot be merged, or a language lacks problems, text or a recorded number.
pub fn write(folder: &Path, contents: &Contents) -> Result<String> {
    let weights = contents.base.weights.as_ref();
    if let Some(info) = weights.tensors().iter().find(|info| info.dtype != Dtype::BF16) {
        bail!(
            "`{}`: tensor `{}` is {} where a pack needs BF16; round the base before training on it (maec train --dtype bfloat16)",
            weights.name(),
            info.name,
            info.dtype
        );
    }
    check_languages(contents)?;
    check_validation(contents)?;
    let mut files = BTreeMap::new();
    files.insert("base.safetensors".to_owned(), whole(weights)?);
    for (name, text) in &contents.base.texts {
        files.insert(name.clone(), text.clone().into_bytes());
    }
    let mut deltas = Vec::new();
    for delta in &contents.deltas {
        let file = format!("deltas/{}.safetensors", delta.id);
        files.insert(file.clone(), sparse(weights, delta)?);
        let (id, language) = (delta.id.clone(), delta.language.clone());
        deltas.push(PackDelta { id, role: delta.role, language, file });
    }
    files.insert("problems.jsonl".into(), lines(&contents.problems)?);
    let validation = (!contents.validation.is_empty()).then(|| "validation.jsonl".to_owned());
    if let Some(path) = &validation {
        files.insert(path.clone(), lines(&contents.validation)?);
    }
    files.insert("heldout.jsonl".into(), lines(&contents.heldout)?);
    files.insert("recipe.json".into(), format!("{}\n", contents.recipe.to_json()).into_bytes());
    files.insert(
        "recorded.json".into(),
        format!("{}\n", serde_json::to_string_pretty(&contents.recorded)?).into_bytes(),
    );
    let manifest = Manifest {
        format: Manifest::FORMAT.into(),
        version: Manifest::VERSION,
        title: contents.title.clone(),
        seed: contents.seed,
        command: contents.command.clone(),
        versions: BTreeMap::from([("maec".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        lambda: contents.lambda,
        languages: contents.languages.clone(),
        base: "base.safetensors".into(),
        config: "config.json".into(),
        tokenizer: "tokenizer.json".into(),
        deltas,
        problems: "problems.jsonl".into(),
        validation,
        heldout: "heldout.jsonl".into(),
        recipe: "recipe.json".into(),
        recorded: "recorded.json".into(),
        files: BTreeMap::new(),
    };
    check_recipe(&manifest, contents)?;
    Ok(write_pack(folder, manifest, files)?)
}

/// Every language has problems, text and recorded numbers, in the pack's order.
fn check_languages(contents: &Contents) -> Result<()> {
    let codes: Vec<&str> = contents.languages.iter().map(|language| language.code.as_str()).collect();
    for code in &codes {
        if !contents.problems.iter().any(|problem| problem.language == *code) {
            bail!("there are no problems in `{code}`; add them or leave the language out");
        }
        let mut validation = contents.validation.iter();
        if !contents.validation.is_empty() && !validation.any(|problem| problem.language == *code) {
            bail!("there are no validation problems in `{code}`; add them or leave the language out");
        }
        if !contents.heldout.iter().any(|text| text.language == *code) {
            bail!("there is no held-out text in `{code}`; add it or leave the language out");
        }
    }
    for row in &contents.recorded {
        if !row.languages.iter().map(|result| result.language.as_str()).eq(codes.iter().copied()) {
            bail!(
                "the recorded row `{}` does not have one result for each of {}",
                row.label,
                codes.join(", ")
            );
        }
    }
    Ok(())
}

/// No validation problem is asked in the test as well.
fn check_validation(contents: &Contents) -> Result<()> {
    let question = |problem: &Problem| (problem.language.clone(), problem.question.clone());
    let test: BTreeSet<(String, String)> = contents.problems.iter().map(question).collect();
    match contents.validation.iter().find(|problem| test.contains(&question(problem))) {
        Some(problem) => bail!("the validation problem `{}` is a test problem too; leave it out", problem.id),
        None => Ok(()),
    }
}

/// The default recipe names the pack's own models, and they can be merged.
fn check_recipe(manifest: &Manifest, contents: &Contents) -> Result<()> {
    let recipe = &contents.recipe;
    recipe.validate()?;
    if recipe.base_model != "base" {
        bail!("the recipe's base_model is `{}`; in a pack it is `base`", recipe.base_model);
    }
    let languages = recipe.languages.iter().map(|language| &language.model);
    for model in [&recipe.ability.model, &recipe.reference.model].into_iter().chain(languages.clone()) {
        manifest.delta(model).context("the recipe")?;
    }
    let weights = |id: &String| -> Result<&dyn Weights> {
        let found = contents.deltas.iter().find(|delta| delta.id == *id);
        Ok(found
            .with_context(|| format!("the recipe names `{id}`, which is not in the pack"))?
            .weights
            .as_ref())
    };
    let inputs = Inputs {
        base: contents.base.weights.as_ref(),
        ability: weights(&recipe.ability.model)?,
        reference: weights(&recipe.reference.model)?,
        languages: languages.map(weights).collect::<Result<_>>()?,
    };
    let problems = check(&inputs, recipe).err().unwrap_or_default();
    problems.into_iter().next().map_or(Ok(()), |problem| Err(problem.into()))
}

/// The base as a safetensors file.
fn whole(weights: &dyn Weights) -> Result<Vec<u8>> {
    let sink = MemorySink::new();
    write_safetensors(&mut sink.clone(), weights.tensors(), &BTreeMap::new(), &mut |info, write| {
        write(&weights.read_bytes(&info.name)?)
    })?;
    Ok(sink.take())
}

/// A trained model as a sparse delta with BF16 values.
fn sparse(base: &dyn Weights, delta: &Delta) -> Result<Vec<u8>> {
    let sink = MemorySink::new();
    let positions = DeltaPositions::Changed;
    write_delta(
        &mut sink.clone(),
        base,
        delta.weights.as_ref(),
        positions,
        Some(Dtype::BF16),
        &BTreeMap::new(),
    )
    .with_context(|| format!("delta `{}`", delta.id))?;
    Ok(sink.take())
}

fn lines(items: &[impl Serialize]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for item in items {
        serde_json::to_writer(&mut bytes, item)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Fails where [`write()`] would not put a pack: a folder that holds something else, or a place that can't be written to.
pub fn check_folder(folder: &Path) -> Result<()> {
    AtomicFolder::create(folder, is_pack)?;
    Ok(())
}

/// The command line that runs, as one could type it again.
pub fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,#".contains(c);
    let quoted = |argument: String| match !argument.is_empty() && argument.chars().all(plain) {
        true => argument,
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    };
    let arguments = std::env::args().skip(1).map(quoted);
    ["maec".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}
