//! `maec train`: continual pre-training, of everything or of key neurons only.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::{
    AtomicFolder, Dtype, FileSink, ModelFiles, Weights, dtype, model_hash, read_file, sha256_hex,
    write_model_folder,
};
use maec_train::Trainer;
use serde::Serialize;

use crate::args::{DataArgs, FloatArg, LoopArgs};
use crate::failure::usage;
use crate::run_folder::{Begin, PROVENANCE_KEY, Provenance, RunFolder};
use crate::training::{self, Data, Origin};
use crate::{interrupt, merged, output, progress, table};

/// Arguments of `maec train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec train --init config.json --tokenizer world --corpus world/base.jsonl --steps 2500 --dtype bfloat16 --out base
  maec train --model base --corpus world/ability --corpus world/general/en.jsonl \\
      --neurons a.safetensors --neurons en.safetensors --out a-l0

Ctrl-C and crashes lose nothing: the same command with --resume goes on, to the same bits.")]
pub struct Args {
    /// Model to begin with: a folder, or a pack's entry such as PACK#base.
    #[arg(long, value_name = "DIR", required_unless_present = "init", conflicts_with = "init")]
    model: Option<PathBuf>,
    /// Begin with fresh weights for this config.json.
    #[arg(long, value_name = "CONFIG")]
    init: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Folder for the trained model; checkpoints are kept beside it in DIR.run until it is done.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Optimizer steps.
    #[arg(long, default_value_t = 400)]
    steps: u32,
    #[command(flatten)]
    training: LoopArgs,
    /// Decoupled weight decay, of trained elements only.
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f64,
    /// Train these key neurons only; given several times, their union.
    #[arg(long, value_name = "MASK")]
    neurons: Vec<PathBuf>,
    /// Also write the key neurons of this run (Eq. 1).
    #[arg(long, value_name = "MASK", conflicts_with = "neurons")]
    key_neurons: Option<PathBuf>,
    /// Share of all parameters that are key neurons.
    #[arg(long, default_value_t = 0.05, requires = "key_neurons")]
    k1: f64,
    /// Dtype of the trained model.
    #[arg(long, value_enum, default_value = "float32")]
    dtype: FloatArg,
    /// Steps between checkpoints; 0 writes none but on Ctrl-C.
    #[arg(long, value_name = "N", default_value_t = 100)]
    checkpoint_every: u32,
    /// Go on from the last checkpoint.
    #[arg(long)]
    resume: bool,
    /// Print a summary in JSON.
    #[arg(long)]
    json: bool,
}

