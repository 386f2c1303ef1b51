//! Times steps of full, masked, low-rank and checkpointed training of one small model, and says what each holds.
//!
//! `cargo run --release -p maec-train --example step_time [STEPS]`. The kinds of steps alternate, so that whatever else the
//! machine does meets all of them; the medians are compared.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use burn::tensor::Device;
use maec_model::{Decoder, ModelConfig};
use maec_train::{ALL_LINEAR, KeyNeurons, LoraConfig, Mixture, Random, Source, TrainConfig, Trainer};

const CONFIG: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 768, "hidden_size": 128,
    "intermediate_size": 384, "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
    "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": true}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps = std::env::args().nth(1).map_or(Ok(40), |steps| steps.parse())?;
    let config = ModelConfig::from_json(CONFIG)?;
    let mut random = Random::new(1, 0);
    let model = Decoder::init(config.clone(), &Device::flex().autodiff(), 0.02, &mut || random.normal());
    let mask = |seed| {
        let mut random = Random::new(seed, 0);
        let mut scores = BTreeMap::new();
        model.for_each_parameter(&mut |name, shape, _| {
            scores.insert(name.to_owned(), (0..shape.iter().product()).map(|_| random.unit()).collect());
        });
        KeyNeurons::select(&scores, 0.05)
    };
    let (one, two) = (mask(2)?, mask(2)?.union(&mask(3)?));
    let settings = TrainConfig { steps: u32::MAX, sequences_per_step: 64, ..TrainConfig::default() };
    let checkpointed = TrainConfig { activation_checkpointing: true, ..settings.clone() };
    let lora = LoraConfig { targets: vec![ALL_LINEAR.into()], ..LoraConfig::default() };
    let data = || {
        let mut random = Random::new(4, 0);
        let sequences = (0..512).map(|_| (0..48).map(|_| random.below(768)).collect()).collect();
        Mixture::new(vec![Source { name: "noise".into(), sequences, weight: 1.0 }], 0, 768, 256)
    };
    let start =
        |settings: &TrainConfig, neurons| Trainer::new(model.clone(), settings.clone(), data()?, neurons);
    let mut runs = [
        ("full", start(&settings, None)?),
        ("one mask of 5 %", start(&settings, Some(one.clone()))?),
        ("union of two", start(&settings, Some(two))?),
        ("LoRA, rank 8", Trainer::with_lora(model.clone(), settings.clone(), data()?, lora)?),
        ("full, checkpointed", start(&checkpointed, None)?),
        ("one mask, checkpointed", start(&checkpointed, Some(one))?),
    ];
    let mut times = vec![Vec::new(); runs.len()];
    for round in 0..steps + 2 {
        for ((_, trainer), times) in runs.iter_mut().zip(&mut times) {
            let start = Instant::now();
            trainer.step()?;
            if round >= 2 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
    }
    let mut out = std::io::stdout().lock();
    let mut full = None;
    for ((name, trainer), times) in runs.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let memory = trainer.memory();
        writeln!(
            out,
            "{name:24} {:7.2} ms a step, {:.3} of full's; {} of {} trained, state {:9} bytes, {:5.1} % of full AdamW's",
            1e3 * median,
            median / *full.get_or_insert(median),
            memory.trained,
            memory.parameters,
            memory.state(),
            100.0 * memory.ratio(),
        )?;
    }
    Ok(())
}
