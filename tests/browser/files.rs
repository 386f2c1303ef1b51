//! Merges into files: planned, written into a picked folder or the browser's own storage, against what the companion writes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio_with;
use serde_json::{Value, json};

use crate::brought::{choose, maec, model, press};
use crate::page::{LONG, Page};

/// Answers the page's question for a folder with one of the origin's private storage.
pub const PICKED: &str = "window.showDirectoryPicker = async () =>\
    (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true })";

/// As in a browser that has no picker.
pub const NO_PICKER: &str = "window.showDirectoryPicker = undefined";

/// A mergekit file for [`three`]; the density of its first model is misspelt where `key` is.
fn ties(key: &str) -> String {
    format!(
        "merge_method: ties\nbase_model: base\nmodels:\n  - model: a\n    parameters: {{weight: 0.6, {key}: 0.5}}\n  \
         - model: b\n    parameters: {{weight: [0, 1], density: 0.4}}\ndtype: float32\nout_dtype: bfloat16\n"
    )
}

/// A folder with three models of the same shapes.
pub fn three(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, seed) in [("base", 7), ("a", 8), ("b", 9)] {
        model(&folder.join(name), seed)?;
    }
    Ok(())
}

/// Opens a folder of models and waits until as many are known.
pub async fn open(page: &Page<'_>, folder: &Path, models: usize) -> Result<()> {
    choose(page, "#own-folder", &[folder.to_owned()]).await?;
    for place in 1..=models {
        let css = format!("[data-item]:nth-child({place})[data-kind=model][data-state=known]");
        page.wait_for(&css, LONG).await?;
    }
    Ok(())
}

/// Puts a text into the editor, as typing does.
pub async fn write_yaml(page: &Page<'_>, yaml: &str) -> Result<()> {
    page.script(&format!(
        "const area = document.querySelector('#files-yaml'); area.value = {}; area.dispatchEvent(new Event('input'))",
        json!(yaml)
    ))
    .await
    .map(|_| ())
}

/// Waits for a plan that can run.
pub async fn planned(page: &Page<'_>) -> Result<()> {
    page.wait_for("#files-plan[aria-busy=false]", LONG).await?;
    page.wait_for("#files-write:not([disabled])", LONG).await.map(|_| ())
}

/// Names and lengths of the files in a private folder.
pub async fn listed(session: &Session, folder: &str) -> Result<Vec<(String, u64)>> {
    let script = format!(
        "return (async () => {{\
            const root = await navigator.storage.getDirectory();\
            const folder = await root.getDirectoryHandle('{folder}').catch(() => null);\
            const files = [];\
            if (folder) for await (const [name, file] of folder.entries()) files.push([name, (await file.getFile()).size]);\
            return files.sort();\
        }})()"
    );
    Ok(serde_json::from_value(session.script(&script).await?)?)
}

/// A file's bytes in a private folder.
pub async fn content(session: &Session, folder: &str, name: &str) -> Result<Vec<u8>> {
    let script = format!(
        "return (async () => {{\
            const root = await navigator.storage.getDirectory();\
            const file = await (await root.getDirectoryHandle('{folder}')).getFileHandle('{name}');\
            return Array.from(new Uint8Array(await (await file.getFile()).arrayBuffer()));\
        }})()"
    );
    Ok(serde_json::from_value(session.script(&script).await?)?)
}

/// What follows a safetensors file's header.
fn weights(file: &[u8]) -> Result<&[u8]> {
    let (length, rest) = file.split_first_chunk::<8>().context("a length")?;
    rest.get(usize::try_from(u64::from_le_bytes(*length))?..).context("weights behind the header")
}

/// The companion's merge of a mergekit file: its hash.
pub fn companion(folder: &Path, yaml: &str, out: &Path) -> Result<String> {
    let file = folder.join("merge.yaml");
    fs::write(&file, yaml)?;
    let [file, out, models] = [&file, out, folder].map(|path| path.display().to_string());
    let said = maec(&["merge", &file, "--models", &models, "--out", &out, "--json"])?;
    fs::remove_file(folder.join("merge.yaml"))?;
    let json: Value = serde_json::from_str(&said).context("the companion's JSON")?;
    Ok(json["output_hash"].as_str().context("a hash")?.to_owned())
}

#[test]
fn a_dropped_mergekit_file_is_planned_corrected_and_written_as_the_companion_writes_it() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (folder, out) = (scratch.path().join("all"), scratch.path().join("merged"));
    three(&folder)?;
    let expected = companion(&folder, &ties("density"), &out)?;
    fs::write(scratch.path().join("mine.yaml"), ties("densty"))?;
    in_studio_with(&[], "files_picked", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(PICKED).await?;
        open(&page, &folder, 3).await?;
        choose(&page, "#own-files", &[scratch.path().join("mine.yaml")]).await?;
        page.wait_for("#files-problems li", LONG).await?;
        let said: String = page.value("return document.querySelector('#files-problems').innerText").await?;
        ensure!(said.contains("densty") && said.contains("density") && said.contains('5'), "{said}");
        ensure!(page.has("#files-write[disabled]").await?, "what has problems can be written");

        write_yaml(&page, &ties("density")).await?;
        planned(&page).await?;
        let plan: String = page.value("return document.querySelector('#files-plan').innerText").await?;
        ensure!(plan.contains("ties") && plan.contains("bfloat16") | plan.contains("29 tensors"), "{plan}");
        press(&page, "#files-write").await?;
        page.wait_for("#files-written", LONG).await?;
        let hash: String = page.value("return document.querySelector('#files-written').dataset.hash").await?;
        assert_eq!(hash, expected);
        let files = listed(session, "picked").await?;
        let names: Vec<&str> = files.iter().map(|file| file.0.as_str()).collect();
        for name in ["config.json", "model.safetensors", "tokenizer.json"] {
            ensure!(names.contains(&name), "no {name} among {names:?}");
        }
        let (own, theirs) = (
            content(session, "picked", "model.safetensors").await?,
            fs::read(out.join("model.safetensors"))?,
        );
        ensure!(weights(&own)? == weights(&theirs)?, "other weights than the companion's");
        // Nothing was taken away from the person's text.
        let kept: String = page.value("return document.querySelector('#files-yaml').value").await?;
        assert_eq!(kept, ties("density"));
        Ok(())
    })
}

#[test]
fn without_a_picker_files_are_downloaded_from_the_browsers_storage() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("all");
    three(&folder)?;
    in_studio_with(&[], "files_private", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(NO_PICKER).await?;
        open(&page, &folder, 3).await?;
        // The engine's own template can be merged as it is.
        page.wait_for("#files-method option", LONG).await?;
        planned(&page).await?;
        press(&page, "#files-write").await?;
        page.wait_for("#files-written", LONG).await?;
        let files = listed(session, "merged").await?;
        ensure!(files.iter().any(|file| file.0 == "model.safetensors"), "{files:?}");
        press(&page, "[data-file=\"model.safetensors\"] button").await?;
        let saved = session.download("model.safetensors", LONG).await?;
        ensure!(
            saved == content(session, "merged", "model.safetensors").await?,
            "the download has other bytes"
        );
        press(&page, "#files-forget").await?;
        page.wait_for("#files-title:focus", LONG).await?;
        ensure!(listed(session, "merged").await?.is_empty(), "files are left");
        Ok(())
    })
}
