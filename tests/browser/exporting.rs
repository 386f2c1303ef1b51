//! The exported archive holds the native merge, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use maec_checkpoint::{MemorySource, SafetensorsReader, Weights, model_hash};
use maec_recipe::Recipe;
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio;
use rawzip::{CompressionMethod, ZipArchive};
use serde_json::Value;

use crate::page::{LEFT, LONG, Page, RIGHT, selector};
use crate::truth::Truth;

#[test]
fn exports_the_native_merge() -> Result<()> {
    in_studio("exports", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        truth.is_served_by(&page).await?;
        let key = if page.slider("k2").await? >= 50.0 { LEFT } else { RIGHT };
        page.press(&selector("k2-slider"), &key.repeat(5)).await?;
        let mut recipe = truth.recipe.clone();
        recipe.parameters.k2 = page.slider("k2").await? / 100.0;
        let hash = truth.hash(&recipe)?;
        page.click("export").await?;
        let folder = format!("maec-{}", &hash[..8]);
        let files = unzip(&page.download(&format!("{folder}.zip"), LONG).await?, &folder)?;
        check(&files, &truth, &recipe, &hash)
    })
}

fn check(files: &BTreeMap<String, Vec<u8>>, truth: &Truth, recipe: &Recipe, hash: &str) -> Result<()> {
    let file = |name: &str| files.get(name).with_context(|| format!("{name} is not in the archive"));
    let source = MemorySource::new("model.safetensors", file("model.safetensors")?.clone());
    let exported = SafetensorsReader::open(Arc::new(source))?;
    assert_eq!(model_hash(&exported)?, hash);
    let native = truth.merge(recipe)?;
    assert_eq!(exported.tensors(), native.tensors());
    for info in native.tensors() {
        assert!(exported.read_bytes(&info.name)? == native.read_bytes(&info.name)?, "{} differs", info.name);
    }
    let about = truth.pack.manifest();
    let config: Value = serde_json::from_slice(file("config.json")?)?;
    let packed: Value = serde_json::from_str(truth.pack.text(&about.config)?)?;
    for key in ["architectures", "model_type", "vocab_size", "hidden_size", "num_hidden_layers"] {
        assert_eq!(config[key], packed[key], "{key} of config.json");
    }
    assert_eq!(file("tokenizer.json")?, truth.pack.file(&about.tokenizer)?);
    assert_eq!(Recipe::from_json(std::str::from_utf8(file("recipe.json")?)?)?, *recipe);
    let card = std::str::from_utf8(file("README.md")?)?;
    assert!(card.contains(hash), "the model card does not name the hash:\n{card}");
    for name in ["tokenizer_config.json", "generation_config.json"] {
        let _: BTreeMap<String, Value> = serde_json::from_slice(file(name)?)?;
    }
    Ok(())
}

/// The stored files under `folder` of an archive, with their checksums checked.
fn unzip(bytes: &[u8], folder: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let archive = ZipArchive::from_slice(bytes)?;
    let mut files = BTreeMap::new();
    for entry in archive.entries() {
        let entry = entry?;
        let path = std::str::from_utf8(entry.file_path().as_ref())?.to_owned();
        ensure!(entry.compression_method() == CompressionMethod::STORE, "{path} is compressed");
        let local = archive.get_entry(entry.wayfinder())?;
        let mut content = Vec::new();
        std::io::copy(&mut local.verifying_reader(local.data()), &mut content)
            .with_context(|| path.clone())?;
        let name =
            path.strip_prefix(&format!("{folder}/")).with_context(|| format!("{path} is not in {folder}"))?;
        files.insert(name.to_owned(), content);
    }
    Ok(files)
}