/// What is said of a finished run.
#[derive(Serialize)]
struct Summary {
    out: String,
    model_hash: String,
    parameters: u64,
    trained_parameters: u64,
    steps: u32,
    tokens: u64,
    /// Mean of the last steps before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second: Option<f64>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let origin = match (&args.model, &args.init) {
        (Some(model), _) => Origin::model(model)?,
        (None, Some(config)) => Origin::fresh(config, args.training.seed)?,
        (None, None) => return Err(usage("give --model, or --init for fresh weights")),
    };
    let settings = args.training.config(args.steps, args.weight_decay);
    settings.check()?;
    training::check_k1(args.k1)?;
    // Wrong outputs are found before the hours of training, not after.
    let models = args.model.iter().chain(&args.init).chain(&args.neurons).map(PathBuf::as_path);
    let inputs: Vec<&Path> = args.data.paths().chain(models).collect();
    for out in [Some(&args.out), args.key_neurons.as_ref()].into_iter().flatten() {
        output::spares(out, inputs.iter().copied())?;
    }
    drop(AtomicFolder::create(&args.out, merged::is_ours)?);
    drop(args.key_neurons.as_deref().map(FileSink::create).transpose()?);
    let data = Data::read(&args.data, &origin)?;
    let model = data.complete(origin.config()?);
    check_dtype(args, &origin)?;
    let mixture = data.mixture(settings.seed, &model)?;
    let neurons = training::mask(&args.neurons)?;
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        start: origin.identity()?,
        tokenizer: sha256_hex(data.texts["tokenizer.json"].as_bytes()),
        corpora: data.corpora.iter().map(|corpus| (corpus.sha256.clone(), corpus.weight)).collect(),
        neurons: mask_hash(&args.neurons)?,
        settings: settings.clone(),
        dtype: dtype::name(args.dtype.into()),
    };
    let device = args.training.device.open()?.autodiff();
    let (folder, begin) = RunFolder::open(&args.out, provenance.clone(), args.resume)?;
    let mut trainer = match begin {
        Begin::Finished => {
            // It may have been killed while it cleared up.
            folder.remove()?;
            if args.key_neurons.is_some() {
                return Err(usage(
                    "the run is finished, too late for --key-neurons; find them with `maec neurons`",
                ));
            }
            progress::note(&format!("nothing to resume: {} is finished", args.out.display()));
            return Ok(());
        }
        Begin::Fresh => {
            if args.resume {
                progress::note("there is no checkpoint yet: beginning with step 1");
            }
            Trainer::new(origin.build(&device)?, settings.clone(), mixture, neurons)?
        }
        Begin::From(snapshot) => {
            Trainer::resume(*snapshot, model.clone(), settings.clone(), mixture, &device)?
        }
    };

    let bar = training::bar("training", args.steps);
    let save = &mut |trainer: &Trainer| folder.save(&trainer.snapshot()?);
    let outcome = training::run(&mut trainer, &bar, args.checkpoint_every, save)
        .map_err(|error| if interrupt::requested() { resumable(&error) } else { error })?;
    if let Some(path) = &args.key_neurons {
        let found = training::key_neurons(&origin, &trainer, settings.learning_rate, args.k1)?;
        found.save(path, &super::neurons::metadata(&origin, &data, &settings, args.k1)?)?;
    }

    let stored: Dtype = args.dtype.into();
    let weights = trainer.weights("the trained model", stored)?;
    let mut texts = data.texts;
    texts.insert("config.json".into(), model.to_json(dtype::torch_name(stored).unwrap_or("float32")));
    write_model_folder(
        &args.out,
        ModelFiles {
            texts,
            tensors: weights.tensors(),
            metadata: [(PROVENANCE_KEY.to_owned(), provenance.to_json()?)].into(),
            data: &mut |info, write| write(&weights.read_bytes(&info.name)?),
        },
    )?;
    folder.remove()?;

    let parameters = model.parameters() as u64;
    let trained = trainer.optimizer().neurons().map_or(parameters, |neurons| neurons.len() as u64);
    let summary = Summary {
        out: args.out.display().to_string(),
        model_hash: model_hash(&weights)?,
        parameters,
        trained_parameters: trained,
        steps: args.steps,
        tokens: trainer.tokens(),
        loss: outcome.loss,
        tokens_per_second: outcome.loss.map(|_| outcome.tokens as f64 / outcome.seconds),
    };
    if args.json { output::print_json(&summary) } else { output::print(said(&summary)) }
}

/// A parameter outside the mask keeps its bits, which a narrower dtype would round.
fn check_dtype(args: &Args, origin: &Origin) -> Result<()> {
    let (Origin::Model(model), false) = (origin, args.neurons.is_empty()) else { return Ok(()) };
    let stored: Dtype = args.dtype.into();
    match model.weights.tensors().iter().find(|info| !dtype::holds(stored, info.dtype)) {
        None => Ok(()),
        Some(info) => Err(usage(format!(
            "--dtype {} would round `{}`, which is {}, outside the key neurons too; give its dtype or a wider one",
            dtype::name(stored),
            info.name,
            dtype::name(info.dtype)
        ))),
    }
}

fn said(summary: &Summary) -> String {
    let loss = summary.loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
    let rate = summary
        .tokens_per_second
        .map_or_else(String::new, |rate| format!(" ({} a second)", table::count(rate as u64)));
    format!(
        "{}: {} of {} parameters trained in {} steps on {} tokens{rate}{loss}\nmodel hash {}",
        summary.out,
        table::count(summary.trained_parameters),
        table::count(summary.parameters),
        summary.steps,
        table::count(summary.tokens),
        summary.model_hash,
    )
}

fn resumable(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}; the same command with --resume goes on")
}

fn mask_hash(paths: &[PathBuf]) -> Result<Option<String>> {
    let mut hashes = Vec::new();
    for path in paths {
        hashes.push(sha256_hex(&read_file(path).with_context(|| "--neurons")?));
    }
    Ok((!hashes.is_empty()).then(|| sha256_hex(hashes.concat().as_bytes())))
}
