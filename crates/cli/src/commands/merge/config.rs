//! Merges by mergekit files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use maec_checkpoint::{fingerprint, model_hash};
use maec_merge::config::{ConfigJob, ConfigPlan, Joined, Loaded, chat_template, join_vocabularies};
use maec_merge::engine::Pool;
use maec_merge::folder::{Input, TOKENIZER, card, provenance, take_tokenizer};
use maec_merge::vocabulary::Union;
use maec_recipe::mergekit::{Config, ModelName};
use serde::Serialize;

use super::Args;
use crate::failure::{Problems, usage};
use crate::merged::{Stamps, Target};
use crate::models::Models;
use crate::output::ReportFile;
use crate::{input, output, progress, size, table};

/// The account of a merge.
#[derive(Debug, Serialize)]
pub struct ConfigReport {
    /// The configuration, revisions pinned, as mergekit reads it.
    pub config: String,
    /// What was read and written.
    #[serde(flatten)]
    pub plan: ConfigPlan,
    /// The models.
    pub inputs: Vec<Input>,
    /// Where every token came from that not all models have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
    /// Model hash of the output, 64 hex digits.
    pub output_hash: String,
    /// The programs that made it, with their versions.
    pub versions: BTreeMap<String, String>,
}

/// Merges by the configuration in `args`.
pub fn run(args: &Args) -> Result<()> {
    let config = read(&args.recipe)?;
    let mut models = args.models();
    let opened = Opened::open(&mut models, &config)?;
    args.check_outputs(&models)?;
    let report_file = args.report.as_deref().map(ReportFile::begin).transpose()?;
    let mut job = ConfigJob::new(&config, &opened.loaded).map_err(Problems::new)?;
    let pool = Pool::new(args.write.budget.threads(|threads| job.memory_bytes(threads))?)?;
    models.fetch()?;
    let stamps = Stamps::take(models.files());
    job.allow_nonfinite = args.allow_nonfinite;
    let inputs = opened.inputs(&models, args.hash_inputs)?;
    let mut pinned = config.clone();
    pinned.rename(&mut |name| pin(name, &models));
    let metadata = provenance(pinned.to_yaml(), serde_json::to_string(&inputs)?);
    // Inputs are known by their fingerprints, and by their files' sizes and times.
    let known = format!("{metadata:?} {} {stamps:?}", args.allow_nonfinite);
    let target = Target::begin(&args.out, &opened.texts, metadata, &job, &args.write)?;
    let plan = job.plan(target.shards(), pool.threads());
    let (method, layers, is_sliced) = (job.method(), job.layers(), job.is_sliced());
    let bar = progress::bar("merging", 0);
    let (mut written, output_hash) = target.run(&mut job, &known, &pool, &bar)?;
    stamps.check()?;
    if let Some((union, text)) = &opened.union {
        written.set_text(TOKENIZER, union.tokenizer_json(text)?);
    }
    // Without slices the layers are the base's, whatever else has numbers in its tensors' names.
    let mut sizes = Vec::new();
    if is_sliced {
        sizes.extend(["num_hidden_layers", "n_layer"].map(|key| (key, layers)));
    }
    sizes.extend(opened.union.iter().map(|(union, _)| ("vocab_size", union.vocabulary.rows())));
    written.finish(&pinned.to_yaml(), &card::of_config(&plan, method, &inputs, &output_hash), &sizes)?;
    bar.finish_and_clear();
    let tokens =
        opened.union.iter().flat_map(|(union, _)| union.report.iter().map(|it| union.describe(it))).collect();
    let versions = ["maec", "maec-merge"].map(|name| (name.to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    let report = ConfigReport {
        config: pinned.to_yaml(),
        plan,
        inputs,
        tokens,
        output_hash,
        versions: BTreeMap::from(versions),
    };
    if let Some(file) = report_file {
        file.finish(&report)?;
    }
    if args.json { output::print_json(&report) } else { output::print(said(&report, &args.out, &opened)) }
}

/// Reads a mergekit file.
pub fn read(path: &Path) -> Result<Config> {
    let config = Config::from_yaml(&input::text(path)?);
    config.map_err(|error| usage(format!("{}: {error}", path.display())))
}

/// Puts the commits that were fetched in place of a name's revisions.
fn pin(name: &mut ModelName, models: &Models) {
    let pin = |model: &mut String, revision: &mut Option<String>| {
        let known = revision.as_ref().map_or(model.clone(), |revision| format!("{model}@{revision}"));
        let pinned = models.pinned(&known);
        if pinned != known
            && let Some((model_of, commit)) = pinned.rsplit_once('@')
        {
            (*model, *revision) = (model_of.to_owned(), Some(commit.to_owned()));
        }
    };
    pin(&mut name.model, &mut name.revision);
    if let Some(lora) = &mut name.lora {
        pin(&mut lora.model, &mut lora.revision);
    }
}

/// The models of a configuration, with adapters put in and vocabularies joined.
pub struct Opened {
    /// As the engine takes them.
    pub loaded: Vec<Loaded>,
    /// The text files that go along with the output.
    pub texts: BTreeMap<String, String>,
    /// The joined vocabulary, and the tokenizer that it extends.
    pub union: Option<(Arc<Union>, String)>,
}

impl Opened {
    /// Opens them, headers alone.
    pub fn open(models: &mut Models, config: &Config) -> Result<Self> {
        // What is wrong with the file itself is said before anything is fetched.
        maec_merge::config::method(config).map_err(|problem| Problems::new([problem]))?;
        let mut loaded = Vec::new();
        let mut all_texts = Vec::new();
        let mut texts = BTreeMap::new();
        let first = config.base_model.as_ref().or(config.models().first().copied()).cloned();
        for name in config.models() {
            let (model, stored) = models.open_named(name).with_context(|| name.to_string())?;
            // The output's files are the base's, or the first model's that has any.
            if Some(name) == first.as_ref() || texts.is_empty() {
                texts = model.texts.clone();
            }
            all_texts.push(model.texts.clone());
            loaded.push(Loaded { name: name.clone(), weights: model.weights, stored });
        }
        let tokenizers: Vec<Option<String>> =
            all_texts.iter().map(|texts| texts.get(TOKENIZER).cloned()).collect();
        let Joined { models: loaded, union } =
            join_vocabularies(config, loaded, &tokenizers).map_err(|problem| Problems::new([problem]))?;
        if let Some(union) = &union {
            // The files that go with a tokenizer are those of the model whose tokenizer it was.
            take_tokenizer(&mut texts, &all_texts[union.foundation]);
        }
        let template = chat_template(config, &all_texts).map_err(|problem| Problems::new([problem]))?;
        if let Some(template) = template {
            texts.insert("chat_template.jinja".into(), template);
        }
        let union = union.and_then(|union| Some((union.clone(), tokenizers[union.foundation].clone()?)));
        Ok(Self { loaded, texts, union })
    }

    /// What they are known by.
    fn inputs(&self, models: &Models, hash: bool) -> Result<Vec<Input>> {
        let one = |loaded: &Loaded| {
            let mut name = loaded.name.clone();
            pin(&mut name, models);
            let (fingerprint, hash) = (
                fingerprint(loaded.weights.as_ref())?,
                hash.then(|| model_hash(loaded.weights.as_ref())).transpose()?,
            );
            Ok(Input { model: name.to_string(), fingerprint, hash })
        };
        use rayon::prelude::*;
        self.loaded.par_iter().map(one).collect()
    }
}

fn said(report: &ConfigReport, out: &Path, opened: &Opened) -> String {
    let plan = &report.plan;
    let mut lines = vec![
        ("method", format!("{}: {}", plan.method, plan.formula)),
        (
            "output",
            format!("{}, {} in {} files", out.display(), size::shown(plan.bytes_written), plan.files.len()),
        ),
        ("parameters", table::count(plan.parameters)),
        ("model hash", report.output_hash.clone()),
    ];
    if let Some((union, _)) = &opened.union {
        lines.push(("vocabulary", union.summary()));
    }
    table::pairs(&lines)
}
