//! What headers say of a model, and what keeps two models from being merged.

mod common;

use common::{info, model};
use maec_checkpoint::{
    Dtype, MemoryWeights, Mismatch, ModelFolder, ModelSummary, TensorInfo, dtype, mismatches,
};

const LLAMA: &str = r#"{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":32,"tie_word_embeddings":true,"max_position_embeddings":256}"#;

/// A small decoder's tensors, tied.
fn tied(dtype: Dtype, vocabulary: usize, layers: usize) -> Vec<TensorInfo> {
    let mut tensors = vec![
        info("model.embed_tokens.weight", dtype, &[vocabulary, 8]),
        info("model.norm.weight", dtype, &[8]),
    ];
    for layer in 0..layers {
        for part in ["mlp.up_proj", "mlp.gate_proj", "self_attn.q_proj"] {
            tensors.push(info(&format!("model.layers.{layer}.{part}.weight"), dtype, &[8, 8]));
        }
    }
    tensors
}

fn head(dtype: Dtype, vocabulary: usize) -> TensorInfo {
    info("lm_head.weight", dtype, &[vocabulary, 8])
}

fn weights(tensors: Vec<TensorInfo>) -> MemoryWeights {
    let zeroes = |info: &TensorInfo| vec![0; info.elements() * dtype::bytes_per_element(info.dtype)];
    model("m", tensors.into_iter().map(|info| (info.clone(), zeroes(&info))).collect())
}

fn summary(tensors: Vec<TensorInfo>, config: &str) -> ModelSummary {
    ModelSummary::new(&weights(tensors), config, 1).unwrap()
}

fn base() -> ModelSummary {
    summary(tied(Dtype::BF16, 32, 2), LLAMA)
}

/// The differences between [`base`] and a model of these tensors, as `(what, fatal)`.
fn differences(tensors: Vec<TensorInfo>, config: &str) -> Vec<(String, bool)> {
    let found = mismatches(&base(), &summary(tensors, config));
    for Mismatch { what, fix, .. } in &found {
        for sentence in [what, fix] {
            assert!(
                sentence.ends_with('.') && !sentence.contains('\n') && sentence.len() < 300,
                "{sentence}"
            );
        }
    }
    found.into_iter().map(|mismatch| (mismatch.what, mismatch.fatal)).collect()
}

fn fatal(what: &str) -> Vec<(String, bool)> {
    vec![(what.into(), true)]
}

fn notable(what: &str) -> Vec<(String, bool)> {
    vec![(what.into(), false)]
}

#[test]
fn a_summary_adds_up() {
    let mut tensors = tied(Dtype::BF16, 32, 2);
    tensors.push(info("step", Dtype::I64, &[]));
    tensors.push(info("model.layers.0.bias", Dtype::F32, &[8]));
    let found = summary(tensors, LLAMA);
    assert_eq!(found.architecture, "LlamaForCausalLM");
    let parameters = 32 * 8 + 8 + 6 * 64;
    assert_eq!((found.parameters, found.bytes), (parameters + 1 + 8, parameters * 2 + 8 + 32));
    assert_eq!(found.dtypes, [(Dtype::BF16, 8), (Dtype::F32, 1), (Dtype::I64, 1)]);
    assert_eq!((found.tensors.len(), found.shards), (10, 1));
    assert_eq!((found.vocabulary, found.positions, found.tied), (32, 256, true));
}

