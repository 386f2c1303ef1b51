//! Adapters in training: the gradients' identities, PEFT's files both ways, exact resume.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::{
    device, distance, fresh, fresh_bf16, frozen_hash, losses, mixture, model_config, settings, values,
};
use maec_checkpoint::lora::Adapter;
use maec_checkpoint::{DirFiles, Dtype, MemoryFiles, Weights};
use maec_model::{Activations, Batch, Decoder, ModelConfig};
use maec_train::{ALL_LINEAR, KeyNeurons, LoraConfig, Snapshot, TrainConfig, Trainer};

fn config(rank: usize, targets: &[&str]) -> LoraConfig {
    LoraConfig { rank, alpha: 6.0, targets: targets.iter().map(|target| (*target).to_owned()).collect() }
}

fn quick() -> TrainConfig {
    TrainConfig { learning_rate: 1e-2, ..settings() }
}

fn trained(lora: LoraConfig, steps: usize) -> Trainer {
    let mut trainer = Trainer::with_lora(fresh(model_config()), quick(), mixture(), lora).unwrap();
    losses(&mut trainer, steps);
    trainer
}

fn logits(model: &Decoder) -> Vec<f32> {
    let batch = Batch::packed(&[[1u32, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3, 2]]);
    model.forward(&batch).without_autodiff().into_data().try_into_vec().unwrap()
}

fn gradients(model: &Decoder) -> BTreeMap<String, Vec<f32>> {
    let batch = Batch::packed(&[[1u32, 2, 3, 4, 5, 6]]);
    let mut seen = BTreeMap::new();
    let take = &mut |name: &str, gradient: burn::tensor::Tensor<1>| {
        seen.insert(name.to_owned(), gradient.into_data().try_into_vec::<f32>().unwrap());
    };
    model.gradients(&batch, &[2, 3, 4, 5, 6, 7], 1.0, Activations::Kept, take).unwrap();
    seen
}

#[test]
fn a_fresh_adapter_changes_nothing_and_is_seeded() {
    let base = fresh(model_config());
    let attach = |seed| config(3, &[ALL_LINEAR]).attach(base.clone(), seed).unwrap();
    assert_eq!(distance(&logits(&attach(1)), &logits(&base)), 0.0);
    assert!(values(&attach(1)) == values(&attach(1)) && values(&attach(1)) != values(&attach(2)));
    let all = values(&attach(1));
    let a = &all["model.layers.0.mlp.down_proj.lora.a"];
    assert_eq!(a.0, [3, 24]);
    // Uniform within 1/√24: Kaiming's bound for a = √5.
    let bound = 1.0 / 24f32.sqrt();
    let largest = a.1.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!((0.8 * bound..=bound).contains(&largest), "{largest} of {bound}");
    assert_eq!(all.keys().filter(|name| name.contains(".lora.")).count(), 2 * 2 * 7);
}

/// dA = s·Bᵀ·dW and dB = s·dW·Aᵀ, with dW of the merged model's full gradient.
#[test]
fn factors_get_the_full_gradients_projections() {
    let model = trained(config(3, &[ALL_LINEAR]), 4).model();
    let scale = 6.0 / 3.0;
    let full = gradients(&model.clone().merged().trainable());
    let of = gradients(&model.clone().trainable_where(&mut |name| name.contains(".lora.")));
    let factors = values(&model);
    for (module, [out, columns]) in model.linear_layers() {
        let d_w = &full[&format!("{module}.weight")];
        let [a, b] = ["a", "b"].map(|factor| &factors[&format!("{module}.lora.{factor}")].1);
        let sum = |count: usize, term: &dyn Fn(usize) -> f32| scale * (0..count).map(term).sum::<f32>();
        let mut d_a = vec![0.0; 3 * columns];
        let mut d_b = vec![0.0; out * 3];
        for rank in 0..3 {
            for column in 0..columns {
                d_a[rank * columns + column] =
                    sum(out, &|row| b[row * 3 + rank] * d_w[row * columns + column]);
            }
            for row in 0..out {
                d_b[row * 3 + rank] =
                    sum(columns, &|column| d_w[row * columns + column] * a[rank * columns + column]);
            }
        }
        let largest = d_b.iter().fold(0f32, |most, x| most.max(x.abs()));
        assert!(largest > 1e-5, "{module} has a gradient");
        assert!(distance(&of[&format!("{module}.lora.a")], &d_a) < 1e-5, "{module}");
        assert!(distance(&of[&format!("{module}.lora.b")], &d_b) < 1e-5, "{module}");
    }
}

