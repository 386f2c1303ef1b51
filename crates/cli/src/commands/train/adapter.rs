//! LoRA in `maec train`: factors in place of the model's own weights, and the folder they are written to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use maec_checkpoint::lora::{Adapter, CONFIG_FILE, WEIGHTS_FILE};
use maec_checkpoint::{
    AtomicFolder, ByteSink, FileSource, SafetensorsReader, Weights, fingerprint, sha256_hex,
    write_safetensors,
};
use maec_model::Decoder;
use maec_train::{LoraConfig, Sequences, TrainConfig, TrainError, TrainedAdapter, Trainer};

use crate::failure::usage;
use crate::models::Models;
use crate::run_folder::PROVENANCE_KEY;

/// Low-rank factors to train.
#[derive(Debug, clap::Args)]
pub struct LoraArgs {
    /// Train a LoRA adapter of this rank, and write it as PEFT does [default: 8, where another --lora setting is given].
    #[arg(long, value_name = "R", conflicts_with_all = ["neurons", "key_neurons", "init", "adapter"])]
    lora_rank: Option<usize>,
    /// Its α; factors are scaled by α/R [default: 16].
    #[arg(long, value_name = "ALPHA", conflicts_with_all = ["neurons", "key_neurons", "init", "adapter"])]
    lora_alpha: Option<f64>,
    /// Linear layers that get factors: names or their last parts, comma-separated, or all-linear [default: q_proj,v_proj].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with_all = ["neurons", "key_neurons", "init", "adapter"])]
    lora_targets: Vec<String>,
    /// Go on training this PEFT adapter of the model.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["neurons", "key_neurons", "init"])]
    pub adapter: Option<PathBuf>,
}

/// The factors that a run begins with.
pub enum Lora {
    /// Fresh ones.
    Fresh(LoraConfig),
    /// An adapter's.
    From(Box<Adapter>),
}

impl Lora {
    /// What was asked for; none where the model itself is trained.
    pub fn read(args: &LoraArgs) -> Result<Option<Self>> {
        if let Some(path) = &args.adapter {
            let adapter = Models::in_folder(Path::new(".")).adapter(&path.display().to_string())?;
            return Ok(Some(Self::From(Box::new(adapter))));
        }
        if (args.lora_rank, args.lora_alpha) == (None, None) && args.lora_targets.is_empty() {
            return Ok(None);
        }
        let default = LoraConfig::default();
        Ok(Some(Self::Fresh(LoraConfig {
            rank: args.lora_rank.unwrap_or(default.rank),
            alpha: args.lora_alpha.unwrap_or(default.alpha),
            targets: match args.lora_targets.as_slice() {
                [] => default.targets,
                targets => targets.to_vec(),
            },
        })))
    }

    /// What tells it from any other.
    pub fn identity(&self) -> Result<String> {
        Ok(match self {
            Self::Fresh(LoraConfig { rank, alpha, targets }) => {
                format!("rank {rank}, alpha {alpha}, {}", targets.join(" "))
            }
            Self::From(adapter) => {
                let config = sha256_hex(&adapter.config().to_json()?);
                format!("from {}, config {config}", fingerprint(adapter.weights())?)
            }
        })
    }

    /// A trainer of the factors on a model.
    pub fn trainer(
        self,
        model: Decoder,
        settings: TrainConfig,
        sequences: impl Sequences + 'static,
    ) -> Result<Trainer> {
        let trainer = match self {
            Self::Fresh(config) => Trainer::with_lora(model, settings, sequences, config),
            Self::From(adapter) => Trainer::with_adapter(model, settings, sequences, &adapter),
        };
        trainer.map_err(|error| match error {
            TrainError::Lora { .. } => usage(error.to_string()),
            error => error.into(),
        })
    }
}

/// Whether a folder holds nothing but an adapter that [`write()`] wrote.
pub fn is_ours(path: &Path) -> bool {
    let weights = FileSource::open(&path.join(WEIGHTS_FILE))
        .and_then(|source| SafetensorsReader::open(Arc::new(source)));
    let Ok(mut entries) = path.read_dir() else { return false };
    let known = |name: &std::ffi::OsStr| name == CONFIG_FILE || name == WEIGHTS_FILE;
    weights.is_ok_and(|weights| weights.metadata().contains_key(PROVENANCE_KEY))
        && entries.all(|entry| entry.is_ok_and(|entry| known(&entry.file_name())))
}

/// Writes the folder that PEFT opens, with how it came about in the weights' metadata.
pub fn write(path: &Path, adapter: &TrainedAdapter, provenance: String) -> Result<()> {
    let folder = AtomicFolder::create(path, is_ours)?;
    folder.write(CONFIG_FILE, &adapter.config.to_json()?)?;
    let mut sink = folder.sink(WEIGHTS_FILE)?;
    let metadata = [("format".to_owned(), "pt".to_owned()), (PROVENANCE_KEY.to_owned(), provenance)].into();
    write_safetensors(&mut sink, adapter.weights.tensors(), &metadata, &mut |info, write| {
        write(&adapter.weights.read_bytes(&info.name)?)
    })?;
    Box::new(sink).finish()?;
    Ok(folder.finish()?)
}
