//! The native wgpu path against the CPU: masked training, merges, forwards and generation. `cargo xtask test --gpu` runs it on a
//! GPU, or on Mesa's software Vulkan where there is none.
#![allow(clippy::print_stdout)] // the printed figures are what docs/parity.md records

mod kernels;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use maec_checkpoint::{FileSource, SafetensorsReader, Weights, open_weights};
use maec_merge::device::merge_on_device;
use maec_merge::maec;
use maec_model::kernels::IGNORE;
use maec_model::{Batch, Decoder, DeviceKind, Generator, ModelConfig, Stop, Storage};
use maec_recipe::Parameters;
use maec_train::{KeyNeurons, Mixture, Random, Schedule, Source, TrainConfig, Trainer};

fn golden(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/goldens")).join(path)
}

fn open(path: &str) -> SafetensorsReader {
    SafetensorsReader::open(Arc::new(FileSource::open(&golden(path)).unwrap())).unwrap()
}

fn gpu() -> Device {
    DeviceKind::Wgpu.open().unwrap()
}

fn config() -> ModelConfig {
    ModelConfig::from_json(&std::fs::read_to_string(golden("llama3/config.json")).unwrap()).unwrap()
}

/// The golden's sequences and, for training, what should follow every row.
fn batch(file: &SafetensorsReader) -> (Batch, Vec<u32>) {
    let integers = |name: &str| -> Vec<i64> {
        file.read_bytes(name).unwrap().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
    };
    let (ids, mask) = (integers("input_ids"), integers("attention_mask"));
    let columns = file.info("input_ids").unwrap().shape[1];
    let (mut batch, mut targets) = (Batch::default(), Vec::new());
    for (row, mask) in ids.chunks(columns).zip(mask.chunks(columns)) {
        let row: Vec<u32> = row.iter().map(|&id| id as u32).collect();
        batch.push(&row, mask.iter().sum::<i64>() as usize);
        targets.extend(row[1..].iter().copied().chain([IGNORE]));
    }
    (batch, targets)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().try_into_vec::<f32>().unwrap()
}

/// Every committed family: logits and 16 greedy tokens through the key-value cache, whole and with matrices cut as for a
/// device that binds no more than 16 KiB.
#[test]
fn every_family_matches_transformers() {
    for name in ["llama3", "qwen2_bf16_sharded", "gemma2"] {
        let file = open(&format!("{name}/golden.safetensors"));
        let (batch, _) = batch(&file);
        let integers = |name: &str| -> Vec<u32> {
            let bytes = file.read_bytes(name).unwrap();
            bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect()
        };
        let seen: Vec<bool> = integers("attention_mask").into_iter().map(|bit| bit == 1).collect();
        let visible = |logits: &[f32]| -> Vec<f32> {
            let rows = logits.chunks(logits.len() / seen.len()).zip(&seen).filter(|(_, seen)| **seen);
            rows.flat_map(|(row, _)| row).copied().collect()
        };
        let (prompt, expected) = (integers("gen_prompt"), integers("gen_tokens"));
        let config = std::fs::read_to_string(golden(&format!("{name}/config.json"))).unwrap();
        let weights = open_weights(&golden(name)).unwrap();
        for max_tensor_bytes in [usize::MAX, 16 << 10] {
            let storage = Storage { max_tensor_bytes, ..Storage::default() };
            let config = ModelConfig::from_json(&config).unwrap();
            let model = Decoder::load_as(config, weights.as_ref(), &gpu(), storage).unwrap();
            let logits = visible(&values(model.forward(&batch)));
            let worst = largest_difference(&logits, &visible(&file.read_f32("logits").unwrap()));
            let cut = if max_tensor_bytes == usize::MAX { "whole" } else { "cut to 16 KiB" };
            println!("{name}, matrices {cut}: largest logit difference {worst:.2e}");
            assert!(worst < 2e-4, "{worst}");
            let stop = Stop { tokens: Vec::new(), max_new_tokens: expected.len() };
            let run = Generator::new(&model, &[prompt.clone(), prompt[..4].to_vec()], stop).run();
            assert_eq!(pollster::block_on(run).unwrap()[0].tokens, expected, "{name}, {cut}");
        }
    }
}

