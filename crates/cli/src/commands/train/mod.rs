//! `maec train`: continual pre-training, of everything, of key neurons only, or of a LoRA adapter.

mod adapter;
mod keeping;
mod ranks;
mod settings;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use maec_checkpoint::{
    AtomicFolder, Dtype, FileSink, ModelFiles, Weights, dtype, model_hash, read_file, sha256_hex,
    write_model_folder,
};
use maec_model::ModelConfig;
use maec_train::Trainer;

use self::adapter::{Lora, LoraArgs};
use self::keeping::{KeepingArgs, Kept};
use self::ranks::Ranks;
use self::settings::SettingsArgs;
use self::summary::Summary;
use crate::args::{DataArgs, FloatArg, LoopArgs};
use crate::failure::usage;
use crate::run_folder::{Begin, PROVENANCE_KEY, Provenance, RunFolder};
use crate::training::{self, Data, Origin};
use crate::{interrupt, merged, output, progress};

/// Arguments of `maec train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec train --init config.json --tokenizer world --corpus world/base.jsonl --steps 2500 --dtype bfloat16 --out base
  maec train --model base --corpus world/ability --corpus world/general/en.jsonl \\
      --neurons a.safetensors --neurons en.safetensors --out a-l0
  maec train --model base --corpus world/ability --lora-rank 8 --lora-targets all-linear --out adapter \\
      --evaluate-every 50 --heldout world/heldout --metrics steps.jsonl --report report.html

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
    /// Folder for the trained model or adapter; checkpoints are kept beside it in DIR.run until it is done.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    training: LoopArgs,
    #[command(flatten)]
    lora: LoraArgs,
    /// Train these key neurons only; given several times, their union.
    #[arg(long, value_name = "MASK")]
    neurons: Vec<PathBuf>,
    /// Also write the key neurons of this run (Eq. 1).
    #[arg(long, value_name = "MASK", conflicts_with = "neurons")]
    key_neurons: Option<PathBuf>,
    /// Share of all parameters that are key neurons.
    #[arg(long, default_value_t = 0.05, requires = "key_neurons")]
    k1: f64,
    /// Hold a bf16 model's matrices as they are stored; what is trained of them has f32 masters.
    #[arg(long, conflicts_with_all = ["init", "key_neurons"])]
    bf16: bool,
    /// Dtype of the trained model.
    #[arg(long, value_enum, default_value = "float32")]
    dtype: FloatArg,
    #[command(flatten)]
    keeping: KeepingArgs,
    /// Go on from the last checkpoint.
    #[arg(long)]
    resume: bool,
    /// Print a summary in JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let origin = match (&args.model, &args.init) {
        (Some(model), _) => Origin::model(model)?,
        (None, Some(config)) => Origin::fresh(config, args.training.seed)?,
        (None, None) => return Err(usage("give --model, or --init for fresh weights")),
    };
    let settings = args.settings.config(&args.training);
    settings.check()?;
    training::check_k1(args.k1)?;
    let lora = Lora::read(&args.lora)?;
    let ranks = Ranks::find()?;
    if ranks.leads() {
        check_outputs(args, lora.is_some())?;
    }
    let data = Data::read(&args.data, &origin)?;
    let measured = args.keeping.measured(&data)?;
    let model = data.complete(origin.config()?);
    check_dtype(args, &origin, lora.is_some())?;
    let sequences = data.sequences(settings.seed, &model)?;
    let neurons = training::mask(&args.neurons)?;
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        start: origin.identity()?,
        tokenizer: sha256_hex(data.texts["tokenizer.json"].as_bytes()),
        corpora: data.identities(),
        neurons: mask_hash(&args.neurons)?,
        settings: settings.clone(),
        dtype: dtype::name(args.dtype.into()),
        seq_len: data.seq_len(),
        bf16: args.bf16,
        adapter: lora.as_ref().map(Lora::identity).transpose()?,
    };
    let device = args.training.device.open()?.autodiff();
    let (folder, begin) = RunFolder::open(&args.out, provenance.clone(), args.resume)?;
    let trainer = match begin {
        Begin::Finished if !ranks.leads() => return Ok(()),
        Begin::Finished => {
            // It may have been killed while it cleared up.
            folder.remove()?;
            if args.key_neurons.is_some() {
                return Err(usage(
                    "the run is finished, too late for --key-neurons; find them with `maec neurons`",
                ));
            }
            args.keeping.too_late()?;
            progress::note(&format!("nothing to resume: {} is finished", args.out.display()));
            return Ok(());
        }
        Begin::Fresh => {
            if args.resume && ranks.leads() {
                progress::note("there is no checkpoint yet: beginning with step 1");
            }
            let decoder = origin.build_stored(&device, args.bf16)?;
            match lora {
                Some(lora) => lora.trainer(decoder, settings, sequences)?,
                None => Trainer::new(decoder, settings, sequences, neurons)?,
            }
        }
        Begin::From(snapshot) => Trainer::resume(*snapshot, model.clone(), settings, sequences, &device)?,
    };
    let mut trainer = ranks.join(trainer)?;
    let title = format!("Training of {}", args.out.display());
    let kept = Kept { args: &args.keeping, folder: &folder, measured, title, leads: ranks.leads() };
    match train(args, &origin, data, &model, &provenance, &mut trainer, kept) {
        Ok(None) => Ok(()),
        Ok(Some(summary)) => {
            folder.remove()?;
            summary.print(args.json)
        }
        Err(error) => {
            if ranks.leads() {
                folder.abandon();
            }
            if ranks.several() {
                // A normal end would wait for the other ranks, and these for this one; without it mpirun ends them.
                std::mem::forget(trainer);
            }
            Err(error)
        }
    }
}