#[test]
fn what_the_config_does_not_say_is_read_from_the_headers() {
    let found = summary(tied(Dtype::F32, 32, 1), "{}");
    assert_eq!((found.architecture.as_str(), found.positions, found.tied), ("", 0, true));
    let mut untied = tied(Dtype::F32, 32, 1);
    untied.push(head(Dtype::F32, 32));
    let found = summary(untied, r#"{"architectures":[],"model_type":"llama","vocab_size":99}"#);
    assert_eq!((found.architecture.as_str(), found.vocabulary, found.tied), ("llama", 32, false));
    let bert = vec![info("bert.embeddings.word_embeddings.weight", Dtype::F32, &[7, 2])];
    assert_eq!(summary(bert, r#"{"vocab_size":9}"#).vocabulary, 7);
    let other = vec![info("model.not_embed_tokens.weight", Dtype::F32, &[7, 2])];
    assert_eq!(summary(other.clone(), r#"{"vocab_size":9}"#).vocabulary, 9);
    assert_eq!(summary(other, "{}").vocabulary, 0);
}

#[test]
fn a_model_does_not_differ_from_itself() {
    assert_eq!(mismatches(&base(), &base()), []);
}

#[test]
fn missing_tensors() {
    assert_eq!(
        differences(tied(Dtype::BF16, 32, 1), LLAMA),
        fatal(
            "It lacks 3 of the base's 8 tensors: `model.layers.1.mlp.gate_proj.weight`, `model.layers.1.mlp.up_proj.weight`, `model.layers.1.self_attn.q_proj.weight`."
        )
    );
}

#[test]
fn extra_tensors() {
    let found = differences(tied(Dtype::BF16, 32, 4), LLAMA);
    assert_eq!(
        found,
        fatal(
            "It has 6 tensors that the base lacks: `model.layers.2.mlp.gate_proj.weight`, `model.layers.2.mlp.up_proj.weight`, `model.layers.2.self_attn.q_proj.weight` and 3 more."
        )
    );
    let mut one = tied(Dtype::BF16, 32, 2);
    one.push(info("x\n", Dtype::U8, &[1]));
    assert_eq!(differences(one, LLAMA), fatal(r"It has 1 tensor that the base lacks: `x\n`."));
}

#[test]
fn shapes() {
    let mut tensors = tied(Dtype::BF16, 32, 2);
    tensors[1].shape = vec![9];
    assert_eq!(
        differences(tensors.clone(), LLAMA),
        fatal("One tensor has another shape: `model.norm.weight` is [9] where the base's is [8].")
    );
    tensors[2].shape = vec![4, 16];
    assert_eq!(
        differences(tensors, LLAMA),
        fatal(
            "2 tensors have another shape, e.g. `model.layers.0.mlp.up_proj.weight` is [4, 16] where the base's is [8, 8]."
        )
    );
}

/// Embedding and output both follow the vocabulary, which is told once.
#[test]
fn vocabulary() {
    let rows = fatal("Its vocabulary has 40 rows, the base's 32.");
    assert_eq!(differences(tied(Dtype::BF16, 40, 2), LLAMA), rows);
    let untied = |rows| {
        let mut tensors = tied(Dtype::BF16, rows, 2);
        tensors.push(head(Dtype::BF16, rows));
        summary(tensors, "{}")
    };
    let found = mismatches(&untied(32), &untied(40));
    assert_eq!(found.iter().map(|m| (m.what.clone(), m.fatal)).collect::<Vec<_>>(), rows);
    // Another width is another matter.
    let mut tensors = tied(Dtype::BF16, 40, 2);
    tensors[0].shape[1] = 9;
    assert_eq!(differences(tensors, LLAMA).len(), 2);
}

#[test]
fn tied_against_untied() {
    let mut untied = tied(Dtype::BF16, 32, 2);
    untied.push(head(Dtype::BF16, 32));
    let config = LLAMA.replace("true", "false");
    let found = differences(untied.clone(), &config);
    assert_eq!(found, fatal("Its output is a matrix of its own, the base's is tied to its embedding."));
    let found = mismatches(&summary(untied.clone(), &config), &base());
    assert_eq!(found.len(), 1);
    assert!(found[0].fatal && found[0].fix.contains("lm_head.weight"), "{found:?}");
    // Both store it, so that they can be merged.
    let found = mismatches(&summary(untied.clone(), LLAMA), &summary(untied.clone(), &config));
    assert_eq!(found.iter().map(|m| m.fatal).collect::<Vec<_>>(), [false]);
    // Both are tied by their configs, but one stores a copy.
    let found = differences(untied, LLAMA);
    assert_eq!(found, fatal("It has 1 tensor that the base lacks: `lm_head.weight`."));
}

#[test]
fn dtypes() {
    assert_eq!(
        differences(tied(Dtype::F32, 32, 2), LLAMA),
        notable("It has 8 tensors stored as F32 where the base has BF16.")
    );
    let mut mixed = tied(Dtype::BF16, 32, 2);
    mixed[0].dtype = Dtype::F16;
    mixed[1].dtype = Dtype::I8;
    mixed[2].dtype = Dtype::F16;
    mixed[3].dtype = Dtype::F64;
    let found = differences(mixed, LLAMA);
    let what = "It has 2 tensors stored as F16 where the base has BF16, and 1 tensor stored as I8 where the base has BF16.";
    assert_eq!(
        found,
        [fatal(what), notable("It has 1 tensor stored as F64 where the base has BF16.")].concat()
    );
}

#[test]
fn architecture_and_positions_are_worth_knowing() {
    let config = LLAMA.replace("LlamaFor", "Qwen2For").replace("256", "512");
    let found = differences(tied(Dtype::BF16, 32, 2), &config);
    let expected = [
        notable("It is a Qwen2ForCausalLM, the base a LlamaForCausalLM."),
        notable("Its sequences have up to 512 positions, the base's 256."),
    ];
    assert_eq!(found, expected.concat());
}

#[test]
fn the_fatal_come_first() {
    let mut tensors = tied(Dtype::F32, 40, 1);
    tensors.push(info("z", Dtype::F32, &[1]));
    let found = differences(tensors, &LLAMA.replace("256", "512"));
    assert_eq!(found.iter().map(|(_, fatal)| *fatal).collect::<Vec<_>>(), [true, true, true, false, false]);
}

/// The outside checkpoints, where `MAEC_FIXTURES` names them: what transformers' configs and the files say.
#[test]
fn outside_checkpoints_are_summarised() {
    let Some(fixtures) = std::env::var_os("MAEC_FIXTURES") else { return };
    let open = |name: &str| {
        let folder = ModelFolder::open(&std::path::Path::new(&fixtures).join(name)).unwrap();
        ModelSummary::of(&folder).unwrap()
    };
    let qwen = open("qwen2_bf16_sharded");
    assert_eq!(
        (qwen.architecture.as_str(), qwen.parameters, qwen.bytes),
        ("Qwen2ForCausalLM", 158_016, 316_032)
    );
    assert_eq!((qwen.shards, &qwen.dtypes[..], qwen.tied), (6, &[(Dtype::BF16, 38)][..], true));
    let (llama, gemma) = (open("llama3"), open("gemma2"));
    assert_eq!((llama.vocabulary, llama.positions, llama.tied), (512, 256, false));
    assert!(gemma.tied && gemma.architecture == "Gemma2ForCausalLM");
    let found = mismatches(&llama, &open("llama3_ropescaled"));
    assert!(found.len() == 2 && found[0].what.contains("tensors have another shape"), "{found:?}");
    assert!(mismatches(&llama, &gemma).iter().any(|mismatch| mismatch.what.contains("tied")));
}