#[test]
fn three_masked_steps_match_the_cpu() {
    let file = open("train_llama3/train.safetensors");
    let weights = open("llama3/model.safetensors");
    let (batch, targets) = batch(&file);
    let positions = file.tensors().iter().filter_map(|info| {
        let tensor = info.name.strip_prefix("positions.")?;
        let bytes = file.read_bytes(&info.name).unwrap();
        let list = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        Some((tensor.to_owned(), list))
    });
    let neurons = KeyNeurons::from_positions(positions);
    let settings = TrainConfig {
        steps: 3,
        learning_rate: 1e-3,
        warmup_steps: 0,
        schedule: Schedule::Constant,
        clip_norm: None,
        ..TrainConfig::default()
    };
    let run = |device: Device| {
        let unused = Source { name: "unused".into(), sequences: vec![vec![1, 2]], weight: 1.0 };
        let mixture = Mixture::new(vec![unused], 0, config().vocab_size, 64).unwrap();
        let model = Decoder::load(config(), &weights, &device.autodiff()).unwrap();
        let mut trainer = Trainer::new(model, settings.clone(), mixture, Some(neurons.clone())).unwrap();
        let losses: Vec<f32> = (0..3).map(|_| trainer.step_on(&batch, &targets).unwrap().loss).collect();
        (losses, pollster::block_on(trainer.model().values()).unwrap())
    };
    let start = Instant::now();
    let (losses, trained) = run(gpu());
    let seconds = start.elapsed().as_secs_f64();
    let (cpu_losses, cpu) = run(Device::flex());
    let (mut worst, mut frozen) = (0.0f32, 0);
    for (name, (_, values)) in &trained {
        let before = weights.read_f32(name).unwrap();
        worst = worst.max(largest_difference(values, &cpu[name].1));
        for (index, value) in values.iter().enumerate() {
            if neurons.of(name).binary_search(&(index as u32)).is_err() {
                assert_eq!(value.to_bits(), before[index].to_bits(), "{name}[{index}] is outside the mask");
                frozen += 1;
            }
        }
    }
    println!("three masked steps on wgpu: {seconds:.2} s, losses {losses:?} (CPU {cpu_losses:?})");
    println!(
        "  {} key neurons, largest difference {worst:.2e}; {frozen} frozen values keep their bits",
        neurons.len()
    );
    assert!(largest_difference(&losses, &cpu_losses) < 1e-4);
    // Adam turns the rounding of a gradient near zero into steps of the learning rate.
    assert!(worst < 4e-3, "{worst}");
}

#[test]
fn a_merge_matches_the_cpu() {
    const COUNT: usize = 100_003;
    let mut random = Random::new(1, 0);
    let mut draw = || (0..COUNT).map(|_| random.normal()).collect::<Vec<f32>>();
    let (base, ability, reference, es, bn) = (draw(), draw(), draw(), draw(), draw());
    let weights = [0.45, -0.36];
    let parameters = Parameters { alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 0.9, k2: 0.5, lambda: 0.5 };
    let device = gpu();
    let tensor = |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [COUNT]), &device);
    for selected in [true, false] {
        let on_gpu = values(merge_on_device(
            tensor(&base),
            tensor(&ability),
            tensor(&reference),
            &[tensor(&es), tensor(&bn)],
            &weights,
            &parameters,
            selected,
        ));
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (o, p) = (wide(&base), &parameters);
        let (mut r_a, mut r_lang, mut out) = (vec![0.0; COUNT], vec![0.0; COUNT], vec![0.0; COUNT]);
        maec::ability_vector(&o, &wide(&ability), &wide(&reference), p.alpha, p.beta, &mut r_a);
        maec::add_language(&o, &wide(&es), weights[0], &mut r_lang);
        maec::add_language(&o, &wide(&bn), weights[1], &mut r_lang);
        if selected {
            maec::merge_selected(&o, &r_a, &r_lang, p.gamma, p.eta, &mut out);
        } else {
            maec::merge_unselected(&o, &r_lang, &mut out);
        }
        let expected: Vec<f32> = out.iter().map(|&v| v as f32).collect();
        let worst = largest_difference(&on_gpu, &expected);
        println!("merge of {COUNT} values on wgpu (selected: {selected}): largest difference {worst:.2e}");
        assert!(worst < 2e-5, "{worst}");
    }
}
