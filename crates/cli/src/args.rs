//! The command line as typed: the commands, and the groups of arguments that several of them share.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use maec_checkpoint::Dtype;
use maec_model::DeviceKind;
use maec_train::{Schedule, TrainConfig};

use crate::commands::{
    adapters, bench, corpus, delta, eval, explain_dialect, extract, forward, generate, inspect, merge,
    methods, neurons, pack, plan, reproduce, train, tune, verify, world,
};
use crate::input::CorpusArg;
use crate::quickstart;

/// Merges the abilities of language models: trains, extracts, merges, evaluates and packs.
#[derive(Debug, Parser)]
#[command(name = "maec", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, each with its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole path on the workshop world, from corpora to one table.
    Quickstart(quickstart::Args),
    /// The paper's tables and figures on the workshop world, in one report.
    Reproduce(reproduce::Args),
    /// Write the workshop world: corpora, problems and a tokenizer.
    World(world::Args),
    /// Tokenize corpora into packed blocks, and look at them.
    Corpus(corpus::Args),
    /// Train a model: all its parameters, or its key neurons only.
    Train(train::Args),
    /// Find the key neurons of a corpus (Eq. 1).
    Neurons(neurons::Args),
    /// Extract what training changed as a sparse delta.
    Delta(delta::Args),
    /// Train what an ability's merge needs, once: key neurons, deltas, R(A) and R(Li).
    Extract(extract::Args),
    /// Search α, β, γ, η, μ, k₂ or λ on validation problems, without training.
    Tune(tune::Args),
    /// Merge models by a recipe (Eq. 2–5, or the task vector), or as a mergekit file says.
    Merge(merge::Args),
    /// What a merge will do, and everything in its way, from headers alone.
    Plan(plan::Args),
    /// Merge LoRA adapters with each other, without their base.
    Adapters(adapters::Args),
    /// Every merge method with its formula, parameters and defaults.
    Methods(methods::Args),
    /// What a mergekit file's method would make of it as its paper or PEFT define it, in numbers.
    ExplainDialect(explain_dialect::Args),
    /// Look inside models: norms, sparsity, histograms, and how they differ.
    Inspect(inspect::Args),
    /// Evaluate models: problems answered, perplexity of held-out text, benchmarks.
    Eval(eval::Args),
    /// Let a model go on with a text.
    Generate(generate::Args),
    /// Write a model's logits and hidden states for given tokens.
    Forward(forward::Args),
    /// Random models of known shapes, and how fast a model runs.
    Bench(bench::Args),
    /// Bundle a base, its deltas and its problems for the studio.
    Pack(pack::Args),
    /// Check a pack's hashes, and compute what the studio shows of it.
    Verify(verify::Args),
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Quickstart(args) => quickstart::run(&args),
            Self::Reproduce(args) => reproduce::run(&args),
            Self::World(args) => world::run(&args),
            Self::Corpus(args) => corpus::run(&args),
            Self::Train(args) => train::run(&args),
            Self::Neurons(args) => neurons::run(&args),
            Self::Delta(args) => delta::run(&args),
            Self::Extract(args) => extract::run(&args),
            Self::Tune(args) => tune::run(&args),
            Self::Merge(args) => merge::run(&args),
            Self::Plan(args) => plan::run(&args),
            Self::Adapters(args) => adapters::run(&args),
            Self::Methods(args) => methods::run(&args),
            Self::ExplainDialect(args) => explain_dialect::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Eval(args) => eval::run(&args),
            Self::Generate(args) => generate::run(&args),
            Self::Forward(args) => forward::run(&args),
            Self::Bench(args) => bench::run(&args),
            Self::Pack(args) => pack::run(&args),
            Self::Verify(args) => verify::run(&args),
        }
    }
}

