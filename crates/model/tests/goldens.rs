//! Logits, hidden states, losses, gradients and generated tokens against transformers' (`tests/goldens`).

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use maec_checkpoint::{FileSource, SafetensorsReader, Weights};
use maec_model::kernels::{IGNORE, cross_entropy};
use maec_model::{Batch, Generator, Llama, LlamaConfig, Stop};

const TOLERANCE: f32 = 2e-4;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")).join(name)
}

fn open(path: PathBuf) -> SafetensorsReader {
    SafetensorsReader::open(Arc::new(FileSource::open(&path).unwrap())).unwrap()
}

fn integers(golden: &SafetensorsReader, name: &str) -> Vec<i64> {
    golden.read_bytes(name).unwrap().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().try_into_vec::<f32>().unwrap()
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], golden: &[f32]) {
    assert_eq!(ours.len(), golden.len(), "{what}");
    let worst = ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= TOLERANCE, "{what}: largest difference {worst:e}");
}

struct Golden {
    model: Llama,
    golden: SafetensorsReader,
    batch: Batch,
    ids: Vec<i64>,
    columns: usize,
}

fn load(name: &str, config: &str) -> Golden {
    let config =
        LlamaConfig::from_json(&std::fs::read_to_string(folder(name).join(config)).unwrap()).unwrap();
    let weights = open(folder(name).join("model.safetensors"));
    let model = Llama::load(config, &weights, &Device::flex()).unwrap();
    let golden = open(folder(name).join("golden.safetensors"));
    let ids = integers(&golden, "input_ids");
    let mask = integers(&golden, "attention_mask");
    let columns = golden.tensors().iter().find(|t| t.name == "input_ids").unwrap().shape[1];
    let mut batch = Batch::default();
    for (row, mask) in ids.chunks(columns).zip(mask.chunks(columns)) {
        let row: Vec<u32> = row.iter().map(|&id| id as u32).collect();
        batch.push(&row, mask.iter().sum::<i64>() as usize);
    }
    Golden { model, golden, batch, ids, columns }
}

fn check(name: &str) {
    for config in ["config.v4.json", "config.v5.json"] {
        let g = load(name, config);
        assert_close("logits", &values(g.model.forward(&g.batch)), &g.golden.read_f32("logits").unwrap());
        for (layer, state) in g.model.hidden_states(&g.batch).into_iter().enumerate() {
            // The reference's last hidden state is the one after the final norm.
            let golden = format!("hidden_states.{layer}");
            if layer == g.model.config().num_hidden_layers {
                let output = g.golden.read_f32(&format!("layer_out.{}", layer - 1)).unwrap();
                assert_close("the last layer's output", &values(state), &output);
            } else if layer > g.model.config().num_hidden_layers {
                let last = format!("hidden_states.{}", layer - 1);
                assert_close(&last, &values(state), &g.golden.read_f32(&last).unwrap());
            } else {
                assert_close(&golden, &values(state), &g.golden.read_f32(&golden).unwrap());
            }
        }
    }
    let g = load(name, "config.json");
    loss_and_gradients(name, g);
    let g = load(name, "config.json");
    let prompt: Vec<u32> = integers(&g.golden, "gen_prompt").iter().map(|&id| id as u32).collect();
    let expected: Vec<u32> = integers(&g.golden, "gen_tokens").iter().map(|&id| id as u32).collect();
    let stop = Stop { tokens: vec![], max_new_tokens: expected.len() };
    // A shorter prompt beside it makes the first one's neighbour padded.
    let prompts = [prompt.clone(), prompt[..4].to_vec()];
    let out = pollster::block_on(Generator::new(&g.model, &prompts, stop.clone()).run()).unwrap();
    assert_eq!(out[0].tokens, expected);
    let alone = pollster::block_on(Generator::new(&g.model, &prompts[1..], stop).run()).unwrap();
    assert_eq!(out[1].tokens, alone[0].tokens, "padding changed a shorter prompt's continuation");
}

fn loss_and_gradients(name: &str, g: Golden) {
    let targets: Vec<u32> = g
        .ids
        .chunks(g.columns)
        .flat_map(|row| row[1..].iter().map(|&id| id as u32).chain([IGNORE]))
        .collect();
    let model = g.model.trainable();
    let loss = cross_entropy(model.forward(&g.batch), &targets);
    assert_close("loss", &values(loss.clone()), &g.golden.read_f32("loss").unwrap());
    let mut gradients = loss.backward();
    let grads = folder(name).join("grads.safetensors");
    let full = if grads.exists() { Some(open(grads)) } else { None };
    let mut compared = 0;
    for (tensor, gradient) in model.take_gradients(&mut gradients) {
        let golden = match &full {
            Some(grads) => grads.read_f32(&tensor).or_else(|_| grads.read_f32(&format!("grad:{tensor}"))),
            None => g.golden.read_f32(&format!("grad:{tensor}")),
        };
        if let Ok(golden) = golden {
            assert_close(&tensor, &values(gradient), &golden);
            compared += 1;
        }
    }
    assert!(compared >= 2, "the golden has at least two gradients");
}

#[test]
fn llama3() {
    check("llama3");
}

#[test]
fn smollm2() {
    check("smollm2");
}
