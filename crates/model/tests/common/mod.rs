//! A small model with what transformers makes of it, and the largest differences seen from that.

use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::{Device, Tensor};
use maec_checkpoint::{FileSet, ModelFolder, SafetensorsReader, Weights};
use maec_model::{Batch, Decoder, Generator, ModelConfig, Precision, Stop, Storage};

const TOLERANCE: f32 = 2e-4;

/// Compares logits, every layer's output and 16 greedy tokens: from both spellings of the configuration, with every
/// matrix cut by rows, and with bf16 weights kept as bf16.
pub async fn compare(files: &dyn FileSet, worst: &mut Worst) {
    for config in ["config.v4.json", "config.v5.json"] {
        Golden::open(files, config, Storage::default()).compare_states(worst).await;
    }
    Golden::open(files, "config.json", Storage::default()).compare_tokens().await;
    // 12 KiB hold no matrix of these models whole.
    let cut = Storage { max_tensor_bytes: 12 << 10, ..Storage::default() };
    let kept = Storage::on_cpu(&ModelFolder::from_files(files).unwrap());
    assert_eq!(kept.matrices == Precision::Bf16, files.name().ends_with("qwen2_bf16_sharded"));
    for storage in [cut, kept] {
        let golden = Golden::open(files, "config.json", storage);
        golden.compare_states(worst).await;
        golden.compare_tokens().await;
    }
}

/// Largest differences seen, one a kind.
#[derive(Default)]
pub struct Worst(BTreeMap<&'static str, f32>);

impl Worst {
    #[track_caller]
    pub fn compare(&mut self, kind: &'static str, what: &str, ours: &[f32], golden: &[f32]) {
        assert_eq!(ours.len(), golden.len(), "{what}");
        assert!(ours.iter().all(|value| value.is_finite()), "{what}");
        let worst = ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{what}: largest difference {worst:e}");
        let known = self.0.entry(kind).or_default();
        *known = known.max(worst);
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.0.iter().map(|(kind, worst)| format!("{kind} {worst:.1e}")).collect();
        write!(f, "largest differences: {}", kinds.join(", "))
    }
}

pub struct Golden {
    pub model: Decoder,
    pub golden: SafetensorsReader,
    pub batch: Batch,
    mask: Vec<u32>,
}

impl Golden {
    pub fn open(files: &dyn FileSet, config: &str, storage: Storage) -> Self {
        let source = files.open(config).unwrap();
        let mut text = vec![0; usize::try_from(source.len()).unwrap()];
        source.read_at(0, &mut text).unwrap();
        let config = ModelConfig::from_json(str::from_utf8(&text).unwrap()).unwrap();
        let weights = ModelFolder::from_files(files).unwrap();
        let model = Decoder::load_as(config, &weights, &Device::flex(), storage).unwrap();
        let golden = SafetensorsReader::open(files.open("golden.safetensors").unwrap()).unwrap();
        let (ids, mask) = (integers(&golden, "input_ids"), integers(&golden, "attention_mask"));
        let columns = golden.info("input_ids").unwrap().shape[1];
        let mut batch = Batch::default();
        for (row, mask) in ids.chunks(columns).zip(mask.chunks(columns)) {
            batch.push(row, mask.iter().sum::<u32>() as usize);
        }
        Self { model, golden, batch, mask }
    }

    /// The rows of tokens that are not padding.
    fn seen(&self, values: &[f32]) -> Vec<f32> {
        let rows = values.chunks(values.len() / self.mask.len()).zip(&self.mask);
        rows.filter(|(_, mask)| **mask == 1).flat_map(|(row, _)| row).copied().collect()
    }

    async fn compare_states(&self, worst: &mut Worst) {
        let layers = self.model.config().num_hidden_layers;
        let logits = ("logits", "logits".to_owned(), self.model.forward(&self.batch));
        let states = self.model.hidden_states(&self.batch).into_iter().enumerate().map(|(index, state)| {
            // The reference's last hidden state is the one after the final norm.
            let name = match index {
                0 => "hidden_states.0".to_owned(),
                _ if index <= layers => format!("layer_out.{}", index - 1),
                _ => format!("hidden_states.{layers}"),
            };
            ("hidden states", name, state)
        });
        for (kind, name, ours) in std::iter::once(logits).chain(states) {
            let golden = self.golden.read_f32(&name).unwrap();
            worst.compare(kind, &name, &self.seen(&values(ours).await), &self.seen(&golden));
        }
    }

    async fn compare_tokens(&self) {
        let prompt = integers(&self.golden, "gen_prompt");
        let expected = integers(&self.golden, "gen_tokens");
        assert_eq!(expected.len(), 16);
        let stop = Stop { tokens: vec![], max_new_tokens: expected.len() };
        // A shorter prompt beside it makes the first one's neighbour padded.
        let prompts = [prompt.clone(), prompt[..4].to_vec()];
        let out = Generator::new(&self.model, &prompts, stop.clone()).run().await.unwrap();
        assert_eq!(out[0].tokens, expected);
        let alone = Generator::new(&self.model, &prompts[1..], stop).run().await.unwrap();
        assert_eq!(out[1].tokens, alone[0].tokens, "padding changed a shorter prompt's continuation");
    }
}

pub async fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data_async().await.unwrap().try_into_vec::<f32>().unwrap()
}

/// Token ids or a mask, which are stored as i64.
pub fn integers(golden: &SafetensorsReader, name: &str) -> Vec<u32> {
    let bytes = golden.read_bytes(name).unwrap();
    bytes.as_chunks::<8>().0.iter().map(|&b| u32::try_from(i64::from_le_bytes(b)).unwrap()).collect()
}
