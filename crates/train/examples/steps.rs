//! Tokens a second of full and masked training steps on random tokens, and the memory that a GPU gives for them.
//!
//! `cargo run --release -p maec-train --example steps -- SEQUENCES LENGTH STEPS [DEVICE [PRECISION [SHAPE]]]` prints one JSON
//! object. DEVICE is `cpu`, `wgpu` or `cuda` (the latter two with `--features maec-model/wgpu` or `maec-model/cuda`), PRECISION
//! `float32` or `bfloat16` (matrices, with f32 masters of what is trained), SHAPE the model's vocabulary, width, MLP width, layers,
//! heads and key/value heads with commas between, the workshop's where there is none. `cargo xtask bench train` runs it beside PyTorch.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use burn::tensor::Device;
use maec_checkpoint::Dtype;
use maec_model::{Batch, Decoder, DeviceKind, ModelConfig, Precision, Storage};
use maec_train::{KeyNeurons, Mixture, Random, Source, TrainConfig, Trainer};

/// The workshop's model.
const WORKSHOP: [usize; 6] = [235, 128, 344, 4, 4, 4];
/// Steps before the clock starts: the first compile a GPU's kernels.
const WARM_UP: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<usize, Box<dyn Error>> {
        Ok(words.get(at).ok_or("give SEQUENCES LENGTH STEPS")?.parse()?)
    };
    let shape = match words.get(5) {
        None => WORKSHOP,
        Some(shape) => {
            let sizes = shape.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
            sizes.try_into().map_err(|_| "give SHAPE as VOCABULARY,WIDTH,MLP,LAYERS,HEADS,KV_HEADS")?
        }
    };
    let bench = Bench {
        sequences: number(0)?,
        length: number(1)?,
        steps: u32::try_from(number(2)?)?,
        device: words.get(3).map_or(Ok(DeviceKind::Cpu), |name| name.parse())?.open()?,
        matrices: match words.get(4).map(String::as_str) {
            None | Some("float32") => Precision::F32,
            Some("bfloat16") => Precision::Bf16,
            Some(other) => return Err(format!("unknown precision `{other}`: use float32 or bfloat16").into()),
        },
        config: config(shape, number(1)?),
    };
    let (full, masked) = (bench.measure(false)?, bench.measure(true)?);
    let bytes = |run: &Run| run.bytes.map_or("null".to_owned(), |bytes| bytes.to_string());
    println!(
        "{{\"full\": {:.0}, \"masked\": {:.0}, \"full_bytes\": {}, \"masked_bytes\": {}, \"parameters\": {}}}",
        full.tokens_per_sec,
        masked.tokens_per_sec,
        bytes(&full),
        bytes(&masked),
        bench.config.parameters(),
    );
    Ok(())
}

fn config([vocab, width, mlp, layers, heads, kv_heads]: [usize; 6], length: usize) -> ModelConfig {
    ModelConfig {
        vocab_size: vocab,
        hidden_size: width,
        intermediate_size: mlp,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        head_dim: width / heads,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        max_position_embeddings: length.max(256),
        tie_word_embeddings: true,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        rope_scaling: None,
        family: Default::default(),
        variant: Default::default(),
        pad_token_id: None,
    }
}

/// What is trained, where, and for how long.
struct Bench {
    sequences: usize,
    length: usize,
    steps: u32,
    device: Device,
    matrices: Precision,
    config: ModelConfig,
}

/// What was measured of one kind of training.
struct Run {
    tokens_per_sec: f64,
    /// Bytes that the device's allocator holds after the last step; the CPU's does not say.
    bytes: Option<u64>,
}

impl Bench {
    fn measure(&self, masked: bool) -> Result<Run, Box<dyn Error>> {
        // What the training before this one held.
        self.device.memory_cleanup();
        let vocab = self.config.vocab_size;
        let mut random = Random::new(1, 0);
        let (mut batch, mut targets) = (Batch::default(), Vec::new());
        for _ in 0..self.sequences {
            let ids: Vec<u32> = (0..=self.length).map(|_| random.below(vocab as u32)).collect();
            batch.push(&ids[..self.length], self.length);
            targets.extend_from_slice(&ids[1..]);
        }
        let model = self.model(&mut random)?;
        let neurons = masked.then(|| {
            let mut positions = Vec::new();
            model.for_each_parameter(&mut |name, shape, _| {
                let size: usize = shape.iter().product();
                positions.push((name.to_owned(), (0..size as u32).step_by(20).collect()));
            });
            KeyNeurons::from_positions(positions)
        });
        let unused = Source { name: "unused".into(), sequences: vec![vec![1, 2]], weight: 1.0 };
        let mixture = Mixture::new(vec![unused], 0, vocab, self.config.max_position_embeddings)?;
        let settings = TrainConfig { steps: self.steps + WARM_UP, ..TrainConfig::default() };
        let mut trainer = Trainer::new(model, settings, mixture, neurons)?;
        for _ in 0..WARM_UP {
            trainer.step_on(&batch, &targets)?;
        }
        self.device.sync()?;
        let start = Instant::now();
        for _ in 0..self.steps {
            trainer.step_on(&batch, &targets)?;
        }
        self.device.sync()?;
        let secs = start.elapsed().as_secs_f64();
        let bytes = self.device.memory_pool_usage().map(|usage| usage.bytes_reserved);
        Ok(Run { tokens_per_sec: (targets.len() * self.steps as usize) as f64 / secs, bytes })
    }

    /// Fresh weights on the device.
    fn model(&self, random: &mut Random) -> Result<Decoder, Box<dyn Error>> {
        let (config, device) = (self.config.clone(), self.device.clone().autodiff());
        if self.matrices == Precision::F32 {
            return Ok(Decoder::init(config, &device, 0.02, &mut || random.normal()));
        }
        let wide = Decoder::init(config.clone(), &Device::flex(), 0.02, &mut || random.normal());
        let weights = pollster::block_on(wide.to_weights("random", Dtype::BF16))?;
        Ok(Decoder::load_as(
            config,
            &weights,
            &device,
            Storage { matrices: self.matrices, ..Storage::default() },
        )?)
    }
}
