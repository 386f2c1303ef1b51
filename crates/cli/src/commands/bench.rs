//! `maec bench`: models of well-known shapes with random weights, and how fast a model runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};
use maec_checkpoint::{Dtype, ModelFiles, TensorInfo, convert, write_model_folder};
use maec_model::{Family, Generator, ModelConfig, Stop};
use maec_train::Random;
use serde::Serialize;

use crate::args::{DeviceArg, FloatArg};
use crate::failure::usage;
use crate::models::Models;
use crate::{interrupt, output, progress, table};

/// Values made at a time.
const TILE: usize = 1 << 16;

/// Arguments of `maec bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a model folder with random weights.
    Model(ModelArgs),
    /// Tokens a second of reading a prompt and of writing after it.
    Speed(SpeedArgs),
}

#[derive(Debug, clap::Args)]
struct ModelArgs {
    /// Whose shape.
    #[arg(long, value_enum)]
    shape: Shape,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of the weights.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Standard deviation of the weights; transformers draws them with 0.02. A wider one has a model write varied text.
    #[arg(long, default_value_t = 0.02)]
    deviation: f64,
    /// tokenizer.json to put beside the weights.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Share of the weights that differ from those of the seed alone, as training some of them would make it.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    changed: f64,
    /// Seed of what differs.
    #[arg(long, default_value_t = 1)]
    change_seed: u64,
    /// Stored dtype.
    #[arg(long, value_enum, default_value = "bfloat16")]
    dtype: FloatArg,
}

/// A published model's shape.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// SmolLM2-135M.
    #[value(name = "smollm2-135m")]
    SmolLm2Small,
    /// SmolLM2-360M.
    #[value(name = "smollm2-360m")]
    SmolLm2Medium,
    /// Qwen2.5-0.5B.
    #[value(name = "qwen2.5-0.5b")]
    Qwen25Half,
    /// SmolLM2's proportions with 6 layers of width 192 and its vocabulary cut to 4,096: for quick checks.
    #[value(name = "tiny")]
    Tiny,
}

impl Shape {
    fn config(self) -> ModelConfig {
        let smollm2 = |hidden_size, intermediate_size, layers, heads, kv_heads, vocab_size| {
            let json = serde_json::json!({
                "model_type": "llama", "hidden_size": hidden_size, "intermediate_size": intermediate_size,
                "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
                "vocab_size": vocab_size, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5,
                "rope_theta": 100_000.0, "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0,
            });
            ModelConfig::from_json(&json.to_string())
        };
        let config = match self {
            Self::SmolLm2Small => smollm2(576, 1536, 30, 9, 3, 49_152),
            Self::SmolLm2Medium => smollm2(960, 2560, 32, 15, 5, 49_152),
            Self::Tiny => smollm2(192, 512, 6, 3, 1, 4096),
            Self::Qwen25Half => smollm2(896, 4864, 24, 14, 2, 151_936).map(|config| {
                let mut config = ModelConfig { family: Family::Qwen2, rope_theta: 1e6, ..config };
                config.variant.qkv_bias = true;
                config.max_position_embeddings = 32_768;
                ModelConfig { rms_norm_eps: 1e-6, ..config }
            }),
        };
        config.expect("the shapes are those of models")
    }
}

#[derive(Debug, clap::Args)]
struct SpeedArgs {
    /// Model folder.
    #[arg(long, value_name = "DIR")]
    model: String,
    /// Tokens of the prompt (random ones).
    #[arg(long, default_value_t = 512)]
    prompt_tokens: usize,
    /// Tokens written after it.
    #[arg(long, default_value_t = 64)]
    new_tokens: usize,
    /// Runs, of which the fastest counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[command(flatten)]
    device: DeviceArg,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Model(args) => model(args),
        What::Speed(args) => speed(args),
    }
}