/// Trains, and where this rank leads, writes all that comes of it.
fn train(
    args: &Args,
    origin: &Origin,
    data: Data,
    model: &ModelConfig,
    provenance: &Provenance,
    trainer: &mut Trainer,
    mut kept: Kept<'_>,
) -> Result<Option<Summary>> {
    let steps = trainer.config().steps;
    let opened = kept.leads.then(|| kept.folder.metrics(trainer.steps_done())).transpose()?;
    let mut metrics = opened.map(|(file, before)| (file, before.last().map_or(0.0, |record| record.seconds)));
    let metrics = metrics.as_mut().map(|(file, seconds)| (file, *seconds));
    let bar = if kept.leads { training::bar("training", steps) } else { ProgressBar::hidden() };
    let outcome = training::run(trainer, &bar, kept.cadence(), metrics, &mut kept)
        .map_err(|error| if interrupt::requested() { resumable(&error) } else { error })?;
    if !kept.leads {
        return Ok(None);
    }
    if let Some(path) = &args.key_neurons {
        let settings = trainer.config();
        let found = training::key_neurons(origin, trainer, settings.learning_rate, args.k1)?;
        found.save(path, &super::neurons::metadata(origin, &data, settings, args.k1)?)?;
    }
    // A model that is there ends the run, so that it is written last.
    let base = args.model.as_ref().map_or_else(String::new, |model| model.display().to_string());
    let model_hash = match trainer.adapter(&base)? {
        Some(adapter) => {
            kept.finish(trainer)?;
            adapter::write(&args.out, &adapter, provenance.to_json()?)?;
            model_hash(&adapter.weights)?
        }
        None => {
            let stored: Dtype = args.dtype.into();
            let weights = trainer.weights("the trained model", stored)?;
            kept.finish(trainer)?;
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
            model_hash(&weights)?
        }
    };
    let memory = trainer.memory();
    Ok(Some(Summary {
        out: args.out.display().to_string(),
        model_hash,
        parameters: model.parameters() as u64,
        trained_parameters: memory.trained,
        steps,
        tokens: trainer.tokens(),
        loss: outcome.loss,
        tokens_per_second: outcome.loss.map(|_| outcome.tokens as f64 / outcome.seconds),
        memory,
    }))
}

/// Wrong outputs are found before the hours of training, not after.
fn check_outputs(args: &Args, lora: bool) -> Result<()> {
    let given = args.model.iter().chain(&args.init).chain(&args.neurons);
    let given = given.chain(&args.lora.adapter).chain(&args.keeping.heldout).map(PathBuf::as_path);
    let inputs: Vec<&Path> = args.data.paths().chain(given).collect();
    for out in [&args.out].into_iter().chain(&args.key_neurons).chain(args.keeping.outputs()) {
        output::spares(out, inputs.iter().copied())?;
    }
    drop(AtomicFolder::create(&args.out, if lora { adapter::is_ours } else { merged::is_ours })?);
    drop(args.key_neurons.as_deref().map(FileSink::create).transpose()?);
    args.keeping.check(&args.out)
}

/// A parameter outside the mask keeps its bits, which a narrower dtype would round; factors are stored as they are trained.
fn check_dtype(args: &Args, origin: &Origin, lora: bool) -> Result<()> {
    if lora && args.dtype != FloatArg::Float32 {
        return Err(usage("an adapter is written in float32; leave --dtype out"));
    }
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
