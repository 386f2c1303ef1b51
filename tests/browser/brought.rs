//! What people bring: small models, the companion beside them, and the ways to hand them to the page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use maec_checkpoint::{Dtype, ModelFiles, TensorInfo, convert, write_model_folder};

use crate::page::{LONG, Page};

/// The companion, which `cargo test --workspace` built beside this test.
pub fn maec(words: &[&str]) -> Result<String> {
    let test = std::env::current_exe().context("this test's own path")?;
    let program = test.ancestors().nth(2).context("the target folder")?.join("maec");
    ensure!(program.is_file(), "{} is missing: run `cargo build --workspace` first", program.display());
    let output = Command::new(&program).args(words).output().context("running the companion")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "maec {}: {said}", words.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// A small random model of SmolLM2's kind, with a tokenizer of that kind.
pub fn model(folder: &Path, seed: u32) -> Result<()> {
    let goldens = xtask::paths::root().join("tests/goldens/tokenizers/bpe_smollm2/tokenizer.json");
    let tokenizer = fs::read_to_string(goldens)?;
    let config = serde_json::json!({
        "model_type": "llama", "vocab_size": 600, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2, "tie_word_embeddings": true, "head_dim": 8,
        "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 2, "rms_norm_eps": 1e-5,
    });
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![600, 48]),
        ("model.norm.weight".to_owned(), vec![48]),
    ];
    for layer in 0..3 {
        for (part, rows, columns) in [
            ("self_attn.q_proj", 48, 48),
            ("self_attn.k_proj", 16, 48),
            ("self_attn.v_proj", 16, 48),
            ("self_attn.o_proj", 48, 48),
            ("mlp.gate_proj", 96, 48),
            ("mlp.up_proj", 96, 48),
            ("mlp.down_proj", 48, 96),
        ] {
            shapes.push((format!("model.layers.{layer}.{part}.weight"), vec![rows, columns]));
        }
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            shapes.push((format!("model.layers.{layer}.{norm}.weight"), vec![48]));
        }
    }
    let tensors: Vec<TensorInfo> =
        shapes.into_iter().map(|(name, shape)| TensorInfo { name, dtype: Dtype::BF16, shape }).collect();
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    write_model_folder(
        folder,
        ModelFiles {
            texts: BTreeMap::from([
                ("config.json".to_owned(), config.to_string()),
                ("tokenizer.json".to_owned(), tokenizer),
            ]),
            tensors: &tensors,
            metadata: BTreeMap::new(),
            data: &mut |info, write| {
                let values: Vec<f64> = (0..info.elements()).map(|_| random()).collect();
                let mut bytes = Vec::new();
                convert::narrow(Dtype::BF16, &values, &mut bytes)?;
                write(&bytes)
            },
        },
    )?;
    Ok(())
}

/// Gives files to an input, as a person does in the dialog.
pub async fn choose(page: &Page<'_>, css: &str, files: &[PathBuf]) -> Result<()> {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    page.press(css, &names.join("\n")).await
}

/// Puts text in the place of what a field holds.
pub async fn type_into(page: &Page<'_>, css: &str, text: &str) -> Result<()> {
    page.script(&format!("document.querySelector('{css}').value = ''")).await?;
    page.press(css, text).await
}

/// Presses a button, which must be there and usable.
pub async fn press(page: &Page<'_>, css: &str) -> Result<()> {
    page.wait_for(&format!("{css}:not([disabled])"), LONG).await?;
    page.script(&format!(
        "document.querySelector('{css}').scrollIntoView({{ behavior: 'instant', block: 'center' }})"
    ))
    .await?;
    page.wait_for(css, LONG).await?.click().await.with_context(|| format!("clicking {css}"))
}
