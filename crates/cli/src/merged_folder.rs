//! A merged model's folder: the base's files, the merged weights, the recipe and a model card.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Result;
use maec_checkpoint::{AtomicFolder, FileSink, ModelFolder, dtype};
use maec_merge::Report;
use maec_recipe::MergeMethod;
use serde_json::Value;

use crate::failure::usage;
use crate::models::Model;

const WEIGHTS: &str = "model.safetensors";
const RECIPE: &str = "recipe.yaml";
const CARD: &str = "README.md";
/// Metadata in which model folders of this project list their text files, so that no one else's is ever replaced.
const FILES_KEY: &str = "maec_files";

/// The folder while it is written; dropped unfinished, it leaves nothing.
pub struct MergedFolder {
    folder: AtomicFolder,
    texts: BTreeMap<String, String>,
}

impl MergedFolder {
    /// Begins the folder. Fails where the base has no `config.json`, or `path` is anything but such a folder.
    pub fn create(path: &Path, base: &Model) -> Result<Self> {
        if !base.texts.contains_key("config.json") {
            return Err(usage(format!(
                "`{}` has no config.json to go with a merged folder; give --out a name that ends in .safetensors",
                base.weights.name()
            )));
        }
        Ok(Self { folder: AtomicFolder::create(path, is_ours)?, texts: base.texts.clone() })
    }

    /// Where the weights go.
    pub fn sink(&self) -> Result<FileSink> {
        Ok(self.folder.sink(WEIGHTS)?)
    }

    /// The weights' metadata.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let mut names: Vec<&str> = self.texts.keys().map(String::as_str).collect();
        names.extend([CARD, RECIPE]);
        BTreeMap::from([(FILES_KEY.to_owned(), names.join(","))])
    }

    /// Writes the other files and gives the folder its name.
    pub fn finish(self, report: &Report) -> Result<()> {
        for (name, text) in &self.texts {
            if name == "config.json" {
                self.folder.write(name, config(text, report)?.as_bytes())?;
            } else {
                self.folder.write(name, text.as_bytes())?;
            }
        }
        self.folder.write(RECIPE, report.recipe.to_yaml().as_bytes())?;
        self.folder.write(CARD, card(report).as_bytes())?;
        Ok(self.folder.finish()?)
    }
}

/// Whether a folder holds nothing but what this project wrote there as a model.
pub fn is_ours(path: &Path) -> bool {
    let Ok(folder) = ModelFolder::open(path) else { return false };
    let metadata = folder.metadata();
    let Some(texts) = metadata.get(FILES_KEY) else { return false };
    let known = |name: &str| name == WEIGHTS || texts.split(',').any(|text| text == name);
    fs::read_dir(path).is_ok_and(|entries| {
        entries
            .into_iter()
            .all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(known)))
    })
}

/// The base's `config.json` with the merged tensors' dtype.
fn config(base: &str, report: &Report) -> Result<String> {
    let mut config: Value = serde_json::from_str(base)?;
    if let Some(stored) = stored_dtype(report) {
        // transformers 4 reads `torch_dtype`, 5 `dtype`.
        for key in ["torch_dtype", "dtype"] {
            if config.get(key).is_some() || key == "torch_dtype" {
                config[key] = stored.into();
            }
        }
    }
    Ok(format!("{config:#}\n"))
}

/// The output's dtype by its name in `config.json`.
fn stored_dtype(report: &Report) -> Option<&'static str> {
    use maec_recipe::OutDtype::{Bfloat16, Float16, Float32};
    match report.recipe.out_dtype {
        Some(Float32) => Some("float32"),
        Some(Float16) => Some("float16"),
        Some(Bfloat16) => Some("bfloat16"),
        None => report.tensors.first().and_then(|tensor| dtype::torch_name(tensor.stats.dtype)),
    }
}

/// `README.md`: what was merged from what, and how to check it.
fn card(report: &Report) -> String {
    let (recipe, p) = (&report.recipe, &report.recipe.parameters);
    let mut card = String::from(
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- merge\n- maec\n---\n\n",
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        // A String takes everything.
        let _ = writeln!(card, "{text}");
    };
    line(format_args!("# A merged model\n"));
    match recipe.merge_method {
        MergeMethod::Maec => {
            line(format_args!(
                "Merged by MAEC: R(A) = α·(Θ_A,L0 − Θo) − β·(Θ_L0 − Θo) and R_Lang = Σ μᵢ·(Θ_Li − Θo) are added to"
            ));
            line(format_args!(
                "the base as γ·R(A) + η·R_Lang in the selected tensors, as R_Lang alone in the others.\n"
            ));
            line(format_args!("| parameter | value |\n|---|---|"));
            for (name, value) in [("α", p.alpha), ("β", p.beta), ("γ", p.gamma), ("η", p.eta), ("k₂", p.k2)]
            {
                line(format_args!("| {name} | {value} |"));
            }
            line(format_args!("| selected tensors | {} of {} |", report.selected, report.tensors.len()));
        }
        MergeMethod::TaskVector => {
            line(format_args!("Merged as a task vector: Θo + λ·[(Θ_A,L0 − Θo) + Σ μᵢ·(Θ_Li − Θo)].\n"));
            line(format_args!("| parameter | value |\n|---|---|\n| λ | {} |", p.lambda));
        }
    }
    for language in &recipe.languages {
        line(format_args!("| μ of {} | {} |", cell(&language.name), language.weight));
    }
    line(format_args!("\n| part | model | model hash (SHA-256) |\n|---|---|---|"));
    for input in &report.inputs {
        let hash = input.hash.as_deref().unwrap_or("–");
        line(format_args!("| {} | {} | `{hash}` |", cell(&input.part), cell(&input.model)));
    }
    line(format_args!("| **merged** | this one | `{}` |", report.output_hash));
    line(format_args!(
        "\n`{RECIPE}` says it exactly. `maec merge {RECIPE} --models FOLDER --out merged` makes it again, where FOLDER is\n\
         the one that the models' names start from."
    ));
    card
}

/// Text that stays within its table cell.
fn cell(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect()
}
