//! Models that people bring: looked at, weighed, loaded, merged and asked in the tab, against what the companion says.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;

use crate::brought::{choose, maec, model, press, type_into};
use crate::page::{LONG, Page};

/// A software adapter compiles shaders for minutes.
const VERY_LONG: Duration = Duration::from_secs(300);
const PROMPT: &str = "Hello world, the sky is";
const NEW_TOKENS: &str = "12";

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
    model(&folder, 7)?;
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
    model(&folder, 7)?;
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
