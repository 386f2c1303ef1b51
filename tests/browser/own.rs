//! Models that people bring: looked at, weighed, loaded, merged and asked in the tab, against what the companion says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use maec_checkpoint::{Dtype, ModelFiles, TensorInfo, convert, write_model_folder};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;

use crate::page::{LONG, Page};

/// A software adapter compiles shaders for minutes.
const VERY_LONG: Duration = Duration::from_secs(300);
const PROMPT: &str = "Hello world, the sky is";
const NEW_TOKENS: &str = "12";

/// The companion, which `cargo test --workspace` built beside this test.
fn maec(words: &[&str]) -> Result<String> {
    let test = std::env::current_exe().context("this test's own path")?;
    let program = test.ancestors().nth(2).context("the target folder")?.join("maec");
    ensure!(program.is_file(), "{} is missing: run `cargo build --workspace` first", program.display());
    let output = Command::new(&program).args(words).output().context("running the companion")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "maec {}: {said}", words.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// A small random model of SmolLM2's kind, with a tokenizer of that kind.
fn model(folder: &Path) -> Result<()> {
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
    let mut state = 7_u32;
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
async fn choose(page: &Page<'_>, css: &str, files: &[PathBuf]) -> Result<()> {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    page.press(css, &names.join("\n")).await
}

async fn type_into(page: &Page<'_>, css: &str, text: &str) -> Result<()> {
    page.script(&format!("document.querySelector('{css}').value = ''")).await?;
    page.press(css, text).await
}

/// Presses a button, which must be there and usable.
async fn press(page: &Page<'_>, css: &str) -> Result<()> {
    page.wait_for(&format!("{css}:not([disabled])"), LONG).await?;
    page.script(&format!(
        "document.querySelector('{css}').scrollIntoView({{ behavior: 'instant', block: 'center' }})"
    ))
    .await?;
    page.wait_for(css, LONG).await?.click().await.with_context(|| format!("clicking {css}"))
}

/// Loads what is open and lets it go on with a prompt; returns what it wrote.
async fn load_and_ask(page: &Page<'_>, prompt: &str) -> Result<String> {
    press(page, "#own-load").await?;
    page.wait_for("#own-loaded[data-state=fresh]", VERY_LONG).await?;
    type_into(page, "#own-prompt", prompt).await?;
    type_into(page, "#own-max", NEW_TOKENS).await?;
    press(page, "#own-generate").await?;
    page.wait_for("#own-generate:not([disabled])", VERY_LONG).await?;
    // The rate stands there once the text is whole.
    page.wait_for("#own-rate:not(:empty)", LONG).await?;
    page.value("return document.querySelector('#own-text').textContent").await
}

async fn open(session: &Session) -> Result<Page<'_>> {
    Page::open(session, "?engine=cpu", LONG).await
}

#[test]
fn a_dropped_model_with_a_real_tokenizer_says_what_the_companion_says() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("smol");
    model(&folder)?;
    let path = folder.display().to_string();
    let expected = maec(&["generate", "--model", &path, "--prompt", PROMPT, "--max-new-tokens", NEW_TOKENS])?;
    in_studio_with(&[], "own_dropped", WebGpu::Off, async |session| {
        let page = open(session).await?;
        let files = ["config.json", "tokenizer.json", "model.safetensors"].map(|name| folder.join(name));
        choose(&page, "#own-files", &files).await?;
        page.wait_for("[data-item][data-kind=model][data-state=known]", LONG).await?;
        let card: String = page.value("return document.querySelector('[data-item]').innerText").await?;
        for fact in ["Llama", "BF16", "600"] {
            ensure!(card.contains(fact), "no {fact} in {card}");
        }
        let text = load_and_ask(&page, PROMPT).await?;
        ensure!(
            text.trim_end() == expected.trim_end_matches('\n').trim_end(),
            "{text:?} against {expected:?}"
        );

        let rows = "{\"prompt\": \"1 and 1 is\", \"answer\": \"2\"}\n{\"prompt\": \"2 and 1 is\", \"answer\": \"3\"}\n";
        let data = scratch.path().join("sums.jsonl");
        fs::write(&data, rows)?;
        choose(&page, "#own-data", &[data]).await?;
        press(&page, "#own-evaluate").await?;
        page.wait_for("#own-report tbody tr", LONG).await?;
        Ok(())
    })
}

#[test]
fn the_software_adapter_writes_what_the_cpu_writes() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("smol");
    model(&folder)?;
    let path = folder.display().to_string();
    let expected = maec(&["generate", "--model", &path, "--prompt", PROMPT, "--max-new-tokens", NEW_TOKENS])?;
    let pack = xtask::paths::root().join("tests/packs/tiny");
    in_studio_with(&[(&pack, "tiny")], "own_gpu", WebGpu::Software, async |session| {
        let page = Page::open(session, "?pack=tiny&engine=gpu&software=1", VERY_LONG).await?;
        assert_eq!(page.value::<String>("return document.body.dataset.engine").await?, "gpu");
        let files = ["config.json", "tokenizer.json", "model.safetensors"].map(|name| folder.join(name));
        choose(&page, "#own-files", &files).await?;
        page.wait_for("[data-item][data-kind=model][data-state=known]", LONG).await?;
        let text = load_and_ask(&page, PROMPT).await?;
        ensure!(text.trim_end() == expected.trim_end(), "{text:?} against {expected:?}");
        assert_eq!(page.value::<String>("return document.body.dataset.engine").await?, "gpu");
        Ok(())
    })
}

#[test]
fn a_pack_behind_a_url_is_merged_in_the_tab_as_the_companion_merges_it() -> Result<()> {
    let pack = xtask::paths::root().join("tests/packs/tiny");
    let scratch = tempfile::tempdir()?;
    let merged = scratch.path().join("merged").display().to_string();
    let recipe = pack.join("recipe.json").display().to_string();
    maec(&["merge", &recipe, "--out", &merged])?;
    let problems = fs::read_to_string(pack.join("problems.jsonl"))?;
    let first: serde_json::Value = serde_json::from_str(problems.lines().next().context("a problem")?)?;
    let prompt = first["question"].as_str().context("a question")?;
    let expected =
        maec(&["generate", "--model", &merged, "--prompt", prompt, "--max-new-tokens", NEW_TOKENS])?;
    in_studio_with(&[(&pack, "tiny")], "own_pack", WebGpu::Off, async |session| {
        let page = open(session).await?;
        let base: String =
            page.value("return new URL('tiny/', location.href.replace(/[?#].*/, '')).href").await?;
        type_into(&page, "#own-name", &base).await?;
        press(&page, "#own-look").await?;
        page.wait_for("[data-item][data-kind=pack][data-state=known]", LONG).await?;
        let text = load_and_ask(&page, prompt).await?;
        ensure!(text.trim() == expected.trim(), "{text:?} against {expected:?}");
        Ok(())
    })
}

#[test]
fn what_is_no_model_is_refused_in_one_sentence() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("model.safetensors");
    fs::write(&file, b"not a model at all")?;
    in_studio_with(&[], "own_refused", WebGpu::Off, async |session| {
        let page = open(session).await?;
        choose(&page, "#own-files", &[file]).await?;
        page.wait_for("[data-item][data-state=failed]", LONG).await?;
        let said: String = page.value("return document.querySelector('[data-item]').innerText").await?;
        ensure!(said.contains("safetensors") || said.contains("config.json"), "{said}");
        type_into(&page, "#own-name", "no model/at all").await?;
        press(&page, "#own-look").await?;
        page.wait_for("#own-name-error:not(:empty)", LONG).await?;
        Ok(())
    })
}