#[test]
fn only_the_factors_are_trained_and_the_loss_falls() {
    let base = fresh(model_config());
    let mut trainer =
        Trainer::with_lora(base.clone(), quick(), mixture(), config(4, &["q_proj", "mlp.up_proj"])).unwrap();
    let memory = trainer.memory();
    assert_eq!(memory.trained, 2 * (4 * (16 + 16) + 4 * (16 + 24)));
    assert_eq!(memory.moments, 8 * memory.trained);
    let found = losses(&mut trainer, 12);
    assert!(found[11] < found[0] - 0.02, "{found:?}");
    let none = KeyNeurons::default();
    let mut after = values(&trainer.model());
    after.retain(|name, _| !name.contains(".lora."));
    assert_eq!(frozen_hash(&after, &none), frozen_hash(&values(&base), &none));
}

/// What PEFT would load and merge gives the trained model's logits.
#[test]
fn the_saved_adapter_on_its_base_is_the_trained_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter");
    let trainer = trained(config(3, &["v_proj", "down_proj", "model.layers.1.self_attn.o_proj"]), 8);
    trainer.adapter("org/base").unwrap().unwrap().save(&path).unwrap();
    let adapter = Adapter::open(&DirFiles::open(&path).unwrap()).unwrap();
    assert_eq!((adapter.modules().len(), adapter.saved().len()), (5, 0));
    assert_eq!(adapter.config().base_model_name_or_path.as_deref(), Some("org/base"));
    let base = pollster::block_on(fresh(model_config()).to_weights("base", Dtype::F32)).unwrap();
    let merged = adapter.onto(Arc::new(base)).unwrap();
    let loaded = Decoder::load(model_config(), &merged, &device()).unwrap();
    let expected = logits(&trainer.model());
    assert!(distance(&expected, &logits(&fresh(model_config()))) > 1e-2, "training changed something");
    assert!(distance(&logits(&loaded), &expected) < 1e-5);
    assert!(distance(&logits(&trainer.model().merged()), &expected) < 1e-5);
    let ours = trainer.weights("merged", Dtype::F32).unwrap();
    for info in merged.tensors() {
        let (ours, theirs) = (ours.read_f32(&info.name).unwrap(), merged.read_f32(&info.name).unwrap());
        assert!(distance(&ours, &theirs) < 1e-6, "{}", info.name);
    }
}

#[test]
fn an_adapter_that_is_read_back_is_trained_on() {
    let first = trained(config(3, &[ALL_LINEAR]), 6);
    let saved = first.adapter("base").unwrap().unwrap();
    let targets = saved.config.target_modules.as_array().unwrap();
    assert_eq!(targets.len(), 7, "PEFT gets the layers' names: {targets:?}");
    let adapter = Adapter::open(&MemoryFiles::new("adapter", saved.files().unwrap())).unwrap();
    let mut second = Trainer::with_adapter(fresh(model_config()), quick(), mixture(), &adapter).unwrap();
    assert_eq!((second.lora().unwrap().rank, second.lora().unwrap().alpha), (3, 6.0));
    assert_eq!(distance(&logits(&second.model()), &logits(&first.model())), 0.0);
    losses(&mut second, 1);
    assert!(distance(&logits(&second.model()), &logits(&first.model())) > 0.0);
    assert_eq!(second.adapter("base").unwrap().unwrap().weights.tensors().len(), 28);
}

#[test]
fn a_cut_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    for base in [fresh, fresh_bf16] {
        let start = || {
            Trainer::with_lora(base(model_config()), settings(), mixture(), config(2, &["k_proj"])).unwrap()
        };
        let (mut whole, mut first) = (start(), start());
        losses(&mut whole, 12);
        losses(&mut first, 7);
        first.snapshot().unwrap().save(&path).unwrap();
        let snapshot = Snapshot::load(&path).unwrap();
        let mut second = Trainer::resume(snapshot, model_config(), settings(), mixture(), &device()).unwrap();
        losses(&mut second, 5);
        assert!(second.snapshot().unwrap() == whole.snapshot().unwrap());
    }
}

#[test]
fn what_makes_no_adapter_is_refused_by_name() {
    let refused = |lora: LoraConfig, word: &str| {
        let error = lora.attach(fresh(model_config()), 0).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(config(0, &["q_proj"]), "rank is 0");
    refused(config(2, &["x_proj"]), "`x_proj`");
    refused(config(2, &["proj"]), "`proj`");
    refused(config(2, &["lm_head"]), "`lm_head`");
    refused(config(2, &["embed_tokens"]), "`embed_tokens`");
    refused(config(2, &[]), "no target");
    refused(LoraConfig { alpha: f64::NAN, ..config(2, &["q_proj"]) }, "alpha is NaN");
    let saved = trained(config(2, &["q_proj"]), 1).adapter("base").unwrap().unwrap();
    let adapter = Adapter::open(&MemoryFiles::new("adapter", saved.files().unwrap())).unwrap();
    let other = fresh(ModelConfig { hidden_size: 32, ..model_config() });
    let error = LoraConfig::attach_adapter(other, &adapter).err().unwrap().to_string();
    assert!(error.contains("use the base that it was trained on"), "{error}");
}