fn model(args: &ModelArgs) -> Result<()> {
    let config = args.shape.config();
    let dtype = Dtype::from(args.dtype);
    let name = match args.dtype {
        FloatArg::Float32 => "float32",
        FloatArg::Float16 => "float16",
        FloatArg::Bfloat16 => "bfloat16",
    };
    let tensors: Vec<TensorInfo> =
        config.tensors().into_iter().map(|(name, shape)| TensorInfo { name, dtype, shape }).collect();
    let bar = progress::bar("writing", config.parameters() as u64);
    if !(0.0..=1.0).contains(&args.changed) {
        return Err(usage(format!("--changed is {}; give a share between 0 and 1", args.changed)));
    }
    let mut random = Random::new(args.seed, 0);
    let mut change = Random::new(args.change_seed, 1);
    let mut texts = BTreeMap::from([("config.json".to_owned(), config.to_json(name))]);
    if let Some(path) = &args.tokenizer {
        texts.insert("tokenizer.json".to_owned(), crate::input::text(path)?);
    }
    // Steps between two weights that change, so that most weights cost nothing more.
    let step = (1.0 / args.changed).round();
    let mut next = (step * f64::from(change.normal().abs())) as usize;
    let mut bytes = Vec::new();
    write_model_folder(
        &args.out,
        ModelFiles {
            texts,
            tensors: &tensors,
            metadata: BTreeMap::from([("seed".to_owned(), args.seed.to_string())]),
            data: &mut |info, write| {
                let mut left = info.elements();
                while left > 0 {
                    let count = left.min(TILE);
                    let mut values: Vec<f64> = match info.shape.len() {
                        1 if info.name.ends_with("norm.weight") => vec![1.0; count],
                        _ => (0..count).map(|_| f64::from(random.normal()) * args.deviation).collect(),
                    };
                    while next < count {
                        values[next] += f64::from(change.normal()) * args.deviation;
                        // |normal| has the mean √(2/π) = 0.8.
                        next += 1 + (step * f64::from(change.normal().abs()) / 0.8) as usize;
                    }
                    next -= count;
                    bytes.clear();
                    convert::narrow(dtype, &values, &mut bytes)?;
                    write(&bytes)?;
                    bar.inc(count as u64);
                    left -= count;
                }
                Ok(())
            },
        },
    )?;
    bar.finish_and_clear();
    output::print(format!("{}: {} parameters", args.out.display(), table::count(config.parameters() as u64)))
}

/// What was measured.
#[derive(Serialize)]
struct Speed {
    model: String,
    parameters: usize,
    device: String,
    threads: usize,
    load_secs: f64,
    prompt_tokens: usize,
    new_tokens: usize,
    prefill_tokens_per_sec: f64,
    decode_tokens_per_sec: f64,
}

fn speed(args: &SpeedArgs) -> Result<()> {
    if args.prompt_tokens == 0 || args.new_tokens < 2 || args.runs == 0 {
        return Err(usage("give at least 1 prompt token, 2 new tokens and 1 run"));
    }
    let model = Models::in_folder(Path::new(".")).open(&args.model)?;
    let config = model.config()?;
    let begun = Instant::now();
    let decoder = model.load_to_run(&args.device.open()?)?;
    let load_secs = begun.elapsed().as_secs_f64();
    let ids: Vec<u32> =
        (0..args.prompt_tokens).map(|i| (i * 7919 + 13) as u32 % config.vocab_size as u32).collect();
    let stop = Stop { tokens: Vec::new(), max_new_tokens: args.new_tokens };
    let (mut prefill, mut decode) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..args.runs {
        let begun = Instant::now();
        let mut generator = Generator::new(&decoder, std::slice::from_ref(&ids), stop.clone());
        let mut first = None;
        while pollster::block_on(generator.step()).map_err(anyhow::Error::msg)?.is_some() {
            first.get_or_insert_with(Instant::now);
            if interrupt::requested() {
                return Err(maec_eval::EvalError::Cancelled).context("bench");
            }
        }
        let first = first.context("no token came")?;
        prefill = prefill.min((first - begun).as_secs_f64());
        decode = decode.min(first.elapsed().as_secs_f64());
    }
    let speed = Speed {
        model: args.model.clone(),
        parameters: config.parameters(),
        device: format!("{:?}", args.device.device).to_lowercase(),
        threads: rayon::current_num_threads(),
        load_secs,
        prompt_tokens: args.prompt_tokens,
        new_tokens: args.new_tokens,
        prefill_tokens_per_sec: args.prompt_tokens as f64 / prefill,
        // The prompt's pass gives the first token.
        decode_tokens_per_sec: (args.new_tokens - 1) as f64 / decode,
    };
    if args.json {
        return output::print_json(&speed);
    }
    output::print(table::pairs(&[
        ("model", format!("{}, {} parameters", speed.model, table::count(speed.parameters as u64))),
        ("device", format!("{}, {} threads", speed.device, speed.threads)),
        ("load", format!("{:.2} s", speed.load_secs)),
        ("prompt", format!("{} tokens at {:.1} tokens/s", speed.prompt_tokens, speed.prefill_tokens_per_sec)),
        ("new", format!("{} tokens at {:.1} tokens/s", speed.new_tokens, speed.decode_tokens_per_sec)),
    ]))
}
