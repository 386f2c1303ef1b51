//! Logits, hidden states and generated tokens against transformers', computed as the studio's CPU engine computes
//! them: in a worker of a real browser, one thread, 128-bit vectors.
//!
//! `cargo xtask test` runs it. The figures of docs/parity.md come from this test alone, with `wasm-bindgen-test-runner`
//! as the target's runner and, for all five architectures, the folder of outside references in `MAEC_FIXTURES`:
//! `cargo test --target wasm32-unknown-unknown -p maec-model --no-default-features --features fixtures --test browser`.
#![cfg(target_arch = "wasm32")]

mod common;

use common::{Worst, compare};
use maec_checkpoint::MemoryFiles;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// As the engine is built.
const _: () = assert!(cfg!(target_feature = "simd128"), "build this test with 128-bit vectors");

/// The named files of the folder `$root/$name`, which become part of the program.
macro_rules! files {
    ($root:expr, $name:literal, [$($file:literal),+]) => {
        MemoryFiles::new(
            $name,
            [$(($file.to_owned(), include_bytes!(concat!($root, "/", $name, "/", $file)).to_vec())),+],
        )
    };
    ($root:expr, $name:literal) => {
        files!(
            $root,
            $name,
            ["config.json", "config.v4.json", "config.v5.json", "golden.safetensors", "model.safetensors"]
        )
    };
}

macro_rules! committed {
    ($($words:tt)+) => { files!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens"), $($words)+) };
}

async fn check(name: &str, files: MemoryFiles) {
    let mut worst = Worst::default();
    compare(&files, &mut worst).await;
    console_log!("{name} in the browser, {worst}");
}

#[wasm_bindgen_test]
async fn llama3() {
    check("llama3", committed!("llama3")).await;
}

#[wasm_bindgen_test]
async fn qwen2() {
    let files = committed!(
        "qwen2_bf16_sharded",
        [
            "config.json",
            "config.v4.json",
            "config.v5.json",
            "golden.safetensors",
            "model.safetensors.index.json",
            "model-00001-of-00006.safetensors",
            "model-00002-of-00006.safetensors",
            "model-00003-of-00006.safetensors",
            "model-00004-of-00006.safetensors",
            "model-00005-of-00006.safetensors",
            "model-00006-of-00006.safetensors"
        ]
    );
    check("qwen2_bf16_sharded", files).await;
}

#[wasm_bindgen_test]
async fn gemma2() {
    check("gemma2", committed!("gemma2")).await;
}

#[cfg(feature = "fixtures")]
#[wasm_bindgen_test]
async fn llama3_ropescaled() {
    check("llama3_ropescaled", files!(env!("MAEC_FIXTURES"), "llama3_ropescaled")).await;
}

#[cfg(feature = "fixtures")]
#[wasm_bindgen_test]
async fn smollm2() {
    check("smollm2", files!(env!("MAEC_FIXTURES"), "smollm2")).await;
}