/// What is trained on, and how its text becomes tokens.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// JSONL file, or folder of them, with a "text" in every line, or what `maec corpus prepare` wrote; `:WEIGHT` is its share
    /// of the tokens (default 1).
    #[arg(long = "corpus", value_name = "FILE[:WEIGHT]", required = true)]
    pub corpora: Vec<CorpusArg>,
    /// tokenizer.json, or a folder with one; the model's own by default.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// Tokens of a window of prepared corpora [default: 1024, or the model's positions where these are fewer].
    #[arg(long, value_name = "N")]
    pub seq_len: Option<usize>,
}

impl DataArgs {
    /// Files and folders that are read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.corpora.iter().map(|corpus| corpus.path.as_path()).chain(self.tokenizer.as_deref())
    }
}

/// AdamW and the loop around it. What is not given is the preset's.
#[derive(Debug, Args)]
pub struct LoopArgs {
    /// Sequences in a step [default: 64].
    #[arg(long)]
    pub batch: Option<u32>,
    /// Peak learning rate [default: 2e-3].
    #[arg(long)]
    pub lr: Option<f64>,
    /// Steps over which the learning rate rises from zero [default: 20].
    #[arg(long)]
    pub warmup: Option<u32>,
    /// How the learning rate goes on after that [default: cosine].
    #[arg(long, value_enum)]
    pub schedule: Option<ScheduleArg>,
    /// Largest norm of the gradient; 0 does not clip [default: 1].
    #[arg(long)]
    pub clip: Option<f64>,
    /// AdamW's β₂ [default: 0.95].
    #[arg(long)]
    pub beta2: Option<f64>,
    /// AdamW's ε [default: 1e-8].
    #[arg(long)]
    pub epsilon: Option<f64>,
    /// Seed of the data's order and of fresh weights.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub device: DeviceArg,
}

impl LoopArgs {
    /// A preset with what was given in its place. A count of sequences replaces the preset's count of tokens.
    pub fn over(&self, preset: TrainConfig) -> TrainConfig {
        TrainConfig {
            sequences_per_step: self.batch.unwrap_or(preset.sequences_per_step),
            tokens_per_step: preset.tokens_per_step.filter(|_| self.batch.is_none()),
            learning_rate: self.lr.unwrap_or(preset.learning_rate),
            warmup_steps: self.warmup.unwrap_or(preset.warmup_steps),
            schedule: self.schedule.map_or(preset.schedule, Schedule::from),
            clip_norm: self.clip.map_or(preset.clip_norm, |clip| (clip != 0.0).then_some(clip)),
            beta2: self.beta2.unwrap_or(preset.beta2),
            epsilon: self.epsilon.unwrap_or(preset.epsilon),
            seed: self.seed,
            ..preset
        }
    }
}

/// Where to compute.
#[derive(Debug, Args)]
pub struct DeviceArg {
    /// Device: cpu, wgpu (Vulkan, Metal, DX12) or cuda; the last two where this build has them.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub device: DeviceKind,
}

impl DeviceArg {
    /// Opens it.
    pub fn open(&self) -> Result<burn::tensor::Device> {
        self.device.open().context("--device")
    }
}

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScheduleArg {
    /// It stays.
    Constant,
    /// It falls along half a cosine.
    Cosine,
}

impl From<ScheduleArg> for Schedule {
    fn from(schedule: ScheduleArg) -> Self {
        match schedule {
            ScheduleArg::Constant => Self::Constant,
            ScheduleArg::Cosine => Self::Cosine,
        }
    }
}

/// A stored float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FloatArg {
    #[value(alias = "f32")]
    Float32,
    #[value(alias = "f16")]
    Float16,
    #[value(alias = "bf16")]
    Bfloat16,
}

impl From<FloatArg> for Dtype {
    fn from(float: FloatArg) -> Self {
        match float {
            FloatArg::Float32 => Self::F32,
            FloatArg::Float16 => Self::F16,
            FloatArg::Bfloat16 => Self::BF16,
        }
    }
}
