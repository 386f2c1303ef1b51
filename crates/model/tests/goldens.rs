//! Logits, hidden states, losses, gradients and generated tokens against transformers': a committed subset in
//! `tests/goldens`, and the full set where `MAEC_FIXTURES` names it. `browser.rs` asks the same of a browser.

#![allow(clippy::print_stdout, reason = "the printed figures are what docs/parity.md records")]

mod common;

use std::path::{Path, PathBuf};

use common::{Golden, Worst, compare, integers, values};
use maec_checkpoint::{DirFiles, FileSet, SafetensorsReader, Weights};
use maec_model::Storage;
use maec_model::kernels::{IGNORE, cross_entropy};
use pollster::block_on;

/// Compares the loss and the gradients: all of them where `grads.safetensors` is there, otherwise the golden's one.
async fn compare_gradients(files: &dyn FileSet, worst: &mut Worst) {
    let Golden { model, golden, batch, .. } = Golden::open(files, "config.json", Storage::default());
    let (ids, columns) = (integers(&golden, "input_ids"), golden.info("input_ids").unwrap().shape[1]);
    let rows = ids.chunks(columns);
    let targets: Vec<u32> = rows.flat_map(|row| row[1..].iter().copied().chain([IGNORE])).collect();
    let model = model.trainable();
    let loss = cross_entropy(model.forward(&batch), &targets);
    let ours = values(loss.clone().without_autodiff()).await;
    worst.compare("loss", "loss", &ours, &golden.read_f32("loss").unwrap());
    let mut gradients = loss.backward();
    let full = files.open("grads.safetensors").ok().map(|source| SafetensorsReader::open(source).unwrap());
    let mut compared = 0;
    let taken = model.take_gradients(&mut gradients);
    let all = taken.len();
    for (tensor, gradient) in taken {
        let golden = match &full {
            Some(grads) => grads.read_f32(&tensor).or_else(|_| grads.read_f32(&format!("grad:{tensor}"))),
            None => golden.read_f32(&format!("grad:{tensor}")),
        };
        if let Ok(golden) = golden {
            worst.compare("gradients", &tensor, &values(gradient.without_autodiff()).await, &golden);
            compared += 1;
        }
    }
    assert_eq!(compared, if full.is_some() { all } else { 1 });
}

fn check(folder: &Path) {
    let files = DirFiles::open(folder).unwrap();
    let mut worst = Worst::default();
    block_on(compare(&files, &mut worst));
    block_on(compare_gradients(&files, &mut worst));
    println!("{} on the CPU, {worst}", folder.file_name().unwrap().display());
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
