//! Logits, hidden states, losses, gradients and generated tokens against transformers': a committed subset in
//! `tests/goldens`, and the full set where `MAEC_FIXTURES` names it.

#![allow(clippy::print_stdout, reason = "the printed figures are what docs/parity.md records")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use maec_checkpoint::{FileSource, SafetensorsReader, Weights, open_weights};
use maec_model::kernels::{IGNORE, cross_entropy};
use maec_model::{Batch, Decoder, Generator, ModelConfig, Precision, Stop, Storage};

const TOLERANCE: f32 = 2e-4;

fn open(path: PathBuf) -> SafetensorsReader {
    SafetensorsReader::open(Arc::new(FileSource::open(&path).unwrap())).unwrap()
}

fn integers(golden: &SafetensorsReader, name: &str) -> Vec<i64> {
    golden.read_bytes(name).unwrap().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().try_into_vec::<f32>().unwrap()
}

/// Largest differences seen, one a kind.
#[derive(Default)]
struct Worst(BTreeMap<&'static str, f32>);

impl Worst {
    #[track_caller]
    fn compare(&mut self, kind: &'static str, what: &str, ours: &[f32], golden: &[f32]) {
        assert_eq!(ours.len(), golden.len(), "{what}");
        let worst = ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{what}: largest difference {worst:e}");
        assert!(ours.iter().all(|value| value.is_finite()), "{what}");
        let known = self.0.entry(kind).or_default();
        *known = known.max(worst);
    }
}

struct Golden {
    folder: PathBuf,
    model: Decoder,
    golden: SafetensorsReader,
    batch: Batch,
    ids: Vec<i64>,
    mask: Vec<i64>,
    columns: usize,
}

impl Golden {
    fn open(folder: &Path, config: &str, storage: Storage) -> Self {
        let config = ModelConfig::from_json(&std::fs::read_to_string(folder.join(config)).unwrap()).unwrap();
        let weights = open_weights(folder).unwrap();
        let model = Decoder::load_as(config, weights.as_ref(), &Device::flex(), storage).unwrap();
        let golden = open(folder.join("golden.safetensors"));
        let ids = integers(&golden, "input_ids");
        let mask = integers(&golden, "attention_mask");
        let columns = golden.info("input_ids").unwrap().shape[1];
        let mut batch = Batch::default();
        for (row, mask) in ids.chunks(columns).zip(mask.chunks(columns)) {
            let row: Vec<u32> = row.iter().map(|&id| id as u32).collect();
            batch.push(&row, mask.iter().sum::<i64>() as usize);
        }
        Self { folder: folder.to_owned(), model, golden, batch, ids, mask, columns }
    }

    /// The rows of tokens that are not padding.
    fn seen(&self, values: Vec<f32>) -> Vec<f32> {
        let rows = values.chunks(values.len() / self.mask.len()).zip(&self.mask);
        rows.filter(|(_, mask)| **mask == 1).flat_map(|(row, _)| row).copied().collect()
    }

    fn compare_states(&self, worst: &mut Worst) {
        let golden = |name: &str| self.seen(self.golden.read_f32(name).unwrap());
        worst.compare(
            "logits",
            "logits",
            &self.seen(values(self.model.forward(&self.batch))),
            &golden("logits"),
        );
        let layers = self.model.config().num_hidden_layers;
        for (index, state) in self.model.hidden_states(&self.batch).into_iter().enumerate() {
            // The reference's last hidden state is the one after the final norm.
            let name = match index {
                0 => "hidden_states.0".to_owned(),
                _ if index <= layers => format!("layer_out.{}", index - 1),
                _ => format!("hidden_states.{layers}"),
            };
            worst.compare("hidden states", &name, &self.seen(values(state)), &golden(&name));
        }
    }

    fn compare_loss_and_gradients(self, worst: &mut Worst) {
        let targets: Vec<u32> = self
            .ids
            .chunks(self.columns)
            .flat_map(|row| row[1..].iter().map(|&id| id as u32).chain([IGNORE]))
            .collect();
        let model = self.model.trainable();
        let loss = cross_entropy(model.forward(&self.batch), &targets);
        worst.compare("loss", "loss", &values(loss.clone()), &self.golden.read_f32("loss").unwrap());
        let mut gradients = loss.backward();
        let full = self.folder.join("grads.safetensors");
        let full = full.exists().then(|| open(full));
        let mut compared = 0;
        let taken = model.take_gradients(&mut gradients);
        let all = taken.len();
        for (tensor, gradient) in taken {
            let golden = match &full {
                Some(grads) => grads.read_f32(&tensor).or_else(|_| grads.read_f32(&format!("grad:{tensor}"))),
                None => self.golden.read_f32(&format!("grad:{tensor}")),
            };
            if let Ok(golden) = golden {
                worst.compare("gradients", &tensor, &values(gradient), &golden);
                compared += 1;
            }
        }
        assert_eq!(compared, if full.is_some() { all } else { 1 });
    }

    fn compare_tokens(&self) {
        let prompt: Vec<u32> = integers(&self.golden, "gen_prompt").iter().map(|&id| id as u32).collect();
        let expected: Vec<u32> = integers(&self.golden, "gen_tokens").iter().map(|&id| id as u32).collect();
        assert_eq!(expected.len(), 16);
        let stop = Stop { tokens: vec![], max_new_tokens: expected.len() };
        // A shorter prompt beside it makes the first one's neighbour padded.
        let prompts = [prompt.clone(), prompt[..4].to_vec()];
        let out = pollster::block_on(Generator::new(&self.model, &prompts, stop.clone()).run()).unwrap();
        assert_eq!(out[0].tokens, expected);
        let alone = pollster::block_on(Generator::new(&self.model, &prompts[1..], stop).run()).unwrap();
        assert_eq!(out[1].tokens, alone[0].tokens, "padding changed a shorter prompt's continuation");
    }
}

fn check(folder: &Path) {
    let mut worst = Worst::default();
    for config in ["config.v4.json", "config.v5.json"] {
        Golden::open(folder, config, Storage::default()).compare_states(&mut worst);
    }
    let golden = Golden::open(folder, "config.json", Storage::default());
    golden.compare_tokens();
    golden.compare_loss_and_gradients(&mut worst);
    // 12 KiB hold no matrix of these models whole.
    let cut =
        Golden::open(folder, "config.json", Storage { max_tensor_bytes: 12 << 10, ..Storage::default() });
    cut.compare_states(&mut worst);
    cut.compare_tokens();
    let weights = open_weights(folder).unwrap();
    let storage = Storage::on_cpu(weights.as_ref());
    assert_eq!(storage.matrices == Precision::Bf16, folder.ends_with("qwen2_bf16_sharded"));
    let kept = Golden::open(folder, "config.json", storage);
    kept.compare_states(&mut worst);
    kept.compare_tokens();
    let name = folder.file_name().unwrap().to_string_lossy();
    let kinds: Vec<String> = worst.0.iter().map(|(kind, worst)| format!("{kind} {worst:.1e}")).collect();
    println!("{name} on the CPU, largest differences: {}", kinds.join(", "));
}

fn committed(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")).join(name)
}

#[test]
fn llama3() {
    check(&committed("llama3"));
}

#[test]
fn qwen2() {
    check(&committed("qwen2_bf16_sharded"));
}

#[test]
fn gemma2() {
    check(&committed("gemma2"));
}

/// Needs the full set of outside references.
#[test]
#[ignore = "MAEC_FIXTURES names the full set"]
fn all_families() {
    let fixtures = std::env::var_os("MAEC_FIXTURES").expect("MAEC_FIXTURES names the full set");
    for name in ["llama3", "llama3_ropescaled", "qwen2_bf16_sharded", "gemma2", "smollm2"] {
        check(&Path::new(&fixtures).join(name));
    }
}
