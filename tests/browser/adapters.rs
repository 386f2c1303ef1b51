//! Adapters and joined vocabularies in merges into files, against what the companion writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use maec_checkpoint::lora::{AdapterConfig, Patterns, write_adapter};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, convert};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;

use crate::brought::{choose, press};
use crate::files::{PICKED, companion, content, open, planned, three, write_yaml};
use crate::page::{LONG, Page};

/// Two models, each with the adapter put in.
const ADAPTED: &str = "merge_method: ties\nbase_model: base\nmodels:\n  - model: a+lora\n    parameters: {weight: 0.6, density: 0.5}\n  \
                       - model: b\n    parameters: {weight: [0, 1], density: 0.4}\n  - model: base+lora\n    \
                       parameters: {weight: 0.5, density: 1}\n";

/// An adapter for [`three`]: rank 4, two for the query of the first layer; the embedding too, and a norm as a whole.
fn lora(folder: &Path, seed: u32) -> Result<()> {
    let mut shapes = vec![
        ("model.embed_tokens.lora_embedding_A".to_owned(), vec![4, 600]),
        ("model.embed_tokens.lora_embedding_B".to_owned(), vec![48, 4]),
        ("model.norm.weight".to_owned(), vec![48]),
    ];
    for layer in 0..3 {
        let rank = if layer == 0 { 2 } else { 4 };
        let query = format!("model.layers.{layer}.self_attn.q_proj");
        shapes.push((format!("{query}.lora_A.weight"), vec![rank, 48]));
        shapes.push((format!("{query}.lora_B.weight"), vec![48, rank]));
    }
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    let mut tensors = Vec::new();
    for (name, shape) in shapes {
        let name = format!("{}{name}", maec_checkpoint::lora::PREFIX);
        let info = TensorInfo { name, dtype: Dtype::F32, shape };
        let values: Vec<f64> = (0..info.elements()).map(|_| random()).collect();
        let mut bytes = Vec::new();
        convert::narrow(Dtype::F32, &values, &mut bytes)?;
        tensors.push((info, bytes));
    }
    let config = AdapterConfig {
        peft_type: "LORA".into(),
        base_model_name_or_path: Some("org/base".into()),
        r: Some(4),
        lora_alpha: Some(6.0),
        use_rslora: true,
        rank_pattern: Some(Patterns::new([(r"layers\.0\.self_attn\.q_proj".to_owned(), 2)])),
        ..AdapterConfig::default()
    };
    write_adapter(folder, &config, &MemoryWeights::new("lora", tensors)?)?;
    Ok(())
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

fn mergekit(name: &str) -> PathBuf {
    xtask::paths::root().join("tests/goldens/mergekit").join(name)
}

/// Writes what is planned into the picked folder; the hash that the page shows.
async fn write(page: &Page<'_>, yaml: &str) -> Result<String> {
    write_yaml(page, yaml).await?;
    planned(page).await?;
    press(page, "#files-write").await?;
    page.wait_for("#files-written", LONG).await?;
    page.value("return document.querySelector('#files-written').dataset.hash").await
}

async fn shown(page: &Page<'_>, css: &str) -> Result<String> {
    page.wait_for(css, LONG).await?;
    page.value(&format!("return document.querySelector('{css}').innerText")).await
}

/// Text files in the picked folder are those of the companion's.
async fn same_texts(session: &Session, names: &[&str], theirs: &Path) -> Result<()> {
    for name in names {
        let expected = fs::read(theirs.join(name)).with_context(|| format!("the companion's {name}"))?;
        ensure!(
            content(session, "picked", name).await? == expected,
            "{name} is another than the companion's"
        );
    }
    Ok(())
}

#[test]
fn a_dropped_adapter_is_put_in_as_the_companion_puts_it_in() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (folder, out) = (scratch.path().join("all"), scratch.path().join("merged"));
    three(&folder)?;
    lora(&folder.join("lora"), 11)?;
    let expected = companion(&folder, ADAPTED, &out)?;
    in_studio_with(&[], "files_adapter", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(PICKED).await?;
        choose(&page, "#own-folder", std::slice::from_ref(&folder)).await?;
        page.wait_for("[data-item]:nth-child(4)[data-state=known]", LONG).await?;
        let card = shown(&page, "[data-item][data-kind=adapter]").await?;
        for fact in ["2 to 4", "α 6", "α/√r", "embed_tokens, q_proj", "9 tensors", "org/base"] {
            ensure!(card.contains(fact), "no {fact} in {card}");
        }
        let hash = write(&page, ADAPTED).await?;
        assert_eq!(hash, expected);
        let plan = shown(&page, "#files-plan").await?;
        ensure!(plan.contains("a+lora") && plan.contains("5 of the model"), "{plan}");
        same_texts(session, &["config.json", "tokenizer.json"], &out).await
    })
}

#[test]
fn vocabularies_are_joined_as_the_companion_joins_them() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (folder, out) = (scratch.path().join("all"), scratch.path().join("merged"));
    for name in ["words", "words_a", "words_b"] {
        copy(&mergekit("inputs").join(name), &folder.join(name))?;
    }
    let yaml = fs::read_to_string(mergekit("tokenizer_tokens.yaml"))?.replace("inputs/", "");
    let expected = companion(&folder, &yaml, &out)?;
    in_studio_with(&[], "files_vocabularies", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(PICKED).await?;
        open(&page, &folder, 3).await?;
        let hash = write(&page, &yaml).await?;
        assert_eq!(hash, expected);
        let plan = shown(&page, "#files-plan").await?;
        for part in ["of them added", "<newer>", "row 4 of words_b", "zeros"] {
            ensure!(plan.replace('`', "").contains(part), "no {part} in {plan}");
        }
        same_texts(session, &["config.json", "tokenizer.json", "tokenizer_config.json"], &out).await
    })
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_with_what_to_do() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("all");
    three(&folder)?;
    lora(&folder.join("lora"), 11)?;
    // For a model of other dimensions.
    copy(&mergekit("inputs/lora"), &folder.join("other"))?;
    let hostile = scratch.path().join("dora");
    copy(&folder.join("lora"), &hostile)?;
    let config = fs::read_to_string(hostile.join("adapter_config.json"))?;
    fs::write(hostile.join("adapter_config.json"), config.replacen('{', "{\"use_dora\": true,", 1))?;
    in_studio_with(&[], "files_bad_adapter", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        choose(&page, "#own-folder", std::slice::from_ref(&folder)).await?;
        page.wait_for("[data-item]:nth-child(5)[data-state=known]", LONG).await?;
        choose(&page, "#own-folder", std::slice::from_ref(&hostile)).await?;
        let said = shown(&page, "[data-item][data-state=failed]").await?;
        ensure!(
            said.contains("use_dora: true") && said.contains("merge the adapter in PEFT first"),
            "{said}"
        );

        for (adapter, expected) in [
            ("other", "use the base that it was trained on"),
            ("lost", "is not open"),
            ("b", "is no adapter"),
        ] {
            write_yaml(&page, &ADAPTED.replace("a+lora", &format!("a+{adapter}"))).await?;
            page.wait_for("#files-plan[aria-busy=true]", LONG).await?;
            page.wait_for("#files-plan[aria-busy=false]", LONG).await?;
            let said = shown(&page, "#files-problems").await?;
            ensure!(said.contains("Line 4") && said.contains(expected), "{adapter}: {said}");
            ensure!(page.has("#files-write[disabled]").await?, "what has problems can be written");
        }
        Ok(())
    })
}
