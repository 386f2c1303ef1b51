//! Activation checkpointing takes less memory, and both take what is estimated. One test alone, since the peak is the process's.
#![cfg(target_os = "linux")]

use burn::tensor::Device;
use maec_model::{Activations, Batch, Decoder, ModelConfig};
use maec_train::{ActivationMemory, Random};

/// Most memory that the process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

#[test]
fn checkpointing_takes_less_memory_and_both_what_is_estimated() {
    let config = r#"{"model_type": "llama", "vocab_size": 32, "hidden_size": 64, "intermediate_size": 192,
        "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": true}"#;
    let mut random = Random::new(1, 0);
    let config = ModelConfig::from_json(config).unwrap();
    let model =
        Decoder::init(config.clone(), &Device::flex().autodiff(), 0.02, &mut || random.normal()).trainable();
    let sequences: Vec<Vec<u32>> =
        (0..12).map(|i| (0..128).map(|j| (i * 5 + j * 3) % 32).collect()).collect();
    let targets: Vec<u32> = sequences.concat().iter().map(|id| (id * 7 + 3) % 32).collect();
    let batch = Batch::packed(&sequences);
    let tokens = batch.len() as u64;
    let start = peak();
    let rise = |activations| {
        model.gradients(&batch, &targets, 1.0, activations, &mut |_, _| {}).unwrap();
        peak() - start
    };
    // The smaller comes first: a peak never falls.
    let (recomputed, kept) = (rise(Activations::Recomputed), rise(Activations::Kept));
    let lengths = vec![128; sequences.len()];
    for (measured, activations) in [(recomputed, Activations::Recomputed), (kept, Activations::Kept)] {
        let ActivationMemory { least, likely, .. } = ActivationMemory::of(&config, &lengths, activations, 0);
        let about = format!("{measured} bytes measured, {least} to {likely} estimated, {activations:?}");
        assert!(least <= measured && measured <= likely * 5 / 4, "{about}");
    }
    let [recomputed, kept] = [recomputed, kept].map(|bytes| bytes / tokens);
    assert!(kept > 2 * recomputed, "{kept} against {recomputed} bytes a token above the model");
}
